from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChangeMembersRequest(_message.Message):
    __slots__ = ("kind", "node_id", "raft", "admin", "nfs", "even_ok")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    RAFT_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    NFS_FIELD_NUMBER: _ClassVar[int]
    EVEN_OK_FIELD_NUMBER: _ClassVar[int]
    kind: str
    node_id: str
    raft: str
    admin: str
    nfs: str
    even_ok: bool
    def __init__(self, kind: _Optional[str] = ..., node_id: _Optional[str] = ..., raft: _Optional[str] = ..., admin: _Optional[str] = ..., nfs: _Optional[str] = ..., even_ok: _Optional[bool] = ...) -> None: ...

class ChangeMembersReply(_message.Message):
    __slots__ = ("code", "text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("node_id", "role", "term", "leader_id", "has_quorum", "commit_index", "applied_index", "first_log_index", "last_log_index", "pending_proposals", "quarantined", "consensus_lag_ms", "frontend_lag_ms", "clients", "sessions", "data_servers", "connections", "statuses", "operations", "peers", "uptime_s", "build", "service", "members", "membership_index", "membership_applied", "feature_level", "feature_level_known")
    class StatusesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class OperationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    LEADER_ID_FIELD_NUMBER: _ClassVar[int]
    HAS_QUORUM_FIELD_NUMBER: _ClassVar[int]
    COMMIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    APPLIED_INDEX_FIELD_NUMBER: _ClassVar[int]
    FIRST_LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    LAST_LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    PENDING_PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    CONSENSUS_LAG_MS_FIELD_NUMBER: _ClassVar[int]
    FRONTEND_LAG_MS_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    DATA_SERVERS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_INDEX_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_APPLIED_FIELD_NUMBER: _ClassVar[int]
    FEATURE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    FEATURE_LEVEL_KNOWN_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    role: str
    term: int
    leader_id: str
    has_quorum: bool
    commit_index: int
    applied_index: int
    first_log_index: int
    last_log_index: int
    pending_proposals: int
    quarantined: bool
    consensus_lag_ms: float
    frontend_lag_ms: float
    clients: int
    sessions: int
    data_servers: _containers.RepeatedCompositeFieldContainer[DataServer]
    connections: int
    statuses: _containers.ScalarMap[str, int]
    operations: _containers.ScalarMap[str, int]
    peers: _containers.RepeatedCompositeFieldContainer[Peer]
    uptime_s: float
    build: str
    service: str
    members: _containers.RepeatedCompositeFieldContainer[Member]
    membership_index: int
    membership_applied: bool
    feature_level: int
    feature_level_known: int
    def __init__(self, node_id: _Optional[str] = ..., role: _Optional[str] = ..., term: _Optional[int] = ..., leader_id: _Optional[str] = ..., has_quorum: _Optional[bool] = ..., commit_index: _Optional[int] = ..., applied_index: _Optional[int] = ..., first_log_index: _Optional[int] = ..., last_log_index: _Optional[int] = ..., pending_proposals: _Optional[int] = ..., quarantined: _Optional[bool] = ..., consensus_lag_ms: _Optional[float] = ..., frontend_lag_ms: _Optional[float] = ..., clients: _Optional[int] = ..., sessions: _Optional[int] = ..., data_servers: _Optional[_Iterable[_Union[DataServer, _Mapping]]] = ..., connections: _Optional[int] = ..., statuses: _Optional[_Mapping[str, int]] = ..., operations: _Optional[_Mapping[str, int]] = ..., peers: _Optional[_Iterable[_Union[Peer, _Mapping]]] = ..., uptime_s: _Optional[float] = ..., build: _Optional[str] = ..., service: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., membership_index: _Optional[int] = ..., membership_applied: _Optional[bool] = ..., feature_level: _Optional[int] = ..., feature_level_known: _Optional[int] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("node_id", "number", "voter", "raft", "admin", "nfs")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VOTER_FIELD_NUMBER: _ClassVar[int]
    RAFT_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    NFS_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    number: int
    voter: bool
    raft: str
    admin: str
    nfs: str
    def __init__(self, node_id: _Optional[str] = ..., number: _Optional[int] = ..., voter: _Optional[bool] = ..., raft: _Optional[str] = ..., admin: _Optional[str] = ..., nfs: _Optional[str] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("node_id", "connected", "match_index", "lag_entries", "silent_ms")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    MATCH_INDEX_FIELD_NUMBER: _ClassVar[int]
    LAG_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SILENT_MS_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    connected: bool
    match_index: int
    lag_entries: int
    silent_ms: int
    def __init__(self, node_id: _Optional[str] = ..., connected: _Optional[bool] = ..., match_index: _Optional[int] = ..., lag_entries: _Optional[int] = ..., silent_ms: _Optional[int] = ...) -> None: ...

class DataServer(_message.Message):
    __slots__ = ("ds_id", "host", "port", "state", "capacity_bytes", "free_bytes", "silent_ms", "pending_deletes")
    DS_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SILENT_MS_FIELD_NUMBER: _ClassVar[int]
    PENDING_DELETES_FIELD_NUMBER: _ClassVar[int]
    ds_id: str
    host: str
    port: int
    state: str
    capacity_bytes: int
    free_bytes: int
    silent_ms: int
    pending_deletes: int
    def __init__(self, ds_id: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., state: _Optional[str] = ..., capacity_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., silent_ms: _Optional[int] = ..., pending_deletes: _Optional[int] = ...) -> None: ...

class DigestRequest(_message.Message):
    __slots__ = ("at_index",)
    AT_INDEX_FIELD_NUMBER: _ClassVar[int]
    at_index: int
    def __init__(self, at_index: _Optional[int] = ...) -> None: ...

class DigestReply(_message.Message):
    __slots__ = ("applied_index", "digest")
    APPLIED_INDEX_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    applied_index: int
    digest: bytes
    def __init__(self, applied_index: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BackupRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BackupPiece(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class MaintenanceRequest(_message.Message):
    __slots__ = ("node_id", "on")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    on: bool
    def __init__(self, node_id: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class MaintenanceReply(_message.Message):
    __slots__ = ("code", "text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("after", "limit", "client_id", "fileid")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    FILEID_FIELD_NUMBER: _ClassVar[int]
    after: bytes
    limit: int
    client_id: int
    fileid: int
    def __init__(self, after: _Optional[bytes] = ..., limit: _Optional[int] = ..., client_id: _Optional[int] = ..., fileid: _Optional[int] = ...) -> None: ...

class ClientList(_message.Message):
    __slots__ = ("rows", "next", "confirmed")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[ClientRow]
    next: bytes
    confirmed: bool
    def __init__(self, rows: _Optional[_Iterable[_Union[ClientRow, _Mapping]]] = ..., next: _Optional[bytes] = ..., confirmed: _Optional[bool] = ...) -> None: ...

class SessionList(_message.Message):
    __slots__ = ("rows", "next", "confirmed")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SessionRow]
    next: bytes
    confirmed: bool
    def __init__(self, rows: _Optional[_Iterable[_Union[SessionRow, _Mapping]]] = ..., next: _Optional[bytes] = ..., confirmed: _Optional[bool] = ...) -> None: ...

class LayoutList(_message.Message):
    __slots__ = ("rows", "next", "confirmed")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[LayoutRow]
    next: bytes
    confirmed: bool
    def __init__(self, rows: _Optional[_Iterable[_Union[LayoutRow, _Mapping]]] = ..., next: _Optional[bytes] = ..., confirmed: _Optional[bool] = ...) -> None: ...

class LockList(_message.Message):
    __slots__ = ("rows", "next", "confirmed")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[LockRow]
    next: bytes
    confirmed: bool
    def __init__(self, rows: _Optional[_Iterable[_Union[LockRow, _Mapping]]] = ..., next: _Optional[bytes] = ..., confirmed: _Optional[bool] = ...) -> None: ...

class ClientRow(_message.Message):
    __slots__ = ("client_id", "owner", "principal", "state", "created_s", "renewed_ms", "sessions", "opens", "locks", "layouts")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_S_FIELD_NUMBER: _ClassVar[int]
    RENEWED_MS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    OPENS_FIELD_NUMBER: _ClassVar[int]
    LOCKS_FIELD_NUMBER: _ClassVar[int]
    LAYOUTS_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    owner: bytes
    principal: int
    state: str
    created_s: int
    renewed_ms: int
    sessions: int
    opens: int
    locks: int
    layouts: int
    def __init__(self, client_id: _Optional[int] = ..., owner: _Optional[bytes] = ..., principal: _Optional[int] = ..., state: _Optional[str] = ..., created_s: _Optional[int] = ..., renewed_ms: _Optional[int] = ..., sessions: _Optional[int] = ..., opens: _Optional[int] = ..., locks: _Optional[int] = ..., layouts: _Optional[int] = ...) -> None: ...

class SessionRow(_message.Message):
    __slots__ = ("session_id", "client_id", "slots", "back_slots", "back_channel", "max_request_bytes", "max_response_bytes", "max_operations")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BACK_SLOTS_FIELD_NUMBER: _ClassVar[int]
    BACK_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    session_id: bytes
    client_id: int
    slots: int
    back_slots: int
    back_channel: bool
    max_request_bytes: int
    max_response_bytes: int
    max_operations: int
    def __init__(self, session_id: _Optional[bytes] = ..., client_id: _Optional[int] = ..., slots: _Optional[int] = ..., back_slots: _Optional[int] = ..., back_channel: _Optional[bool] = ..., max_request_bytes: _Optional[int] = ..., max_response_bytes: _Optional[int] = ..., max_operations: _Optional[int] = ...) -> None: ...

class LayoutRow(_message.Message):
    __slots__ = ("stateid_other", "client_id", "fileid", "seqid", "iomodes", "epoch", "data_servers", "recalled_ms")
    STATEID_OTHER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    FILEID_FIELD_NUMBER: _ClassVar[int]
    SEQID_FIELD_NUMBER: _ClassVar[int]
    IOMODES_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DATA_SERVERS_FIELD_NUMBER: _ClassVar[int]
    RECALLED_MS_FIELD_NUMBER: _ClassVar[int]
    stateid_other: bytes
    client_id: int
    fileid: int
    seqid: int
    iomodes: int
    epoch: int
    data_servers: _containers.RepeatedScalarFieldContainer[str]
    recalled_ms: int
    def __init__(self, stateid_other: _Optional[bytes] = ..., client_id: _Optional[int] = ..., fileid: _Optional[int] = ..., seqid: _Optional[int] = ..., iomodes: _Optional[int] = ..., epoch: _Optional[int] = ..., data_servers: _Optional[_Iterable[str]] = ..., recalled_ms: _Optional[int] = ...) -> None: ...

class LockRow(_message.Message):
    __slots__ = ("fileid", "stateid_other", "client_id", "owner", "ranges")
    FILEID_FIELD_NUMBER: _ClassVar[int]
    STATEID_OTHER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    fileid: int
    stateid_other: bytes
    client_id: int
    owner: bytes
    ranges: _containers.RepeatedCompositeFieldContainer[LockRange]
    def __init__(self, fileid: _Optional[int] = ..., stateid_other: _Optional[bytes] = ..., client_id: _Optional[int] = ..., owner: _Optional[bytes] = ..., ranges: _Optional[_Iterable[_Union[LockRange, _Mapping]]] = ...) -> None: ...

class LockRange(_message.Message):
    __slots__ = ("first", "last", "write")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    write: bool
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ..., write: _Optional[bool] = ...) -> None: ...

class ChangeDataServerRequest(_message.Message):
    __slots__ = ("kind", "ds_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DS_ID_FIELD_NUMBER: _ClassVar[int]
    kind: str
    ds_id: str
    def __init__(self, kind: _Optional[str] = ..., ds_id: _Optional[str] = ...) -> None: ...

class ChangeDataServerReply(_message.Message):
    __slots__ = ("code", "text", "files", "fileids")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    FILEIDS_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    files: int
    fileids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ..., files: _Optional[int] = ..., fileids: _Optional[_Iterable[int]] = ...) -> None: ...

class EvictClientRequest(_message.Message):
    __slots__ = ("client_id",)
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    def __init__(self, client_id: _Optional[int] = ...) -> None: ...

class EvictClientReply(_message.Message):
    __slots__ = ("code", "text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("node_id", "role", "term", "leader_id", "has_quorum", "commit_index", "applied_index", "first_log_index", "last_log_index", "pending_proposals", "quarantined", "consensus_lag_ms", "frontend_lag_ms", "clients", "sessions", "data_servers", "connections", "statuses", "operations", "peers", "uptime_s", "build", "service", "members", "membership_index", "membership_applied", "feature_level", "feature_level_known", "maintenance", "guarded", "unfit", "last_resort", "vips")
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
    MAINTENANCE_FIELD_NUMBER: _ClassVar[int]
    GUARDED_FIELD_NUMBER: _ClassVar[int]
    UNFIT_FIELD_NUMBER: _ClassVar[int]
    LAST_RESORT_FIELD_NUMBER: _ClassVar[int]
    VIPS_FIELD_NUMBER: _ClassVar[int]
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
    maintenance: _containers.RepeatedScalarFieldContainer[str]
    guarded: bool
    unfit: str
    last_resort: bool
    vips: _containers.RepeatedCompositeFieldContainer[VipState]
    def __init__(self, node_id: _Optional[str] = ..., role: _Optional[str] = ..., term: _Optional[int] = ..., leader_id: _Optional[str] = ..., has_quorum: _Optional[bool] = ..., commit_index: _Optional[int] = ..., applied_index: _Optional[int] = ..., first_log_index: _Optional[int] = ..., last_log_index: _Optional[int] = ..., pending_proposals: _Optional[int] = ..., quarantined: _Optional[bool] = ..., consensus_lag_ms: _Optional[float] = ..., frontend_lag_ms: _Optional[float] = ..., clients: _Optional[int] = ..., sessions: _Optional[int] = ..., data_servers: _Optional[_Iterable[_Union[DataServer, _Mapping]]] = ..., connections: _Optional[int] = ..., statuses: _Optional[_Mapping[str, int]] = ..., operations: _Optional[_Mapping[str, int]] = ..., peers: _Optional[_Iterable[_Union[Peer, _Mapping]]] = ..., uptime_s: _Optional[float] = ..., build: _Optional[str] = ..., service: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., membership_index: _Optional[int] = ..., membership_applied: _Optional[bool] = ..., feature_level: _Optional[int] = ..., feature_level_known: _Optional[int] = ..., maintenance: _Optional[_Iterable[str]] = ..., guarded: _Optional[bool] = ..., unfit: _Optional[str] = ..., last_resort: _Optional[bool] = ..., vips: _Optional[_Iterable[_Union[VipState, _Mapping]]] = ...) -> None: ...

class VipState(_message.Message):
    __slots__ = ("address", "state", "priority", "since_s")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SINCE_S_FIELD_NUMBER: _ClassVar[int]
    address: str
    state: str
    priority: int
    since_s: float
    def __init__(self, address: _Optional[str] = ..., state: _Optional[str] = ..., priority: _Optional[int] = ..., since_s: _Optional[float] = ...) -> None: ...

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
    __slots__ = ("ds_id", "host", "port", "state", "capacity_bytes", "free_bytes", "silent_ms", "pending_deletes", "drained")
    DS_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SILENT_MS_FIELD_NUMBER: _ClassVar[int]
    PENDING_DELETES_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    ds_id: str
    host: str
    port: int
    state: str
    capacity_bytes: int
    free_bytes: int
    silent_ms: int
    pending_deletes: int
    drained: bool
    def __init__(self, ds_id: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., state: _Optional[str] = ..., capacity_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., silent_ms: _Optional[int] = ..., pending_deletes: _Optional[int] = ..., drained: _Optional[bool] = ...) -> None: ...

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

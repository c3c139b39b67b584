from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Hello(_message.Message):
    __slots__ = ("protocol", "node_id", "cluster_id", "purpose", "introduction", "refused", "feature_level", "feature_level_committed", "disk", "member", "founders", "cluster", "seed")
    class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RAFT: _ClassVar[Hello.Purpose]
        SNAPSHOT: _ClassVar[Hello.Purpose]
    RAFT: Hello.Purpose
    SNAPSHOT: Hello.Purpose
    class FoundersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    INTRODUCTION_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    FEATURE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    FEATURE_LEVEL_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    DISK_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    FOUNDERS_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    node_id: str
    cluster_id: str
    purpose: Hello.Purpose
    introduction: bytes
    refused: str
    feature_level: int
    feature_level_committed: int
    disk: bytes
    member: bool
    founders: _containers.ScalarMap[str, bytes]
    cluster: bytes
    seed: bytes
    def __init__(self, protocol: _Optional[int] = ..., node_id: _Optional[str] = ..., cluster_id: _Optional[str] = ..., purpose: _Optional[_Union[Hello.Purpose, str]] = ..., introduction: _Optional[bytes] = ..., refused: _Optional[str] = ..., feature_level: _Optional[int] = ..., feature_level_committed: _Optional[int] = ..., disk: _Optional[bytes] = ..., member: _Optional[bool] = ..., founders: _Optional[_Mapping[str, bytes]] = ..., cluster: _Optional[bytes] = ..., seed: _Optional[bytes] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("term", "append", "ack", "request_vote", "vote", "pre_vote", "pre_vote_granted", "higher_term", "timeout_now", "forward", "read_request", "read_reply", "read_confirm", "read_confirmed", "snapshot_offer", "ping", "membership")
    TERM_FIELD_NUMBER: _ClassVar[int]
    APPEND_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_VOTE_FIELD_NUMBER: _ClassVar[int]
    VOTE_FIELD_NUMBER: _ClassVar[int]
    PRE_VOTE_FIELD_NUMBER: _ClassVar[int]
    PRE_VOTE_GRANTED_FIELD_NUMBER: _ClassVar[int]
    HIGHER_TERM_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_NOW_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    READ_REQUEST_FIELD_NUMBER: _ClassVar[int]
    READ_REPLY_FIELD_NUMBER: _ClassVar[int]
    READ_CONFIRM_FIELD_NUMBER: _ClassVar[int]
    READ_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_OFFER_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    term: int
    append: AppendEntries
    ack: Ack
    request_vote: RequestVote
    vote: Vote
    pre_vote: PreVote
    pre_vote_granted: PreVoteGranted
    higher_term: HigherTerm
    timeout_now: TimeoutNow
    forward: Forward
    read_request: ReadRequest
    read_reply: ReadReply
    read_confirm: ReadConfirm
    read_confirmed: ReadConfirmed
    snapshot_offer: SnapshotOffer
    ping: Ping
    membership: MembershipNotice
    def __init__(self, term: _Optional[int] = ..., append: _Optional[_Union[AppendEntries, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., request_vote: _Optional[_Union[RequestVote, _Mapping]] = ..., vote: _Optional[_Union[Vote, _Mapping]] = ..., pre_vote: _Optional[_Union[PreVote, _Mapping]] = ..., pre_vote_granted: _Optional[_Union[PreVoteGranted, _Mapping]] = ..., higher_term: _Optional[_Union[HigherTerm, _Mapping]] = ..., timeout_now: _Optional[_Union[TimeoutNow, _Mapping]] = ..., forward: _Optional[_Union[Forward, _Mapping]] = ..., read_request: _Optional[_Union[ReadRequest, _Mapping]] = ..., read_reply: _Optional[_Union[ReadReply, _Mapping]] = ..., read_confirm: _Optional[_Union[ReadConfirm, _Mapping]] = ..., read_confirmed: _Optional[_Union[ReadConfirmed, _Mapping]] = ..., snapshot_offer: _Optional[_Union[SnapshotOffer, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., membership: _Optional[_Union[MembershipNotice, _Mapping]] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("term", "data")
    TERM_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    term: int
    data: bytes
    def __init__(self, term: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class AppendEntries(_message.Message):
    __slots__ = ("prev_index", "prev_term", "commit_index", "entries")
    PREV_INDEX_FIELD_NUMBER: _ClassVar[int]
    PREV_TERM_FIELD_NUMBER: _ClassVar[int]
    COMMIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    prev_index: int
    prev_term: int
    commit_index: int
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    def __init__(self, prev_index: _Optional[int] = ..., prev_term: _Optional[int] = ..., commit_index: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("next_index", "success", "reset", "quarantined")
    NEXT_INDEX_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    next_index: int
    success: bool
    reset: bool
    quarantined: bool
    def __init__(self, next_index: _Optional[int] = ..., success: _Optional[bool] = ..., reset: _Optional[bool] = ..., quarantined: _Optional[bool] = ...) -> None: ...

class RequestVote(_message.Message):
    __slots__ = ("last_index", "last_term", "transfer")
    LAST_INDEX_FIELD_NUMBER: _ClassVar[int]
    LAST_TERM_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    last_index: int
    last_term: int
    transfer: bool
    def __init__(self, last_index: _Optional[int] = ..., last_term: _Optional[int] = ..., transfer: _Optional[bool] = ...) -> None: ...

class Vote(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PreVote(_message.Message):
    __slots__ = ("last_index", "last_term")
    LAST_INDEX_FIELD_NUMBER: _ClassVar[int]
    LAST_TERM_FIELD_NUMBER: _ClassVar[int]
    last_index: int
    last_term: int
    def __init__(self, last_index: _Optional[int] = ..., last_term: _Optional[int] = ...) -> None: ...

class PreVoteGranted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HigherTerm(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TimeoutNow(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Forward(_message.Message):
    __slots__ = ("incarnation", "first_number", "payloads", "again")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    FIRST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    AGAIN_FIELD_NUMBER: _ClassVar[int]
    incarnation: int
    first_number: int
    payloads: _containers.RepeatedScalarFieldContainer[bytes]
    again: bool
    def __init__(self, incarnation: _Optional[int] = ..., first_number: _Optional[int] = ..., payloads: _Optional[_Iterable[bytes]] = ..., again: _Optional[bool] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class ReadReply(_message.Message):
    __slots__ = ("id", "ok", "index")
    ID_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    id: int
    ok: bool
    index: int
    def __init__(self, id: _Optional[int] = ..., ok: _Optional[bool] = ..., index: _Optional[int] = ...) -> None: ...

class ReadConfirm(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class ReadConfirmed(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class SnapshotOffer(_message.Message):
    __slots__ = ("first_index",)
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    first_index: int
    def __init__(self, first_index: _Optional[int] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MembershipNotice(_message.Message):
    __slots__ = ("introduction",)
    INTRODUCTION_FIELD_NUMBER: _ClassVar[int]
    introduction: bytes
    def __init__(self, introduction: _Optional[bytes] = ...) -> None: ...

class SnapshotFrame(_message.Message):
    __slots__ = ("header", "chunk", "trailer", "refused")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    header: SnapshotHeader
    chunk: SnapshotChunk
    trailer: SnapshotTrailer
    refused: str
    def __init__(self, header: _Optional[_Union[SnapshotHeader, _Mapping]] = ..., chunk: _Optional[_Union[SnapshotChunk, _Mapping]] = ..., trailer: _Optional[_Union[SnapshotTrailer, _Mapping]] = ..., refused: _Optional[str] = ...) -> None: ...

class SnapshotHeader(_message.Message):
    __slots__ = ("term", "applied_index", "format")
    TERM_FIELD_NUMBER: _ClassVar[int]
    APPLIED_INDEX_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    term: int
    applied_index: int
    format: int
    def __init__(self, term: _Optional[int] = ..., applied_index: _Optional[int] = ..., format: _Optional[int] = ...) -> None: ...

class SnapshotChunk(_message.Message):
    __slots__ = ("sequence", "data")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    data: bytes
    def __init__(self, sequence: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class SnapshotTrailer(_message.Message):
    __slots__ = ("chunks", "length_bytes", "digest")
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    chunks: int
    length_bytes: int
    digest: bytes
    def __init__(self, chunks: _Optional[int] = ..., length_bytes: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

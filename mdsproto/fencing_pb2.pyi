from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListReply(_message.Message):
    __slots__ = ("enabled", "servers", "intents", "maintenance", "held", "history")
    class MaintenanceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class HeldEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    servers: _containers.RepeatedCompositeFieldContainer[Server]
    intents: _containers.RepeatedCompositeFieldContainer[Intent]
    maintenance: _containers.ScalarMap[str, str]
    held: _containers.ScalarMap[str, str]
    history: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, enabled: _Optional[bool] = ..., servers: _Optional[_Iterable[_Union[Server, _Mapping]]] = ..., intents: _Optional[_Iterable[_Union[Intent, _Mapping]]] = ..., maintenance: _Optional[_Mapping[str, str]] = ..., held: _Optional[_Mapping[str, str]] = ..., history: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Server(_message.Message):
    __slots__ = ("node_id", "armed", "down", "devices")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ARMED_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    armed: bool
    down: bool
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, node_id: _Optional[str] = ..., armed: _Optional[bool] = ..., down: _Optional[bool] = ..., devices: _Optional[_Iterable[str]] = ...) -> None: ...

class Intent(_message.Message):
    __slots__ = ("number", "node_id", "reason", "decided_by", "term", "begun_ns", "phase", "attempts", "failure", "executor")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    BEGUN_NS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    number: int
    node_id: str
    reason: str
    decided_by: str
    term: int
    begun_ns: int
    phase: str
    attempts: int
    failure: str
    executor: str
    def __init__(self, number: _Optional[int] = ..., node_id: _Optional[str] = ..., reason: _Optional[str] = ..., decided_by: _Optional[str] = ..., term: _Optional[int] = ..., begun_ns: _Optional[int] = ..., phase: _Optional[str] = ..., attempts: _Optional[int] = ..., failure: _Optional[str] = ..., executor: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("wall_ns", "kind", "node_id", "text", "intent")
    WALL_NS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    wall_ns: int
    kind: str
    node_id: str
    text: str
    intent: int
    def __init__(self, wall_ns: _Optional[int] = ..., kind: _Optional[str] = ..., node_id: _Optional[str] = ..., text: _Optional[str] = ..., intent: _Optional[int] = ...) -> None: ...

class TestRequest(_message.Message):
    __slots__ = ("node_id",)
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    def __init__(self, node_id: _Optional[str] = ...) -> None: ...

class TestReply(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name", "agent", "power", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    agent: str
    power: str
    text: str
    def __init__(self, name: _Optional[str] = ..., agent: _Optional[str] = ..., power: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ConfirmRequest(_message.Message):
    __slots__ = ("node_id",)
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    def __init__(self, node_id: _Optional[str] = ...) -> None: ...

class MissedRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MissedReply(_message.Message):
    __slots__ = ("missed_ms", "heard")
    class MissedMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MISSED_MS_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    missed_ms: _containers.ScalarMap[str, int]
    heard: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, missed_ms: _Optional[_Mapping[str, int]] = ..., heard: _Optional[_Iterable[str]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("code", "text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

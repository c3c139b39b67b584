from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mandate(_message.Message):
    __slots__ = ("cluster_id", "era", "term")
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    ERA_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    cluster_id: int
    era: int
    term: int
    def __init__(self, cluster_id: _Optional[int] = ..., era: _Optional[int] = ..., term: _Optional[int] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("ds_id", "instance", "nfs_host", "nfs_port", "control_host", "control_port", "capacity_bytes", "free_bytes", "fence_version", "deleted", "store_id", "new_store", "proof", "obeys")
    DS_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    NFS_HOST_FIELD_NUMBER: _ClassVar[int]
    NFS_PORT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_HOST_FIELD_NUMBER: _ClassVar[int]
    CONTROL_PORT_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FENCE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_STORE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    OBEYS_FIELD_NUMBER: _ClassVar[int]
    ds_id: str
    instance: int
    nfs_host: str
    nfs_port: int
    control_host: str
    control_port: int
    capacity_bytes: int
    free_bytes: int
    fence_version: int
    deleted: _containers.RepeatedScalarFieldContainer[int]
    store_id: bytes
    new_store: bool
    proof: bytes
    obeys: Mandate
    def __init__(self, ds_id: _Optional[str] = ..., instance: _Optional[int] = ..., nfs_host: _Optional[str] = ..., nfs_port: _Optional[int] = ..., control_host: _Optional[str] = ..., control_port: _Optional[int] = ..., capacity_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., fence_version: _Optional[int] = ..., deleted: _Optional[_Iterable[int]] = ..., store_id: _Optional[bytes] = ..., new_store: _Optional[bool] = ..., proof: _Optional[bytes] = ..., obeys: _Optional[_Union[Mandate, _Mapping]] = ...) -> None: ...

class HeartbeatReply(_message.Message):
    __slots__ = ("quorum_backed", "cluster_epoch", "fence_version", "fences", "deletes", "lease_ms", "refused", "membership_index", "mds", "mandate")
    QUORUM_BACKED_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    FENCE_VERSION_FIELD_NUMBER: _ClassVar[int]
    FENCES_FIELD_NUMBER: _ClassVar[int]
    DELETES_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_INDEX_FIELD_NUMBER: _ClassVar[int]
    MDS_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    quorum_backed: bool
    cluster_epoch: int
    fence_version: int
    fences: _containers.RepeatedCompositeFieldContainer[FenceEntry]
    deletes: _containers.RepeatedCompositeFieldContainer[DeleteRequest]
    lease_ms: int
    refused: str
    membership_index: int
    mds: _containers.RepeatedCompositeFieldContainer[MetadataServer]
    mandate: Mandate
    def __init__(self, quorum_backed: _Optional[bool] = ..., cluster_epoch: _Optional[int] = ..., fence_version: _Optional[int] = ..., fences: _Optional[_Iterable[_Union[FenceEntry, _Mapping]]] = ..., deletes: _Optional[_Iterable[_Union[DeleteRequest, _Mapping]]] = ..., lease_ms: _Optional[int] = ..., refused: _Optional[str] = ..., membership_index: _Optional[int] = ..., mds: _Optional[_Iterable[_Union[MetadataServer, _Mapping]]] = ..., mandate: _Optional[_Union[Mandate, _Mapping]] = ...) -> None: ...

class MetadataServer(_message.Message):
    __slots__ = ("node_id", "control")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    control: str
    def __init__(self, node_id: _Optional[str] = ..., control: _Optional[str] = ...) -> None: ...

class FenceEntry(_message.Message):
    __slots__ = ("fileid", "client_id", "min_epoch")
    FILEID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_EPOCH_FIELD_NUMBER: _ClassVar[int]
    fileid: int
    client_id: int
    min_epoch: int
    def __init__(self, fileid: _Optional[int] = ..., client_id: _Optional[int] = ..., min_epoch: _Optional[int] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("sequence", "fileid", "stripes")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FILEID_FIELD_NUMBER: _ClassVar[int]
    STRIPES_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    fileid: int
    stripes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, sequence: _Optional[int] = ..., fileid: _Optional[int] = ..., stripes: _Optional[_Iterable[int]] = ...) -> None: ...

class ReportWritesRequest(_message.Message):
    __slots__ = ("ds_id", "writes")
    DS_ID_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    ds_id: str
    writes: _containers.RepeatedCompositeFieldContainer[WriteReport]
    def __init__(self, ds_id: _Optional[str] = ..., writes: _Optional[_Iterable[_Union[WriteReport, _Mapping]]] = ...) -> None: ...

class WriteReport(_message.Message):
    __slots__ = ("fileid", "client_id", "stripe", "end_offset", "mtime_ns")
    FILEID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MTIME_NS_FIELD_NUMBER: _ClassVar[int]
    fileid: int
    client_id: int
    stripe: int
    end_offset: int
    mtime_ns: int
    def __init__(self, fileid: _Optional[int] = ..., client_id: _Optional[int] = ..., stripe: _Optional[int] = ..., end_offset: _Optional[int] = ..., mtime_ns: _Optional[int] = ...) -> None: ...

class ReportWritesReply(_message.Message):
    __slots__ = ("committed", "refused")
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    committed: bool
    refused: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, committed: _Optional[bool] = ..., refused: _Optional[_Iterable[int]] = ...) -> None: ...

class FenceRequest(_message.Message):
    __slots__ = ("version", "fences", "mandate")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FENCES_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    version: int
    fences: _containers.RepeatedCompositeFieldContainer[FenceEntry]
    mandate: Mandate
    def __init__(self, version: _Optional[int] = ..., fences: _Optional[_Iterable[_Union[FenceEntry, _Mapping]]] = ..., mandate: _Optional[_Union[Mandate, _Mapping]] = ...) -> None: ...

class FenceReply(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class GetObjectSizesRequest(_message.Message):
    __slots__ = ("fileids", "mandate")
    FILEIDS_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    fileids: _containers.RepeatedScalarFieldContainer[int]
    mandate: Mandate
    def __init__(self, fileids: _Optional[_Iterable[int]] = ..., mandate: _Optional[_Union[Mandate, _Mapping]] = ...) -> None: ...

class ObjectSize(_message.Message):
    __slots__ = ("fileid", "stripe", "size_bytes", "mtime_ns", "used_bytes")
    FILEID_FIELD_NUMBER: _ClassVar[int]
    STRIPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MTIME_NS_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    fileid: int
    stripe: int
    size_bytes: int
    mtime_ns: int
    used_bytes: int
    def __init__(self, fileid: _Optional[int] = ..., stripe: _Optional[int] = ..., size_bytes: _Optional[int] = ..., mtime_ns: _Optional[int] = ..., used_bytes: _Optional[int] = ...) -> None: ...

class GetObjectSizesReply(_message.Message):
    __slots__ = ("objects",)
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[ObjectSize]
    def __init__(self, objects: _Optional[_Iterable[_Union[ObjectSize, _Mapping]]] = ...) -> None: ...

class DeleteObjectsRequest(_message.Message):
    __slots__ = ("deletes", "mandate")
    DELETES_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    deletes: _containers.RepeatedCompositeFieldContainer[DeleteRequest]
    mandate: Mandate
    def __init__(self, deletes: _Optional[_Iterable[_Union[DeleteRequest, _Mapping]]] = ..., mandate: _Optional[_Union[Mandate, _Mapping]] = ...) -> None: ...

class DeleteObjectsReply(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, deleted: _Optional[_Iterable[int]] = ...) -> None: ...

class TruncateRequest(_message.Message):
    __slots__ = ("fileid", "stripes", "size_bytes", "serial", "mandate")
    FILEID_FIELD_NUMBER: _ClassVar[int]
    STRIPES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    fileid: int
    stripes: _containers.RepeatedScalarFieldContainer[int]
    size_bytes: int
    serial: int
    mandate: Mandate
    def __init__(self, fileid: _Optional[int] = ..., stripes: _Optional[_Iterable[int]] = ..., size_bytes: _Optional[int] = ..., serial: _Optional[int] = ..., mandate: _Optional[_Union[Mandate, _Mapping]] = ...) -> None: ...

class TruncateReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatfsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatfsReply(_message.Message):
    __slots__ = ("capacity_bytes", "free_bytes", "objects")
    CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    capacity_bytes: int
    free_bytes: int
    objects: int
    def __init__(self, capacity_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., objects: _Optional[int] = ...) -> None: ...

"""READ, WRITE and COMMIT over a socket, by both paths."""

from __future__ import annotations

import os
import threading

import pytest

from dataserver.fastpath import SENDFILE_BYTES_MIN
from nfswire import dsfh, nfs4
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import Wire, commit, getattr_, handle, putfh, read, write

MIB = 1 << 20


def test_what_was_written_is_read(wire: Wire) -> None:
    data = os.urandom(100_001)
    written = wire.do(putfh(handle()), write(4096, data))
    assert [status for _, status, _ in written.ops] == [0, 0, 0]
    assert written.last.resok4.count == len(data)
    assert written.last.resok4.committed == nfs4.UNSTABLE4
    got = wire.do(putfh(handle()), read(4096, len(data)))
    assert got.data == data
    assert not got.last.resok4.eof, "a full reply never claims to know the file's end"
    committed = wire.do(putfh(handle()), commit())
    assert committed.last.resok4.writeverf == written.last.resok4.writeverf


@pytest.mark.parametrize("size", [SENDFILE_BYTES_MIN, SENDFILE_BYTES_MIN + 1, MIB - 3, MIB])
def test_long_reads(wire: Wire, size: int) -> None:
    data = os.urandom(size)
    assert wire.do(putfh(handle()), write(0, data)).status == 0
    assert wire.do(putfh(handle()), read(0, size)).data == data
    assert wire.do(putfh(handle()), read(1, size - 1)).data == data[1:]
    short = wire.do(putfh(handle()), read(5, size))
    assert short.data == data[5:]
    assert short.last.resok4.eof
    assert wire.do(putfh(handle()), read(size // 4 * 3, size)).data == data[size // 4 * 3 :]


def test_read_beyond_an_object_is_short_with_eof(wire: Wire) -> None:
    """RFC 8881 §13.10: the client takes it for a hole as far as it knows the file to reach."""
    wire.do(putfh(handle()), write(10, b"x" * 10))
    got = wire.do(putfh(handle()), read(0, 4096))
    assert got.data == bytes(10) + b"x" * 10
    assert got.last.resok4.eof
    beyond = wire.do(putfh(handle()), read(1 << 40, 4096))
    assert beyond.data == b""
    assert beyond.last.resok4.eof
    nothing = wire.do(putfh(handle(fileid=12345)), read(0, 4096))
    assert nothing.data == b""
    assert nothing.last.resok4.eof
    assert wire.do(putfh(handle()), read((1 << 64) - 1, 4096)).last.resok4.eof
    assert wire.do(putfh(handle()), read((1 << 63) - 5, MIB)).last.resok4.eof


def test_reads_leave_no_objects(server: LocalServer, wire: Wire) -> None:
    wire.do(putfh(handle(fileid=12345)), read(0, 4096))
    assert server.store.stat(12345) == []


def test_long_count_is_cut_to_the_limit_without_eof(wire: Wire) -> None:
    wire.do(putfh(handle()), write(0, bytes(MIB)))
    wire.do(putfh(handle()), write(MIB, bytes(MIB)))
    got = wire.do(putfh(handle()), read(0, 2 * MIB))
    assert len(got.data) == MIB
    assert not got.last.resok4.eof


def test_holes_read_as_zeros(wire: Wire) -> None:
    wire.do(putfh(handle()), write(3 * MIB, b"end"))
    got = wire.do(putfh(handle()), read(MIB, MIB))
    assert got.data == bytes(MIB)
    assert not got.last.resok4.eof


def test_stripes_are_objects_of_their_own(server: LocalServer, wire: Wire) -> None:
    for stripe in (0, 1, 7, 255):
        wire.do(putfh(handle(stripe=stripe)), write(stripe, bytes([stripe]) * 4))
    sizes = {found.stripe: found.size_bytes for found in server.store.stat(77)}
    assert sizes == {0: 4, 1: 5, 7: 11, 255: 259}
    assert wire.do(putfh(handle(stripe=7)), read(7, 4)).data == b"\7\7\7\7"


@pytest.mark.parametrize("stable", [nfs4.UNSTABLE4, nfs4.DATA_SYNC4, nfs4.FILE_SYNC4])
def test_only_file_sync_is_reported_to_the_mds(server: LocalServer, wire: Wire, stable: int) -> None:
    """A LAYOUTCOMMIT follows all others (Linux: filelayout_set_layoutcommit)."""
    done = wire.do(putfh(handle(fileid=9, stripe=2, client_id=4)), write(100, b"abc", stable))
    assert done.last.resok4.committed == stable
    assert server.reports == ([(9, 4, 2, 103)] if stable == nfs4.FILE_SYNC4 else [])


def test_file_sync_waits_for_the_report(server: LocalServer, wire: Wire) -> None:
    """INV-10: no reply before the MDS has the size; DELAY when it cannot be had."""
    reported, go_on = threading.Event(), threading.Event()

    def answer(_: object) -> bool:
        reported.set()
        return go_on.wait(5)

    server.report_answer = answer
    result = []
    thread = threading.Thread(target=lambda: result.append(wire.do(putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4))))
    thread.start()
    assert reported.wait(5)
    assert not result
    go_on.set()
    thread.join(5)
    assert result[0].status == 0
    server.report_answer = lambda _: False
    assert wire.do(putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4)).status == nfs4.NFS4ERR_DELAY


def test_zero_length_write_makes_nothing(server: LocalServer, wire: Wire) -> None:
    done = wire.do(putfh(handle()), write(50, b""))
    assert done.last.resok4.count == 0
    assert server.store.stat(77) == []


def test_offsets_beyond_all_files(wire: Wire) -> None:
    assert wire.do(putfh(handle()), write((1 << 63) - 1, b"xx")).status == nfs4.NFS4ERR_FBIG
    assert wire.do(putfh(handle()), write((1 << 64) - 1, b"xx")).status == nfs4.NFS4ERR_INVAL
    assert wire.do(putfh(handle()), commit((1 << 64) - 1, 2)).status == nfs4.NFS4ERR_INVAL


def test_a_read_only_capability_does_not_write(wire: Wire) -> None:
    reader = handle(write=False)
    assert wire.do(putfh(reader), write(0, b"x")).status == nfs4.NFS4ERR_PNFS_NO_LAYOUT
    assert wire.do(putfh(reader), commit()).status == nfs4.NFS4ERR_ACCESS
    assert wire.do(putfh(reader), read(0, 10)).status == 0


def test_attributes_of_objects_and_root(wire: Wire) -> None:
    from nfswire.attributes import bitmap, unpack_fattr

    wire.do(putfh(handle()), write(0, b"x" * 5000))
    mask = bitmap(nfs4.FATTR4_TYPE, nfs4.FATTR4_SIZE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_FSID, nfs4.FATTR4_MODE)
    values = unpack_fattr(wire.do(putfh(handle()), getattr_(mask)).last.resok4.obj_attributes)
    assert values[nfs4.FATTR4_TYPE] == nfs4.NF4REG
    assert values[nfs4.FATTR4_SIZE] == 5000
    assert values[nfs4.FATTR4_CHANGE] > 0
    assert nfs4.FATTR4_MODE not in values
    root = wire.do(b"\0\0\0\x18", getattr_(bitmap(nfs4.FATTR4_LEASE_TIME)))
    assert unpack_fattr(root.last.resok4.obj_attributes) == {nfs4.FATTR4_LEASE_TIME: 90}
    supported = wire.do(putfh(handle()), getattr_(1)).last.resok4.obj_attributes
    everything = unpack_fattr(supported)[nfs4.FATTR4_SUPPORTED_ATTRS]
    told = wire.do(putfh(handle()), getattr_(everything)).last.resok4.obj_attributes
    assert told.attrmask == everything


def test_write_and_getattr_in_one_compound(wire: Wire) -> None:
    done = wire.do(putfh(handle()), write(0, b"12345"), getattr_(1 << nfs4.FATTR4_SIZE), read(1, 3), minor=2)
    assert done.status == 0
    assert done.data == b"234"


def test_many_threads_on_one_file(server: LocalServer) -> None:
    """Eight connections of one session write and read interleaved parts of one object."""
    first = server.session()
    wires = [server.connect().share(first) for _ in range(8)]
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(40):
                block = bytes([number + 1]) * 5000
                offset = (turn * 8 + number) * 5000
                done = wires[number].do(putfh(handle()), write(offset, block), slot=number)
                assert done.last.resok4.count == 5000
                assert wires[number].do(putfh(handle()), read(offset, 5000), slot=number).data == block
                if turn % 10 == 9:
                    assert wires[number].do(putfh(handle()), commit(), slot=number).status == 0
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    whole = b"".join(bytes([number + 1]) * 5000 for number in range(8)) * 40
    got = b"".join(first.do(putfh(handle()), read(at, MIB), slot=20).data for at in range(0, len(whole), MIB))
    assert got == whole
    total = server.core.ledger.total()
    assert total.writes == 320
    assert total.written_bytes == len(whole)
    for wire in (first, *wires):
        wire.close()


def test_more_files_than_descriptors(server: LocalServer, wire: Wire) -> None:
    """The descriptor cache lets go of objects; nothing is lost and descriptors do not pile up."""
    before = len(os.listdir("/proc/self/fd"))
    for fileid in range(1000, 1300):
        wire.do(putfh(handle(fileid)), write(0, fileid.to_bytes(4, "big")))
    assert len(os.listdir("/proc/self/fd")) - before <= 64 + 8
    for fileid in range(1000, 1300):
        assert wire.do(putfh(handle(fileid)), read(0, 4)).data == fileid.to_bytes(4, "big")


def test_a_metadata_servers_own_writes_are_not_reported(server: LocalServer, wire: Wire) -> None:
    """It commits their size itself; a report of them could only come late, or be refused for want of a layout."""
    server.report_answer = lambda report: False
    for client_id in (0, 5 | dsfh.PROXIED):
        assert wire.do(putfh(handle(9, client_id=client_id)), write(0, b"x", nfs4.FILE_SYNC4)).status == 0
    assert server.reports == []

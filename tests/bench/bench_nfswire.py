"""Cost of the codecs on the hot path, in microseconds a call: ``python -m tests.bench.bench_nfswire``."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

from nfswire import attributes, dsfh, nfs4, rpc

CALLS = 20_000
REPEATS = 5
STATEID = nfs4.stateid4(1, bytes(12))
OPEN = nfs4.OPEN4args(
    0, nfs4.OPEN4_SHARE_ACCESS_BOTH, 0, nfs4.state_owner4(7, b"open id:abcdefghijklmnop"),
    nfs4.openflag4(nfs4.OPEN4_CREATE, nfs4.createhow4(nfs4.UNCHECKED4, attributes.pack_fattr({4: 0, 33: 0o644}))),
    nfs4.open_claim4(nfs4.CLAIM_NULL, b"file0001.dat"),
)
VALUES: list[tuple[str, Any]] = [
    ("OPEN4args", OPEN),
    ("SEQUENCE4args", nfs4.SEQUENCE4args(bytes(16), 1, 2, 3, True)),
    ("SEQUENCE4res", nfs4.SEQUENCE4res(0, nfs4.SEQUENCE4resok(bytes(16), 1, 2, 3, 4, 0))),
    ("stateid4", STATEID),
    ("PUTFH4args", nfs4.PUTFH4args(bytes(24))),
    ("LOOKUP4args", nfs4.LOOKUP4args(b"file0001.dat")),
    ("GETATTR4args", nfs4.GETATTR4args(1 << 33 | 0x10011A)),
    ("READ4args", nfs4.READ4args(STATEID, 0, 1 << 20)),
    ("WRITE4args", nfs4.WRITE4args(STATEID, 0, 0, bytes(1 << 20))),
    ("LAYOUTGET4args", nfs4.LAYOUTGET4args(False, 1, 2, 0, nfs4.NFS4_UINT64_MAX, 4096, STATEID, 16384)),
    ("READDIR4res", nfs4.READDIR4res(0, nfs4.READDIR4resok(bytes(8), nfs4.dirlist4(
        [nfs4.entry4(n, b"name%04d" % n, nfs4.fattr4(1 << 20, bytes(8))) for n in range(100)], True)))),
]


def cost_us(function: Callable[..., Any], *arguments: Any) -> float:
    """Best of a few runs, microseconds a call (an empty call of the harness is not taken off)."""
    calls = CALLS // 20 if arguments and isinstance(arguments[0], nfs4.READDIR4res) else CALLS
    return min(timeit.repeat(lambda: function(*arguments), number=calls, repeat=REPEATS)) / calls * 1e6


def main() -> None:
    """Print the table."""
    print(f"{'type':20} {'unpack us':>10} {'pack us':>10}")
    for name, value in VALUES:
        unpack, append = getattr(nfs4, f"unpack_{name}"), getattr(nfs4, f"append_{name}")
        data = getattr(nfs4, f"pack_{name}")(value)

        def write(item: Any, append: Callable[[list[bytes], Any], None] = append) -> None:
            append([], item)

        print(f"{name:20} {cost_us(unpack, data, 0):10.3f} {cost_us(write, value):10.3f}")
    call = b"".join(rpc.pack_call(1, 100003, 4, 1, rpc.AuthSys(1, b"client", 0, 0, (0,)), []))
    print(f"{'rpc call':20} {cost_us(rpc.unpack_call, call, 0, len(call)):10.3f}")
    key = bytes(32)
    handle = dsfh.pack_ds_fh(key, 1, 0, 1 << 48 | 9, 7, 1)
    checked, made = cost_us(dsfh.unpack_ds_fh, key, handle), cost_us(dsfh.pack_ds_fh, key, 1, 0, 9, 7, 1)
    print(f"{'ds filehandle':20} {checked:10.3f} {made:10.3f}")


if __name__ == "__main__":
    main()

"""Boot a guest by hand: ``python -m tests.kernel.rig run --netns NS --address A/L --mount SRC DST OPTS -- CMD``.

The exit status is the command's; 124 too slow, 125 the virtual machine died, 126 a mount failed.
``setup`` only fetches and builds what guests need.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from tests.kernel.rig import images
from tests.kernel.rig.vm import MOUNT_FAILED, TIMED_OUT, VM_DIED, Guest, GuestError, GuestSpec, Mount


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("setup")
    run = what.add_parser("run")
    run.add_argument("--engine", choices=images.ENGINES, default="uml")
    run.add_argument("--id", type=int, default=200)
    run.add_argument("--netns", required=True)
    run.add_argument("--bridge", default="br0")
    run.add_argument("--address", required=True, help="the guest's IPv4/prefix")
    run.add_argument("--mount", nargs=3, action="append", default=[], metavar=("SRC", "DST", "OPTS"))
    run.add_argument("--share", action="append", default=[], metavar="HOST:GUEST")
    run.add_argument("--env", action="append", default=[], metavar="K=V")
    run.add_argument("--no-pnfs", action="store_true")
    run.add_argument("--script", type=Path)
    run.add_argument("--timeout", type=float, default=600)
    run.add_argument("cmd", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main() -> int:
    """Entry point."""
    args = _parse()
    if args.what == "setup":
        images.setup()
        return 0
    words = args.cmd[1:] if args.cmd[:1] == ["--"] else args.cmd
    body = args.script.read_text() if args.script else (words[0] if len(words) == 1 else shlex.join(words))
    spec = GuestSpec(
        number=args.id,
        netns=args.netns,
        address=args.address,
        engine=args.engine,
        bridge=args.bridge,
        mounts=tuple(Mount(*m) for m in args.mount),
        shares=tuple((s.partition(":")[0], s.partition(":")[2]) for s in args.share),
        env=dict(e.split("=", 1) for e in args.env),
        pnfs=not args.no_pnfs,
    )
    guest = Guest(spec)
    try:
        guest.start()
        guest.wait_ready()
    except GuestError as error:
        print(error, file=sys.stderr)
        return MOUNT_FAILED if "mount failed" in str(error) else VM_DIED
    job = guest.spawn(body)
    try:
        done = job.wait(args.timeout)
    except GuestError as error:
        print(error, file=sys.stderr)
        status = TIMED_OUT if guest.alive() else VM_DIED
        guest.kill()
        return status
    sys.stdout.write(done.output)
    guest.shutdown()
    return done.status


if __name__ == "__main__":
    sys.exit(main())

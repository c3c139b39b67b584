"""``mdsctl``: the operator's tool (docs/OPERATIONS.md).

One module a subject, each with its commands; :mod:`~mdscluster.mdsctl.app` puts them together. What they share is the
:class:`~mdscluster.mdsctl.desk.Desk` (which cluster, how to tell) and :mod:`~mdscluster.mdsctl.view` (tables).
Every command has ``--json``: exactly one JSON document on standard output then, also of a failure. Progress and errors
for people go to standard error.
"""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code."""
    from mdscluster.mdsctl.app import run  # not before it is needed: others import parts of this package

    return run(argv)

"""``python -m mdscluster`` is the ``mdscluster`` command."""

import sys

from mdscluster.cli import main

if __name__ == "__main__":
    sys.exit(main())

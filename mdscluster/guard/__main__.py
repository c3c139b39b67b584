"""The guard as a script: ``python -I -S .../mdscluster/guard SETTING=VALUE...``, which finds its own package itself."""

import os
import sys

if __name__ == "__main__":
    # Last: where it is installed, a whole folder of others' packages comes with it, and no name there is Python's.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from mdscluster.guard.process import main

    sys.exit(main(sys.argv[1:]))

"""``python -m mdscluster.mdsctl``."""

import sys

from mdscluster.mdsctl import main

sys.exit(main())

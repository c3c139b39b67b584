"""``python -m tests.bench`` is what ``./run bench`` runs."""

import sys

from tests.bench.run_bench import main

sys.exit(main())

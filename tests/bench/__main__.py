"""``python -m tests.bench`` is what ``./run bench`` runs: with ``snapshot`` as its first word, the other benchmark."""

import sys

from tests.bench import bench_snapshot, run_bench

if sys.argv[1:2] == ["snapshot"]:
    sys.exit(bench_snapshot.main(sys.argv[2:]))
sys.exit(run_bench.main())

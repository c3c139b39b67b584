"""Linearizability (INV-4): were these concurrent operations answered as if they had run one after the other?

>>> recorder = Recorder()
>>> clients = [await Client.connect(addresses, runtime=runtime, history=recorder.of(f"c{n}")) for n in range(4)]
>>> names = await SharedNames.prepare(clients[0], "/names", recorder, seed=1)   # also SharedLocks, SharedOpens
>>> await run([names], clients, workers=2, until=lambda: over, pause_ms=5)
>>> history = recorder.history()
>>> history.save(Path("history.jsonl.gz"))
>>> report = check(history, limit_s=60)
>>> assert report.ok, str(report)                       # a violation's counterexample, or a loud "undecided"
>>> assert report.count("create", "NFS4ERR_EXIST")      # there was contention

A history may also be made by hand, of ``Operation(client, call, invoked_ms, completed_ms, answer)``. A kept one is
checked again by ``python -m tests.support.linearizability FILE``. The checker is itself checked by another one:
``python -m tests.support.linearizability.crosscheck`` compares its verdicts with those of Porcupine.
"""

from tests.support.linearizability.checker import Report as Report
from tests.support.linearizability.checker import check as check
from tests.support.linearizability.history import History as History
from tests.support.linearizability.history import Operation as Operation
from tests.support.linearizability.history import merged as merged
from tests.support.linearizability.recorder import Recorder as Recorder
from tests.support.linearizability.search import Verdict as Verdict
from tests.support.linearizability.workloads import SharedLocks as SharedLocks
from tests.support.linearizability.workloads import SharedNames as SharedNames
from tests.support.linearizability.workloads import SharedOpens as SharedOpens
from tests.support.linearizability.workloads import run as run

"""Workloads that check themselves. ``exactly_once``: a random tree, operation by operation against a model.

Every worker has directories of its own and one operation under way at a time, so each operation has one right answer:
an EEXIST or ENOENT that a single execution would not give shows that something ran twice or not at all (INV-3), and in
the end the tree must equal the model's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from nfsclient.client import Client
from nfsclient.errors import NfsError, op_name, status_name
from nfsclient.model import OK, Model, Step
from nfsclient.runtime import Task, gather
from nfswire import nfs4
from nfswire.attributes import bitmap

LISTED = bitmap(nfs4.FATTR4_TYPE, nfs4.FATTR4_NUMLINKS, nfs4.FATTR4_FILEID)

Disturb = Callable[[int], Awaitable[None]]
"""Called with the number of calls done; kills nodes and the like while calls go on."""


class Report(msgspec.Struct):
    """What ``exactly_once`` found. ``ok`` is the verdict."""

    seed: int
    calls: int = 0
    refused_as_expected: int = 0
    violations: list[str] = []
    """Calls answered as no single execution would have been."""
    differences: list[str] = []
    """Differences of the final tree from the model's."""
    by_kind: dict[str, int] = {}
    elapsed_ms: float = 0.0
    longest_stall_ms: float = 0.0
    longest_stall_call: str = ""
    reconnects: int = 0
    retransmissions: int = 0
    failover_statuses: dict[str, int] = {}
    """Statuses that no failover may cause, with how often they were received (INV-7)."""

    @property
    def ok(self) -> bool:
        """Every operation ran exactly once."""
        return self.calls > 0 and not self.violations and not self.differences and not self.failover_statuses

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.calls} calls in {self.elapsed_ms / 1000:.1f} s ({self.by_kind}), "
            f"{self.refused_as_expected} refused as they should be",
            f"{self.reconnects} reconnections, {self.retransmissions} retransmissions, longest stall "
            f"{self.longest_stall_ms:.0f} ms ({self.longest_stall_call})",
            f"{len(self.violations)} violations, {len(self.differences)} differences, {self.failover_statuses}",
            *self.violations[:20], *self.differences[:20],
        ]
        return "\n".join(lines)


class ExactlyOnce:
    """The workload as an object, for those who look at it while it runs."""

    def __init__(self, client: Client, base: str, *, seed: int, workers: int = 8, directories: int = 3,
                 names: int = 60) -> None:
        self.client = client
        self.base = base
        self.report = Report(seed, by_kind={})
        self._random = [random.Random(f"{seed}-{number}") for number in range(workers)]
        self._models = [
            Model([f"{base}/w{number}/d{d}" for d in range(directories)], names) for number in range(workers)]
        self._kinds: Counter[str] = Counter()
        self._last_calls = 0

    async def prepare(self) -> None:
        """Make the directories; they count as calls too."""
        await self.client.mkdir(self.base)
        for number, model in enumerate(self._models):
            await self.client.mkdir(f"{self.base}/w{number}")
            for directory in model.directories:
                await self.client.mkdir(directory)

    async def run(self, calls: int | None, until: Callable[[], bool] = lambda: False,
                  disturb: Disturb | None = None, disturb_every: int = 1000) -> None:
        """Make ``calls`` calls (None: without end), or stop when ``until`` says so."""
        disturbances: list[Task[None]] = []
        report = self.report
        started_ms = self.client.runtime.now_ms()
        target = None if calls is None else report.calls + calls

        async def work(model: Model, rng: random.Random) -> None:
            while not until() and (target is None or report.calls < target):
                report.calls += 1
                if disturb is not None and report.calls % disturb_every == 0:
                    disturbances.append(self.client.runtime.spawn(_started(disturb, report.calls)))
                await self._step(model, model.choose(rng))

        await gather(self.client.runtime, map(work, self._models, self._random))
        for disturbance in disturbances:
            await disturbance
        report.elapsed_ms += self.client.runtime.now_ms() - started_ms

    async def _step(self, model: Model, step: Step) -> None:
        self._kinds[step.kind] += 1
        answer = await self._call(step)
        if answer == OK:
            model.apply(step)
        if answer not in step.expected:
            wanted = "/".join(map(status_name, step.expected))
            self.report.violations.append(f"{step.kind} {step.path} {step.other}: {status_name(answer)}, not {wanted}")
        elif answer != OK:
            self.report.refused_as_expected += 1

    async def _call(self, step: Step) -> int:
        """The status that the operation was answered."""
        client = self.client
        try:
            if step.kind == "mkdir":
                await client.mkdir(step.path)
            elif step.kind == "create":
                file = await client.open(step.path, create=step.mode)
                await self._close(file.close)
            elif step.kind == "rename":
                await client.rename(step.path, step.other)
            elif step.kind == "link":
                await client.link(step.path, step.other)
            else:
                await client.remove(step.path)
        except NfsError as error:
            return error.status
        return OK

    async def _close(self, close: Callable[[], Awaitable[None]]) -> None:
        """CLOSE must succeed: a second execution would find no such open."""
        try:
            await close()
        except NfsError as error:
            self.report.violations.append(f"close: {op_name(error.op)} {status_name(error.status)}")

    async def verify(self) -> Report:
        """Compare the final tree with the models; the finished report."""
        report, stats = self.report, self.client.stats
        for model in self._models:
            found = {directory: await self.client.readdir(directory, LISTED) for directory in model.directories}
            report.differences.extend(model.differences(found))
        report.by_kind = dict(self._kinds)
        report.longest_stall_ms, report.longest_stall_call = stats.longest_stall_ms, stats.longest_stall_call
        report.reconnects, report.retransmissions = stats.reconnects, stats.retransmissions
        report.failover_statuses = stats.failover_statuses()
        return report

    async def clean(self) -> None:
        """Remove the whole tree."""
        for number, model in enumerate(self._models):
            for directory in model.directories:
                for entry in await self.client.readdir(directory):
                    await self.client.remove(f"{directory}/{entry.name.decode()}")
                await self.client.remove(directory)
            await self.client.remove(f"{self.base}/w{number}")
        await self.client.remove(self.base)


async def _started(disturb: Disturb, calls: int) -> None:
    await disturb(calls)


async def exactly_once(client: Client, base: str = "/exactly-once", *, calls: int = 10_000, seed: int = 0,
                       workers: int = 8, disturb: Disturb | None = None, disturb_every: int = 1000) -> Report:
    """mkdir, exclusive create, rename, link, remove: ``calls`` of them, checked against a model. ``base`` must not
    exist.
    """
    workload = ExactlyOnce(client, base, seed=seed, workers=workers)
    await workload.prepare()
    await workload.run(calls, disturb=disturb, disturb_every=disturb_every)
    return await workload.verify()

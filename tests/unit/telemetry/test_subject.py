"""What a line of a log is about."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from telemetry.subject import name_request, work_on

PROGRAM = """
import asyncio, structlog
from mdscluster.logs import configure_logs
from telemetry.subject import work_on

class Request:
    name = "0a-1-2"

async def work():
    work_on(Request())
    await asyncio.create_task(further())

async def further():
    structlog.get_logger().warning("data server failed", ds="ds1")

async def main():
    await asyncio.create_task(work())
    structlog.get_logger().warning("of nothing")

configure_logs(node="mds1")
asyncio.run(main())
"""


class Request:
    """Counts how often its name was asked for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.asked = 0

    @property
    def name(self) -> str:
        self.asked += 1
        return self._name


def test_a_name_is_made_for_a_line_and_not_for_the_work() -> None:
    async def main() -> list[object]:
        requests = [Request("a"), Request("b")]

        async def work(request: Request) -> object:
            work_on(request)
            await asyncio.sleep(0)
            assert request.asked == 0
            told = [name_request(None, "", {"event": "x"}), name_request(None, "", {"event": "y", "request": "z"})]
            assert request.asked == 1
            return [line["request"] for line in told]

        found = await asyncio.gather(*(work(request) for request in requests))
        assert "request" not in name_request(None, "", {"event": "of nothing"})
        return list(found)

    assert asyncio.run(main()) == [["a", "z"], ["b", "z"]]


def test_a_nodes_log_names_what_a_task_is_about() -> None:
    """As a node sets its log up: also in what a task begins, and not behind it."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert (first["event"], first["request"], first["node"]) == ("data server failed", "0a-1-2", "mds1")
    assert second["event"] == "of nothing"
    assert "request" not in second

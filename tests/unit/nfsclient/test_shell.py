"""The command line, the progress line and the cluster file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from nfsclient.__main__ import addresses, long_line, main, parse
from nfsclient.cluster_file import ClusterFileError, read_cluster_file
from nfsclient.demo import DemoResult, block, summary
from nfsclient.progress import Progress
from nfsclient.results import Attributes
from nfsclient.workloads import Report
from nfswire import nfs4

CLUSTER = {
    "export": "/", "mds": [{"id": "mds1", "host": "127.0.0.1", "nfs_port": 20490, "pid": 1},
                           {"id": "mds2", "host": "127.0.0.1", "nfs_port": 20491, "pid": 2}],
    "ds": [{"id": "ds1", "host": "127.0.0.1", "nfs_port": 20493, "pid": 3}],
}


def test_cluster_file(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(CLUSTER))
    cluster = read_cluster_file(path)
    assert cluster.addresses == [("127.0.0.1", 20490), ("127.0.0.1", 20491)]
    assert cluster.data_servers == {"ds1": ("127.0.0.1", 20493)}
    assert addresses(parse(["--cluster", str(path), "ls"])) == (cluster.addresses, "/")
    for bad in ("{", "[]", '{"mds": [], "ds": []}', '{"mds": [{}], "ds": []}'):
        path.write_text(bad)
        with pytest.raises(ClusterFileError):
            read_cluster_file(path)


def test_command_line_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["ls", "/"])
    assert "--cluster FILE or --server HOST:PORT" in capsys.readouterr().err
    assert main(["--cluster", "/does/not/exist", "ls"]) == 1
    assert "No such file" in capsys.readouterr().err
    assert addresses(parse(["--server", "h:1", "--server", "::1:2", "ls"])) == ([("h", 1), ("::1", 2)], "/")


def test_long_line() -> None:
    attributes = Attributes(type=nfs4.NF4DIR, mode=0o750, numlinks=2, owner=b"root", group=b"wheel", size=4096,
                            time_modify=(0, 0))
    assert long_line("x", attributes).startswith("drwxr-x---   2     root    wheel         4096 ")


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_rewrites_its_line_on_a_terminal_only() -> None:
    terminal, plain = Terminal(), io.StringIO()
    for out in (terminal, plain):
        progress = Progress(out, "writing", 100 << 20, 0.0)
        for step in range(101):
            progress.show(step << 20, step * 50.0)
        progress.say("news")
        progress.show(100 << 20, 5050.0, last=True)
    assert terminal.getvalue().count("\r") > 40
    assert terminal.getvalue().count("\n") == 2
    lines = plain.getvalue().splitlines()
    assert 3 <= len(lines) <= 6
    assert "100.0 %" in lines[-1]
    assert "\r" not in plain.getvalue()


def test_demo_summary_tells_the_bad_news_too() -> None:
    pattern = bytes(range(256)) * 40
    assert len({block(number, pattern) for number in range(5000)}) == 5000
    assert len(block(3, pattern)) == len(pattern)
    good = DemoResult(killed="mds2", file_bytes=1 << 28, checksum_agrees=True, bytes_direct=1 << 29,
                      operations=Report(1, calls=5000, longest_stall_ms=870.0, longest_stall_call="mkdir"))
    assert good.ok
    text = summary(good)
    for wanted in ("mds2", "0.87 s", "operations lost      0", "operations repeated  0", "checksum agrees", "100 %"):
        assert wanted in text
    bad = DemoResult(checksum_agrees=True, operations=Report(1, calls=10, violations=["mkdir /x ran twice"]))
    assert not bad.ok
    assert "NOT as promised" in summary(bad)
    assert "ran twice" in summary(bad)

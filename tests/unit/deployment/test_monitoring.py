"""What Prometheus and Grafana get: taken by promtool, each alert raised and not raised, no metric that is not there."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy import monitoring
from deploy.monitoring import dashboard
from deploy.reading import InventoryError, load
from mdscluster.config import NodeConfig
from mdscluster.control.vips import ServiceAddresses
from mdscluster.mdsctl import main
from mdscluster.monitoring.pages import NEVER_SENT, about_vips
from nfsclient.stats import LOST_STATE
from nfswire import nfs4
from telemetry.exposition import Page
from tests.support.runbook import rows
from tests.support.tracing import reached
from tests.unit.deployment.alert_cases import CASES, Case, Series
from tests.unit.deployment.support import deploy_render, write_inventory

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy" / "monitoring" / monitoring.RULES
RUNBOOK = ROOT / "docs" / "RUNBOOK.md"
SOURCES = [*(ROOT / "mdscluster" / "monitoring").glob("*.py"), ROOT / "dataserver" / "monitoring.py"]


def call(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False)


def alerts() -> list[str]:
    """In the order of the rules."""
    return re.findall(r"- alert: (\w+)", RULES.read_text())


# ---------------------------------------------------------------------- files
def test_the_example_is_watched_and_promtool_takes_it(promtool: str, tmp_path: Path) -> None:
    for name, text in monitoring.files(load(write_inventory(tmp_path)).inventory).items():
        (tmp_path / name).write_text(text)
    done = call(promtool, "check", "config", tmp_path / monitoring.PROMETHEUS)
    assert done.returncode == 0, done.stderr
    assert f"{len(CASES)} rules found" in done.stdout
    assert "SUCCESS" in done.stdout


def test_a_wrong_rule_would_be_noticed(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES.read_text().replace("mdscluster_ready == 0", "mdscluster_ready = = 0"))
    assert call(promtool, "check", "rules", tmp_path / "rules.yml").returncode != 0


def test_the_document_says_of_each_alert_where_real_servers_raise_it() -> None:
    """No more than the tests do: each is there, and is named by the module that it says."""
    section = (ROOT / "docs" / "MONITORING.md").read_text().partition("## How it is checked")[2]
    told = []
    for names, module in re.findall(r"^\| ([\w, ]+) \| .+ \| `((?:alerts/)?test_\w+\.py)` \|$", section, re.MULTILINE):
        source = (ROOT / "tests" / "chaos" / module).read_text()
        for name in names.split(", "):
            assert f'"{name}"' in source, f"{module} knows nothing of {name}"
            told.append(f"Mdscluster{name}")
    assert sorted(told) == sorted(alerts())


def test_the_alert_on_forbidden_statuses_knows_those_that_are_on_the_page_from_the_start() -> None:
    """INV-7: each tells of lost state, wherever that is judged. Without a series from the start the first would be
    missed."""
    (listed,) = re.findall(r'mdscluster_nfs_statuses_total\{status=~"([^"]+)"', RULES.read_text())
    assert listed.split("|") == list(NEVER_SENT)
    assert set(NEVER_SENT) == {nfs4.STATUS_NAMES[status] for status in LOST_STATE}


def test_every_server_is_scraped_where_it_listens(tmp_path: Path) -> None:
    inventory = load(write_inventory(tmp_path)).inventory
    text = monitoring.files(inventory)[monitoring.PROMETHEUS]
    found = re.findall(r'targets: \["([^"]+)"\]\n +labels: \{ cluster: "files", node: "(\w+)" \}', text)
    assert found == [(f"192.0.2.1{n}:20890", f"mds{n}") for n in (1, 2, 3)] + [
        (f"192.0.2.2{n}:20990", f"ds{n}") for n in (1, 2, 3)
    ]


def test_nothing_is_rendered_and_nothing_listens_unless_it_is_asked_for(tmp_path: Path) -> None:
    inventory = write_inventory(tmp_path, ("enabled = true", "enabled = false"))
    assert monitoring.files(load(inventory).inventory) == {}
    assert main(["deploy", "render", "--inventory", str(inventory), "--out", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "monitoring").exists()
    assert 'listen = ""' in (tmp_path / "out" / "mds1" / "mds1" / "mds1.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("enabled = true", "enabled = true\nscrape_interval_s = 0", "it must be 1 to 15"),
        ("enabled = true", "enabled = true\nscrape_interval_s = 16", "it must be 1 to 15"),
        ("enabled = true", "enabled = true\nslow_ms = -1", "it must be at least 0"),
        ("enabled = true", "enabled = true\n[ports]\nmetrics = 20590", "port 20590 is used twice"),
        ('id = "ds1"', 'id = "monitoring"', "cannot be an id"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InventoryError, match=words) as refused:
        load(write_inventory(tmp_path, (old, new)))
    assert re.search(r"cluster\.toml:\d+: ", str(refused.value))


# ---------------------------------------------------------------------- alerts
def unit_tests(name: str, interval: str, case: Case | None = None) -> dict[str, Any]:
    """promtool's tests of one alert: it comes, not before its time, and not for what is near to it."""

    def look(at: str, expected: bool) -> dict[str, Any]:
        wanted = [{"labels": _series(name), "value": 1}] if expected else []
        return {"expr": f'ALERTS{{alertname="{name}",alertstate="firing"}}', "eval_time": at, "exp_samples": wanted}

    def never(within: str) -> dict[str, Any]:
        """Not at any moment."""
        firing = f'max_over_time(ALERTS{{alertname="{name}",alertstate="firing"}}[{within}])'
        return {"expr": firing, "eval_time": within, "exp_samples": []}

    case = case or CASES[name]
    looks = [look(case.at, True), *([look(case.early, False)] if case.early else [])]
    groups = [(case.fires, looks), *((series, [look(case.at, False)]) for series in case.quiet)]
    groups += [(series, [never("2m")]) for series in case.moves]
    return {
        "rule_files": [str(RULES)],
        "evaluation_interval": interval,
        "tests": [
            {
                "interval": interval,
                "input_series": [{"series": series, "values": values} for series, values in found.items()],
                "promql_expr_test": looks,
            }
            for found, looks in groups
        ],
    }


def _series(name: str) -> str:
    labels = {"alertname": name, "alertstate": "firing", "severity": severity_of(name)} | CASES[name].labels
    return f"ALERTS{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"


def severity_of(name: str) -> str:
    behind = RULES.read_text().split(f"- alert: {name}\n")[1]
    return behind.split("severity: ")[1].split(" ")[0]


def test_every_alert_has_a_case_and_every_case_an_alert() -> None:
    assert sorted(CASES) == sorted(alerts())


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_alert_comes_when_it_should_and_not_otherwise(promtool: str, tmp_path: Path, name: str) -> None:
    interval = "1m" if CASES[name].at.endswith(("h1m",)) else "5s"
    (tmp_path / "test.yml").write_text(json.dumps(unit_tests(name, interval)))
    done = call(promtool, "test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def pages_of(config: NodeConfig, vips: Path) -> Series:
    """What is told of service addresses by a node of this configuration, with keepalived's word in ``vips``."""
    here = dataclasses.replace(config, guard=dataclasses.replace(config.guard, vip_dir=str(vips)))
    page = Page()
    about_vips(page, [(vip, False) for vip in ServiceAddresses(here).states()])
    found = {}
    for line in page.write().decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line).groups()  # type: ignore[union-attr]
            found[f'{name}{{cluster="files",node="{config.node_id}",{labels}}}'] = f"{value}x100"
    return found


def test_an_address_of_which_no_keepalived_tells_raises_its_alert(promtool: str, tmp_path: Path) -> None:
    """INV-7: as rendered, and keepalived fails on every host before it has told of anything: there is no file."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    nodes = ("mds1", "mds2", "mds3")
    configs = [NodeConfig.load(tmp_path / "out" / node / node / f"{node}.toml") for node in nodes]
    vips = tmp_path / "vips"
    vips.mkdir()
    nowhere = ["192.0.2.101", "192.0.2.102", "192.0.2.103"]
    for told in ("", "192.0.2.102"):
        if told:
            (vips / f"vip_{told}").write_text("MASTER 200 1.0\n")
            nowhere.remove(told)
        series = {name: values for config in configs for name, values in pages_of(config, vips).items()}
        case = dataclasses.replace(CASES["MdsclusterVipNoHolder"], fires=series)
        tests = unit_tests("MdsclusterVipNoHolder", "5s", case)
        (look, early), *_ = [test["promql_expr_test"] for test in tests["tests"]]
        (example,) = look["exp_samples"]
        look["exp_samples"] = [
            example | {"labels": example["labels"].replace("192.0.2.101", address)} for address in nowhere
        ]
        assert early["exp_samples"] == []
        (tmp_path / "test.yml").write_text(json.dumps(tests))
        done = call(promtool, "test", "rules", tmp_path / "test.yml")
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_believes_a_single_scrape() -> None:
    """Unless it counts what has happened, as 'increase' does, or what no scrape can mistake."""
    at_once = {"NodeRestarts", "ForbiddenStatusSent", "LeaderFlapping", "SnapshotsFail", "DataServerLost",
               "DataServerErrors", "RecallOverdue", "FencingFailed", "FencingDeviceLied"}  # fmt: skip
    waits = dict(re.findall(r"- alert: Mdscluster(\w+)\n(?:(?! +- alert).*\n)*? +for: (\w+)\n", RULES.read_text()))
    assert {name.removeprefix("Mdscluster") for name in alerts()} - waits.keys() == at_once
    seconds = {"s": 1, "m": 60, "h": 3600}
    short = {name: told for name, told in waits.items() if int(told[:-1]) * seconds[told[-1]] < 30}
    assert not short, "one scrape's interval, its time-out and an evaluation"


# ---------------------------------------------------------------------- what they name
def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\bmdscluster_[a-z_]+", text))


def known_metrics() -> set[str]:
    """Those that the servers put on their pages, as their sources have them."""
    found = metric_names("\n".join(file.read_text() for file in SOURCES))
    for process in ("mdscluster_front_end", "mdscluster_consensus"):
        found |= {f"{process}_process_cpu_seconds_total", f"{process}_process_resident_memory_bytes"}
    return found


def test_alerts_and_dashboard_name_only_metrics_that_exist() -> None:
    named = metric_names(RULES.read_text() + "\n".join(dashboard.expressions()))
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named}
    assert len(named) > 40
    assert named - known_metrics() == set()


def test_every_alert_leads_to_its_section_of_the_runbook() -> None:
    """A section of its name that says what it means, what to look at and what to do."""
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL))
    assert [name for name in sections if name.startswith("Mdscluster")] == alerts()
    for name in alerts():
        assert f"runbook: docs/RUNBOOK.md#{name.lower()}" in RULES.read_text()
        for heading in ("**Means**", "**Look at**", "**Do**"):
            assert heading in sections[name], f"{name} has no {heading}"


def test_the_runbook_names_only_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = RUNBOOK.read_text()
    commands = {tuple(found.split()) for found in re.findall(r"mdsctl ((?:[a-z][a-z-]+ ?){1,2})", text)}
    assert len(commands) > 8
    for words in sorted(commands):
        known = any(_helps(words[:count], capsys) for count in (2, 1))
        assert known, f"mdsctl {' '.join(words)}"


def test_the_runbook_names_a_test_for_all_that_goes_wrong() -> None:
    """Each row of its last table, in brackets: a test that nobody can find is none. And what the row says to do about
    it is done by one of them."""
    found = rows()
    assert found.keys() == DONE.keys()
    for what, row in found.items():
        assert row.tests, f"no test is named: {what}"
        for place in row.tests:
            assert (ROOT / "tests" / place).is_file(), f"{place}: {what}"
        for test, words in DONE[what]:
            assert test.partition("::")[0] in row.tests, f"{what}: {test} is not named"
            assert re.search(words, reached(f"tests/{test}")), f"{what}: {test} does not do it"


_DEPLOYED = "chaos/test_runbook_deployed.py::"
_OTHERS_FILES = _DEPLOYED + "test_a_server_with_others_files_is_back_by_the_pages_steps"
_FULL = "chaos/test_full_disk.py::"
_ROOM = r"small\.free\(\)"
DONE = {
    "an inventory with mistakes": [(
        "unit/deployment/test_inventory.py::test_all_mistakes_are_told_at_once_in_the_order_of_the_lines",
        r"load\(write_inventory\(tmp_path\)\)",
    )],
    "a secret that is missing, empty, or readable by others": [(
        "unit/deployment/test_inventory.py::test_a_secret_that_others_can_read_is_refused_and_not_told",
        r"chmod\(384\)\n +load\(path\)",  # 0600
    )],
    "a BMC that refuses user or password": [(
        _DEPLOYED + "test_a_bmc_refuses_its_password_until_the_secret_is_mended", r"install_blocks\(REFUSED\)",
    )],
    "a certificate that has ended": [(
        "chaos/test_certificates.py::"
        "test_a_server_whose_certificate_has_ended_says_so_and_is_let_in_with_a_renewed_one", r"'certs', 'renew'",
    )],
    "... the operator's own": [(
        "unit/config/test_certcheck.py::test_mdsctl_says_what_is_wrong_with_its_own_one", r"'certs', 'renew'",
    )],
    "a certificate of another CA, another server, or another key": [(_OTHERS_FILES, r"FOREIGN(.|\n)*run_install")],
    "a whole folder of another cluster: CA, certificate and key that fit together": [
        (_OTHERS_FILES, r"WHOLE(.|\n)*systemctl\['stop'\](.|\n)*run_install"),
    ],
    "a fence agent, what it calls, or a secret that is missing on a host": [
        (_DEPLOYED + "test_what_a_fence_agent_calls_is_missing_until_it_is_installed", r"row\(LACKING\)\.do"),
    ],
    "one power device for two servers": [(
        "unit/deployment/test_inventory.py::test_a_copied_power_device_is_told_at_both_lines",
        r"load\(write_inventory\(tmp_path\)\)",
    )],
    "a server of another cluster": [(_OTHERS_FILES, r"OTHER(.|\n)*systemctl\['restart'\]")],
    "a data server of another cluster": [(
        "chaos/test_superseded.py::test_a_data_server_of_another_cluster_is_told_of_and_taken_in_empty", "new-store",
    )],
    "an address that is not up when a server starts, or that another process has": [(
        "chaos/installed/test_operation.py::test_servers_whose_address_is_not_up_yet_wait_for_it",
        r"'address', 'add'",  # it passes, and nothing is done
    )],
    "a full disk under a metadata server": [
        (_FULL + "test_a_server_with_a_state_on_a_full_disk_is_never_given_up", r"faults\.free\(disk\)"),
    ],
    "a full disk under a data server": [
        (_FULL + "test_a_full_data_server_refuses_writes_keeps_all_and_starts_again", r"client\(cluster, 'remove'\)"),
    ],
    "a full disk under `deploy render`, `certs renew`": [
        (_FULL + "test_a_rendering_that_finds_no_room_leaves_the_last_one", _ROOM),
        (_FULL + "test_a_renewal_that_finds_no_room_leaves_good_certificates", _ROOM),
    ],
    "... under `backup create`, `verify`": [(_FULL + "test_a_backup_that_finds_no_room_is_not_there", _ROOM)],
    "... under `backup restore`, `mdscluster rejoin`": [
        (_FULL + "test_a_state_that_finds_no_room_is_not_half_there", _ROOM),
    ],
    "`backup restore`, `rejoin`, `dataserver new-store` or `obey-anew` by root, or anybody but the service's user": [(
        "chaos/installed/test_operation.py::test_a_new_cluster_of_a_backup_by_nobody_but_the_service_user",
        r"machine\.run\(f'runuser -u mdscluster -- ",
    )],
    "a file or folder that you may not use": [(
        "unit/mdsctl/test_command_line.py::test_what_the_system_refuses_is_told_with_what_to_do", r"\['advice'\]",
    )],
}  # fmt: skip
"""Row of the table -> tests that do what its last column says, and by which words they do it."""


def _helps(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> bool:
    code = main([*words, "--help"])
    told = capsys.readouterr().out
    return code == 0 and f"mdsctl {' '.join(words)}" in told


# ---------------------------------------------------------------------- the dashboard
def test_the_first_screen_shows_what_is_asked_first() -> None:
    """Operations a second, throughput of the data servers, latency percentiles, layouts."""
    made = json.loads(dashboard.render())
    first = [panel["title"] for panel in made["panels"] if panel["type"] != "row" and panel["gridPos"]["y"] < 16]
    assert first == ["Metadata operations", "Data servers' throughput", "Latency of metadata requests", "Layouts"]


def test_no_panel_has_a_tile_without_a_name() -> None:
    """``or vector(0)`` adds one, beside those that have labels."""
    for text in dashboard.expressions():
        if "vector(" in text:
            assert re.fullmatch(r"max\([a-z_]+\{[^}]*\}\) or vector\(0\)", text), text


def test_panels_do_not_lie_on_each_other() -> None:
    made = json.loads(dashboard.render())
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in made["panels"]]
    assert len(ids) == len(set(ids))


def test_every_query_is_of_the_chosen_cluster() -> None:
    for text in dashboard.expressions():
        for selector in re.findall(r"\bmdscluster_[a-z_]+(\{[^}]*\})?", text):
            assert 'cluster="$cluster"' in selector, text

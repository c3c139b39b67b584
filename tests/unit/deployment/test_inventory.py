"""A broken inventory is refused in the operator's words, with the line, and all its mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.reading import InventoryError, load
from tests.unit.deployment.support import BMC_PASSWORD, write_inventory

NODE_2 = 'id = "mds2"\naddresses = ["192.0.2.12/24"]'
VIP_1 = 'address = "192.0.2.101/24"\npreferred = "mds1"'

# (old text, new text), what stands in the line that is named, words of the message
MISTAKES: list[tuple[tuple[str, str], str, str]] = [
    # names and types
    (('interface = "eth0"  ', 'interfaces = "eth0"  '),
     "interfaces =", "'nodes[0].interfaces'; did you mean 'interface'?"),
    (('interface = "eth0"  ', 'colour = "red"  '), "colour =", "known here: id, addresses"),
    (("[[exports]]", "[[export]]"), "[[export]]", "there is no key 'export'; did you mean 'exports'?"),
    (('interface = "eth0"  ', "# "), "[[nodes]]", "nodes[0] lacks 'interface'"),
    (('name = "files"', "# "), "# A cluster", "the inventory lacks 'name'"),
    (("[[exports]]\nnetworks", "[[vips.x]]\nnetworks"), "[[vips.x]]", "there is no key 'vips[2].x'"),
    (('id = "mds2"', "id = 2"), "id = 2", "nodes[1].id must be a text in quotes, not 2"),
    (('addresses = ["192.0.2.12/24"]', 'addresses = "192.0.2.12/24"'), "12/24", 'must be a list, like ["..."]'),
    (('networks = ["192.0.2.0/24"]', "networks = [\n  7,\n]"), "  7,", "exports[1].networks[0] must be a text"),
    (("[settings.cluster]", "[settings.clutser]"), "clutser", "did you mean 'cluster'?"),
    (("stripe_unit_bytes = 1048576", "stripe_unit_bytes = true"), "stripe_unit", "must be a whole number, not true"),
    (("stripe_unit_bytes = 1048576", "stripe_unit_bites = 1"), "stripe_unit", "did you mean 'stripe_unit_bytes'?"),
    (("[install]", "[[install]]"), "[[install]]", "install must be a table, like [install], not a list"),
    (("lanplus = true", "lanplus = 1.5"), "lanplus", "parameters.lanplus must be a text, a whole number"),
    (("[nodes.fencing.parameters]", 'parameters = "x"\n[ports]'), 'parameters = "x"',
     "must be a table, like [nodes[0].fencing[0].parameters], not a text"),
    # syntax
    (('name = "files"', "name = files"), "name = files", "not valid TOML: Invalid value, column 8"),
    (('name = "files"', 'name = "files"\nname = "x"'), 'name = "x"', "not valid TOML: Cannot overwrite a value"),
    (("stripe_unit_bytes = 1048576", 'x = """'), 'x = """', "not valid TOML: Unterminated string, at the end"),
    # names and numbers
    (('id = "mds2"', 'id = "mds1"'), 'id = "mds1"', "the id 'mds1' is used twice: a node above has it already"),
    (('id = "ds2"', 'id = "mds1"'), 'id = "mds1"', "the id 'mds1' is used twice: a node above"),
    (('id = "mds2"', 'id = "Mds 2"'), "Mds 2", "is no id: small letters, digits and hyphens"),
    (('id = "ds1"', 'id = "ca"'), '"ca"', "'ca' cannot be an id: the CA's files would have that name"),
    (("[[nodes]]", '[[nodes]]\nid = "mds4"\naddresses = ["192.0.2.14/24"]\ninterface = "eth0"\n[[nodes]]'),
     "[[nodes]]", "4 metadata servers survive no more failures than 3: use an odd number (3 or 5)"),
    (('name = "files"', 'name = ""'), "name =", "name must be 1 to 255 printable bytes"),
    (("[settings.cluster]", '[settings.cluster]\nname = "x"'), 'name = "x"', "the key 'name' at the top"),
    (("[settings.cluster]", '[settings.guard]\nrun_dir = "/run/x"\n[settings.cluster]'),
     "run_dir", "settings.guard.run_dir cannot be chosen: the units make it"),
    (("[settings.cluster]", '[settings.guard]\nwatchdog = "/dev/x"\n[settings.cluster]'),
     "watchdog", "settings.guard.watchdog cannot be chosen: install.watchdog names it"),
    (("[settings.cluster]", "[settings.guard]\nstall_ms = 10\n[settings.cluster]"),
     "stall_ms", "guard.stall_ms is 10: it must be at least 2000"),
    (("[settings.cluster]", "[settings.guard]\nwatchdog_required = true\n[settings.cluster]"),
     "watchdog_required", "settings.guard.watchdog_required needs install.watchdog, which names no device"),
    (("[install]", "[vrrp]\nadvert_interval_ms = 205\n[install]"), "205", "a multiple of 10"),
    (('bin_dir = "/opt', 'bin_dir = "opt'),
     "bin_dir", "install.bin_dir is 'opt/mdscluster/bin': it must be an absolute"),
    (('bin_dir = "/opt', 'bin_dir = "/o$p t'), "bin_dir", "without blanks"),
    (("[install]", '[install]\nuser = "root"'), 'user = "root"', "a user name of its own, not root"),
    (('id = "ds1"', 'id = "ds1"\ndata_dir = "x"'), 'data_dir = "x"', "data_dir is 'x': it must be an absolute path"),
    # addresses
    (("192.0.2.12/24", "192.0.2.11/24"), "192.0.2.11/24", "192.0.2.11 is given twice: mds1 has it already"),
    (('"192.0.2.22"', '"192.0.2.22", "192.0.2.21"'), "192.0.2.22", "192.0.2.21 is given twice: ds1 has it already"),
    (("192.0.2.101/24", "192.0.2.13/24"), 'address = "192.0.2.13/24"', "192.0.2.13 is given twice: mds3 has it"),
    (("192.0.2.102/24", "192.0.2.101/24"), 'address = "192.0.2.101/24"', "192.0.2.101 is given twice: another VIP"),
    (("192.0.2.12/24", "mds2.example/24"), "mds2.example", "is no IP address (names are not used"),
    (("192.0.2.12/24", "192.0.2.12"), '["192.0.2.12"]', 'lacks the length of its network, like "192.0.2.12/24"'),
    (("192.0.2.12/24", "192.0.2.255/24"), "192.0.2.255", "the network's own address or its broadcast address"),
    (("192.0.2.12/24", "0.0.0.0/24"), "0.0.0.0", "is no address of one host"),
    (("192.0.2.12/24", "fd00::2/64"), "fd00::2", "fd00::2 is IPv6, and mds1's first address is IPv4"),
    (('interface = "eth0"  ', 'interface = "a very long interface"  '),
     "a very long", "is no network interface's name"),
    (('addresses = ["192.0.2.12/24"]', "addresses = []"), "addresses = []", "mds2 has no address"),
    # service addresses
    (("192.0.2.101/24", "192.0.3.101/24"),
     "192.0.3.101", "192.0.3.101/24 is in no network of mds1's eth0 (192.0.2.0/24)"),
    (("192.0.2.101/24", "192.0.2.101/25"), "192.0.2.101", "is in no network of mds3's eth0"),
    (('preferred = "mds1"', 'preferred = "mds7"'), "mds7", "there is no such node (mds1, mds2, mds3)"),
    ((VIP_1, VIP_1 + "\nrouter_id = 52"), 'address = "192.0.2.102/24"', "router_id 52 is used twice: 192.0.2.101/24"),
    ((VIP_1, VIP_1 + "\nrouter_id = 256"), "router_id = 256", "router_id is 256: it must be 1 to 255"),
    # ports
    (("[install]", "[ports]\nraft = 2049\n[install]"),
     "raft = 2049", "port 2049 is used twice on 192.0.2.11: for mds1's NFS"),
    (("[install]", "[ports]\nadmin = 65536\n[install]"),
     "admin = 65536", "ports.admin is 65536: it must be 1 to 65535"),
    (('"192.0.2.21"', '"192.0.2.11"'),
     'id = "ds1"', "port 2049 is used twice on 192.0.2.11: for mds1's NFS and for ds1's NFS"),
    (('addresses = ["192.0.2.22"]', 'addresses = ["192.0.2.21"]\nnfs_port = 2050'),
     'id = "ds2"', "port 20790 is used twice"),
    # fencing
    (('"fence_ipmilan"', '"fence_impilan"'),
     "fence_impilan", "no fence agent 'fence_impilan'; did you mean 'fence_ipmilan'?"),
    (('"fence_ipmilan"', '"ipmilan"'), '"ipmilan"', "did you mean 'fence_ipmilan'?"),
    (('"fence_ipmilan"', '"fence_dummy"'), "fence_dummy", "cannot fence: it turns nothing off, and says that it did"),
    (('username = "fence"', 'password = "geheim"'), "password =", "password is a secret: write it into a file"),
    (('username = "fence"', 'action = "off"'), "action =", "action is not for the inventory"),
    (('"fence_ipmilan"', '"fence_scsi"'), "fence_scsi", "cannot fence: it cuts no power"),
    (('"fence_apc_snmp"', '"fence_mpath"'), "fence_mpath", "cannot fence: it cuts no power"),
    (('"fence_ipmilan"', '"fence_sbd"'), "fence_sbd", "which a node that hangs does not read"),
    (('"fence_apc_snmp"', '"fence_ifmib"'), "fence_ifmib", "it closes a port of a switch"),
    (("plug = 3", 'community = "private"'), "community =", "community is a secret: write it into a file of mode 0600"),
    (("plug = 3", 'API-token = "x"'), "API-token =", "and name that with secrets.API-token"),
    (('"198.51.100.12"', '"198.51.100.11"'), 'ip = "198.51.100.11"',
     "mds1 and mds2 have the same power device (fence_ipmilan ip=198.51.100.11): who fences mds1 would switch mds2"),
    (('agent = "fence_apc_snmp"', 'agent = "fence_apc_snmp"\ntimeout_ms = 120000\nattempts = 5'),
     "timeout_ms = 120000", "mds3's devices may take 1323 s in all (for each attempt two timeout_ms and 9 s)"),
    (('"198.51.100.11"', '"192.0.2.11"'), "192.0.2.11", "is the address of a node, not of the device"),
    (('"secrets/bmc-password"', '"secrets/missing"'), "secrets/missing", "cannot read the secret in"),
    # what a server itself would refuse
    (("stripe_unit_bytes = 1048576", "stripe_unit_bytes = 100"), "= 100", "cluster.stripe_unit_bytes is 100"),
    (("[install]", "[settings.raft]\nelection_min_ms = 10\n[install]"), "= 10", "raft.election_min_ms is 10"),
    (("[install]", "[settings.fencing]\nsuspect_ms = 900\n[install]"), "= 900", "fencing.suspect_ms is 900"),
    (("[install]", '[settings.node]\nlog_level = "loud"\n[install]'), "loud", "log_level is 'loud'"),
    (("[install]", '[settings.data_server]\nlog_level = "loud"\n[install]'), "loud", "log_level is 'loud'"),
    (("[install]", "[settings.data_server.limits]\nmax_slots = 0\n[install]"), "max_slots", "limits.max_slots is 0"),
    (('networks = ["192.0.2.0/24"]', 'networks = ["192.0.2.7/24"]'), "192.0.2.7", "has host bits set"),
    (('networks = ["192.0.2.0/24"]', 'path = "/x"\nnetworks = ["192.0.2.0/24"]'), 'path = "/x"', 'only "/" can be'),
]  # fmt: skip


@pytest.mark.parametrize(("change", "line", "words"), MISTAKES, ids=[words[:50] for _, _, words in MISTAKES])
def test_a_mistake_is_told_in_words_and_with_its_line(
    change: tuple[str, str], line: str, words: str, tmp_path: Path
) -> None:
    path = write_inventory(tmp_path, change)
    with pytest.raises(InventoryError) as refusal:
        load(path)
    told = [each for each in str(refusal.value).splitlines() if words in each]
    assert told, str(refusal.value)
    name, number, _ = told[0].split(":", 2)
    assert name == str(path)
    shown = path.read_text(encoding="utf-8").splitlines()[int(number) - 1]
    assert line in shown, f"line {number} is {shown!r}"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    path = write_inventory(
        tmp_path,
        ("192.0.2.12/24", "192.0.2.11/24"),
        ('preferred = "mds1"', 'preferred = "x"'),
        ("fence_ipm", "fence_imp"),
    )
    with pytest.raises(InventoryError) as refusal:
        load(path)
    told = str(refusal.value).splitlines()
    assert len(told) == 3
    numbers = [int(line.split(":")[1]) for line in told]
    assert numbers == sorted(numbers)
    load(write_inventory(tmp_path))  # the lines are mended


def test_the_example_has_no_fault_and_nothing_to_note(tmp_path: Path) -> None:
    loaded = load(write_inventory(tmp_path))
    assert [node.id for node in loaded.inventory.nodes] == ["mds1", "mds2", "mds3"]
    assert loaded.inventory.nodes[0].fencing[0].parameters["lanplus"] == "1"
    assert loaded.notes == ()


def test_a_copied_power_device_is_told_at_both_lines(tmp_path: Path) -> None:
    """INV-9: other times and another user's name make no other device of it."""
    path = write_inventory(
        tmp_path, ('ip = "198.51.100.13"\nusername = "fence"', 'ipaddr = "198.51.100.11"\nlogin = "other"'),
        ("power_timeout = 5", "power_timeout = 7"),
    )  # fmt: skip
    with pytest.raises(InventoryError) as refusal:
        load(path)
    told = str(refusal.value).splitlines()
    assert len(told) == 2
    shown = path.read_text(encoding="utf-8").splitlines()
    first, second = (int(line.split(":")[1]) for line in told)
    assert 'ip = "198.51.100.11"' in shown[first - 1]
    assert "[nodes.fencing.parameters]" in shown[second - 1]
    assert first < second
    assert "who fences mds1 would switch mds3 off" in told[0]
    assert "who fences mds3 would switch mds1 off" in told[1]
    load(write_inventory(tmp_path))  # each has its own


def test_a_device_without_a_password_is_noted_whatever_its_agent(tmp_path: Path) -> None:
    changes = ('password_file = "secrets/pdu-password"\n', ""), ("secrets = { snmp_priv_passwd", "# { snmp_priv_passwd")
    assert [note.split(": ", 1)[1] for note in load(write_inventory(tmp_path, *changes)).notes] == [
        "mds3's fence_apc_snmp has no password_file"
    ]


def test_an_inventory_without_exports_is_told(tmp_path: Path) -> None:
    text = write_inventory(tmp_path).read_text(encoding="utf-8").replace("[[exports]]", "[[vips.x]]")
    with pytest.raises(InventoryError, match=r"cluster\.toml:1: the inventory has no \[\[exports\]\] table"):
        load(write_inventory(tmp_path, text=text))


def test_what_works_but_may_not_be_meant_is_noted(tmp_path: Path) -> None:
    """The third node's two devices removed: nobody could turn it off."""
    text = write_inventory(tmp_path).read_text(encoding="utf-8")
    start = text.index("[[nodes.fencing]]", text.index('id = "mds3"'))
    path = write_inventory(tmp_path, text=text[:start] + text[text.index("# -----", start) :])
    notes = load(path).notes
    assert len(notes) == 1
    assert "mds3 has no fencing device" in notes[0]


def test_a_data_server_on_a_host_that_is_fenced_early_is_noted(tmp_path: Path) -> None:
    """Its host loses its power for a crash of the metadata server that takes longer than suspect_ms."""
    together = ('addresses = ["192.0.2.23"]', 'addresses = ["192.0.2.12"]\nnfs_port = 2050')
    (note,) = load(write_inventory(tmp_path, together)).notes
    assert "mds2 has a fencing device and shares its host with ds3: when it hangs or is away for" in note
    assert "suspect_ms (2000), all on it lose their power; 10000 leaves the time" in note
    longer = ("[install]", "[settings.fencing]\nsuspect_ms = 10000\n[install]")
    assert load(write_inventory(tmp_path, together, longer)).notes == ()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_refused_and_not_told(tmp_path: Path, mode: int) -> None:
    path = write_inventory(tmp_path)
    (tmp_path / "secrets" / "bmc-password").chmod(mode)
    with pytest.raises(InventoryError) as refusal:
        load(path)
    assert f"can be read by others (mode {mode:04o}): chmod 0600" in str(refusal.value)
    assert BMC_PASSWORD not in str(refusal.value)
    (tmp_path / "secrets" / "bmc-password").chmod(0o600)
    load(path)


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n", "x\0y"])
def test_a_secret_is_one_line(tmp_path: Path, content: str) -> None:
    path = write_inventory(tmp_path)
    (tmp_path / "secrets" / "bmc-password").write_text(content, encoding="ascii")
    with pytest.raises(InventoryError, match="must hold one line"):
        load(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"cannot read .*none\.toml: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b'x = 1\ny = "\xff"\n')
    with pytest.raises(InventoryError, match=r"bytes\.toml:2: this is no UTF-8 text"):
        load(tmp_path / "bytes.toml")


def test_of_two_that_were_added_one_alone_makes_the_number_even(tmp_path: Path) -> None:
    """INV-1: and the words say what to do."""
    nodes = "".join(
        f'[[nodes]]\nid = "mds{n}"\naddresses = ["192.0.2.1{n}/24"]\ninterface = "eth0"\n{join}\n'
        for n, join in ((4, ""), (5, "join = true"))
    )
    with pytest.raises(InventoryError, match=r"use an odd number.*; take join = true out of all new nodes together"):
        load(write_inventory(tmp_path, (f"# {'-' * 64} serv", nodes + "\n# ---")))


def test_a_node_that_is_to_be_added_does_not_make_the_number_even(tmp_path: Path) -> None:
    """INV-1: it has no vote before the cluster gives it one."""
    new = '[[nodes]]\nid = "mds4"\naddresses = ["192.0.2.14/24"]\ninterface = "eth0"\njoin = true\n\n# ---'
    loaded = load(write_inventory(tmp_path, (f"# {'-' * 64} serv", new)))
    assert [node.id for node in loaded.inventory.founders] == ["mds1", "mds2", "mds3"]

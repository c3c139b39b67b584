"""``mdsctl certs renew``: what runs out soon gets new days, keys stay, hosts' folders get the new files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deploy.reading import load
from deploy.render import render
from deploy.renewal import ALL, Renewal, renew
from mdscluster.config import ConfigError
from mdscluster.mdsctl import main
from mdscluster.pki import CA_DAYS, NODE_DAYS, ClusterPki, subject_names
from tests.unit.deployment.support import deploy_render, write_inventory

MONTH = timedelta(days=30)
EVERYBODY = {"admin", "ds1", "ds2", "ds3", "mds1", "mds2", "mds3"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The example, rendered."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    return tmp_path / "out"


def renewed(done: Renewal) -> set[str]:
    return {each.name for each in done.certificates if each.renewed}


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def contents(tree: Path) -> dict[str, bytes]:
    return {str(file.relative_to(tree)): file.read_bytes() for file in tree.rglob("*") if file.is_file()}


def test_nothing_is_renewed_that_lasts(out: Path) -> None:
    before = contents(out)
    assert renewed(renew(out, MONTH)) == set()
    assert contents(out) == before


def test_what_runs_out_is_renewed_with_its_key_and_its_names(out: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=NODE_DAYS - 10)
    before, names = contents(out), subject_names(certificate(out / "pki" / "mds2.pem"))
    done = renew(out, MONTH, now=later)
    assert renewed(done) == EVERYBODY
    after = contents(out)
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {f"pki/{name}.pem" for name in EVERYBODY} | {
        f"{name}/{name}/{name}.pem" for name in EVERYBODY - {"admin"}
    } | {".rendered.json"}  # fmt: skip
    new = certificate(out / "mds2" / "mds2" / "mds2.pem")
    assert subject_names(new) == names
    assert new.not_valid_after_utc - later > timedelta(days=NODE_DAYS - 1)
    new.verify_directly_issued_by(certificate(out / "pki" / "ca.pem"))
    old_key = x509.load_pem_x509_certificate(before["pki/mds2.pem"]).public_key()
    assert new.public_key() == old_key


def test_a_rendering_takes_a_renewal_for_granted(out: Path, tmp_path: Path) -> None:
    """The hosts' renewed files are no edits by hand."""
    renew(out, ALL)
    assert not render(load(tmp_path / "cluster.toml"), out).written.any


def test_an_interrupted_renewal_is_finished_by_the_next(out: Path) -> None:
    """The CA's folder has the new certificate, the host's has not."""
    ClusterPki(out / "pki").issue("mds1", "mds", ["192.0.2.11"], renew_before=timedelta.max)
    done = renew(out, MONTH)
    assert renewed(done) == set()
    assert [str(path.relative_to(out)) for path in done.copied] == ["mds1/mds1/mds1.pem"]


def test_no_certificate_outlives_the_ca_and_the_ca_can_be_renewed(out: Path) -> None:
    """Two days before its end the CA gets new days under its old key: what it signed before stays good."""
    ca = certificate(out / "pki" / "ca.pem")
    later = ca.not_valid_after_utc - timedelta(days=2)
    done = renew(out, ALL, now=later)
    assert all(each.ends <= ca.not_valid_after_utc for each in done.certificates)
    assert "no certificate outlives it" in done.notes[0]
    assert renewed(renew(out, MONTH, now=later)) == set(), "renewed already, as far as the CA lets it"
    old = certificate(out / "pki" / "mds1.pem")
    done = renew(out, MONTH, ca=True, now=later)
    assert renewed(done) == {"ca", *EVERYBODY}
    assert done.notes == ()
    new = certificate(out / "mds1" / "mds1" / "ca.pem")
    assert new.not_valid_after_utc - later > timedelta(days=CA_DAYS - 1)
    assert new.public_key() == ca.public_key()
    old.verify_directly_issued_by(new)
    certificate(out / "pki" / "mds1.pem").verify_directly_issued_by(ca)


def test_an_ended_ca_is_told(out: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=CA_DAYS + 1)
    before = contents(out)
    with pytest.raises(ConfigError, match=r"the CA's certificate ended on .*: give --ca"):
        renew(out, MONTH, now=later)
    assert contents(out) == before
    assert "ca" in renewed(renew(out, MONTH, ca=True, now=later))


def test_a_foreign_certificate_is_told_and_left(out: Path, tmp_path: Path) -> None:
    other = ClusterPki(tmp_path / "other")
    other.create()
    other.issue("mds9", "mds", ["192.0.2.19"])
    (out / "pki" / "mds9.pem").write_bytes(other.paths("mds9").certificate.read_bytes())
    with pytest.raises(ConfigError, match=r"mds9\.pem is not of this CA"):
        renew(out, ALL)


def test_a_foreign_ca_key_signs_nothing(out: Path, tmp_path: Path) -> None:
    other = ClusterPki(tmp_path / "other")
    other.create()
    (out / "pki" / "ca.key").write_bytes(other.ca_key.read_bytes())
    before = contents(out)
    with pytest.raises(ConfigError, match=r"ca\.key is not the key of .*ca\.pem"):
        renew(out, ALL)
    assert contents(out) == before


def test_the_command_says_what_it_did_and_tells_no_key(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "renew", "--out", str(out), "--all"]) == 0
    said = capsys.readouterr().out
    assert "renewed  mds1         until " in said
    assert f"changed  {out}/mds1/mds1/mds1.pem" in said
    assert "nothing needs to be restarted" in said
    assert (out / "pki" / "mds1.key").read_text() not in said
    assert main(["certs", "renew", "--out", str(out)]) == 0
    assert "kept     mds1" in capsys.readouterr().out


def test_a_folder_without_a_ca_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "renew", "--out", str(tmp_path)]) == 2
    assert "name the folder that `mdsctl deploy render` wrote" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

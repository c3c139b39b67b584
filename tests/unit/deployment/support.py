"""An inventory on disk with its secrets: the example one, changed as a test wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.reading import load
from deploy.render import render
from tests.support.cluster import ROOT

EXAMPLE: Final = ROOT / "deploy" / "cluster.example.toml"
BMC_PASSWORD: Final = "correct-horse-battery"
PDU_PASSWORD: Final = "staple"
PDU_PRIVACY: Final = "none-of-your-business"
SECRETS: Final = {"bmc-password": BMC_PASSWORD, "pdu-password": PDU_PASSWORD, "pdu-privacy": PDU_PRIVACY}


def write_inventory(folder: Path, *changes: tuple[str, str], text: str = "") -> Path:
    """``cluster.toml`` in ``folder``: the example (or ``text``) with each first text exchanged once for the second."""
    text = text or EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"the example has no {old!r}"
        text = text.replace(old, new, 1)
    path = folder / "cluster.toml"
    path.write_text(text, encoding="utf-8")
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    for name, secret in SECRETS.items():
        (secrets / name).write_text(secret + "\n", encoding="ascii")
        (secrets / name).chmod(0o600)
    return path


def deploy_render(inventory: Path, out: Path, *, discard_edits: bool = False, new_ca: bool = False) -> None:
    """What ``mdsctl deploy render`` does, without telling of it."""
    render(load(inventory), out, discard_edits=discard_edits, new_ca=new_ca)

"""A simulated BMC that speaks Redfish over HTTPS: sushy-tools, with the power of :mod:`tests.support.machines`.

``python -m tests.support.redfish --machines SOCKET --machine NAME --address A --port P --password W --directory D``
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import sys
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sushy_tools.emulator import main as emulator
from sushy_tools.emulator.resources.systems.fakedriver import DEFAULT_UUID, FakeDriver

from tests.support.lifeline import die_with_parent
from tests.support.machines import OFF, ON, Keeper

USER = "operator"
SYSTEM = f"/redfish/v1/Systems/{DEFAULT_UUID}"


def _certificate(directory: Path) -> tuple[Path, Path]:
    """As BMCs come: signed by themselves, and known to nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    files = directory / "bmc.pem", directory / "bmc.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def main() -> None:
    """Serve until killed."""
    die_with_parent()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=Path, required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    given = parser.parse_args()
    keeper, machine = Keeper(given.machines), given.machine

    def power_state(_driver: FakeDriver, _identity: str) -> str:
        return "On" if keeper.ask(machine) == ON else "Off"

    def set_power_state(_driver: FakeDriver, _identity: str, state: str) -> None:
        keeper.switch(machine, ON if "On" in state else OFF)

    FakeDriver.get_power_state = power_state
    FakeDriver.set_power_state = set_power_state
    users = given.directory / "users"
    users.write_bytes(f"{USER}:".encode() + bcrypt.hashpw(given.password.encode(), bcrypt.gensalt(4)))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = emulator.app
    app.config["SUSHY_EMULATOR_FAKE_DRIVER"] = True
    app.config["SUSHY_EMULATOR_STATE_DIR"] = str(given.directory)
    app.config["SUSHY_EMULATOR_AUTH_FILE"] = str(users)
    app.configure()
    certificate, key = _certificate(given.directory)
    print("ready", flush=True)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for whatever else is said; nobody reads the pipe any more
    app.run(host=given.address, port=given.port, ssl_context=(str(certificate), str(key)))


if __name__ == "__main__":
    main()

"""A simulated BMC: IPMI 2.0 over LAN (RMCP+) for a machine of :mod:`tests.support.machines`.

``python -m tests.support.bmc --machines SOCKET --machine NAME --address A --port P --password W [--manner M]``

It asks and tells whoever keeps the machines; its answers about power are theirs. When they do not answer it does not
either: a simulator that said "off" then would confirm a fencing that never happened.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from pathlib import Path

from pyghmi.ipmi import bmc

from tests.support.lifeline import die_with_parent
from tests.support.machines import ON, Keeper

HONEST = "honest"
IDLE = "idle"
"""It takes the command and does nothing."""
LIAR = "liar"
"""It takes the command, does nothing, and then says that the power is off."""
STUCK = "stuck"
"""It takes the command and does not answer any more."""
MANNERS = (HONEST, IDLE, LIAR, STUCK)
USER = "operator"
_DONE, _FAILED = 0, 0xFF


class SimulatedBmc(bmc.Bmc):  # type: ignore[misc]  # pyghmi has no types
    """What a BMC does about power."""

    def __init__(self, keeper: Keeper, machine: str, manner: str, password: str, address: str, port: int) -> None:
        self._keeper, self._machine, self._manner = keeper, machine, manner
        self._claims_off = False
        self._name = f"{address}:{port}"
        super().__init__({USER: password}, port=port, address=address)

    def get_power_state(self) -> str:
        return "off" if self._claims_off else self._keeper.ask(self._machine)

    def power_off(self) -> int:
        if self._manner == STUCK:
            time.sleep(3600)
        if self._manner == LIAR:
            self._claims_off = True
        if self._manner in (LIAR, IDLE):
            return _DONE
        return _DONE if self._keeper.switch(self._machine, "off") else _FAILED

    def power_on(self) -> int:
        self._claims_off = False
        return _DONE if self._keeper.switch(self._machine, ON) else _FAILED

    def power_shutdown(self) -> int:
        return self.power_off()

    def power_reset(self) -> int:
        return self.power_off() or self.power_on()

    power_cycle = power_reset

    def get_system_guid(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_DNS, self._name)

    def cold_reset(self) -> int:
        return _DONE


def main() -> None:
    """Serve until killed."""
    die_with_parent()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=Path, required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--manner", choices=MANNERS, default=HONEST)
    given = parser.parse_args()
    server = SimulatedBmc(
        Keeper(given.machines), given.machine, given.manner, given.password, given.address, given.port
    )
    print("ready", flush=True)
    sys.exit(server.listen())


if __name__ == "__main__":
    main()

"""What a metadata server's fencing is told: every node's devices, and their secrets in files of their own.

Each metadata server gets all devices, as any of them may have to carry a fencing out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.inventory import FenceDevice, Inventory, Node
from deploy.writing import SECRET, File
from fencing.device import Device


def devices(inventory: Inventory, node: Node) -> tuple[Device, ...]:
    """All of them, as they are told to ``node``."""
    folder = Path(inventory.install.config_dir) / node.id
    return tuple(
        Device(
            name=name,
            node=owner.id,
            agent=device.agent,
            options=tuple(f"{key}={value}" for key, value in sorted(device.parameters.items())),
            secret_files=(folder / _secret_path(name),) if device.secret_files else (),
            timeout_ms=device.timeout_ms,
            attempts=device.attempts,
        )
        for name, owner, device in _named(inventory)
    )


def secrets(inventory: Inventory, base: Path) -> dict[str, File]:
    """The devices' secrets, by path below a server's own folder; lines key=value for the agent's standard input.

    ``base``: the folder that the inventory's secret files are relative to.
    """
    made: dict[str, File] = {}
    for name, _, device in _named(inventory):
        lines = [
            f"{key}={(base / file).read_text(encoding='utf-8').strip()}\n"
            for key, file in sorted(device.secret_files.items())
        ]
        if lines:
            made[_secret_path(name)] = File("".join(lines).encode(), SECRET)
    return made


def _named(inventory: Inventory) -> Iterator[tuple[str, Node, FenceDevice]]:
    """Every device under a name of its own, which tells its node, its place in the order and its agent."""
    for node in inventory.nodes:
        for place, device in enumerate(node.fencing, 1):
            yield f"{node.id}-{place}-{Path(device.agent).name}", node, device


def _secret_path(name: str) -> str:
    return f"fencing/{name}.secret"

"""Whose a server's files are: what an operator's command makes in a data directory must be its server's own."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path

from mdsproto.configfile import ConfigError


def require_server_user(server_id: str, data_dir: Path, key: Path, command: str) -> None:
    """Make sure that what is about to be made in ``data_dir`` will be the server's own. ``ConfigError``: this is
    another user, root above all, whose files the server could not open. Nothing is changed here.

    The server's user is whom the directory belongs to, or the one above it that is there; and where that is root, as
    that of a new disk is at first, whom the server's ``key`` belongs to. ``command``: what was given.
    """
    place = data_dir
    while not os.path.exists(place) and place != place.parent:  # Path.exists raises in what is closed to this user
        place = place.parent
    owner = place.stat().st_uid
    server = owner
    if not owner:
        with suppress(FileNotFoundError):
            server = key.stat().st_uid
    if os.geteuid() == server:
        return
    name = _user_name(server)
    first = "" if owner == server else f"`install -d -m 0700 -o {name} -g {name} {data_dir}` first; then "
    become = f"runuser -u {name} --" if os.geteuid() == 0 else f"sudo -u {name}"
    raise ConfigError(
        f"{server_id} runs as {name}, and could not open what {_user_name(os.geteuid())} makes; nothing has changed. "
        f"Give {first}`{become} {command}`"
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"

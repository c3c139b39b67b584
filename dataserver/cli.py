"""The ``dataserver`` command: ``serve`` in the foreground, ``check`` a configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dataserver.config import ConfigError, DsConfig
from mdsproto.lifeline import die_with_parent


def main(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code. A :class:`ConfigError` becomes one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="dataserver", description="A stateless pNFS data server.")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, text in (
        ("serve", "run one data server in the foreground"),
        ("check", "read a data server's configuration and say what is wrong with it"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="its TOML file")
    arguments = parser.parse_args(argv)
    try:
        config = DsConfig.load(arguments.config)
        if arguments.command == "check":
            config.cluster_key()
            print(f"{arguments.config}: data server {config.ds_id} on {config.nfs}, objects in {config.data_dir}")
            return 0
        # Only now: they take a moment to load, and a mistake in the file should not.
        from dataserver.logs import configure_logs
        from dataserver.server import serve

        die_with_parent()
        configure_logs(config.log_level, config.ds_id)
        return serve(config)
    except ConfigError as problem:
        print(f"dataserver: {problem}", file=sys.stderr)
        return 2

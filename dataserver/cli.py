"""The ``dataserver`` command: ``serve`` in the foreground, ``check`` a configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dataserver.config import ConfigError, DsConfig
from dataserver.datadir import DataDir
from mdsproto.lifeline import die_with_parent


def main(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code. A :class:`ConfigError` becomes one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="dataserver", description="A stateless pNFS data server.")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, text in (
        ("serve", "run one data server in the foreground"),
        ("new-store", "give a data server whose disk is lost the empty directory in its configuration, for good"),
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
        if arguments.command == "new-store":
            return new_store(config)
        # Only now: they take a moment to load, and a mistake in the file should not.
        from dataserver.logs import configure_logs
        from dataserver.server import serve

        die_with_parent()
        configure_logs(config.log_level, config.ds_id)
        return serve(config)
    except ConfigError as problem:
        print(f"dataserver: {problem}", file=sys.stderr)
        return 2


def new_store(config: DsConfig) -> int:
    """The operator's word that an empty store takes a lost one's place. :class:`ConfigError` where it is not empty."""
    directory = DataDir(config.data_dir, config.ds_id)
    try:
        if not directory.is_empty():
            raise ConfigError(f"data_dir {config.data_dir} holds objects: it is no new store")
        directory.set_replaces(replaces=True)
    except OSError as problem:
        raise ConfigError(f"data_dir {config.data_dir} cannot be used: {problem.strerror}") from problem
    finally:
        directory.close()
    print(
        f"{config.data_dir}: a new store for data server {config.ds_id}, registered when it is next started.\n"
        f"What lay on its last store is lost from then on, also if that disk comes back: reading those stripes gives "
        f"an I/O error."
    )
    return 0

"""The ``dataserver`` command: ``serve`` in the foreground, ``check`` a configuration, and what an operator decides."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import structlog

from dataserver import directory as metadata_servers
from dataserver import leadership, tombstones
from dataserver.config import ConfigError, DsConfig
from dataserver.datadir import SUPERBLOCK, DataDir, sync_directory
from mdsproto.configfile import SYSTEM_EXIT_CODE, SystemRefusal
from mdsproto.lifeline import die_with_parent
from mdsproto.serveruser import require_server_user


def main(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code. A :class:`ConfigError` becomes one line and exit code 2.

    Of a server, what the system refused becomes SYSTEM_EXIT_CODE, which its unit answers with another start.
    """
    parser = argparse.ArgumentParser(prog="dataserver", description="A stateless pNFS data server.")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, text in (
        ("serve", "run one data server in the foreground"),
        ("new-store", "give a data server whose disk is lost, or that was removed, an empty directory, for good"),
        ("obey-anew", "let a stopped data server forget which cluster and leader it obeyed"),
        ("check", "read a data server's configuration and say what is wrong with it"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="its TOML file")
    arguments = parser.parse_args(argv)
    try:
        config = DsConfig.load(arguments.config)
        if arguments.command == "check":
            config.cluster_key()
            told, usable = _certificate(config)
            if not usable:
                raise ConfigError(told)
            print(f"{arguments.config}: data server {config.ds_id} on {config.nfs}, objects in {config.data_dir}")
            return 0
        if arguments.command == "new-store":
            return new_store(config)
        if arguments.command == "obey-anew":
            return obey_anew(config)
        # Only now: they take a moment to load, and a mistake in the file should not.
        from dataserver.logs import configure_logs
        from dataserver.server import serve

        die_with_parent()
        configure_logs(config.log_level, config.ds_id)
        told, _ = _certificate(config)
        if told:
            structlog.get_logger().warning("certificate", reason=told)
        return serve(config)
    except ConfigError as problem:
        print(f"dataserver: {problem}", file=sys.stderr)
        if arguments.command != "serve" or not isinstance(problem, SystemRefusal):
            return 2
        print("dataserver: this may pass by itself: its unit starts it again until it serves", file=sys.stderr)
        return SYSTEM_EXIT_CODE


def _certificate(config: DsConfig) -> tuple[str, bool]:
    """What is to be said of its days, and whether they are now; :class:`ConfigError` when it can never work."""
    from mdsproto import certcheck
    from mdsproto.credentials import ROLE_DS

    tls = config.tls
    certcheck.require_own(tls.ca, tls.certificate, tls.key, config.ds_id, ROLE_DS)
    return certcheck.days(tls.ca, tls.certificate)


def new_store(config: DsConfig) -> int:
    """The operator's word that an empty store takes a lost one's place, or is taken in again though its data server was
    removed. :class:`ConfigError` where it is not empty, or would be another user's."""
    require_server_user(config.ds_id, config.data_dir, config.tls.key, "dataserver new-store --config FILE")
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


def obey_anew(config: DsConfig) -> int:
    """The operator's word that whom this data server obeyed will never speak again. :class:`ConfigError`."""
    try:
        mounted = (config.data_dir / SUPERBLOCK).exists()
    except PermissionError:
        mounted = True  # it is another user's, who is named below
    if not mounted:
        raise ConfigError(f"data_dir {config.data_dir} is no data server's: it has obeyed nobody. Is it not mounted?")
    require_server_user(config.ds_id, config.data_dir, config.tls.key, "dataserver obey-anew --config FILE")
    directory = DataDir(config.data_dir, config.ds_id)  # locked: it does not run
    try:
        known = leadership.read(config.data_dir)
        for name in (tombstones.FILE, metadata_servers.FILE, leadership.FILE):  # the last one ends it
            (config.data_dir / name).unlink(missing_ok=True)
        sync_directory(config.data_dir)
        holds_objects = not directory.is_empty()
    except OSError as problem:
        raise ConfigError(f"data_dir {config.data_dir} cannot be used: {problem.strerror}") from problem
    finally:
        directory.close()
    print(
        f"{config.data_dir}: data server {config.ds_id} obeyed {known or 'nobody that could be read'}. That is "
        "forgotten: it obeys whom it hears first of the metadata servers in its configuration file."
    )
    if holds_objects:
        print(
            "It keeps its objects, and they keep their numbers. In the cluster that they are of, or one restored from "
            "its backup, that is right. In another cluster the same numbers are other files, which would show what "
            "lies here: give it an empty data_dir there."
        )
    return 0

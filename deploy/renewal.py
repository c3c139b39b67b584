"""``mdsctl certs renew``: certificates that run out soon are made anew, with the keys that they have.

A certificate is replaced by one rename, so this may be done in a folder that servers are using, and may be done again
when it was interrupted. They look at their files by themselves (:mod:`mdsproto.certfiles`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from deploy import writing
from mdscluster.pki import NODE_DAYS, ClusterPki, subject_names
from mdsproto.configfile import ConfigError
from mdsproto.credentials import ROLE_SUFFIX, ROLES

ALL: Final = timedelta.max
"""Renews whatever there is."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One of the cluster's certificates, after the renewal."""

    name: str
    ends: datetime
    renewed: bool


@dataclass(frozen=True, slots=True)
class Renewal:
    """What came of it."""

    certificates: tuple[Certificate, ...]
    copied: tuple[Path, ...]
    """Files of hosts' folders that got a renewed certificate."""
    notes: tuple[str, ...]


def renew(directory: Path, before: timedelta, *, ca: bool = False, now: datetime | None = None) -> Renewal:
    """Renew what runs out sooner than ``before`` from now; with ``ca`` the CA's own certificate, too.

    ``directory``: what ``mdsctl deploy render`` wrote, or any folder with the CA in ``pki``, like ``run up``'s.
    """
    now = now or datetime.now(UTC)
    directory = directory.resolve()
    pki = ClusterPki(directory / "pki")
    if not pki.ca.exists():
        raise ConfigError(f"{pki.ca} is missing: name the folder that `mdsctl deploy render` wrote")
    with writing.locked(directory):
        if ca:
            pki.renew_ca(now)
        authority = _load(pki.ca)
        if authority.not_valid_after_utc <= now:
            raise ConfigError(
                f"the CA's certificate ended on {authority.not_valid_after_utc:%Y-%m-%d}: give --ca to renew it, too"
            )
        found = [Certificate("ca", authority.not_valid_after_utc, ca)]
        for file in sorted(pki.directory.glob("*.pem")):
            if file != pki.ca:
                found.append(_renew(pki, file, authority, before, now))
        return Renewal(tuple(found), tuple(_copy(directory, pki)), tuple(_notes(authority, now)))


def _renew(
    pki: ClusterPki, file: Path, authority: x509.Certificate, before: timedelta, now: datetime
) -> Certificate:
    present = _load(file)
    try:
        present.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError) as problem:
        raise ConfigError(f"{file} is not of this CA: it was put there by somebody else") from problem
    if not pki.paths(file.stem).key.exists():
        raise ConfigError(f"{file} is there, but its key {pki.paths(file.stem).key} is not")
    names = subject_names(present)
    role = next((role for role in ROLES if role + ROLE_SUFFIX in names), None)
    if role is None or file.stem not in names:
        raise ConfigError(f"{file} is no certificate of a server or an operator: it names {', '.join(sorted(names))}")
    addresses = sorted(names - {file.stem, role + ROLE_SUFFIX})
    at_its_best = present.not_valid_after_utc >= authority.not_valid_after_utc and before != ALL
    if not at_its_best:
        pki.issue(file.stem, role, addresses, now, before)
    now_there = _load(file)
    return Certificate(file.stem, now_there.not_valid_after_utc, now_there != present)


def _copy(directory: Path, pki: ClusterPki) -> list[Path]:
    """The hosts' folders get what differs; also what an interrupted renewal had not come to."""
    copied = []
    for path in writing.manifest(directory) if (directory / writing.MANIFEST).exists() else ():
        source = pki.directory / Path(path).name
        if source.suffix == ".pem" and source.exists() and (directory / path).exists():
            content = source.read_bytes()
            if (directory / path).read_bytes() != content:
                writing.note(directory, path, content)
                copied.append(directory / path)
    return copied


def _notes(authority: x509.Certificate, now: datetime) -> list[str]:
    if authority.not_valid_after_utc - now >= timedelta(days=NODE_DAYS):
        return []
    return [
        f"the CA's certificate is good until {authority.not_valid_after_utc:%Y-%m-%d}, and no certificate outlives it: "
        "--ca gives it new days (its key and name stay, so nothing else has to be changed)"
    ]


def _load(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as problem:
        raise ConfigError(f"{file} is no certificate: {problem}") from problem

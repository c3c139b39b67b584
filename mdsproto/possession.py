"""A data server's proof that it holds the cluster key: a MAC over what its heartbeat says that it is.

Without the key it takes every filehandle for a forgery, so it must not be given stripes. Who the sender is says its
certificate; the instance, drawn at each start, keeps a proof from being of use to another process.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Final

PROOF_BYTES: Final = 16
_PERSON: Final = b"mds-heartbeat"
"""Tells this use of the key from the filehandles' (BLAKE2b's personalization)."""
_HEAD: Final = struct.Struct(">QBB")


def prove(key: bytes, ds_id: str, store_id: bytes, instance: int) -> bytes:
    """The proof of a data server that holds ``key``."""
    name = ds_id.encode()
    told = _HEAD.pack(instance, len(name), len(store_id)) + name + store_id
    return hashlib.blake2b(told, digest_size=PROOF_BYTES, key=key, person=_PERSON).digest()


def is_proven(proof: bytes, key: bytes, ds_id: str, store_id: bytes, instance: int) -> bool:
    """Whether whoever made ``proof`` holds ``key``."""
    return hmac.compare_digest(proof, prove(key, ds_id, store_id, instance))

"""The TLS contexts of a node's streams. They take up renewed certificates while they are in use."""

from __future__ import annotations

import ssl
from typing import Final

from mdscluster.raft.config import TlsConfig
from mdsproto.certfiles import CertificateFiles

_FOREIGN: Final = frozenset({2, 7, 18, 19, 20, 21})
"""OpenSSL's X509_V_ERR_ codes for a certificate that no CA known here has signed, though one may have the same name."""


def server_context(tls: TlsConfig) -> ssl.SSLContext:
    """Accepts only certificates of the cluster's CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_REQUIRED
    _load(context, tls)
    return context


def client_context(tls: TlsConfig) -> ssl.SSLContext:
    """Shows this node's certificate; checks the peer's against the id it is dialled by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    _load(context, tls)
    return context


def is_of_another_ca(error: OSError) -> bool:
    """Whether this is why a connection failed: the peer showed a certificate that is not of this node's CA.

    Its listener's, that is. Who is refused as a client is not told: the listener's loop hangs up without an alert.
    """
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _FOREIGN


def _load(context: ssl.SSLContext, tls: TlsConfig) -> None:
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)


class Contexts:
    """Both contexts. A listener keeps the object that it was given, so that one is changed in place."""

    def __init__(self, tls: TlsConfig) -> None:
        """``OSError`` when a file cannot be used."""
        self._tls = tls
        self._files = CertificateFiles(tls.ca, tls.certificate, tls.key)
        self._files.read()
        self.server = server_context(tls)
        self.client = client_context(tls)

    def refresh(self) -> None:
        """Take up what has changed on disk. A CA that was trusted stays so until the node starts anew."""
        if self._files.renewed() is None:
            return
        try:
            client = client_context(self._tls)
            _load(self.server, self._tls)
        except OSError:
            self._files.forget()  # exchanged once more in this instant: the next look sees to it
            return
        self.client = client

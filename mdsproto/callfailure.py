"""Why a gRPC call failed, in an operator's words."""

from __future__ import annotations

from typing import Final

import grpc

_CERTIFICATE_WORDS: Final = (
    ("certificate has expired", "its certificate has ended: `mdsctl certs renew`"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not of this cluster"),
)
_WORDS: Final = (
    ("Connection refused", "connection refused"),
    *_CERTIFICATE_WORDS,
    ("No route to host", "no route to host"),
    ("unreachable", "network unreachable"),
    ("Socket closed", "connection lost"),
)


def in_words(problem: BaseException) -> str:
    """In a few words; of another exception what it says of itself."""
    if not isinstance(problem, grpc.Call):
        return str(problem) or type(problem).__name__
    code, details = problem.code(), problem.details() or ""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "no answer in time"
    for sign, words in _WORDS:
        if sign in details:
            return words
    return f"{code.name.lower().replace('_', ' ')}: {details}".strip(": ")


def is_of_certificates(words: str) -> bool:
    """Whether :func:`in_words` tells of a certificate: somebody has to do something, waiting does not mend it."""
    return any(words == certificate for _, certificate in _CERTIFICATE_WORDS)

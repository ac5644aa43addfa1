"""TLS towards one channel: whom it trusts, who it says we are, what of an old server it puts up with.

Old servers speak TLS 1.0 or 1.1, renegotiate the old way or have short keys. Each of that is let in by a setting of
the one channel that needs it, and ``gateway doctor`` names those channels. Verification itself cannot be switched off.
"""

from __future__ import annotations

import os
import ssl
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

Version = Literal["1.0", "1.1", "1.2", "1.3"]
_VERSIONS: Final[dict[str, ssl.TLSVersion]] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_OLD: Final = ("1.0", "1.1")
# OpenSSL signs the handshake of 1.0 and 1.1 with MD5 and SHA-1, which it does at level 0 only.
_OLD_CIPHERS: Final = "DEFAULT:@SECLEVEL=0"
_LEGACY_SERVER_CONNECT: Final = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT: the ssl module names it from Python 3.12 on


def _known_ciphers(value: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(value)
    except (ssl.SSLError, ValueError):
        raise ValueError(f"{value!r} is no list of ciphers that this machine's OpenSSL knows") from None
    return value


Ciphers = Annotated[str, AfterValidator(_known_ciphers)]
"""A list of ciphers in OpenSSL's words, with ``@SECLEVEL=`` where keys or digests are weak."""


class Tls(BaseModel):
    """Trust and identity: ``ca_file`` replaces the system's authorities, ``client_cert`` and ``client_key`` (PEM) show
    who we are. ``min_version``, ``ciphers`` (up to TLS 1.2) and ``legacy_renegotiation`` let old servers in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    min_version: Version = "1.2"
    ciphers: Ciphers | None = None
    legacy_renegotiation: bool = False

    def context(self) -> ssl.SSLContext:
        """A verifying client context, the same one for all who have the same options and the same files.

        Raises OSError or ssl.SSLError (an OSError) naming an unusable file.
        """
        files: list[tuple[int, int]] = []
        for path in (self.ca_file, self.client_cert, self.client_key):
            if path is not None:
                with path.open("rb") as file:  # the ssl module's own errors do not name the file
                    facts = os.fstat(file.fileno())
                files.append((facts.st_mtime_ns, facts.st_size))
        return _context(self, tuple(files))

    def weaknesses(self) -> Iterator[str]:
        """What is let in here that is not safe any more, in words for ``doctor``."""
        if self.min_version in _OLD:
            yield f"TLS {self.min_version} is accepted, with weak signatures"
        if self.ciphers is not None:
            yield f"ciphers are {self.ciphers}"
        if self.legacy_renegotiation:
            yield "the old way of renegotiation is accepted (RFC 5746)"


@lru_cache(maxsize=64)
def _context(tls: Tls, files: tuple[tuple[int, int], ...]) -> ssl.SSLContext:  # noqa: ARG001
    """Authorities are many and reading them is slow. ``files``: when they were written, and how long they are."""
    context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python knows that 1.0 and 1.1 are old; so do we
        context.minimum_version = _VERSIONS[tls.min_version]
    if ciphers := tls.ciphers or (_OLD_CIPHERS if tls.min_version in _OLD else None):
        context.set_ciphers(ciphers)
    if tls.legacy_renegotiation:
        context.options |= _LEGACY_SERVER_CONNECT
    if tls.client_cert is not None:
        context.load_cert_chain(tls.client_cert, tls.client_key)
    return context


_NO_VERSION: Final = "we have no version of TLS in common (min_tls_version)"
_NO_CIPHER: Final = "we have no cipher in common (tls_ciphers), or a client certificate is wanted (client_cert)"
_WEAK: Final = "its key is too short or its signature too weak for this machine (tls_ciphers with @SECLEVEL)"
_NO_TLS: Final = "what answers there does not speak TLS: another port, or plain http"
_OUR_CERTIFICATE: Final = "our certificate is not accepted there, or one is wanted (client_cert, client_key)"
_HUNG_UP: Final = "the other side hung up during the handshake: version, ciphers, name or certificate do not suit it"
_WORDS: Final = {
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_VERSION,
    "TLSV1_ALERT_INAPPROPRIATE_FALLBACK": _NO_VERSION,
    "UNSUPPORTED_PROTOCOL": _NO_VERSION,
    "VERSION_TOO_LOW": _NO_VERSION,
    "NO_PROTOCOLS_AVAILABLE": _NO_VERSION,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_CIPHER,
    "NO_CIPHERS_AVAILABLE": _NO_CIPHER,
    "WRONG_CIPHER_RETURNED": _NO_CIPHER,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "it renegotiates the old way only (tls_legacy_renegotiation)",
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "WRONG_SIGNATURE_TYPE": _WEAK,
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": _WEAK,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "TLSV1_ALERT_UNKNOWN_CA": _OUR_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OUR_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _OUR_CERTIFICATE,
    "TLSV1_ALERT_ACCESS_DENIED": _OUR_CERTIFICATE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _OUR_CERTIFICATE,
    "TLSV1_UNRECOGNIZED_NAME": "the name in the address is not one that it serves",
    "UNEXPECTED_EOF_WHILE_READING": _HUNG_UP,
}
# The codes of X.509 verification that operators meet; OpenSSL's own words stand behind in any case.
_EXPIRED, _NOT_YET, _SELF_SIGNED, _OTHER_NAME = (10,), (9,), (18, 19), (62, 63, 64)
_NO_ISSUER, _WEAK_CERTIFICATE = (2, 20, 21), (66, 67, 68)


def tls_failure(error: BaseException) -> str | None:
    """What went wrong with TLS, in words for people, and OpenSSL's own behind; None for an error that is none of TLS.

    aiohttp and the event loops wrap each other's errors; the innermost says most.
    """
    found: ssl.SSLError | None = None
    inner: object = error
    while isinstance(inner, BaseException):
        if isinstance(inner, ssl.SSLError):
            found = inner
        inner = getattr(inner, "certificate_error", None) or getattr(inner, "os_error", None) or inner.__cause__
    return None if found is None else f"TLS failed: {_said(found)}"


def tls_hung_up() -> str:
    """The words for a connection that the other side ended during the handshake, without saying why."""
    return f"TLS failed: {_HUNG_UP}"


def _said(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = {
            **dict.fromkeys(_EXPIRED, "its certificate has expired"),
            **dict.fromkeys(_NOT_YET, "its certificate is not valid yet"),
            **dict.fromkeys(_SELF_SIGNED, "its certificate is signed by itself, or by an authority not in ca_file"),
            **dict.fromkeys(_OTHER_NAME, "its certificate is for another name than that in the address"),
            **dict.fromkeys(_NO_ISSUER, "the issuer of its certificate is not known here (ca_file)"),
            **dict.fromkeys(_WEAK_CERTIFICATE, _WEAK),
        }.get(error.verify_code, "its certificate is not trusted")
        return f"{words} [{error.verify_message}]"
    reason = error.reason or str(error)
    return f"{_WORDS.get(reason, 'the handshake broke off')} [{reason}]"

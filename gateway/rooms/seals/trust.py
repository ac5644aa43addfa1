"""Whom seals are believed: roots of signers, roots of makers, who may make seals, and what was revoked.

Roots of makers and of signers are two lists, because whoever can get any certificate of a root could otherwise make
himself a seal of any organ. A maker is named by certificate or by key: SHA-1 or SM3 (its first 20 bytes) of the public
key, SM3 or SHA-256 of the SubjectPublicKeyInfo, in hexadecimal. What a certificate *says* its key identifier is does
not count. Revocation lists are read again when their files change.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from asn1crypto import pem

from gateway.foundation.crypto.certificates import CertificateStatus, Sm2Certificate, load_roots, parse_certificate
from gateway.foundation.crypto.revocation import RevocationList, parse_crl
from gateway.foundation.crypto.sm import sm3
from gateway.settings import TrustSettings
from gateway.words.errors import SettingsError
from gateway.words.saying import say

_SPKI: Final = bytes.fromhex("3059301306072A8648CE3D020106082A811CCF5501822D034200")


@dataclass(frozen=True)
class Silence:
    """Why nothing is known of a certificate (DER) whose issuer was to be asked."""

    certificate: bytes
    reason: str


@dataclass(frozen=True)
class Trust:
    """What signatures must lead to; certificates, lists and answers are DER.

    ``makers``: identifiers of the keys that may make seals. ``stamp_roots``: roots of time stamp services;
    ``document_roots``: roots of international signatures (PAdES). ``statuses``: what issuers said of the certificates
    of the document that is judged; ``silent``: of which certificates they were asked in vain.
    """

    signer_roots: tuple[bytes, ...] = ()
    maker_roots: tuple[bytes, ...] = ()
    makers: frozenset[str] = frozenset()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    stamp_roots: tuple[bytes, ...] = ()
    document_roots: tuple[bytes, ...] = ()
    statuses: tuple[CertificateStatus, ...] = ()
    silent: tuple[Silence, ...] = ()

    def current(self) -> Trust:
        """Itself: trust that does not change (``TrustSource``)."""
        return self

    def may_make_seals(self, maker: Sm2Certificate) -> bool:
        """Whether the key of this certificate is listed among the makers."""
        return not self.makers.isdisjoint(key_identifiers(maker.public))


class TrustSource(Protocol):
    """Who knows what is trusted now."""

    def current(self) -> Trust:
        """Trust as of now."""
        ...


def key_identifiers(public: bytes) -> frozenset[str]:
    """What an SM2 public key (65 bytes) may be called in ``[trust] seal_makers``: lower-case hexadecimal."""
    info = _SPKI + public
    return frozenset(
        {
            hashlib.sha1(public, usedforsecurity=False).hexdigest(),
            sm3(public)[:20].hex(),
            sm3(public[1:])[:20].hex(),
            sm3(info).hex(),
            hashlib.sha256(info).hexdigest(),
        }
    )


def makers_of(certificates: Sequence[bytes]) -> frozenset[str]:
    """The identifiers of the keys of these certificates. Raises CertificateError."""
    return frozenset(key_of(parse_certificate(der)) for der in certificates)


def key_of(certificate: Sm2Certificate) -> str:
    """What the key of a certificate is called in reports: SM3 of its SubjectPublicKeyInfo."""
    return sm3(_SPKI + certificate.public).hex()


class TrustFiles:
    """``[trust]`` read from its files. Raises SettingsError at the start for what cannot be used."""

    def __init__(self, settings: TrustSettings) -> None:
        self._crls = settings.crls
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._trust = Trust(**{part: read(settings) for part, read in _PARTS.items()})

    def current(self) -> Trust:
        """Trust with the revocation lists as their files are now; a file that broke meanwhile leaves the old lists."""
        with self._lock:
            if self._look() != self._stamps:
                try:
                    self._read_lists()
                except SettingsError:
                    self._stamps = ()  # try again next time; what is held grows old, and doctor says so
            return self._trust

    def lists(self) -> Iterator[RevocationList]:
        """The revocation lists that are held."""
        return (parse_crl(der) for der in self.current().crls)

    def _look(self) -> tuple[tuple[int, int], ...]:
        found = []
        for file in self._crls:
            try:
                stat = file.stat()
                found.append((stat.st_mtime_ns, stat.st_size))
            except OSError:
                found.append((0, 0))
        return tuple(found)

    def _read_lists(self) -> None:
        stamps = self._look()
        self._trust, self._stamps = replace(self._trust, crls=_lists(self._crls)), stamps


def unusable(settings: TrustSettings) -> Iterator[SettingsError]:
    """What ``TrustFiles`` would stop at, and not only the first of it."""
    for read in _PARTS.values():
        try:
            read(settings)
        except SettingsError as error:
            yield error


def overdue(lists: Iterator[RevocationList], now: datetime) -> Iterator[RevocationList]:
    """The lists whose next update should have come."""
    return (one for one in lists if one.next_update is not None and one.next_update < now)


def _makers(listed: Sequence[str | Path]) -> frozenset[str]:
    found: set[str] = set()
    for one in listed:
        if isinstance(one, str):
            found.add(one)
        else:
            found |= makers_of(load_roots((one,), "trust.seal_makers"))
    return frozenset(found)


def _any_certificates(files: Sequence[Path], key: str) -> tuple[bytes, ...]:
    """Certificates of any algorithm from PEM or DER files."""
    from cryptography import x509

    found: list[bytes] = []
    for file in files:
        try:
            data = file.read_bytes()
            ders = [der for _, _, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
            for der in ders:
                x509.load_der_x509_certificate(der)
            found += ders
        except (OSError, ValueError) as error:
            raise SettingsError(key, say("seals.no_certificate", file=file, error=error)) from error
    return tuple(found)


def _lists(files: Sequence[Path]) -> tuple[bytes, ...]:
    """Revocation lists from PEM or DER files."""
    found: list[bytes] = []
    for file in files:
        try:
            data = file.read_bytes()
            ders = [der for _, _, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
            for der in ders:
                parse_crl(der)
            found += ders
        except (OSError, ValueError) as error:
            raise SettingsError("trust.crls", say("seals.no_list", file=file, error=error)) from error
    return tuple(found)


_PARTS: Final[dict[str, Callable[[TrustSettings], Any]]] = {
    "signer_roots": lambda told: load_roots(told.seal_roots, "trust.seal_roots"),
    "maker_roots": lambda told: load_roots(told.maker_roots, "trust.maker_roots"),
    "makers": lambda told: _makers(told.seal_makers),
    "intermediates": lambda told: load_roots(told.intermediates, "trust.intermediates"),
    "crls": lambda told: _lists(told.crls),
    "stamp_roots": lambda told: _any_certificates(told.stamp_roots, "trust.stamp_roots"),
    "document_roots": lambda told: _any_certificates(told.document_roots, "trust.document_roots"),
}
"""Each part of ``Trust`` that comes from files, and how it is read."""

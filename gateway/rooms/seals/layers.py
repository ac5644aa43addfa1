"""A further signature over a sealed PDF, for readers that know no electronic seals: PAdES-B-T (ETSI EN 319 142-1).

Ordinary readers call a seal of GB/T 38540 unknown. A signature with an ordinary algorithm and a time stamp of RFC 3161
behind it covers the file with its seal, and every reader can say whether it still is the same. It is no seal, and
replaces none: the document is SEALED because of its seal. The key is the installation's own (``[rooms.seals.pades]``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.settings import FileOfRoom, read_secret
from gateway.words.clock import Clock
from gateway.words.errors import SettingsError, UnusableError
from gateway.words.saying import say

if TYPE_CHECKING:
    from pathlib import Path

    from pyhanko.sign.signers import SimpleSigner

    from gateway.rooms.seals.pdf import Prepared
    from gateway.rooms.timestamps import TimeStamps

ALL: Final = "*"
_BESIDE: Final = 12 * 1024
"""Bytes for what such a signature holds beside its certificates: attributes, and the time stamp with its own chain."""
_LARGEST: Final = 64 * 1024


class PadesKey(BaseModel):
    """Who signs the layer: ``pkcs12``, or ``certificate`` (PEM, the signer's first, then those above it) and ``key``
    (PEM). ``passphrase``: ``env:NAME`` or ``file:PATH``. RSA, or ECDSA on a NIST curve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pkcs12: FileOfRoom | None = None
    certificate: FileOfRoom | None = None
    key: FileOfRoom | None = None
    passphrase: str | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files that are named, by their keys."""
        named = {name: getattr(self, name) for name in ("pkcs12", "certificate", "key")}
        return {name: file for name, file in named.items() if file is not None}

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        pair = (self.certificate is not None, self.key is not None)
        if pair not in ((True, True), (False, False)) or (self.pkcs12 is None) == (pair == (False, False)):
            raise ValueError("name pkcs12, or certificate and key: one of the two")
        return self


PadesKeys = Annotated[Mapping[str, PadesKey], Field(max_length=1000)]


class MakeRoom(Protocol):
    """Makes room for the layer's signature in a file (``pdf.make_room``, or ``Warden.make_room``)."""

    def __call__(self, content: bytes, *, at: datetime, reserve: int) -> Prepared:
        """The file with one more revision, whose signature is missing."""
        ...


@dataclass(frozen=True)
class _Signer:
    signer: SimpleSigner
    reserve: int
    until: datetime


class Layers:
    """Signs layers for authorities. Raises SettingsError at the start for what cannot be used."""

    def __init__(self, keys: PadesKeys, stamps: TimeStamps, make_room: MakeRoom, clock: Clock) -> None:
        self._stamps, self._make_room, self._clock = stamps, make_room, clock
        self._signers = {authority: _load(authority, key) for authority, key in keys.items()}
        for authority, signer in self._signers.items():
            name = f"rooms.seals.pades.{authority}"
            if not stamps.served(authority):
                raise SettingsError(name, say("seals.layer_no_stamps", authority=authority))
            if signer.until <= clock.now():
                raise SettingsError(name, say("seals.layer_ended", until=signer.until))

    def wanted(self, authority: str) -> bool:
        """Whether documents of this authority get a layer."""
        return authority in self._signers or ALL in self._signers

    async def over(self, content: bytes, authority: str) -> bytes:
        """What is appended to a sealed PDF: a revision with a signature over all before it, with its time stamp.

        Raises ExchangeError where no time stamp is to be had now, InvalidProblem for a file beyond the limits.
        """
        from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

        from gateway.rooms.seals.pdf import embed

        held = self._signers.get(authority) or self._signers[ALL]
        made = await asyncio.to_thread(self._make_room, content, at=self._clock.now(), reserve=held.reserve)
        signed = await held.signer.async_sign(
            made.digest,
            "sha256",
            use_pades=True,
            timestamper=_stamper(self._stamps, authority),
            signed_attr_settings=PdfCMSSignedAttributes(),
        )
        der = signed.dump()
        if len(der) > held.reserve:
            raise UnusableError(f"the signature with its time stamp has {len(der)} bytes, room is for {held.reserve}")
        return embed(made.content, made.start, made.end, der)[len(content) :]


def ends(authority: str, key: PadesKey) -> datetime:
    """When the certificate of a layer's signer ends. Raises SettingsError for what cannot be used."""
    return _load(authority, key).until


def _stamper(stamps: TimeStamps, authority: str) -> Any:
    """What pyHanko asks for a time stamp: our port."""
    from asn1crypto import cms
    from pyhanko.sign.timestamps import TimeStamper

    class Stamper(TimeStamper):
        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
            assert md_algorithm == "sha256"
            made = await stamps.stamp(authority, message_digest)
            return cms.ContentInfo.load(made.token)

    return Stamper()  # type: ignore[no-untyped-call]


def _load(authority: str, key: PadesKey) -> _Signer:
    name = f"rooms.seals.pades.{authority}"
    secret = None
    if key.passphrase is not None:
        secret = read_secret(key.passphrase, f"{name}.passphrase").get_secret_value().encode()
    try:
        private, certificates = _pkcs12(key.pkcs12, secret) if key.pkcs12 else _pem(key, secret)
        return _signer(private, certificates)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(name, say("seals.layer_no_key", error=error)) from None


def _pkcs12(file: Path, secret: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography.hazmat.primitives.serialization import pkcs12

    private, own, above = pkcs12.load_key_and_certificates(file.read_bytes(), secret)
    return private, [one for one in (own, *above) if one is not None]


def _pem(key: PadesKey, secret: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    assert key.key is not None
    assert key.certificate is not None
    private = load_pem_private_key(key.key.read_bytes(), secret)
    return private, x509.load_pem_x509_certificates(key.certificate.read_bytes())


def _signer(private: Any, certificates: list[Any]) -> _Signer:
    """ValueError for a key of another kind, or one that is not the certificate's."""
    from asn1crypto import keys, x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or not certificates:
        raise ValueError("an RSA or ECDSA key and its certificate are needed")
    if private.public_key() != certificates[0].public_key():
        raise ValueError("the key is not that of the first certificate")
    ders = [one.public_bytes(serialization.Encoding.DER) for one in certificates]
    plain = serialization.NoEncryption()
    key = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([x509.Certificate.load(der) for der in ders])
    made = SimpleSigner(x509.Certificate.load(ders[0]), keys.PrivateKeyInfo.load(key), store)
    reserve = _BESIDE + sum(len(der) for der in ders)
    if reserve > _LARGEST:
        raise ValueError("too many certificates")
    return _Signer(made, reserve, certificates[0].not_valid_after_utc)

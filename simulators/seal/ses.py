"""Electronic seals and their signatures: GM/T 0031-2014 (version 1), GB/T 38540-2020 (4), GM/T 0031-2025 (5).

Written byte by byte and independent of any reader. ``contracts/seal/v1/ses.asn`` says the same of version 4; a test
holds one against the other. What real seals do though the standard says otherwise is asked for by name, see ``HABITS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from simulators.seal import der
from simulators.seal.pki import SM2_WITH_SM3, SM3_OID, Authority, Key, sm3
from simulators.seal.stamps import Stamper

VERSION = 4
MAKER = "ANLAN-SEAL"
MILLIMETRES = 42
_CHINA = timezone(timedelta(hours=8))
_MAKERS_EXTENSION = "1.2.156.10197.7.2.2.1"

HABITS = {
    "explicit_defaults": "an extension of the seal says critical FALSE, though that is its DEFAULT",
    "untagged_extensions": "extDatas of the seal stand there without their tag [0]",
    "time_as_text": "version 1 only: timeInfo is the text 2026-09-16 10:00:00 of the place, not a UTCTime",
}
"""What real seals do (seals in public documents), by name."""


@dataclass(frozen=True)
class Seal:
    """One seal with the key and certificate of its signer. ``list_type``: 1 lists certificates, 2 their digests.

    ``kind`` is that of the property: 1 organ, 2 person. Width and height are whole millimetres. ``stamper`` puts a time
    stamp beside the signature; ``made_stamper`` one into the seal itself (version 5).
    """

    seal_id: str
    name: str
    picture: bytes
    valid_from: datetime
    valid_until: datetime
    key: Key
    certificate: bytes
    listed: tuple[bytes, ...]
    list_type: int = 1
    version: int = VERSION
    picture_type: str = "PNG"
    width: int = MILLIMETRES
    height: int = MILLIMETRES
    kind: int = 1
    habits: frozenset[str] = frozenset()
    critical: tuple[str, ...] = ()
    stamper: Stamper | None = None
    made_stamper: Stamper | None = None


@dataclass(frozen=True)
class Maker:
    """The seal maker: signs seals."""

    key: Key
    certificate: bytes

    @classmethod
    def under(cls, authority: Authority, name: str) -> Maker:
        """A new one with a certificate of this CA."""
        key = Key.generate()
        return cls(key, authority.issue(name, key.public))


def seal_info(seal: Seal) -> bytes:
    """SES_SealInfo: what the maker signs in version 4 and 5."""
    first = seal.version == 1
    time = der.utc_time if first else der.generalized_time
    listed = tuple(der.octets(one) for one in seal.listed)
    if seal.list_type == 2:
        listed = tuple(der.seq(der.printable(SM3_OID), der.octets(sm3(one))) for one in seal.listed)
    described = der.seq(
        der.integer(seal.kind),
        der.utf8(seal.name),
        *(() if first else (der.integer(seal.list_type),)),
        der.seq(*listed),
        time(seal.valid_from),
        time(seal.valid_from),
        time(seal.valid_until),
    )
    picture = der.seq(
        der.ia5(seal.picture_type), der.octets(seal.picture), der.integer(seal.width), der.integer(seal.height)
    )
    return der.seq(
        der.seq(der.ia5("ES"), der.integer(seal.version), der.ia5(MAKER)),
        der.ia5(seal.seal_id),
        described,
        picture,
        *_extensions(seal),
    )


def eseal(seal: Seal, maker: Maker) -> bytes:
    """The SESeal in DER, signed by the maker."""
    info = seal_info(seal)
    certificate, algorithm = der.octets(maker.certificate), der.oid(SM2_WITH_SM3)
    if seal.version == 1:
        signed = maker.key.sign(der.seq(info, certificate, algorithm))
        return der.seq(info, der.seq(certificate, algorithm, der.bits(signed)))
    signed = maker.key.sign(info)
    stamp = () if seal.made_stamper is None else (_stamp(seal.made_stamper, signed, seal.valid_from),)
    return der.seq(info, certificate, algorithm, der.bits(signed), *stamp)


def signature(seal: Seal, sealed: bytes, digest: bytes, property_info: str, at: datetime) -> bytes:
    """The SES_Signature in DER: ``sealed`` (from ``eseal``) applied to an SM3 digest."""
    certificate, algorithm = der.octets(seal.certificate), der.oid(SM2_WITH_SM3)
    head = (der.integer(seal.version), sealed)
    if seal.version == 1:
        local = f"{at.astimezone(_CHINA):%Y-%m-%d %H:%M:%S}".encode()
        moment = der.bits(local if "time_as_text" in seal.habits else der.utc_time(at))
        to_sign = der.seq(*head, moment, der.bits(digest), der.ia5(property_info), certificate, algorithm)
        return der.seq(to_sign, der.bits(seal.key.sign(to_sign)))
    to_sign = der.seq(*head, der.generalized_time(at), der.bits(digest), der.ia5(property_info))
    signed = seal.key.sign(to_sign)
    stamp = () if seal.stamper is None else (_stamp(seal.stamper, signed, at),)
    return der.seq(to_sign, certificate, algorithm, der.bits(signed), *stamp)


def flawed(fault: str, seal: Seal, other: Seal, maker: Maker, authority: Authority, at: datetime) -> tuple[Seal, Maker]:
    """The seal and maker that a fault makes the service use instead. ``at``: when it happens."""
    match fault:
        case "seal_wrong_seal":
            return other, maker
        case "seal_expired":
            return replace(seal, valid_until=seal.valid_from.replace(year=seal.valid_from.year + 1)), maker
        case "seal_unknown_version":
            return replace(seal, version=6), maker
        case "seal_empty_id":
            certificate = authority.issue(seal.name, seal.key.public, empty_id=True)
            return replace(seal, certificate=certificate, listed=(certificate,)), maker
        case "seal_not_listed":
            return replace(seal, certificate=authority.issue(seal.name, seal.key.public)), maker
        case "seal_other_picture":
            return replace(seal, picture=other.picture), maker
        case "seal_minted":
            key = Key.generate()
            return seal, Maker(key, authority.issue("安澜市某单位", key.public))
        case "seal_foreign_ca":
            stranger = Authority.found("安澜市电子印章根证书")  # the same name, another key
            certificate = stranger.issue(seal.name, seal.key.public)
            return replace(seal, certificate=certificate, listed=(certificate,)), Maker.under(stranger, MAKER)
    return seal, maker


def bare(key: Key, digest: bytes) -> bytes:
    """What is no seal: the value of a signature alone, SEQUENCE { r, s }."""
    return key.sign(digest)


def _long_length(value: bytes) -> bytes:
    header = 2 + (value[1] & 0x7F if value[1] & 0x80 else 0)
    size = len(value) - header
    return value[:1] + b"\x84" + size.to_bytes(4, "big") + value[header:]


def _indefinite(value: bytes) -> bytes:
    header = 2 + (value[1] & 0x7F if value[1] & 0x80 else 0)
    return value[:1] + b"\x80" + value[header:] + b"\x00\x00"


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "seal_damaged_der": lambda value: value[:-7],
    "seal_trailing_bytes": lambda value: value + b"\x05\x00",
    "seal_indefinite_length": _indefinite,
    "seal_long_length": _long_length,
}
"""Ways of spoiling the DER of a signature: faults by name."""


def _extensions(seal: Seal) -> tuple[bytes, ...]:
    extensions = [der.seq(der.oid(one), der.boolean(True), der.octets(b"\x05\x00")) for one in seal.critical]
    if seal.habits & {"explicit_defaults", "untagged_extensions"}:
        said = (der.boolean(False),) if "explicit_defaults" in seal.habits else ()
        extensions.append(der.seq(der.oid(_MAKERS_EXTENSION), *said, der.octets(der.utf8("安澜市电子印章制作系统"))))
    if not extensions:
        return ()
    found = der.seq(*extensions)
    return (found if "untagged_extensions" in seal.habits else der.explicit(0, found),)


def _stamp(stamper: Stamper, signed: bytes, at: datetime) -> bytes:
    """[0] EXPLICIT BIT STRING with a token over the signature's value."""
    return der.explicit(0, der.bits(stamper.stamp(signed, at)))

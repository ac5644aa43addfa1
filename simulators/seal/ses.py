"""Makes SESeal and SES_Signature (GB/T 38540-2020) with a compiler of ``contracts/seal/v1/ses.asn``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import asn1tools
from asn1crypto import core

import contracts
from simulators.seal.pki import SM2_WITH_SM3, SM3_OID, Authority, Key, sm3

VERSION = 4
MAKER = "ANLAN-SEAL"
MILLIMETRES = 42


@dataclass(frozen=True)
class Seal:
    """One seal with the key and certificate of its signer. ``list_type``: 1 lists certificates, 2 their digests."""

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


def eseal(seal: Seal, maker: Maker) -> dict[str, Any]:
    """The SESeal as a value, signed by the maker."""
    certificates: tuple[str, list[Any]] = ("certs", list(seal.listed))
    if seal.list_type == 2:
        certificates = ("certDigestList", [{"type": SM3_OID, "value": sm3(one)} for one in seal.listed])
    info = {
        "header": {"id": "ES", "version": seal.version, "vid": MAKER},
        "esID": seal.seal_id,
        "property": {
            "type": 1,
            "name": seal.name,
            "certListType": seal.list_type,
            "certList": certificates,
            "createDate": _time(seal.valid_from),
            "validStart": _time(seal.valid_from),
            "validEnd": _time(seal.valid_until),
        },
        "picture": {"type": "PNG", "data": seal.picture, "width": MILLIMETRES, "height": MILLIMETRES},
    }
    return {
        "eSealInfo": info,
        "cert": maker.certificate,
        "signAlgID": SM2_WITH_SM3,
        "signedValue": _bits(maker.key.sign(encode("SES-SealInfo", info))),
    }


def as_issued(seal: Seal, maker: Maker, der: bytes) -> dict[str, Any]:
    """The SESeal as a value with the maker's signature of ``der``: byte for byte the one that was made."""
    made = eseal(seal, maker)
    return {**made, "signedValue": _bits(bytes(core.Sequence.load(der)[3].contents[1:]))}


def signature(seal: Seal, sealed: dict[str, Any], digest: bytes, property_info: str, at: datetime) -> bytes:
    """The SES_Signature in DER: ``sealed`` (from ``eseal``) applied to an SM3 digest."""
    to_sign = {
        "version": seal.version,
        "eseal": sealed,
        "timeInfo": _time(at),
        "dataHash": _bits(digest),
        "propertyInfo": property_info,
    }
    return encode(
        "SES-Signature",
        {
            "toSign": to_sign,
            "cert": seal.certificate,
            "signatureAlgID": SM2_WITH_SM3,
            "signature": _bits(seal.key.sign(encode("TBS-Sign", to_sign))),
        },
    )


def flawed(fault: str, seal: Seal, other: Seal, maker: Maker, authority: Authority, at: datetime) -> tuple[Seal, Maker]:
    """The seal and maker that a fault makes the service use instead."""
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
        case "seal_foreign_ca":
            stranger = Authority.found("安澜市电子印章根证书")  # the same name, another key
            certificate = stranger.issue(seal.name, seal.key.public)
            return replace(seal, certificate=certificate, listed=(certificate,)), Maker.under(stranger, MAKER)
    return seal, maker


def encode(name: str, value: Any) -> bytes:
    """The DER of a value of one type of the module."""
    return bytes(_module().encode(name, value))


@cache
def _module() -> Any:
    return asn1tools.compile_files(str(contracts.path("seal/v1/ses.asn")), "der")


def _time(moment: datetime) -> datetime:
    """Whole seconds without zone: asn1tools writes them as UTC."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)


def _bits(data: bytes) -> tuple[bytes, int]:
    return data, len(data) * 8

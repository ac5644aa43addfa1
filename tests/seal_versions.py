"""SES of versions 1, 4 and 5, written by a compiler of ASN.1 from modules of its own: our reader has no part in it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import asn1tools

import contracts
from simulators.seal import ses
from simulators.seal.pki import SM2_WITH_SM3, SM3_OID, sm3

_VERSION_1 = """
SES1 DEFINITIONS EXPLICIT TAGS ::= BEGIN
SES-Signature ::= SEQUENCE { toSign TBS-Sign, signature BIT STRING }
TBS-Sign ::= SEQUENCE { version INTEGER, eseal SESeal, timeInfo BIT STRING, dataHash BIT STRING,
    propertyInfo IA5String, cert OCTET STRING, signatureAlgorithm OBJECT IDENTIFIER }
SESeal ::= SEQUENCE { esealInfo SES-SealInfo, signInfo SES-SignInfo }
SES-SignInfo ::= SEQUENCE { cert OCTET STRING, signatureAlgorithm OBJECT IDENTIFIER, signData BIT STRING }
Made ::= SEQUENCE { esealInfo SES-SealInfo, cert OCTET STRING, signatureAlgorithm OBJECT IDENTIFIER }
SES-SealInfo ::= SEQUENCE { header SES-Header, esID IA5String, property SES-ESPropertyInfo, picture Picture,
    extDatas [0] EXPLICIT ExtensionDatas OPTIONAL }
SES-Header ::= SEQUENCE { id IA5String, version INTEGER, vid IA5String }
SES-ESPropertyInfo ::= SEQUENCE { type INTEGER, name UTF8String, certList SEQUENCE OF OCTET STRING,
    createDate UTCTime, validStart UTCTime, validEnd UTCTime }
Picture ::= SEQUENCE { type IA5String, data OCTET STRING, width INTEGER, height INTEGER }
ExtensionDatas ::= SEQUENCE OF ExtData
ExtData ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
Time ::= UTCTime
END
"""


@cache
def _module(version: int) -> Any:
    if version == 1:
        return asn1tools.compile_string(_VERSION_1, "der")
    text = contracts.read_text("seal/v1/ses.asn").replace(
        "signedValue     BIT STRING\n", "signedValue     BIT STRING,\n    timeStamp [0] EXPLICIT BIT STRING OPTIONAL\n"
    )
    return asn1tools.compile_string(text, "der")


def encode(version: int, name: str, value: Any) -> bytes:
    """The DER of a value of one type of that version's module."""
    return bytes(_module(version).encode(name, value))


def _bits(data: bytes) -> tuple[bytes, int]:
    return data, len(data) * 8


def _time(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)


def seal_1(seal: ses.Seal, maker: ses.Maker) -> dict[str, Any]:
    """An SESeal of GM/T 0031-2014, signed by its maker over seal, certificate and algorithm."""
    info = {
        "header": {"id": "ES", "version": 1, "vid": "ANLAN-SEAL"},
        "esID": seal.seal_id,
        "property": {
            "type": 1,
            "name": seal.name,
            "certList": list(seal.listed),
            "createDate": _time(seal.valid_from),
            "validStart": _time(seal.valid_from),
            "validEnd": _time(seal.valid_until),
        },
        "picture": {"type": "png", "data": seal.picture, "width": 42, "height": 42},
    }
    made = encode(1, "Made", {"esealInfo": info, "cert": maker.certificate, "signatureAlgorithm": SM2_WITH_SM3})
    signed = {
        "cert": maker.certificate,
        "signatureAlgorithm": SM2_WITH_SM3,
        "signData": _bits(maker.key.sign(made)),
    }
    return {"esealInfo": info, "signInfo": signed}


def eseal_4(seal: ses.Seal, maker: ses.Maker) -> dict[str, Any]:
    """An SESeal of GB/T 38540-2020 as a value, signed by its maker; the header tells the seal's own version."""
    certificates: tuple[str, list[Any]] = ("certs", list(seal.listed))
    if seal.list_type == 2:
        certificates = ("certDigestList", [{"type": SM3_OID, "value": sm3(one)} for one in seal.listed])
    info = {
        "header": {"id": "ES", "version": seal.version, "vid": "ANLAN-SEAL"},
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
        "picture": {"type": seal.picture_type, "data": seal.picture, "width": seal.width, "height": seal.height},
    }
    return {
        "eSealInfo": info,
        "cert": maker.certificate,
        "signAlgID": SM2_WITH_SM3,
        "signedValue": _bits(maker.key.sign(encode(4, "SES-SealInfo", info))),
    }


def signature_1(seal: ses.Seal, maker: ses.Maker, digest: bytes, at: datetime, time_info: bytes | None = None) -> bytes:
    """A SES_Signature of GM/T 0031-2014."""
    to_sign = {
        "version": 1,
        "eseal": seal_1(seal, maker),
        "timeInfo": _bits(time_info if time_info is not None else encode(1, "Time", _time(at))),
        "dataHash": _bits(digest),
        "propertyInfo": "/ByteRange",
        "cert": seal.certificate,
        "signatureAlgorithm": SM2_WITH_SM3,
    }
    value = seal.key.sign(encode(1, "TBS-Sign", to_sign))
    return encode(1, "SES-Signature", {"toSign": to_sign, "signature": _bits(value)})


def signature_5(seal: ses.Seal, made: dict[str, Any], digest: bytes, at: datetime) -> bytes:
    """A SES_Signature of GM/T 0031-2025 around a seal whose header says 5, with a time stamp beside the seal."""
    to_sign = {
        "version": 5,
        "eseal": {**made, "timeStamp": _bits(b"\x30\x00")},
        "timeInfo": _time(at),
        "dataHash": _bits(digest),
        "propertyInfo": "/ByteRange",
    }
    value = seal.key.sign(encode(5, "TBS-Sign", to_sign))
    whole = {
        "toSign": to_sign,
        "cert": seal.certificate,
        "signatureAlgID": SM2_WITH_SM3,
        "signature": _bits(value),
    }
    return encode(5, "SES-Signature", whole)

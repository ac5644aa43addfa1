"""Digital signatures of GB/T 35275-2017: the SM2 form of CMS, under OIDs of its own.

They stand in OFD files as ``Type="Sign"`` and in PDF files under ``adbe.pkcs7.detached``; tax invoices bear them. They
are no seals: nobody made a picture for them, and they say who signed, not which organ. Over an OFD, what is signed is
SM3 of Signature.xml rather than the file (GM/T 0099-2020, 7.2.2); both are taken, and Base64 of the digest with a note.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from asn1crypto import core, x509

from gateway.foundation.crypto.sm import sm3

SIGNED_DATA: Final = "1.2.156.10197.6.1.4.2.2"
_SM2: Final = frozenset({"1.2.156.10197.1.301.1", "1.2.156.10197.1.501", "1.2.156.10197.1.301"})
_SM3: Final = frozenset({"1.2.156.10197.1.401", "1.2.156.10197.1.401.1"})
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_LARGEST: Final = 1 << 20
_MOST_CERTIFICATES: Final = 32


class CmsError(ValueError):
    """The bytes are no SignedData of GB/T 35275 with one signer."""


class _Algorithm(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class _Algorithms(core.SetOf):  # type: ignore[misc]
    _child_spec = _Algorithm


class _Content(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("content_type", core.ObjectIdentifier),
        ("content", core.Any, {"explicit": 0, "optional": True}),
    ]


class _Certificates(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class _Values(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class _Attribute(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [("type", core.ObjectIdentifier), ("values", _Values)]


class _Attributes(core.SetOf):  # type: ignore[misc]
    _child_spec = _Attribute


class _Issuer(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [("issuer", core.Any), ("serial_number", core.Integer)]


class _SignerInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("version", core.Integer),
        ("sid", _Issuer),
        ("digest_algorithm", _Algorithm),
        ("signed_attrs", _Attributes, {"implicit": 0, "optional": True}),
        ("signature_algorithm", _Algorithm),
        ("signature", core.OctetString),
        ("unsigned_attrs", _Attributes, {"implicit": 1, "optional": True}),
    ]


class _SignerInfos(core.SetOf):  # type: ignore[misc]
    _child_spec = _SignerInfo


class _SignedData(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("version", core.Integer),
        ("digest_algorithms", _Algorithms),
        ("content_info", _Content),
        ("certificates", _Certificates, {"implicit": 0, "optional": True}),
        ("crls", _Values, {"implicit": 1, "optional": True}),
        ("signer_infos", _SignerInfos),
    ]


class _Outer(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [("content_type", core.ObjectIdentifier), ("content", _SignedData, {"explicit": 0})]


@dataclass(frozen=True)
class CmsSignature:
    """One signature. ``signed`` are the bytes that SM2 was made over, None where nothing in it fits the document.

    ``others``: certificates that came along; ``encoded``: the digest stood in it as Base64 text.
    """

    certificate: bytes
    others: tuple[bytes, ...]
    signature: bytes
    signed: bytes | None
    signed_at: datetime | None
    encoded: bool = False


def is_cms(der: bytes) -> bool:
    """Whether this says of itself that it is SignedData of GB/T 35275."""
    oid = core.ObjectIdentifier(SIGNED_DATA).dump()
    return der[:1] == b"\x30" and oid in der[:24]


def read_cms(der: bytes, document: bytes) -> CmsSignature:
    """Read one signature and hold its digest against ``document``. Raises CmsError."""
    if len(der) > _LARGEST:
        raise CmsError(f"{len(der)} bytes, more than {_LARGEST}")
    try:
        outer = _Outer.load(der, strict=True)
        if outer["content_type"].dotted != SIGNED_DATA:
            raise CmsError("this is no SignedData of GB/T 35275")
        return _read(outer["content"], document)
    except CmsError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise CmsError(f"not a structure of GB/T 35275: {error}") from None


def _read(data: Any, document: bytes) -> CmsSignature:
    signers = data["signer_infos"]
    certificates = [] if isinstance(data["certificates"], core.Void) else [one.dump() for one in data["certificates"]]
    if len(signers) != 1 or len(certificates) > _MOST_CERTIFICATES:
        raise CmsError(f"{len(signers)} signers and {len(certificates)} certificates")
    signer = signers[0]
    if signer["digest_algorithm"]["algorithm"].dotted not in _SM3:
        raise CmsError(f"the digest algorithm {signer['digest_algorithm']['algorithm'].dotted}")
    if signer["signature_algorithm"]["algorithm"].dotted not in _SM2:
        raise CmsError(f"the signature algorithm {signer['signature_algorithm']['algorithm'].dotted}")
    issuer, serial = signer["sid"]["issuer"].dump(), signer["sid"]["serial_number"].native
    mine = [one for one in certificates if _names(one) == (issuer, serial)]
    if len(mine) != 1:
        raise CmsError("the signer's certificate is not in it, or is not the only one")
    content = _content(data["content_info"]["content"])
    digest = sm3(document)
    encoded = content is not None and _decoded(content) == digest
    fits = content is None or content in (document, digest) or encoded
    signed: bytes | None = (digest if content is None else content) if fits else None
    moment = None
    if not isinstance(signer["signed_attrs"], core.Void):
        attributes = {one["type"].dotted: one["values"] for one in signer["signed_attrs"]}
        stated = [one.parse(core.OctetString).native for one in attributes.get(_MESSAGE_DIGEST, ())]
        right = len(stated) == 1 and stated[0] in (digest, sm3(content if content is not None else document))
        signed = b"\x31" + signer["signed_attrs"].dump()[1:] if fits and right else None
        moment = _moment(attributes.get(_SIGNING_TIME))
    elif content is None:
        raise CmsError("there is neither content nor an attribute that holds a digest")
    others = tuple(one for one in certificates if one != mine[0])
    return CmsSignature(mine[0], others, signer["signature"].native, signed, moment, encoded)


def _content(value: Any) -> bytes | None:
    return None if isinstance(value, core.Void) else bytes(value.parse(core.OctetString).native)


def _decoded(content: bytes) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        return b""


def _names(certificate: bytes) -> tuple[bytes, int] | None:
    try:
        body = x509.Certificate.load(certificate)["tbs_certificate"]
        return body["issuer"].dump(), int(body["serial_number"].native)
    except (ValueError, TypeError, KeyError):
        return None


def _moment(values: Any) -> datetime | None:
    for value in values or ():
        for kind in (core.UTCTime, core.GeneralizedTime):
            try:
                found = value.parse(kind).native
            except (ValueError, TypeError):
                continue
            return found if isinstance(found, datetime) and found.tzinfo else None
    return None

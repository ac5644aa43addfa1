"""The structures of electronic seals and their signatures (GB/T 38540-2020, "v4"; ``contracts/seal/v1/ses.asn``).

Reading is strict: the whole structure is parsed at once, must be DER to its last byte, and what was signed is kept as
the exact bytes that came. Other versions are told apart first and named, never judged: v1 (GM/T 0031-2014) and v5
(GM/T 0031-2025) are not supported yet.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from asn1crypto import core, parser

SUPPORTED: Final = 4
_STANDARDS: Final = {1: "GM/T 0031-2014", 5: "GM/T 0031-2025"}
_DEEPEST: Final = 24


class SesError(ValueError):
    """The bytes are not a seal or seal signature of GB/T 38540-2020 in DER."""


class UnsupportedVersionError(SesError):
    """The structure says that it is of a version which is not read here."""

    def __init__(self, version: int) -> None:
        named = f" ({_STANDARDS[version]})" if version in _STANDARDS else ""
        super().__init__(f"structure version {version}{named} is not supported yet")
        self.version = version


# --- the module -------------------------------------------------------------------------------------------------------


class _ExtData(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("extn_id", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("extn_value", core.OctetString),
    ]


class _ExtensionDatas(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _ExtData


class _CertInfoList(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.OctetString


class _CertDigestObj(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [("type", core.PrintableString), ("value", core.OctetString)]


class _CertDigestList(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _CertDigestObj


class _Header(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [("id", core.IA5String), ("version", core.Integer), ("vid", core.IA5String)]


class _Property(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("type", core.Integer),
        ("name", core.UTF8String),
        ("cert_list_type", core.Integer),
        ("cert_list", core.Any),
        ("create_date", core.GeneralizedTime),
        ("valid_start", core.GeneralizedTime),
        ("valid_end", core.GeneralizedTime),
    ]

    def _listed(self) -> type[core.SequenceOf]:
        kinds = {1: _CertInfoList, 2: _CertDigestList}
        kind = self["cert_list_type"].native
        if kind not in kinds:
            raise ValueError(f"certListType {kind} is neither 1 nor 2")
        return kinds[kind]

    _spec_callbacks: ClassVar[Any] = {"cert_list": _listed}


class _Picture(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("type", core.IA5String),
        ("data", core.OctetString),
        ("width", core.Integer),
        ("height", core.Integer),
    ]


class _SealInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("header", _Header),
        ("es_id", core.IA5String),
        ("property", _Property),
        ("picture", _Picture),
        ("ext_datas", _ExtensionDatas, {"explicit": 0, "optional": True}),
        ("bare_ext_datas", _ExtensionDatas, {"optional": True}),  # some makers leave the tag out
    ]


class _Seal(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("info", _SealInfo),
        ("cert", core.OctetString),
        ("algorithm", core.ObjectIdentifier),
        ("signed_value", core.OctetBitString),
    ]


class _TbsSign(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("version", core.Integer),
        ("eseal", _Seal),
        ("time_info", core.GeneralizedTime),
        ("data_hash", core.OctetBitString),
        ("property_info", core.IA5String),
        ("ext_datas", _ExtensionDatas, {"explicit": 0, "optional": True}),
    ]


class _SesSignature(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar[Any] = [
        ("to_sign", _TbsSign),
        ("cert", core.OctetString),
        ("algorithm", core.ObjectIdentifier),
        ("signature", core.OctetBitString),
        ("time_stamp", core.OctetBitString, {"explicit": 0, "optional": True}),
    ]


# --- what is read -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seal:
    """One SESeal. ``der`` and ``info_der`` are the bytes as they came; width and height in millimetres.

    The signers it lists stand in ``certificates`` (certListType 1) or ``digests`` as algorithm OID and value (2).
    """

    der: bytes
    info_der: bytes
    seal_id: str
    version: int
    maker: str
    name: str
    certificates: tuple[bytes, ...]
    digests: tuple[tuple[str, bytes], ...]
    created_at: datetime
    valid_from: datetime
    valid_until: datetime
    picture_type: str
    picture: bytes
    width: int
    height: int
    maker_certificate: bytes
    algorithm: str
    signature: bytes
    critical: tuple[str, ...]


@dataclass(frozen=True)
class SealSignature:
    """One SES_Signature. ``tbs_der`` is what was signed, as it came; ``critical`` the critical extensions in it."""

    der: bytes
    tbs_der: bytes
    version: int
    seal: Seal
    signed_at: datetime
    data_hash: bytes
    property_info: str
    certificate: bytes
    algorithm: str
    signature: bytes
    time_stamp: bytes | None
    critical: tuple[str, ...]


def read_signature(der: bytes) -> SealSignature:
    """Read one SES_Signature. Raises UnsupportedVersionError, SesError."""
    parts = _parts(der, "signature")
    if len(parts) == 2:
        raise UnsupportedVersionError(1)
    tbs = _parts(parts[0], "toSign")
    if len(tbs) < 2:
        raise SesError("toSign has too few fields")
    for version in (_integer(tbs[0]), _header_version(tbs[1])):
        if version != SUPPORTED:
            raise UnsupportedVersionError(version)
    value = _load(_SesSignature, der)
    try:
        to_sign = value["to_sign"]
        stamp = value["time_stamp"]
        return SealSignature(
            der=der,
            tbs_der=to_sign.dump(),
            version=to_sign["version"].native,
            seal=_seal(to_sign["eseal"]),
            signed_at=_instant(to_sign["time_info"]),
            data_hash=to_sign["data_hash"].native,
            property_info=to_sign["property_info"].native,
            certificate=value["cert"].native,
            algorithm=value["algorithm"].dotted,
            signature=value["signature"].native,
            time_stamp=None if isinstance(stamp, core.Void) else stamp.native,
            critical=_critical(to_sign["ext_datas"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise _not_ses(error) from None


def read_seal(der: bytes) -> Seal:
    """Read one SESeal by itself. Raises UnsupportedVersionError, SesError."""
    version = _header_version(der)
    if version != SUPPORTED:
        raise UnsupportedVersionError(version)
    value = _load(_Seal, der)
    try:
        return _seal(value)
    except (ValueError, TypeError, KeyError) as error:
        raise _not_ses(error) from None


def der_length(data: bytes) -> int:
    """How many bytes the first DER value in ``data`` takes. Raises SesError."""
    try:
        return int(parser.peek(data))
    except ValueError as error:
        raise _not_ses(error) from None


# --- inside -----------------------------------------------------------------------------------------------------------


def _load(kind: type[core.Sequence], der: bytes) -> Any:
    """Parse everything now, and hold the bytes against what DER would make of the values."""
    try:
        value = kind.load(der, strict=True)
        value.native  # noqa: B018 - asn1crypto parses on access; this reads every field
        again = value.copy().dump(force=True)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise _not_ses(error) from None
    if again != der:
        raise SesError("the structure is not in DER")
    return value


def _seal(value: Any) -> Seal:
    info = value["info"]
    header, described, picture = info["header"], info["property"], info["picture"]
    if header["id"].native != "ES":
        raise SesError("this is not an electronic seal: its header does not say ES")
    listed = described["cert_list"].native
    by_digest = described["cert_list_type"].native == 2
    extensions = [info["ext_datas"], info["bare_ext_datas"]]
    return Seal(
        der=value.dump(),
        info_der=info.dump(),
        seal_id=info["es_id"].native,
        version=header["version"].native,
        maker=header["vid"].native,
        name=described["name"].native,
        certificates=() if by_digest else tuple(listed),
        digests=tuple((one["type"], one["value"]) for one in listed) if by_digest else (),
        created_at=_instant(described["create_date"]),
        valid_from=_instant(described["valid_start"]),
        valid_until=_instant(described["valid_end"]),
        picture_type=picture["type"].native.lower(),
        picture=picture["data"].native,
        width=picture["width"].native,
        height=picture["height"].native,
        maker_certificate=value["cert"].native,
        algorithm=value["algorithm"].dotted,
        signature=value["signed_value"].native,
        critical=tuple(oid for one in extensions for oid in _critical(one)),
    )


def _critical(extensions: Any) -> tuple[str, ...]:
    if isinstance(extensions, core.Void):
        return ()
    return tuple(one["extn_id"].dotted for one in extensions if one["critical"].native)


def _instant(value: Any) -> datetime:
    moment: datetime = value.native
    if moment.tzinfo is None:
        raise SesError("a time without zone")
    return moment


def _header_version(seal: bytes) -> int:
    """The version in the header of an SESeal, before the rest is believed."""
    info = _parts(seal, "seal")
    header = _parts(_parts(info[0], "eSealInfo")[0], "header") if info else []
    if len(header) < 2:
        raise SesError("the seal has no header")
    return _integer(header[1])


def _parts(der: bytes, what: str) -> Many[bytes]:
    """The values inside one SEQUENCE. Raises SesError."""
    try:
        found, _method, tag, _head, content, _tail = parser.parse(der, strict=True)
        if (found, tag) != (0, 16):
            raise SesError(f"{what} is not a SEQUENCE")
        parts, at = [], 0
        while at < len(content):
            size = parser.peek(content[at:])
            parts.append(content[at : at + size])
            at += size
            if len(parts) > _DEEPEST:
                raise SesError(f"{what} has too many fields")
    except SesError:
        raise
    except ValueError as error:
        raise _not_ses(error) from None
    if not parts:
        raise SesError(f"{what} is empty")
    return parts


def _integer(der: bytes) -> int:
    try:
        return int(core.Integer.load(der, strict=True).native)
    except (ValueError, TypeError) as error:
        raise _not_ses(error) from None


def _not_ses(error: Exception) -> SesError:
    return error if isinstance(error, SesError) else SesError(f"not a structure of GB/T 38540: {error}")

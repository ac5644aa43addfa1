"""The structures of electronic seals and their signatures: versions 1, 4 and 5 (``contracts/seal/v1/ses.asn``).

Version 1 is GM/T 0031-2014, 4 is GB/T 38540-2020, 5 is GM/T 0031-2025. Which one it is, is seen by looking inside: a
structure of two fields may as well be a CMS or a bare signature value. Reading is strict where something could be
hidden (one value in DER to its last byte, definite minimal lengths, the fields that belong there), and lenient where
makers differ: defaults that are written out, string types and the tag of extensions are notes. What was signed is kept
as the exact bytes that came.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.der import DerError, Value
from gateway.rooms.seals.report import Kind, Words

SUPPORTED: Final = (1, 4, 5)
_CMS_OF_CHINA: Final = "1.2.156.10197.6.1.4.2."
_CMS: Final = "1.2.840.113549.1.7."
_STRINGS: Final = {
    asn1.UTF8: "UTF8String",
    asn1.PRINTABLE: "PrintableString",
    asn1.IA5: "IA5String",
    asn1.TELETEX: "T61String",
    asn1.BMP: "BMPString",
}


class SesError(ValueError):
    """The bytes are not a seal or seal signature in DER."""


class UnsupportedVersionError(SesError):
    """The structure says that it is of a version which is not read here."""

    def __init__(self, version: int) -> None:
        super().__init__(f"structure version {version} is not supported")
        self.version = version


@dataclass(frozen=True)
class Seal:
    """One SESeal. ``der`` are its bytes as they came, ``signed_der`` what its maker signed; sizes in millimetres.

    The signers it lists stand in ``certificates`` (certListType 1, and version 1) or ``digests`` as algorithm OID and
    value (2). ``notes``: deviations that do not weigh.
    """

    der: bytes
    signed_der: bytes
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
    time_stamp: bytes | None = None
    notes: tuple[Words, ...] = ()


@dataclass(frozen=True)
class SealSignature:
    """One SES_Signature. ``tbs_der`` is what was signed, as it came; ``critical`` the critical extensions in it.

    ``signed_at`` is the signer's own word; None where version 1 has a time stamp in its place, or nothing readable.
    """

    der: bytes
    tbs_der: bytes
    version: int
    seal: Seal
    signed_at: datetime | None
    data_hash: bytes
    property_info: str
    certificate: bytes
    algorithm: str
    signature: bytes
    time_stamp: bytes | None
    critical: tuple[str, ...]
    notes: tuple[Words, ...] = ()

    @property
    def kind(self) -> Kind:
        """Its version, as reports name it."""
        return _KINDS[self.version]


_KINDS: Final[dict[int, Kind]] = {1: "ses-1", 4: "ses-4", 5: "ses-5"}


def kind_of(data: bytes) -> Kind:
    """What a signature value is, seen from inside; nothing in it is believed yet."""
    try:
        fields = asn1.read(data).parts()
        if fields[0].tag == asn1.OID:
            oid = asn1.oid(fields[0])
            return "gbt35275" if oid.startswith(_CMS_OF_CHINA) else "pades" if oid.startswith(_CMS) else "unknown"
        if [one.tag for one in fields] == [asn1.INTEGER, asn1.INTEGER]:
            return "bare"
        return _KINDS.get(_version(fields), "ses")
    except (DerError, IndexError, SesError):
        return "unknown"


def read_signature(data: bytes) -> SealSignature:
    """Read one SES_Signature. Raises UnsupportedVersionError, SesError."""
    try:
        whole = asn1.read(data)
        for _ in asn1.walk(whole):
            pass
        version = _version(whole.parts())
        if version not in SUPPORTED:
            raise UnsupportedVersionError(version)
        notes: list[Words] = []
        return _signature_1(whole, notes) if version == 1 else _signature(whole, notes)
    except SesError:
        raise
    except (ValueError, IndexError) as error:
        raise SesError(f"not a structure of GB/T 38540 or GM/T 0031: {error}") from None


def read_seal(data: bytes) -> Seal:
    """Read one SESeal by itself. Raises UnsupportedVersionError, SesError."""
    try:
        whole = asn1.read(data)
        for _ in asn1.walk(whole):
            pass
        fields = whole.parts()
        version = _header_version(whole)
        if version not in SUPPORTED:
            raise UnsupportedVersionError(version)
        if (len(fields) == 2) != (version == 1):
            raise SesError(f"a seal of version {version} does not have {len(fields)} fields")
        return _seal(whole, version, [])
    except SesError:
        raise
    except (ValueError, IndexError) as error:
        raise SesError(f"not a structure of GB/T 38540 or GM/T 0031: {error}") from None


def der_length(data: bytes) -> int:
    """How many bytes the first DER value in ``data`` takes. Raises SesError."""
    try:
        return asn1.length_of(data)
    except DerError as error:
        raise SesError(str(error)) from None


# --- which it is ------------------------------------------------------------------------------------------------------


def _version(fields: Many[Value]) -> int:
    """The version of a SES_Signature by its form and its headers. SesError for what is none."""
    to_sign = fields[0].parts(16)
    if len(to_sign) < 5 or to_sign[0].tag != asn1.INTEGER or to_sign[1].tag != asn1.SEQUENCE:
        raise SesError("toSign is not that of an electronic seal")
    outside, inside = asn1.integer(to_sign[0]), _header_version(to_sign[1])
    if len(fields) == 2 and fields[1].tag == asn1.BIT_STRING and to_sign[2].tag == asn1.BIT_STRING:
        return 1 if {outside, inside} <= {0, 1} else max(outside, inside)
    if len(fields) not in (4, 5):
        raise SesError(f"a seal signature of {len(fields)} fields")
    for version in (inside, outside):  # either of them may be unknown; which of two known ones holds is a check
        if version not in SUPPORTED:
            return version
    if 1 in (inside, outside):
        raise SesError("the form of version 4 with the number of version 1")
    return outside


def _header_version(seal: Value) -> int:
    info = seal.parts(8)[0].parts(8)
    header = asn1.sequence(info[0], 3)
    if asn1.text(header[0]) != "ES":
        raise SesError("this is not an electronic seal: its header does not say ES")
    return asn1.integer(header[1])


# --- reading ----------------------------------------------------------------------------------------------------------


def _signature(whole: Value, notes: list[Words]) -> SealSignature:
    to_sign, certificate, algorithm, value, *stamp = asn1.sequence(whole, 4, 5)
    number, seal, time, digest, info, *extensions = asn1.sequence(to_sign, 5, 6)
    inside = _header_version(seal)
    return SealSignature(
        der=whole.der,
        tbs_der=to_sign.der,
        version=asn1.integer(number),
        seal=_seal(seal, inside, notes),
        signed_at=asn1.instant(time),
        data_hash=asn1.bits(digest),
        property_info=_text(info, asn1.IA5, "propertyInfo", notes),
        certificate=asn1.octets(certificate),
        algorithm=asn1.oid(algorithm),
        signature=asn1.bits(value),
        time_stamp=_stamp(stamp),
        critical=_critical(extensions, notes),
        notes=tuple(notes),
    )


def _signature_1(whole: Value, notes: list[Words]) -> SealSignature:
    to_sign, value = asn1.sequence(whole, 2)
    _, seal, time, digest, info, certificate, algorithm = asn1.sequence(to_sign, 7)
    signed_at, stamp = _time_1(asn1.bits(time), notes)
    return SealSignature(
        der=whole.der,
        tbs_der=to_sign.der,
        version=1,
        seal=_seal(seal, 1, notes),
        signed_at=signed_at,
        data_hash=asn1.bits(digest),
        property_info=_text(info, asn1.IA5, "propertyInfo", notes),
        certificate=asn1.octets(certificate),
        algorithm=asn1.oid(algorithm),
        signature=asn1.bits(value),
        time_stamp=stamp,
        critical=(),
        notes=tuple(notes),
    )


def _time_1(said: bytes, notes: list[Words]) -> tuple[datetime | None, bytes | None]:
    """timeInfo of version 1: a BIT STRING around a time, a time stamp, or what a maker thinks is one."""
    try:
        value = asn1.read(said)
        if value.tag == asn1.SEQUENCE:
            return None, said
        return asn1.instant(value), None
    except DerError:
        pass
    for tag in (asn1.GENERALIZED_TIME, asn1.UTC_TIME):
        try:
            return asn1.instant(Value(tag, said, said)), None
        except DerError:
            continue
    notes.append(Words(zh="timeInfo 无法判读", en="timeInfo cannot be read"))
    return None, None


def _seal(value: Value, version: int, notes: list[Words]) -> Seal:
    first = version == 1
    if first:
        info, signed = asn1.sequence(value, 2)
        certificate, algorithm, made = asn1.sequence(signed, 3)
        signed_der, stamp = asn1.wrap(asn1.SEQUENCE, info.der, certificate.der, algorithm.der), None
    else:
        info, certificate, algorithm, made, *stamps = asn1.sequence(value, 4, 5 if version == 5 else 4)
        signed_der, stamp = info.der, _stamp(stamps)
    header, number, described, picture, *extensions = asn1.sequence(info, 4, 5)
    maker = _text(header.parts()[2], asn1.IA5, "Vid", notes)
    properties = list(asn1.sequence(described, 6 if first else 7))
    listed_as = 1 if first else asn1.integer(properties.pop(2))
    if listed_as not in (1, 2):
        raise SesError(f"certListType {listed_as} is neither 1 nor 2")
    kind, name, listed, created, begin, end = properties
    asn1.integer(kind)
    image_type, image, width, height = asn1.sequence(picture, 4)
    certificates, digests = _listed(listed, listed_as)
    picture_type = _text(image_type, asn1.IA5, "picture.type", notes)
    if not 0 < asn1.integer(width) <= 1000 or not 0 < asn1.integer(height) <= 1000:
        raise SesError("a seal has 1 to 1000 mm")
    return Seal(
        der=value.der,
        signed_der=signed_der,
        seal_id=_text(number, asn1.IA5, "esID", notes),
        version=asn1.integer(header.parts()[1]) or 1,
        maker=maker,
        name=_text(name, asn1.UTF8, "name", notes),
        certificates=certificates,
        digests=digests,
        created_at=asn1.instant(created),
        valid_from=asn1.instant(begin),
        valid_until=asn1.instant(end),
        picture_type=picture_type.strip().lower().removeprefix("image/"),
        picture=asn1.octets(image),
        width=asn1.integer(width),
        height=asn1.integer(height),
        maker_certificate=asn1.octets(certificate),
        algorithm=asn1.oid(algorithm),
        signature=asn1.bits(made),
        critical=_critical(extensions, notes),
        time_stamp=stamp,
        notes=tuple(notes),
    )


def _listed(value: Value, listed_as: int) -> tuple[tuple[bytes, ...], tuple[tuple[str, bytes], ...]]:
    if value.tag != asn1.SEQUENCE:
        raise SesError("certList is no SEQUENCE")
    if listed_as == 1:
        return tuple(asn1.octets(one) for one in value.parts()), ()
    pairs = (asn1.sequence(one, 2) for one in value.parts())
    return (), tuple((asn1.text(kind), asn1.octets(digest)) for kind, digest in pairs)


def _stamp(found: Many[Value]) -> bytes | None:
    if not found:
        return None
    if found[0].tag != 0xA0:
        raise SesError("a field that does not belong there")
    (inner,) = found[0].parts()
    return asn1.bits(inner)


def _critical(found: Many[Value], notes: list[Words]) -> tuple[str, ...]:
    """The critical ones of extDatas, which some makers write without its tag."""
    if not found:
        return ()
    value = found[0]
    if value.tag == 0xA0:
        (value,) = value.parts()
    else:
        notes.append(Words(zh="extDatas 未加标签 [0]", en="extDatas stands without its tag [0]"))
    if value.tag != asn1.SEQUENCE:
        raise SesError("extDatas is no SEQUENCE")
    critical = []
    for one in value.parts():
        kind, *middle, content = asn1.sequence(one, 2, 3)
        asn1.octets(content)
        oid = asn1.oid(kind)
        if middle and asn1.boolean(middle[0]):
            critical.append(oid)
        elif middle:
            notes.append(Words(zh=f"扩展项 {oid} 写出了默认值 FALSE", en=f"extension {oid} writes out critical FALSE"))
    return tuple(critical)


def _text(value: Value, expected: int, field: str, notes: list[Words]) -> str:
    found = asn1.text(value)
    if value.tag != expected:
        kind = _STRINGS.get(value.tag, f"type {value.tag:#x}")
        notes.append(Words(zh=f"{field} 的字符串类型为 {kind}", en=f"{field} is a {kind}, not a {_STRINGS[expected]}"))
    elif expected == asn1.IA5 and not found.isascii():
        notes.append(Words(zh=f"{field} 含非 ASCII 字符", en=f"{field} holds more than ASCII"))
    return found

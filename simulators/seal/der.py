"""DER (ITU-T X.690), written byte by byte: what real makers write and an encoder would not can be written too."""

from __future__ import annotations

from datetime import UTC, datetime

NULL = b"\x05\x00"


def tlv(tag: int, content: bytes) -> bytes:
    """One value with a definite, shortest length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def seq(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return tlv(0x30, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """SET OF, in the order that DER wants."""
    return tlv(0x31, b"".join(sorted(parts)))


def explicit(number: int, value: bytes) -> bytes:
    """[number] EXPLICIT."""
    return tlv(0xA0 | number, value)


def integer(value: int) -> bytes:
    """INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool) -> bytes:
    """BOOLEAN."""
    return tlv(0x01, b"\xff" if value else b"\x00")


def enumerated(value: int) -> bytes:
    """ENUMERATED below 128."""
    return tlv(0x0A, bytes((value,)))


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    """BIT STRING."""
    return tlv(0x03, bytes((unused,)) + value)


def utf8(value: str) -> bytes:
    """UTF8String."""
    return tlv(0x0C, value.encode())


def printable(value: str) -> bytes:
    """PrintableString."""
    return tlv(0x13, value.encode("ascii"))


def ia5(value: str) -> bytes:
    """IA5String. Its bytes are UTF-8, also where the type allows ASCII only: some makers write them so."""
    return tlv(0x16, value.encode())


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return tlv(0x06, content)


def utc_time(moment: datetime) -> bytes:
    """UTCTime in whole seconds, Z."""
    return tlv(0x17, f"{moment.astimezone(UTC):%y%m%d%H%M%S}Z".encode())


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in whole seconds, Z."""
    return tlv(0x18, f"{moment.astimezone(UTC):%Y%m%d%H%M%S}Z".encode())


def time(moment: datetime) -> bytes:
    """Time of RFC 5280 clause 4.1.2.5: UTCTime to 2049."""
    return utc_time(moment) if moment.astimezone(UTC).year < 2050 else generalized_time(moment)

"""A small reader of DER (ITU-T X.690) that keeps the original bytes and takes no more than it was told to.

Strict where meaning could be hidden: definite and minimal lengths, nothing behind a value, children that fill their
parent exactly, bounded size, depth and number. Lenient where makers differ and nothing is hidden: which string type
a text has, and values that are written out although they are the default, are for the caller to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LARGEST: Final = 1 << 20
MOST: Final = 1000
_DEEPEST: Final = 24

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTF8, PRINTABLE, TELETEX, IA5, BMP = 0x0C, 0x13, 0x14, 0x16, 0x1E
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31
_TEXTS: Final = {UTF8: "utf-8", PRINTABLE: "ascii", TELETEX: "latin-1", IA5: "ascii", 0x1A: "ascii", BMP: "utf-16-be"}


class DerError(ValueError):
    """The bytes are not what DER makes of such a value, or are more than is read."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its first byte, its content, and all its bytes as they came."""

    tag: int
    body: bytes
    der: bytes

    def parts(self, most: int = MOST) -> tuple[Value, ...]:
        """The values inside a constructed one. DerError for more than ``most``, and if they do not fill it."""
        if not self.tag & 0x20:
            raise DerError("a constructed value was expected")
        found: list[Value] = []
        body, at, end = self.body, 0, len(self.body)
        while at < end:
            if len(found) == most:
                raise DerError(f"more than {most} entries")
            stop = at + 2 + body[at + 1] if at + 1 < end else end + 1
            if stop <= end and stop < at + 0x82 and body[at] & 0x1F != 0x1F:  # most values are short
                found.append(Value(body[at], body[at + 2 : stop], body[at:stop]))
            else:
                found.append(_at(body, at))
                stop = at + len(found[-1].der)
            at = stop
        return tuple(found)


def read(data: bytes, largest: int = LARGEST) -> Value:
    """The one value that ``data`` is. DerError for anything behind it."""
    if len(data) > largest:
        raise DerError(f"{len(data)} bytes are more than the {largest} that are read")
    value = _at(data, 0)
    if len(value.der) != len(data):
        raise DerError(f"{len(data) - len(value.der)} bytes behind the value")
    return value


def length_of(data: bytes) -> int:
    """How many bytes the first value in ``data`` takes."""
    _, start, size = _head(data, 0)
    if start + size > len(data):
        raise DerError("the value is cut off")
    return start + size


def wrap(tag: int, *parts: bytes) -> bytes:
    """A value around parts that are DER already."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + body


# --- values -----------------------------------------------------------------------------------------------------------


def sequence(value: Value, least: int, most: int | None = None) -> Sequence[Value]:
    """The fields of a SEQUENCE, between so many and so many."""
    if value.tag != SEQUENCE:
        raise DerError("a SEQUENCE was expected")
    found = value.parts()
    if not least <= len(found) <= (most or least):
        raise DerError(f"a SEQUENCE of {len(found)} fields, expected {least}" + (f" to {most}" if most else ""))
    return found


def integer(value: Value) -> int:
    """An INTEGER in its shortest form."""
    body = value.body
    if value.tag != INTEGER or not body or (len(body) > 1 and body[0] in (0, 0xFF) and body[0] >> 7 == body[1] >> 7):
        raise DerError("an INTEGER in its shortest form was expected")
    return int.from_bytes(body, "big", signed=True)


def octets(value: Value) -> bytes:
    """An OCTET STRING."""
    if value.tag != OCTET_STRING:
        raise DerError("an OCTET STRING was expected")
    return value.body


def bits(value: Value) -> bytes:
    """A BIT STRING of whole bytes."""
    if value.tag != BIT_STRING or not value.body or value.body[0]:
        raise DerError("a BIT STRING of whole bytes was expected")
    return value.body[1:]


def boolean(value: Value) -> bool:
    """A BOOLEAN."""
    if value.tag != BOOLEAN or value.body not in (b"\0", b"\xff"):
        raise DerError("a BOOLEAN was expected")
    return value.body != b"\0"


def oid(value: Value) -> str:
    """An OBJECT IDENTIFIER with dots."""
    body = value.body
    if value.tag != OID or not body or body[-1] & 0x80 or len(body) > 64:
        raise DerError("an OBJECT IDENTIFIER was expected")
    numbers: list[int] = []
    number = 0
    for byte in body:
        if number == 0 and byte == 0x80:
            raise DerError("an OBJECT IDENTIFIER in its shortest form was expected")
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def text(value: Value) -> str:
    """A string of any type. What is no text of its type is read as UTF-8, as several makers write it."""
    if value.tag not in _TEXTS:
        raise DerError("a string was expected")
    for encoding in (_TEXTS[value.tag], "utf-8", "gb18030"):
        try:
            return value.body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DerError("a string that is no text")


def instant(value: Value) -> datetime:
    """A UTCTime or GeneralizedTime: to the second or finer, in UTC or with an offset."""
    written = value.body.decode("ascii", "replace")
    if value.tag == UTC_TIME:
        century = "20" if written[:2] < "50" else "19"
        written = century + written
    elif value.tag != GENERALIZED_TIME:
        raise DerError("a time was expected")
    plain, zone = (written[:-1], "Z") if written.endswith("Z") else (written[:-5], written[-5:])
    whole, _, fraction = plain.partition(".")
    try:
        if len(whole) != 14 or not (whole.isascii() and whole.isdigit()) or (fraction and not fraction.isdigit()):
            raise ValueError
        month, day, hour, minute, second = (int(whole[at : at + 2]) for at in range(4, 14, 2))
        found = datetime(int(whole[:4]), month, day, hour, minute, second, tzinfo=UTC)
        if fraction:
            found += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
        if zone != "Z":
            shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
            found += {"+": -shift, "-": shift}[zone[0]]
    except (ValueError, KeyError, OverflowError):
        raise DerError(f"{written!r} is no instant") from None
    return found


def walk(value: Value) -> Iterator[Value]:
    """Every value inside, so that nothing is overlooked that is not DER. DerError for what is too deep or too much."""
    waiting = [(value, 0)]
    seen = 0
    while waiting:
        one, depth = waiting.pop()
        seen += 1
        if seen > 20 * MOST:
            raise DerError("too many values")
        yield one
        if one.tag & 0x20:
            if depth == _DEEPEST:
                raise DerError("nested too deep")
            waiting += ((part, depth + 1) for part in one.parts())


def _at(data: bytes, at: int) -> Value:
    tag, start, size = _head(data, at)
    end = start + size
    if end > len(data):
        raise DerError("a value is cut off")
    return Value(tag, data[start:end], data[at:end] if at or end != len(data) else data)


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, where the content starts, how long it is."""
    if len(data) - at < 2:
        raise DerError("a value is cut off")
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise DerError("a tag of several bytes")
    if first < 0x80:
        return tag, at + 2, first
    digits = first & 0x7F
    if not digits:
        raise DerError("an indefinite length")
    number = data[at + 2 : at + 2 + digits]
    if len(number) < digits:
        raise DerError("a value is cut off")
    size = int.from_bytes(number, "big")
    if digits > 4 or not number[0] or size < 0x80:
        raise DerError("a length that is not in its shortest form")
    return tag, at + 2 + digits, size

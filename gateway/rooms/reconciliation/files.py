"""Statement files: bytes to fields to text, believed as a whole or not at all, with the number of the line to blame.

Fixed widths count bytes, so lines are sliced before they are decoded; delimited lines are decoded first, because the
second byte of a GBK character may look like a delimiter.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

from gateway.ports.nontax import StatementLine
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.statement import (
    Progress,
    Statement,
    StatementRefusedError,
    Window,
    check_lines,
    unseen,
)
from gateway.words.clock import SHANGHAI
from gateway.words.money import parse_yuan

_FORMULA = ("=", "+", "@", "\t", "\r", "-")
_FEN = re.compile(r"0|[1-9]\d{0,11}")
_COUNT = re.compile(r"\d{1,9}")
_CODE = re.compile(r"[0-9A-Za-z]{1,20}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HARMLESS = re.compile(r"(?![=+@-])[\x20-\x7e]*")  # most fields, known at a glance

_TELL_EVERY = 20_000  # lines
_LARGE = 1 << 20  # bytes
_BOM = b"\xef\xbb\xbf"

Fields = Sequence[str]


def read(path: Path, profile: Profile, day: date, days: Window, progress: Progress = unseen) -> Statement:
    """The statement of ``day`` in a file. Raises StatementRefusedError; blocking. ``progress`` is told in bytes.

    Refused whole: other totals or counts than its lines have, no totals (it was cut), money outside ``days``, a line
    twice, another unit than the profile's, bytes that are no text, overlong lines, formulas, negative amounts.
    """
    try:
        with open(path, "rb") as file:
            size = path.stat().st_size

            def tell() -> None:
                progress(file.tell(), size)

            if size >= _LARGE and (clean := _read_clean(file, size, profile, day, days, tell)) is not None:
                return clean
            file.seek(0)
            return _read(file, profile, day, days, tell)
    except OSError as error:
        raise StatementRefusedError(f"{path.name} cannot be read: {error.strerror}") from None


def _read(file: BinaryIO, profile: Profile, day: date, days: Window, tell: Callable[[], None]) -> Statement:
    rows = _rows(file, profile)
    places = _places(rows, profile)
    lines: list[StatementLine] = []
    numbers: list[int] = []
    build = _builder(profile, places)
    mark = profile.totals.mark
    totals: list[tuple[int, Fields]] = []
    for number, fields in rows:
        if number % _TELL_EVERY == 0:
            tell()
        if totals or fields[0].startswith(mark):
            totals.append((number, fields))
            if len(totals) > profile.totals.lines:
                raise StatementRefusedError("nothing may follow the totals", number)
            continue
        try:
            lines.append(build(fields))
        except ValueError as problem:
            raise StatementRefusedError(str(problem), number) from None
        numbers.append(number)
    tell()
    if len(totals) != profile.totals.lines:
        raise StatementRefusedError("the file ends without its totals: it was cut", (numbers or [0])[-1] + 1)
    refunded = sum(line.amount for line in lines if line.kind == "refunded")
    count, amount = _totals(totals[-1], profile, refunded)
    return check_lines(tuple(lines), day, days, count, amount, numbers)


def _read_clean(
    file: BinaryIO, size: int, profile: Profile, day: date, days: Window, tell: Callable[[], None]
) -> Statement | None:
    """The statement by the fast reader, which sees the lines between the header and the totals; None where it declines.

    Header and totals are read here as they are for the line reader.
    """
    found = _find_totals(file, size, profile)
    if profile.shape != "delimited" or found is None:
        return None
    end, totals = found
    file.seek(0)
    if not profile.header:
        file.seek(len(_BOM) if profile.encoding.startswith("utf-8") and file.read(len(_BOM)) == _BOM else 0)

    def check_totals(number: int, paid: int, refunded: int) -> None:
        if _totals(totals, profile, refunded) != (number, paid):
            raise StatementRefusedError("the totals say otherwise")

    from gateway.rooms.reconciliation.clean_files import read_clean  # DuckDB is loaded for the first large file

    try:
        header = file.readline(profile.max_line_bytes + 1) if profile.header else b""
        places = _places(_rows(io.BytesIO(header), profile), profile)
        return read_clean(file, end, places, profile, day, days, check_totals, tell)
    except StatementRefusedError:
        return None


def _find_totals(file: BinaryIO, size: int, profile: Profile) -> tuple[int, tuple[int, Fields]] | None:
    """Where the totals begin, and the last of them; None where they are not plainly the last lines."""
    many = profile.totals.lines
    begin = max(0, size - (many + 1) * profile.max_line_bytes)
    file.seek(begin)
    last = file.read().rstrip(b"\r\n")
    start = len(last)
    for _ in range(many):
        start = last.rfind(b"\n", 0, start)
        if start < 0:
            return None
    tail = last[start + 1 :]
    try:
        rows = list(_rows(io.BytesIO(tail), profile))
    except StatementRefusedError:
        return None
    if tail.startswith(_BOM) or len(rows) != many or not rows[0][1][0].startswith(profile.totals.mark):
        return None
    return begin + start + 1, rows[-1]


def _rows(file: BinaryIO, profile: Profile) -> Iterator[tuple[int, Fields]]:
    """Numbered lines as fields; blank ones are passed over."""
    number = 0
    longest = profile.max_line_bytes
    encoding = "utf-8" if profile.encoding == "utf-8-sig" else profile.encoding
    slices = _slices(profile)
    while raw := file.readline(longest + 1):
        number += 1
        if len(raw) > longest:
            raise StatementRefusedError(f"longer than {longest} bytes", number)
        if number == 1 and encoding == "utf-8":
            raw = raw.removeprefix(_BOM)
        raw = raw.rstrip(b"\r\n")
        if not raw:
            continue
        try:
            if slices is not None:
                yield number, slices(raw, encoding)
                continue
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise StatementRefusedError(f"byte {error.start + 1} is not {profile.encoding.upper()}", number) from None
        if '"' in text:
            try:
                fields = next(csv.reader([text], delimiter=profile.delimiter, strict=True))
            except csv.Error as error:
                raise StatementRefusedError(f"a quote that does not close: {error}", number) from None
        else:
            fields = text.split(profile.delimiter)
        if profile.prefix:
            fields = [field.removeprefix(profile.prefix) for field in fields]
        yield number, fields


def _slices(profile: Profile) -> Callable[[bytes, str], Fields] | None:
    """How a line of fixed width falls into fields: the first is the line's beginning, by which totals are known."""
    if profile.shape != "fixed":
        return None
    spans = [place for place in profile.columns.values() if isinstance(place, tuple)]
    mark = profile.totals.mark
    told = [profile.totals.count, profile.totals.amount, profile.totals.refunded]
    of_totals = [place for place in told if isinstance(place, tuple)]

    def cut(raw: bytes, encoding: str) -> Fields:
        chosen = of_totals if raw.startswith(mark.encode(encoding)) else spans
        ends = max(start + length for start, length in chosen)
        if len(raw) < ends:
            raise UnicodeDecodeError(encoding, raw, max(len(raw) - 1, 0), len(raw), "the line is short")
        first = mark if chosen is of_totals else ""
        return [first, *(raw[start : start + length].decode(encoding).strip() for start, length in chosen)]

    return cut


def _places(rows: Iterator[tuple[int, Fields]], profile: Profile) -> dict[str, int]:
    """The index of each of our fields in a line."""
    if profile.shape == "fixed":
        return {name: index for index, name in enumerate(profile.columns, start=1)}
    if not profile.header:
        return {name: place - 1 for name, place in profile.columns.items() if isinstance(place, int)}
    number, header = next(rows, (1, ()))
    names = [name.strip() for name in header]
    places = {}
    for field, name in profile.columns.items():
        if names.count(str(name)) != 1:
            said = "is missing from" if str(name) not in names else "stands twice in"
            raise StatementRefusedError(f"the column {name} {said} the header", number)
        places[field] = names.index(str(name))
    return places


def _builder(profile: Profile, places: dict[str, int]) -> Callable[[Fields], StatementLine]:
    """A line from its fields; ValueError says what is wrong with it."""
    width = max(places.values()) + 1
    code_at, amount_at, serial_at = places["code"], places["amount"], places["bank_serial"]
    unit_at, kind_at, reference_at = places.get("unit_code"), places.get("kind"), places.get("reference")
    items_at = places.get("items")
    when_at = [places[name] for name in ("paid_at", "paid_on", "paid_time") if name in places]
    units, kinds, fen = frozenset(profile.units), profile.kinds, profile.amount == "fen"
    instant = _instants(profile.time_format)

    def build(fields: Fields) -> StatementLine:
        if len(fields) < width:
            raise ValueError(f"{len(fields)} fields where at least {width} belong")
        if not all(map(_HARMLESS.fullmatch, fields)):
            for field in fields:
                if field and (field[0] in _FORMULA or not field.isprintable()) and (field != "-"):
                    _refuse(field)
        code, serial = fields[code_at].strip(), fields[serial_at].strip()
        if not _CODE.fullmatch(code):
            raise ValueError(f"{code[:40]!r} is not a payment code")
        if not 0 < len(serial) <= 80:
            raise ValueError("the bank's serial is empty or longer than 80 characters")
        unit = fields[unit_at].strip() if unit_at is not None else ""
        if units and unit not in units:
            raise ValueError(f"unit {unit[:40]!r} is none of this file's")
        kind: Literal["paid", "refunded"] = "paid"
        if kind_at is not None:
            said = fields[kind_at].strip()
            if said not in kinds:
                raise ValueError(f"{said[:40]!r} is no known kind of line")
            kind = kinds[said]
        items = fields[items_at].split(profile.item_separator) if items_at is not None else []
        return StatementLine(
            kind=kind,
            reference=fields[reference_at].strip() if reference_at is not None else "",
            code=code,
            amount=_amount(fields[amount_at].strip(), fen),
            paid_at=instant(" ".join(fields[index].strip() for index in when_at)),
            bank_serial=serial,
            unit_code=unit,
            item_codes=tuple(item for item in (one.strip() for one in items) if item),
        )

    return build


def _refuse(field: str) -> None:
    if re.fullmatch(r"-\d[\d.]*", field):
        raise ValueError(f"a negative amount {field[:40]}")
    if _CONTROL.search(field):
        raise ValueError("a control character")
    if field[0] in _FORMULA:
        raise ValueError(f"a cell that a spreadsheet would take for a formula: {field[:40]!r}")


def _amount(text: str, fen: bool) -> int:
    if not fen:
        return parse_yuan(text)
    if not _FEN.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an amount in fen")
    return int(text)


def _instants(time_format: str) -> Callable[[str], datetime]:
    """Instants in Asia/Shanghai, as UTC. A day has few enough to be remembered.

    The common formats are digits at fixed places, and read as such: strptime is slow.
    """
    common = {
        "%Y-%m-%d %H:%M:%S": re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)"),
        "%Y%m%d%H%M%S": re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)"),
        "%Y%m%d %H%M%S": re.compile(r"(\d{4})(\d\d)(\d\d) (\d\d)(\d\d)(\d\d)"),
    }.get(time_format)

    def read_common(text: str) -> datetime:
        found = common.fullmatch(text) if common is not None else None
        if found is None:
            raise ValueError(f"{text[:40]!r} is not a time such as {time_format}")
        year, month, day, hour, minute, second = map(int, found.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).astimezone(UTC)

    def read_any(text: str) -> datetime:
        return datetime.strptime(text, time_format).replace(tzinfo=SHANGHAI).astimezone(UTC)

    return lru_cache(maxsize=1 << 17)(read_any if common is None else read_common)


def _totals(last: tuple[int, Fields], profile: Profile, refunded: int) -> tuple[int, int]:
    """Count and paid amount as the last line says; the refunded amount, where it is said, is checked here."""
    number, fields = last
    fen = profile.amount == "fen"
    wanted = [("count", profile.totals.count), ("amount", profile.totals.amount)]
    if profile.totals.refunded is not None:
        wanted.append(("refunded", profile.totals.refunded))
    said = {}
    for index, (name, place) in enumerate(wanted, start=1):
        at = place - 1 if isinstance(place, int) else index
        if at >= len(fields):
            raise StatementRefusedError(f"the totals lack {name}", number)
        text = fields[at].strip()
        try:
            if name == "count":
                if not _COUNT.fullmatch(text):
                    raise ValueError(f"{text[:40]!r} is not a count")
                said[name] = int(text)
            else:
                said[name] = _amount(text.lstrip("0") or "0" if fen else text, fen)
        except ValueError as problem:
            raise StatementRefusedError(f"the totals: {problem}", number) from None
    if said.get("refunded", refunded) != refunded:
        raise StatementRefusedError(
            f"the refunded lines make {refunded} fen, the total says {said['refunded']}", number
        )
    return said["count"], said["amount"]

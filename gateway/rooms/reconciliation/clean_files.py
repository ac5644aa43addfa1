"""Large statement files without a fault, read by DuckDB in one statement with the checks of the line reader.

It only ever says "clean". A file with a fault, and one with a format or a character that is not plain to it, is left to
the line reader, which says what is wrong and where. What it believes, the line reader believes, with the same lines.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final

import duckdb
from cryptography.hazmat.primitives import hashes

from gateway.rooms.reconciliation import bulk
from gateway.rooms.reconciliation.cells import folded
from gateway.rooms.reconciliation.lines import BLOCK, FIELD, LINE, Lines
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.statement import Beside, Statement, Window

_AT_ONCE: Final = 4 << 20  # bytes
_CONTROLS: Final = bytes([*range(0x20), 0x7F])
_DELIMITERS: Final = frozenset(",|;\t^~!#$&*:")
_BLANKS: Final = r"\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
"""What Python takes off the ends of a text beside the blank itself and control characters."""
_BLANK_BYTES: Final = tuple(map(bytes.fromhex, ("c285", "c2a0", "e19a80", "e280", "e281", "e38080", "efbbbf")))
"""How these begin in UTF-8; some others begin so too."""
_AROUND: Final = " \u3000\u00a0\ufeff`=''‘’"
_NO_TEXT: Final = "\ufffd".encode()
_DRESSES: Final = "='`‘’"
"""How a cell begins that the line reader undresses."""
_CLOCK: Final = "([01][0-9]|2[0-3]){0}[0-5][0-9]{0}[0-5][0-9]"
_TIMES: Final = {  # format: a time in it, and the places of its date and its hour, minute and second
    "%Y-%m-%d %H:%M:%S": ("[0-9]{4}-[0-9]{2}-[0-9]{2} " + _CLOCK.format(":"), (1, 6, 9), (12, 15, 18)),
    "%Y%m%d%H%M%S": ("[0-9]{8}" + _CLOCK.format(""), (1, 5, 7), (9, 11, 13)),
    "%Y%m%d %H%M%S": ("[0-9]{8} " + _CLOCK.format(""), (1, 5, 7), (10, 12, 14)),
}


class _NotPlainError(Exception):
    """This is left to the line reader."""


@dataclass
class _Seen:
    """What stands anywhere in a file, so that only that is looked for in each of its fields.

    ``width``: fields of the first line. ``padded``: blanks beside a delimiter. ``blanks``: what may be another blank.
    ``dressed``: a character that may dress a cell. ``marked``: the first letter of the totals' mark.
    """

    width: int = 0
    padded: bool = False
    blanks: bool = False
    dressed: bool = False
    marked: bool = False


def is_plain(profile: Profile) -> bool:
    """Whether this reader knows all that the profile says; what is newer than it is for the line reader."""
    totals = profile.totals
    return (
        profile.shape == "delimited"
        and profile.encoding != "utf-16"
        and len(profile.delimiter) == 1
        and profile.delimiter in _DELIMITERS
        and not (profile.skip or profile.comment or profile.signed or profile.code_pattern or profile.not_ours)
        and not set(profile.columns) & {"refunded", "refund_number", "balance", "note"}
        and "ignored" not in profile.kinds.values()
        and bool(profile.kinds) == ("kind" in profile.columns)
        and totals != "none"
        and bool(totals.mark)
        and totals.place == "end"
        and profile.time_format in _TIMES
        and bool(profile.item_separator)
    )


def read_clean(
    file: BinaryIO,
    end: int,
    places: dict[str, int],
    profile: Profile,
    day: date,
    days: Window,
    check_totals: Callable[[dict[str, int]], dict[str, int]],
    tell: Callable[[], None],
) -> Statement | None:
    """The statement whose lines stand from here to ``end``; None where that is not plain.

    ``check_totals`` is told what the lines make, and tells what the totals say; it may raise.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="statement-") as folder:
            path = Path(folder, "lines.csv")
            seen = _plain_copy(file, end, path, profile, tell)
            with bulk.connect(Path(folder), "150MB") as db:
                db.execute("set preserve_insertion_order = true")
                db.execute(_statement(path, seen, places, profile, days))
                number, fine, distinct, in_zeros, paid_count, paid, refunded = db.execute(_SUMS).fetchall()[0]
                if not fine or distinct != number or in_zeros * 10 >= number:
                    return None
                made = {
                    "count": number,
                    "paid_count": paid_count,
                    "refunded_count": number - paid_count,
                    "amount": paid,
                    "refunded": refunded,
                    "net": paid - refunded,
                }
                beside = Beside(told=check_totals(made), made=made)
                return Statement(day, Lines(list(_blocks(db)), number), paid, _digest(db), beside=beside)
    except (_NotPlainError, UnicodeDecodeError, duckdb.Error):
        return None


_SUMS = """
select count(*), coalesce(bool_and(fine), true), count(distinct key), count(*) filter (in_zeros),
       count(*) filter (paid),
       coalesce(sum(amount) filter (paid), 0)::bigint, coalesce(sum(amount) filter (not paid), 0)::bigint
from line
"""


def _plain_copy(file: BinaryIO, end: int, path: Path, profile: Profile, tell: Callable[[], None]) -> _Seen:
    """The lines as UTF-8 for DuckDB, cells without the profile's prefix; what was seen in them."""
    delimiter, prefix = profile.delimiter.encode(), profile.prefix.encode()
    encoding = "utf-8" if profile.encoding.startswith("utf-8") else profile.codec
    controls = bytes(one for one in _CONTROLS if one not in delimiter)
    beside = (delimiter + b" ", b" " + delimiter, b" \n", b"\n ")
    dresses = tuple(one.encode() for one in _DRESSES)
    mark = _mark(profile)[0].encode()
    seen = _Seen()
    with open(path, "wb") as copy:
        for block in _whole_lines(file, end):
            if len(max(block.split(b"\n"), key=len)) >= profile.max_line_bytes:
                raise _NotPlainError
            plain = block.decode(encoding).encode()
            if b"\r" in plain:
                plain = plain.replace(b"\r\n", b"\n")
            if prefix:
                plain = plain.replace(delimiter + prefix, delimiter).replace(b"\n" + prefix, b"\n").removeprefix(prefix)
            _check_plain(plain, controls)
            seen.width = seen.width or plain[: plain.index(b"\n")].count(delimiter) + 1
            seen.padded = seen.padded or plain.startswith(b" ") or any(one in plain for one in beside)
            seen.blanks = seen.blanks or (not plain.isascii() and any(one in plain for one in _BLANK_BYTES))
            seen.dressed = seen.dressed or any(one in plain for one in dresses)
            seen.marked = seen.marked or mark in plain
            copy.write(plain)
            tell()
    return seen


def _mark(profile: Profile) -> str:
    """How the totals' mark is compared."""
    assert profile.totals != "none"
    return folded(profile.totals.mark).rstrip(":")


def _whole_lines(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Blocks up to ``end``, each of whole lines. In no encoding of ours is the end of a line a part of a character."""
    rest = b""
    while (left := end - file.tell()) > 0:
        block = rest + file.read(min(left, _AT_ONCE))
        cut = block.rfind(b"\n") + 1
        block, rest = block[:cut], block[cut:]
        if block:
            yield block
        elif len(rest) > _AT_ONCE:
            raise _NotPlainError
    if rest:
        raise _NotPlainError


def _check_plain(plain: bytes, controls: bytes) -> None:
    """No quotes, blank lines or control characters."""
    if b'"' in plain or plain.startswith(b"\n") or b"\n\n" in plain:
        raise _NotPlainError
    if len(plain.translate(None, controls)) != len(plain) - plain.count(b"\n"):
        raise _NotPlainError
    if _NO_TEXT in plain:
        raise _NotPlainError


def _text(word: str) -> str:
    """A text in SQL."""
    return "'" + word.replace("'", "''") + "'"


def _statement(path: Path, seen: _Seen, places: dict[str, int], profile: Profile, days: Window) -> str:
    """What makes the table ``line``. Raises ``_NotPlainError`` for a profile that it cannot serve."""
    if seen.width <= max(places.values()):
        raise _NotPlainError
    checks = [f"c{max(places.values())} is not null"]
    dressed = ", ".join(map(_text, _DRESSES))

    def field(name: str) -> str:
        column = f"c{places[name]}"
        if seen.padded:
            column = f"trim({column}, ' ')"
        if seen.dressed:
            checks.append(f"{column}[1] not in ({dressed})")
        if seen.blanks:
            checks.append(f"not regexp_matches({column}, '^[{_BLANKS}]|[{_BLANKS}]$')")
        return column

    kind, items = "'paid'", "''"
    if "kind" in places:
        known = " ".join(f"when {_text(said)} then {_text(meant)}" for said, meant in profile.kinds.items())
        kind = f"(case {field('kind')} {known} end)"
    if "items" in places:
        parts = f"string_split({field('items')}, {_text(profile.item_separator)})"
        told = f"list_filter(list_transform({parts}, lambda x: trim(x, ' ')), lambda x: x <> '')"
        items = f"coalesce(list_aggregate(list_transform({told}, lambda x: '{FIELD}' || x), 'string_agg', ''), '')"
        if seen.blanks:
            checks.append(f"not regexp_matches(c{places['items']}, '[{_BLANKS}]')")
    unit, reference = (field(name) if name in places else "''" for name in ("unit_code", "reference"))
    if profile.units:
        checks.append(f"{unit} in ({', '.join(map(_text, profile.units))})")
    amount = field("amount")
    if profile.amount == "fen":
        checks.append(f"regexp_full_match({amount}, '0{{0,6}}[1-9][0-9]{{0,11}}')")
    else:
        checks.append(f"regexp_full_match({amount}, '(0|[1-9][0-9]{{0,9}})\\.[0-9]{{2}}')")
        amount = f"replace({amount}, '.', '')"
    shape, date_at, time_at = _TIMES[profile.time_format]
    when = " || ' ' || ".join(field(name) for name in ("paid_at", "paid_on", "paid_time") if name in places)
    year, month, on = (f"substr(said, {at}, {4 if at == 1 else 2})" for at in date_at)
    hour, minute, second = (f"substr(said, {at}, 2)::bigint" for at in time_at)
    clock = f"(({hour} * 60 + {minute}) * 60 + {second} - 28800) * 1000000"  # no summer time since 1992
    if seen.marked:
        begins = ", ".join(f"nullif(trim(c{at}, '{_AROUND}'), '')" for at in range(min(seen.width, 3)))
        begin, mark = f"coalesce({begins}, '')", _mark(profile)
        checks.append(
            f"case when starts_with({begin}, {_text(mark[0])}) "
            f"then not starts_with(regexp_replace({begin}, '\\s', '', 'g'), {_text(mark)}) else true end"
        )
    code, serial = field("code"), field("bank_serial")
    checks.append(f"not contains({serial}, '+')")
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(seen.width))
    file = (
        f"read_csv({_text(str(path))}, columns={{{columns}}}, auto_detect=false, header=false, "
        f"delim={_text(profile.delimiter)}, quote='', escape='', nullstr='\x01', null_padding=true, encoding='utf-8')"
    )
    return f"""
create table line as
select concat_ws('{FIELD}', kind, code, serial, reference, amount, instant, unit) || items as word,
       hash(kind, code, serial) as key, amount, kind = 'paid' as paid,
       length(code) >= 16 and ends_with(code, '00000') as in_zeros,
       coalesce(checked and amount > 0 and regexp_full_match(code, '[0-9A-Za-z]{{1,20}}')
                and length(serial) between 1 and 80 and kind is not null and instant is not null
                and (kind <> 'paid' or instant >= {days.start} and instant < {days.end}), false) as fine
from (
    select kind, code, serial, reference, try_cast(amount as bigint) as amount, unit, items, checked,
           case when regexp_full_match(said, '{shape}') and said >= '1992' then
               epoch_us(try_cast({year} || '-' || {month} || '-' || {on} as date)::timestamp) + {clock} end as instant
    from (
        select {kind} as kind, {code} as code, {serial} as serial, {reference} as reference,
               {amount} as amount, {when} as said, {unit} as unit, {items} as items,
               coalesce({" and ".join(checks)}, false) as checked
        from {file}
    )
)
"""  # noqa: S608 - texts are quoted, the rest are constants and numbers


def _blocks(db: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
    """The lines' words in the order of the file."""
    asked = db.execute("select word from line")  # which keeps the order of insertion
    while rows := asked.fetchmany(BLOCK):
        yield LINE.join([word for (word,) in rows]).encode()


def _digest(db: duckdb.DuckDBPyConnection) -> bytes:
    """What ``statement.digest`` says of the same lines."""
    digest = hashes.Hash(hashes.SM3())
    asked = db.execute("select word from line order by word")
    between = ""
    while rows := asked.fetchmany(BLOCK):
        digest.update((between + LINE.join([word for (word,) in rows])).encode())
        between = LINE
    return digest.finalize()

"""One sheet of an XLSX workbook as text cells: just enough of ECMA-376 to read a table that people filled in.

What others made is not trusted: it is read in a child with limits (``nursery``), row by row, and what a row and a sheet
may hold is limited before it is built; entities are not resolved, formulas and error values are refused. Rows that a
reader of the sheet does not see say so. A number stays the text that stands in the file until its column says what it
means: a day, an amount, or digits.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from lxml import etree

from gateway.foundation import nursery
from gateway.foundation.wire.xml import XmlBounds, XmlRefusedError, parse_xml, walk_xml
from gateway.words.days import within_bounds
from gateway.words.saying import Both, Language, UnfitError, say

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DOCUMENT = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_LONGEST = 64 << 20
_BOUNDS = XmlBounds(bytes=_LONGEST, elements=20_000)
_COLUMNS = 200
_MOST_ROWS, _MOST_CELLS, _MOST_STRINGS = 500_000, 5_000_000, 2_000_000
_PIECE = 64 * 1024
_LARGEST_TOLD = 512 << 20
_SECONDS, _MEGABYTES = 60, 384
_EPOCH_1900, _EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
_LAST_SERIAL = 100_000
_NOT_MERGED: Mapping[int, str] = {}
_AFTER_MERGED = tuple(
    _MAIN + name
    for name in (
        "mergeCells", "phoneticPr", "conditionalFormatting", "dataValidation", "hyperlink", "printOptions",
        "pageMargins", "pageSetup", "headerFooter", "drawing", "extLst",
    )
)  # fmt: skip
"""What ends the part of a sheet that is read (CT_Worksheet): the rows and the merged cells come before all of these."""
MAGIC = b"PK\x03\x04"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CUT_NUMBER = say("sheets.cut")
"""What is said of a number of which a spreadsheet has kept fifteen digits."""


class Number(str):
    """The text of a cell that holds a number, as it stands in the file."""

    __slots__ = ()


@dataclass(frozen=True)
class SheetRow:
    """One row of a sheet: its number, whether a reader of the sheet sees it, and its cells; empty ones are "".

    ``merged``: by column, what stands in a cell of an earlier row that reaches down to this one.
    """

    number: int
    hidden: bool
    cells: list[str]
    merged: Mapping[int, str] = field(default_factory=lambda: _NOT_MERGED)


@dataclass(frozen=True)
class Sheet:
    """The rows of one sheet. ``epoch``: the day before the first one of the workbook's date system."""

    rows: list[SheetRow]
    epoch: date


def read_sheet(content: bytes, name: str | None = None, usual: str | None = None) -> Sheet:
    """The sheet of this name, else the ``usual`` one, else the only visible one that has cells.

    ValueError names the place, or the sheets. Blocking: a child reads it.
    """
    told = nursery.ask(
        told_sheet,
        content,
        name,
        usual,
        seconds=_SECONDS,
        megabytes=_MEGABYTES,
        most=_LARGEST_TOLD,
        needs=("lxml.etree",),
    )
    if told is None:
        raise UnfitError(say("sheets.too_heavy"))
    return sheet_of(told)


def told_sheet(content: bytes, name: str | None, usual: str | None = None) -> bytes:
    """In the child: a sheet as lines of JSON, or why there is none, in both languages."""
    try:
        return told(parse_sheet(content, name, usual))
    except UnfitError as error:
        return json.dumps({"wrong": [error.said.in_(Language.CHINESE), error.said.in_(Language.ENGLISH)]}).encode()


def told(sheet: Sheet) -> bytes:
    """A sheet as lines of JSON: its epoch, then a row each. A number is a list of its text, to be known as one."""
    lines = [json.dumps({"epoch": str(sheet.epoch)})]
    for row in sheet.rows:
        cells = [[cell] if isinstance(cell, Number) else cell for cell in row.cells]
        merged = [list(row.merged.items())] if row.merged else []
        lines.append(json.dumps([row.number, row.hidden, cells, *merged], ensure_ascii=False))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def sheet_of(told: bytes) -> Sheet:
    """The sheet that a child told. Raises UnfitError with its words where there is none."""
    # Line by line: others have their turn in between.
    head, *lines = told.decode("utf-8", "surrogatepass").split("\n")
    first = json.loads(head)
    if wrong := first.get("wrong"):
        raise UnfitError(say("sheets.told", said=Both(*wrong)))
    rows = []
    for line in lines:
        number, hidden, told_cells, *merged = json.loads(line)
        cells = [one if type(one) is str else Number(one[0]) for one in told_cells]
        rows.append(SheetRow(number, hidden, cells, dict(merged[0]) if merged else _NOT_MERGED))
    return Sheet(rows, date.fromisoformat(first["epoch"]))


def parse_sheet(content: bytes, name: str | None = None, usual: str | None = None) -> Sheet:
    """``read_sheet`` in this process: for files of our own, and for a child."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            if sum(one.file_size for one in book.infolist()) > _LONGEST:
                raise UnfitError(say("sheets.unpacked", most=_LONGEST >> 20))
            strings = _strings(book)
            root = _part(book, "xl/workbook.xml")
            room = _Room()
            sheets = {
                title: _rows(book, part, strings, room) for title, part in _chosen(book, root, name, usual).items()
            }
    except (zipfile.BadZipFile, KeyError, XmlRefusedError, NotImplementedError, RuntimeError) as error:
        raise UnfitError(say("sheets.no_workbook", error=error)) from None
    filled = {title: rows for title, rows in sheets.items() if any(any(row.cells) for row in rows)}
    if len(filled) > 1:
        raise UnfitError(say("sheets.sheets", sheets=filled))
    properties = root.find(f"{_MAIN}workbookPr")
    later = properties is not None and properties.get("date1904") in ("1", "true")
    return Sheet(next(iter(filled.values()), []), _EPOCH_1904 if later else _EPOCH_1900)


def _chosen(book: zipfile.ZipFile, root: etree._Element, name: str | None, usual: str | None) -> dict[str, str]:
    """The parts of the sheet of this name, or of the usual one, or of all visible ones. ValueError for none."""
    parts = {
        one.get("Id"): one.get("Target", "")
        for one in _part(book, "xl/_rels/workbook.xml.rels").iterfind(f"{_PACKAGE}Relationship")
    }
    found = {}
    for one in root.iterfind(f"{_MAIN}sheets/{_MAIN}sheet"):
        title, target = one.get("name", ""), parts.get(one.get(f"{_DOCUMENT}id"))
        if target is not None and (title == name or (name is None and one.get("state", "visible") == "visible")):
            found[title] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    if not found:
        raise UnfitError(say("sheets.no_sheet", name=name) if name else say("sheets.no_visible_sheet"))
    return {usual: found[usual]} if name is None and usual in found else found


class _Room:
    """How much a workbook may still hold."""

    def __init__(self) -> None:
        self._rows, self._cells = _MOST_ROWS, _MOST_CELLS

    def take(self, cells: int, rows: int = 1) -> None:
        """One more row of so many cells. Raises UnfitError where there is no more room."""
        self._rows -= rows
        self._cells -= cells
        if self._rows < 0 or self._cells < 0:
            raise UnfitError(say("sheets.too_many", rows=_MOST_ROWS, cells=_MOST_CELLS))


def _rows(book: zipfile.ZipFile, part: str, strings: list[str], room: _Room) -> list[SheetRow]:
    rows: list[SheetRow] = []
    reaching: list[tuple[int, int, int]] = []
    for one in walk_xml(_pieces(book, part), (f"{_MAIN}row", f"{_MAIN}mergeCell"), _AFTER_MERGED, _BOUNDS):
        if one.tag == f"{_MAIN}mergeCell":
            reaching += _reaching(one.get("ref", ""))
            continue
        number = int(one.get("r", len(rows) + 1))
        if len(one) > _COLUMNS:
            raise UnfitError(say("sheets.columns_over", most=_COLUMNS))
        cells: list[str] = []
        for cell in one.iterfind(f"{_MAIN}c"):
            column = _column(cell.get("r", "")) if cell.get("r") else len(cells)
            if column >= _COLUMNS:
                raise UnfitError(say("sheets.row_over", number=number, most=_COLUMNS))
            cells += [""] * (column + 1 - len(cells))
            cells[column] = _text(cell, strings, number)
        room.take(len(cells))
        rows.append(SheetRow(number, one.get("hidden") in ("1", "true"), cells))
    return _merged(rows, reaching, room) if reaching else rows


def _reaching(reference: str) -> Iterator[tuple[int, int, int]]:
    """Of a merged cell that reaches over several rows, such as A2:B4: its column, its first row and its last."""
    found = re.fullmatch(r"([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})", reference)
    if found is not None and int(found[2]) < int(found[3]):
        yield _column(found[1]), int(found[2]), int(found[3])


def _merged(rows: list[SheetRow], reaching: list[tuple[int, int, int]], room: _Room) -> list[SheetRow]:
    """The rows, those told of it into which a cell of an earlier one reaches."""
    place = {row.number: at for at, row in enumerate(rows)}
    for column, first, last in reaching:
        above = rows[place[first]].cells[column : column + 1] if first in place else []
        if not above or not above[0]:
            continue
        at = place[first] + 1
        while at < len(rows) and first < rows[at].number <= last:
            room.take(1, rows=0)
            rows[at] = replace(rows[at], merged={**rows[at].merged, column: above[0]})
            at += 1
    return rows


def _pieces(book: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part, unpacked piece by piece."""
    with book.open(part) as file:
        while piece := file.read(_PIECE):
            yield piece


def day_of(cell: str, epoch: date) -> str:
    """A numeric cell as the day of the workbook's date system. ValueError for a number that means none; text as is."""
    if not isinstance(cell, Number):
        return cell
    serial = _number(cell)
    day = epoch + timedelta(days=int(serial)) if 0 <= serial < _LAST_SERIAL else None
    if day is None or not within_bounds(day):
        raise UnfitError(say("sheets.number_no_day", cell=cell))
    return str(day)


def instant_of(cell: str, epoch: date) -> str:
    """A numeric cell as a day with its time, to the second, or as a day alone; ValueError and text as ``day_of``."""
    if not isinstance(cell, Number):
        return cell
    day = date.fromisoformat(day_of(cell, epoch))
    seconds = round(float(_number(cell) % 1) * 86_400)
    if not seconds:
        return str(day)
    return str(datetime.combine(day, time.min) + timedelta(seconds=seconds))


def amount_of(cell: str) -> str:
    """A number to the 15 digits that spreadsheets show, with two decimals if it has no more; text as it is."""
    if not isinstance(cell, Number):
        whole, _, cents = cell.partition(".")
        plain = whole.isdecimal() and (cents.isdecimal() or not cents) and len(cents) <= 2
        return f"{whole}.{cents:0<2}" if plain else cell
    shown = _number(cell).normalize()
    decimals = max(0, -int(shown.as_tuple().exponent))
    return f"{shown:.{max(2, decimals)}f}"


def word_of(cell: str) -> str:
    """A number as its digits. ValueError for one of more digits than a spreadsheet keeps."""
    if not isinstance(cell, Number):
        return cell
    shown = _number(cell)
    if shown != shown.to_integral_value():
        return f"{shown.normalize():f}"
    if abs(shown) >= 10**15:
        raise UnfitError(CUT_NUMBER)
    return str(int(shown))


def _number(cell: str) -> Decimal:
    try:
        return Decimal(f"{float(cell):.15g}")
    except (ValueError, ArithmeticError):
        raise UnfitError(say("sheets.no_number", text=cell[:40])) from None


def _part(book: zipfile.ZipFile, name: str) -> etree._Element:
    return parse_xml(book.read(name), _BOUNDS)


def _strings(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    strings: list[str] = []
    for one in walk_xml(_pieces(book, "xl/sharedStrings.xml"), (f"{_MAIN}si",), (f"{_MAIN}sst",), _BOUNDS):
        if len(strings) >= _MOST_STRINGS:
            raise UnfitError(say("sheets.too_many_texts", most=_MOST_STRINGS))
        strings.append(_joined(one))
    return strings


def _joined(item: etree._Element) -> str:
    """The text of a string, its runs joined, without phonetic hints 拼音."""
    hints = {id(text) for hint in item.iter(f"{_MAIN}rPh") for text in hint.iter(f"{_MAIN}t")}
    return "".join(text.text or "" for text in item.iter(f"{_MAIN}t") if id(text) not in hints)


def _column(reference: str) -> int:
    """0 for A1, 26 for AA7."""
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        raise UnfitError(say("sheets.no_cell", reference=reference))
    number = 0
    for letter in letters.group():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _text(cell: etree._Element, strings: list[str], row: int) -> str:
    where = say("sheets.cell", row=row, cell=cell.get("r", "?"))
    if cell.find(f"{_MAIN}f") is not None:
        raise UnfitError(say("sheets.formula", where=where))
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    match kind:
        case "inlineStr":
            inline = cell.find(f"{_MAIN}is")
            return "" if inline is None else _joined(inline)
        case "s":
            if not value.isdecimal() or int(value) >= len(strings):
                raise UnfitError(say("sheets.no_text", where=where))
            return strings[int(value)]
        case "b":
            return "true" if value == "1" else "false"
        case "e":
            raise UnfitError(say("sheets.error_value", where=where, value=value))
        case "d" | "str":
            return value
    return Number(value) if value else ""

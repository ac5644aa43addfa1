"""The first sheet of an XLSX workbook as text cells: just enough of ECMA-376 to read a table that people filled in.

What others made is not trusted: sizes are limited before anything is unpacked, entities are not resolved, formulas and
error values are refused. Numbers stay the text that stands in the file; a day is a serial number there, which
``day_of`` turns into one.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta

from lxml import etree

from gateway.foundation.wire.xml import XmlBounds, XmlRefusedError, parse_xml

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DOCUMENT = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_LONGEST = 256 << 20
_BOUNDS = XmlBounds(bytes=_LONGEST, elements=10_000_000)
_COLUMNS = 200
MAGIC = b"PK\x03\x04"


def read_sheet(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet with their numbers; empty cells are "". Raises ValueError naming the row and the cell."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            if sum(one.file_size for one in book.infolist()) > _LONGEST:
                raise ValueError(f"the workbook unpacks to more than {_LONGEST >> 20} MB")
            strings = _strings(book)
            sheet = _part(book, _first_sheet(book))
    except (zipfile.BadZipFile, KeyError, XmlRefusedError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"not a workbook that can be read: {error}") from None
    for position, row in enumerate(sheet.iter(f"{_MAIN}row"), start=1):
        number = int(row.get("r", position))
        cells: list[str] = []
        for cell in row.iterfind(f"{_MAIN}c"):
            column = _column(cell.get("r", "")) if cell.get("r") else len(cells)
            if column >= _COLUMNS:
                raise ValueError(f"row {number}: more than {_COLUMNS} columns")
            cells += [""] * (column + 1 - len(cells))
            cells[column] = _text(cell, strings, number)
        yield number, cells


def day_of(serial: str) -> str:
    """The day that a serial number of the 1900 system stands for, as 2026-06-30; any other text as it is."""
    if not re.fullmatch(r"\d{4,6}(\.0*)?", serial):
        return serial
    return str(date(1899, 12, 30) + timedelta(days=int(serial.partition(".")[0])))


def amount_of(number: str) -> str:
    """A number without or with one decimal as yuan with two; any other text as it is, to be judged as typed."""
    whole, _, cents = number.partition(".")
    plain = whole.isdecimal() and (cents.isdecimal() or not cents) and len(cents) <= 2
    return f"{whole}.{cents:0<2}" if plain else number


def _part(book: zipfile.ZipFile, name: str) -> etree._Element:
    return parse_xml(book.read(name), _BOUNDS)


def _strings(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    return [_joined(one) for one in _part(book, "xl/sharedStrings.xml").iterfind(f"{_MAIN}si")]


def _joined(item: etree._Element) -> str:
    """The text of a string, its runs joined, without phonetic hints 拼音."""
    hints = {id(text) for hint in item.iter(f"{_MAIN}rPh") for text in hint.iter(f"{_MAIN}t")}
    return "".join(text.text or "" for text in item.iter(f"{_MAIN}t") if id(text) not in hints)


def _first_sheet(book: zipfile.ZipFile) -> str:
    first = _part(book, "xl/workbook.xml").find(f"{_MAIN}sheets/{_MAIN}sheet")
    if first is None:
        raise KeyError("no sheet")
    wanted = first.get(f"{_DOCUMENT}id")
    for relation in _part(book, "xl/_rels/workbook.xml.rels").iterfind(f"{_PACKAGE}Relationship"):
        if relation.get("Id") == wanted:
            target = relation.get("Target", "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError("no sheet")


def _column(reference: str) -> int:
    """0 for A1, 26 for AA7."""
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        raise ValueError(f"{reference!r} is not a cell")
    number = 0
    for letter in letters.group():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _text(cell: etree._Element, strings: list[str], row: int) -> str:
    where = f"row {row}, cell {cell.get('r', '?')}"
    if cell.find(f"{_MAIN}f") is not None:
        raise ValueError(f"{where}: a formula; paste values instead")
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    match kind:
        case "inlineStr":
            inline = cell.find(f"{_MAIN}is")
            return "" if inline is None else _joined(inline)
        case "s":
            if not value.isdecimal() or int(value) >= len(strings):
                raise ValueError(f"{where}: a text that the workbook does not have")
            return strings[int(value)]
        case "b":
            return "true" if value == "1" else "false"
        case "e":
            raise ValueError(f"{where}: the error value {value}")
    return value

"""Small files that unpack to much are refused before much is built of them, and nobody else feels it."""

from __future__ import annotations

import io
import resource
import zipfile
import zlib
from collections.abc import Callable
from datetime import date, time

import pytest
import xlsxwriter

from gateway.foundation import nursery, sheets
from gateway.foundation.sheets import Number, parse_sheet, read_sheet, sheet_of, told
from gateway.foundation.wire.xml import XmlBounds, XmlRefusedError, walk_xml
from gateway.rooms.imports import table
from gateway.rooms.imports.service import lines_of
from gateway.rooms.reconciliation import line_reader
from gateway.rooms.reconciliation.line_reader import read_rows
from gateway.rooms.reconciliation.old_workbooks import OLE, read_old_workbook
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.rows import rows_of
from gateway.rooms.reconciliation.statement import StatementRefusedError, window
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Language, UnfitError, said_of

SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def book(rows: bytes, *, before: bytes = b"", strings: bytes | None = None, head: bytes = b"") -> bytes:
    """A workbook with these rows in its one sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{SPACE}" xmlns:r="{RELATION}"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
        )
        packed.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        sheet = f'<worksheet xmlns="{SPACE}">'.encode()
        packed.writestr(
            "xl/worksheets/sheet1.xml",
            head + sheet + before + b"<sheetData>" + rows + b"</sheetData></worksheet>",
        )
        if strings is not None:
            packed.writestr("xl/sharedStrings.xml", f'<sst xmlns="{SPACE}">'.encode() + strings + b"</sst>")
    return out.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "one cell far to the right in each row": lambda: book(b'<row><c r="GR1"/></row>' * 1_000_000),
    "elements that are no rows": lambda: book(b"", before=b"<a/>" * 5_000_000),
    "elements that are no cells": lambda: book(b"<row>" + b"<a/>" * 5_000_000 + b"</row>"),
    "one row of many cells": lambda: book(b"<row>" + b"<c/>" * 1_000_000 + b"</row>"),
    "one text of many runs": lambda: book(b"", strings=b"<si>" + b"<r><t>a</t></r>" * 1_000_000 + b"</si>"),
    "one in another": lambda: book(b"<row>" * 200_000),
    "one long text": lambda: book(b"<row><c><v>" + b"1" * 30_000_000 + b"</v></c></row>"),
    "more than it may unpack to": lambda: book(b" " * (65 << 20)),
    "entities": lambda: book(
        b"<row><c><v>&a;</v></c></row>",
        head=b"<!DOCTYPE a [<!ENTITY a '" + b"1" * 1000 + b"'><!ENTITY b '&a;&a;'>]>",
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.cases_by_day(3)
def test_a_small_workbook_that_unpacks_to_much_is_refused_in_words_and_costs_this_process_nothing(kind: str) -> None:
    made = BOMBS[kind]()
    assert len(made) < 500_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnfitError) as refused:
        read_sheet(made)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"
    assert refused.value.said.in_(Language.CHINESE) != refused.value.said.in_(Language.ENGLISH)


@pytest.mark.parametrize(
    ("bound", "made"),
    [
        ("_MOST_ROWS", book(b"<row/>" * 101)),
        ("_MOST_CELLS", book(b'<row><c r="E1"/></row>' * 21)),
        ("_MOST_STRINGS", book(b"", strings=b"<si/>" * 101)),
    ],
)
def test_rows_cells_and_texts_are_counted(bound: str, made: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, bound, 105)
    parse_sheet(made)
    monkeypatch.setattr(sheets, bound, 100)
    with pytest.raises(UnfitError, match="at most"):
        parse_sheet(made)


def test_what_the_child_tells_is_what_stands_in_the_sheet() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as made:
        sheet = made.add_worksheet()
        for at in range(3000):
            sheet.write_row(at, 0, [f"行{at}\n“a”", at + 0.5, "", date(2026, 9, 16), "\u2028"])
        sheet.set_row(7, None, None, {"hidden": True})
    here, there = parse_sheet(out.getvalue()), read_sheet(out.getvalue())
    assert here == there == sheet_of(told(here))
    assert [type(one) for one in there.rows[5].cells[:2]] == [str, Number]
    assert [row.number for row in there.rows if row.hidden] == [8]
    with pytest.raises(UnfitError, match="there is no sheet 年报"):
        read_sheet(out.getvalue(), "年报")


def test_a_workbook_that_is_too_much_for_its_child_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_MEGABYTES", 1)
    with pytest.raises(UnfitError, match="too much memory or time"):
        read_sheet(book(b"<row><c><v>1</v></c></row>" * 100_000))


def test_an_old_workbook_that_is_none_ends_its_child_alone() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_old_workbook(OLE + b"x" * 4096)


# --- walking ------------------------------------------------------------------------------------------------------


def test_elements_are_walked_whole_in_their_order_however_the_document_is_cut() -> None:
    document = b"<a><skip/>" + b"".join(b"<row><c>%d</c></row>" % at for at in range(100)) + b"</a><!-- end -->"
    for size in (1, 7, 1000, 100_000):
        pieces = (document[at : at + size] for at in range(0, len(document), size))
        assert [one.findtext("c") for one in walk_xml(pieces, ("row",), ("none",))] == [str(at) for at in range(100)]


@pytest.mark.parametrize(
    "document",
    [
        b"<a><row/>",
        b"<a><row></a>",
        b"<!DOCTYPE a><a><row/></a>",
        b"<a>" + b"<b/>" * 100 + b"</a>",
        b"<a>" + b"<b c='' xmlns:d='u'/>" * 39 + b"<row " + b"e='' " * 3 + b"/></a>",
        b"<a>" + b" " * 2000 + b"<row/></a>",
        b"",
    ],
    ids=["cut", "not well-formed", "a DTD", "many elements", "many attributes", "many bytes", "nothing"],
)
def test_what_is_no_data_is_refused_while_it_is_walked(document: bytes) -> None:
    with pytest.raises(XmlRefusedError):
        list(walk_xml([document], ("row",), ("none",), XmlBounds(bytes=1000, elements=20)))


# --- lines --------------------------------------------------------------------------------------------------------


def test_a_file_of_bills_has_so_many_lines_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_LINES", 100)
    head = "执法机关,决定书文号,决定日期,缴款码,缴款书编号,当事人类型,当事人名称\n"
    assert len(lines_of((head + "a\n" * 100).encode())) == 100
    with pytest.raises(InvalidProblem, match="at most 100"):
        lines_of((head + "a\n" * 101).encode())


def test_a_statement_of_other_lines_than_its_own_is_refused_before_all_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line_reader, "MOST_ASIDE", 1000)
    profile = Profile.model_validate(
        {
            "columns": {"code": "code", "amount": "amount", "paid_at": "at", "bank_serial": "serial"},
            "time_format": "%Y-%m-%d %H:%M:%S",
            "totals": "none",
        }
    )
    day = date(2026, 9, 16)

    def read(lines: int) -> None:
        content = "code,amount,at,serial\n" + "x,y,z,\n" * lines
        read_rows(rows_of(io.BytesIO(content.encode()), profile), profile, day, window(day, time.min), lambda: None)

    read(1000)
    with pytest.raises(StatementRefusedError, match="none of the statement") as refused:
        read(5000)
    assert said_of(refused.value)


# --- the nursery --------------------------------------------------------------------------------------------------


def test_a_child_has_the_memory_that_it_is_given_and_answers_no_more_than_is_taken() -> None:
    small, large = zlib.compress(b"a" * 1000), zlib.compress(b"a" * (200 << 20))
    for _ in range(2):
        assert nursery.ask(zlib.decompress, small, seconds=10, megabytes=50) == b"a" * 1000
        assert nursery.ask(zlib.decompress, large, seconds=10, megabytes=50, most=1 << 30) is None
        assert nursery.ask(zlib.decompress, small, seconds=10, megabytes=50, most=999) is None

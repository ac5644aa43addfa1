"""Open bills of another system on a real store: judged row by row before anything is written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter
from money_bench import CODE, Bench, a_file, a_row
from sqlalchemy import select

from gateway.rooms.imports.service import lines_of
from gateway.rooms.payments import records
from gateway.rooms.payments.tables import payment
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Language


def several(count: int) -> list[dict[str, str]]:
    return [
        a_row(code=f"{int(CODE) + one}", reference=f"OLD{one}", decision_number=f"望综罚〔2025〕{one}号")
        for one in range(count)
    ]


async def count(bench: Bench) -> int:
    return len(await bench.store.read(lambda conn: conn.execute(select(payment.c.id)).all()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_open_bills_come_over_issued_and_again_changes_nothing(quick, encoding):
    content = a_file(several(3), encoding)
    seen: list[tuple[int, int]] = []
    dry = await quick.imports.run(content, by="test", dry_run=True)
    assert (dry.written, dry.count("new"), await count(quick)) == (False, 3, 0)
    report = await quick.imports.run(content, by="test", progress=lambda *at: seen.append(at))
    assert (report.written, report.count("new"), await count(quick)) == (True, 3, 3)
    assert seen[-1] == (6, 6)
    again = await quick.imports.run(content, by="test")
    assert (again.count("known"), again.count("new"), await count(quick)) == (3, 0, 3)
    assert [one.payment for one in again.rows] == [one.payment for one in report.rows]


async def test_an_imported_bill_is_paid_like_any_other(bench):
    payment_id = await bench.paid(5000_00)
    payment = await bench.store.read(lambda conn: records.held(conn, payment_id))
    assert (payment.status, payment.paid_amount, payment.code) == ("PAID", 5000_00, CODE)


def _bad() -> Iterator[Any]:
    yield pytest.param({"code": "123"}, "code|20", id="code")
    yield pytest.param({"fine": "50.555"}, "fine", id="amount")
    yield pytest.param({"fine": "", "confiscated": ""}, "nothing is to be paid", id="nothing")
    yield pytest.param({"authority": "A9"}, "no authority A9", id="authority")
    yield pytest.param({"party_uscc": "92990102MA0WA4562K"}, "", id="uscc")
    yield pytest.param({"decided_on": "2027-01-01"}, "future", id="future")
    yield pytest.param({"party_kind": "natural_person", "party_uscc": ""}, "id_number", id="person")


@pytest.mark.parametrize(("wrong", "reason"), list(_bad()))
async def test_a_bad_row_is_named_and_keeps_the_file_out_unless_part_of_it_is_wanted(quick, wrong, reason):
    rows = several(3)
    rows[1] |= wrong
    report = await quick.imports.run(a_file(rows), by="test")
    bad = [one for one in report.rows if one.outcome == "bad"]
    assert [one.line for one in bad] == [3]
    assert bad[0].reason_in(Language.CHINESE)
    told = bad[0].reason_in(Language.ENGLISH)
    assert not reason or any(word in told for word in reason.split("|")), told
    assert (report.written, await count(quick)) == (False, 0)
    part = await quick.imports.run(a_file(rows), by="test", partial=True)
    assert (part.written, part.count("new"), part.count("bad"), await count(quick)) == (True, 2, 1, 2)


async def test_a_code_twice_in_a_file_or_known_for_another_demand_is_bad(quick):
    rows = several(2)
    rows[1]["code"] = rows[0]["code"]
    report = await quick.imports.run(a_file(rows), by="test", partial=True)
    assert [(one.line, one.outcome) for one in report.rows] == [(2, "new"), (3, "bad")]
    other = await quick.imports.run(a_file([rows[0] | {"fine": "1.00"}]), by="test")
    assert other.rows[0].outcome == "bad"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"code,reference\r\n1,2",
        a_file([a_row(nonsense="1")]),
        b"\xff\xfe\xfa,\x81",
        a_file([a_row()]).replace(b"authority,", b"authority,authority,"),
        b'"authority\r\n',
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(content):
    with pytest.raises(InvalidProblem):
        lines_of(content)


def test_a_row_with_more_cells_than_columns_is_named_by_its_line():
    (row,) = lines_of(a_file([a_row()]) + b",surplus\r\n")
    assert row.number == 2
    assert "cells" in str(row.wrong)


def a_workbook(rows: list[dict[str, str]], cell: Any = None) -> bytes:
    """The same table as people make it: amounts as numbers, days as days, everything else as text."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, list(rows[0]))
        for number, row in enumerate(rows, start=1):
            for column, (name, value) in enumerate(row.items()):
                if name == "fine" and value:
                    sheet.write_number(number, column, float(value))
                elif name == "decided_on":
                    sheet.write_datetime(number, column, datetime.fromisoformat(value), day)
                else:
                    sheet.write_string(number, column, value)
        if cell is not None:
            cell(sheet)
    return out.getvalue()


async def test_a_workbook_says_the_same_as_its_csv(quick):
    rows = several(3)
    rows[1]["fine"] = "12.5"
    same = lines_of(a_file([rows[0], rows[1] | {"fine": "12.50"}, rows[2]]))
    assert [one.cells for one in lines_of(a_workbook(rows))] == [one.cells for one in same]
    report = await quick.imports.run(a_workbook(rows), by="test")
    assert (report.written, report.count("new")) == (True, 3), report.rows


def test_days_and_amounts_of_a_workbook_are_exact():
    rows = several(3)
    rows[1]["fine"] = "12.5"
    cells = [one.cells for one in lines_of(a_workbook(rows))]
    assert [row["fine"] for row in cells] == ["5000.00", "12.50", "5000.00"]
    assert {row["decided_on"] for row in cells} == {"2026-03-02"}


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 and nothing more",
        a_workbook([a_row()], lambda sheet: sheet.write_formula(1, 8, "=1+1", None, "2")),
        a_workbook([a_row(nonsense="1")]),
    ],
    ids=["broken", "formula", "column"],
)
def test_a_workbook_that_is_none_or_computes_is_refused_as_a_whole(content):
    with pytest.raises(InvalidProblem):
        lines_of(content)


async def test_a_code_that_a_workbook_holds_as_a_number_has_lost_digits_and_is_bad(quick):
    content = a_workbook([a_row()], lambda sheet: sheet.write_number(1, 3, float(CODE)))
    report = await quick.imports.run(content, by="test")
    assert [one.outcome for one in report.rows] == ["bad"]

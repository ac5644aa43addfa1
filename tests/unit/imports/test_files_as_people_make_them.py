"""Workbooks and CSV files as people make them: read, or refused with a sentence that a clerk can act on."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from money_bench import Bench
from sqlalchemy import delete, insert, select, text, update

from gateway.foundation.access.tables import authority
from gateway.foundation.sheets import Number, amount_of, day_of, read_sheet
from gateway.foundation.store import Store
from gateway.rooms.imports.report import as_workbook
from gateway.rooms.imports.service import ImportReport, RowResult, lines_of
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Language

CASES = Path(__file__).parents[2] / "cases" / "imports"


def case(name: str) -> bytes:
    (path,) = CASES.glob(f"{name}_*")
    return path.read_bytes()


def rename(conn: Any) -> None:
    """Give the bench's authority the code that stands in the files."""
    known = conn.execute(select(authority)).mappings().one()
    conn.execute(update(authority).values(uscc=""))  # unique, and soon another's
    conn.execute(insert(authority), {**known, "code": "wangchuan-scjg"})
    conn.execute(text("update collecting_unit set authority = 'wangchuan-scjg'"))
    conn.execute(delete(authority).where(authority.c.code == known["code"]))


@pytest.fixture
async def desk(quick: Bench) -> Bench:
    """The bench, whose authority has the code that stands in the files."""

    await quick.store.write(rename)
    return quick


async def look(desk: Bench, name: str, **options: Any) -> ImportReport:
    return await desk.imports.run(case(name), by="test", dry_run=True, **options)


def outcomes(report: ImportReport) -> list[tuple[int, str]]:
    return [(one.line, one.outcome) for one in report.rows]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("i01", {}, [(2, "new")]),
        ("i02", {"hidden": True}, [(2, "new"), (3, "new"), (4, "new")]),
        ("i02", {}, [(2, "new"), (3, "bad"), (4, "new")]),
        ("i03", {"hidden": True}, [(2, "new"), (3, "new")]),
        ("i03", {}, [(2, "bad"), (3, "new")]),
        ("i04", {"sheet": "上半年"}, [(2, "new")]),
        ("i04", {"sheet": "下半年"}, [(2, "new")]),
        ("i05", {}, [(2, "new")]),
        ("i06", {}, [(2, "new"), (3, "new"), (4, "new"), (5, "new"), (6, "bad")]),
        ("i07", {}, [(2, "new"), (3, "noted")]),
        ("i08", {}, [(2, "bad"), (3, "new")]),
        ("i09", {}, [(3, "new")]),
        ("i10", {}, [(2, "bad"), (3, "new")]),
        ("i11", {}, [(2, "new")]),
        ("i12", {}, [(2, "new")]),
        ("i13", {}, [(2, "new"), (3, "bad")]),
        ("i14", {}, [(2, "bad"), (3, "bad"), (4, "new"), (5, "new"), (6, "new"), (7, "bad")]),
        ("i15", {}, [(2, "new")]),
        ("i16", {}, [(3, "new")]),
        ("i17", {}, [(2, "new"), (3, "new"), (4, "new"), (5, "bad")]),
    ],
)
@pytest.mark.cases_by_day(7)
async def test_each_row_ends_as_its_maker_meant(
    desk: Bench, name: str, options: dict[str, Any], expected: list[tuple[int, str]]
) -> None:
    report = await look(desk, name, **options)
    assert outcomes(report) == expected, report.rows
    for one in report.rows:
        if one.outcome == "bad":
            told = one.reason_in(Language.CHINESE)
            assert any("\u4e00" <= letter <= "\u9fff" for letter in told), told
            assert not any("\u4e00" <= letter <= "\u9fff" for letter in one.reason_in(Language.ENGLISH))
            assert "Value error" not in told


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("i02", 3, "--hidden"),
        ("i07", 3, "200.00"),
        ("i08", 2, "2026 is a number, not a day"),
        ("i10", 2, "cut this number"),
        ("i10", 3, "00000"),
        ("i13", 3, "same decision as on line 2"),
        ("i17", 5, "cut this number"),
    ],
)
async def test_what_is_odd_is_said(desk: Bench, name: str, line: int, said: str) -> None:
    report = await look(desk, name)
    assert said in next(one.reason_in(Language.ENGLISH) for one in report.rows if one.line == line)


@pytest.mark.parametrize(
    ("name", "said"), [("i04", "上半年、下半年"), ("i19", "另存为 .xls 的网页")], ids=["sheets", "page"]
)
def test_a_file_that_is_none_is_refused_with_what_to_do(name: str, said: str) -> None:
    with pytest.raises(InvalidProblem) as told:
        lines_of(case(name))
    assert said in told.value.detail_in(Language.CHINESE)


def test_an_old_workbook_is_named() -> None:
    with pytest.raises(InvalidProblem, match=r"\.xls workbook"):
        lines_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)


def test_days_follow_the_date_system_of_the_workbook() -> None:
    (line,) = lines_of(case("i01"))
    assert line.cells["decided_on"] == "2026-06-30"
    sheet = read_sheet(case("i01"))
    assert day_of(Number("44741"), sheet.epoch) == "2026-06-30"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("20.100000000000001", "20.10"), ("0.57999999999999996", "0.58"), ("4.3499999999999996", "4.35"),
        ("1E+2", "100.00"), ("20.105", "20.105"), ("200", "200.00"), ("4.0E-2", "0.04"), ("0.1", "0.10"),
        ("99999999.99", "99999999.99"), ("5036.5", "5036.50"), ("1234567.8900000001", "1234567.89"),
    ],
)  # fmt: skip
def test_numbers_are_what_a_spreadsheet_shows(told: str, shown: str) -> None:
    assert amount_of(Number(told)) == shown


@pytest.mark.parametrize("serial", ["0", "1", "2026", "32000", "99999", "1E+9", "-5", "1e400"])
def test_a_number_that_is_no_day_is_refused(serial: str) -> None:
    with pytest.raises(ValueError, match=r"a number, not a day|no number"):
        day_of(Number(serial), read_sheet(case("i06")).epoch)


def a_sheet(xml: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(case("i06"))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            new.writestr(one, xml if one.endswith("sheet1.xml") else old.read(one))
    return out.getvalue()


@pytest.mark.parametrize("cell", [b'<c r="A1"><v>1</v></c>', b"<c><v>1</v></c>", b"<c/>"])
def test_a_row_of_a_million_cells_is_refused_before_anything_is_built(cell: bytes) -> None:
    xml = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    content = a_sheet(xml + cell * 1_000_000 + b"</row></sheetData></worksheet>")
    assert len(content) < 200_000
    with pytest.raises(InvalidProblem, match=r"columns|elements"):
        lines_of(content)


def test_a_total_that_differs_is_bad_and_titles_and_blank_rows_are_no_records() -> None:
    head = "执法机关,决定书文号,决定日期,缴款码,缴款书编号,当事人类型,当事人名称,统一社会信用代码,罚款金额（元）"
    row = "a,望罚〔2026〕1号,2026-06-30,99010226300000003001,R1,企业,某公司,91990102MA0K7T2PXA,200.00"
    content = f"未缴清单\n,,\n{head}\n{row}\n,,,,\n合计：,,,,,,,,300.00\n".encode()
    first, last = lines_of(content)
    assert (first.cells["party_kind"], first.number) == ("organisation", 4)
    assert (last.total, last.cells) == (True, {"fine": "300.00"})


async def test_a_total_is_checked(desk: Bench) -> None:
    content = case("i07")
    wrong = a_total(content, b"<v>201</v>")
    report = await desk.imports.run(wrong, by="test", dry_run=True)
    assert outcomes(report) == [(2, "new"), (3, "bad")]
    assert "不符" in report.rows[1].reason_in(Language.CHINESE)


def a_total(content: bytes, value: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for one in old.namelist():
            new.writestr(one, old.read(one).replace(b"<v>200</v>", value))
    return out.getvalue()


async def test_the_report_is_a_workbook_with_one_reason_a_row(desk: Bench) -> None:
    report = await look(desk, "i14")
    rows = read_sheet(as_workbook(report)).rows
    assert rows[0].cells == ["行号", "结果", "缴款码", "原因"]
    assert [row.cells[1] for row in rows[1:]] == ["不能导入", "不能导入", "新增", "新增", "新增", "不能导入"]
    assert all(row.cells[3] for row in rows[1:] if row.cells[1] == "不能导入")


def test_a_report_computes_nothing() -> None:
    told = ImportReport([RowResult(2, "bad", "=1+1", ("=x",))])
    assert read_sheet(as_workbook(told)).rows[1].cells[2:] == ["=1+1", "=x"]


def test_a_row_with_several_reasons_has_a_line_for_each() -> None:
    told = ImportReport([RowResult(2, "bad", "c2", ("甲", "乙")), RowResult(3, "new", "c3")])
    rows = [row.cells for row in read_sheet(as_workbook(told)).rows[1:]]
    assert [(row[0], row[2], "".join(row[3:])) for row in rows] == [
        ("2", "c2", "甲"),
        ("2", "c2", "乙"),
        ("3", "c3", ""),
    ]


async def test_how_long_codes_are_is_the_channels_matter(one_store: Store, tmp_path: Path) -> None:
    for length, outcome in ((20, "bad"), (15, "new")):
        desk = Bench(one_store, tmp_path, PaymentKeys(code_length=length))
        if length == 20:
            await desk.open()
            await desk.store.write(rename)
        report = await look(desk, "i18")
        assert [one.outcome for one in report.rows] == [outcome], report.rows

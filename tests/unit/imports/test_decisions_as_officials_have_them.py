"""Files of decisions as officials have them: read as they are meant, or refused with what to do about it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
import xlsxwriter

from gateway.foundation.sheets import read_sheet
from gateway.rooms.imports.decisions import DecisionRow, entries
from gateway.rooms.imports.template import columns, template
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Language, worded

ROW: dict[str, Any] = {
    "执法机关代码": "A1",
    "决定书文号": "安望市监罚决〔2026〕1号",
    "决定日期": "2026-06-30",
    "当事人类型": "企业",
    "当事人名称": "恒筑（安澜）建设有限公司",
    "统一社会信用代码": "91990102MA0HD1233R",
    "违法行为类型": "经营超过保质期的食品",
    "违法事实": "货架上有过期糕点",
    "处罚依据": "食品安全法第一百二十四条",
    "处罚种类": "罚款",
    "处罚内容": "罚款5000元",
    "罚款金额（元）": "5000.00",
}
Sheets = dict[str, Sequence[Sequence[Any]]]


def table(*rows: dict[str, Any], above: Sequence[Sequence[Any]] = ()) -> list[Sequence[Any]]:
    made = [ROW | one for one in rows or ({},)]
    return [*above, [*made[0]], *([*one.values()] for one in made)]


def text(rows: Sequence[Sequence[Any]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def book(rows: Sequence[Sequence[Any]], and_then: Callable[[Any, Any], object] = lambda _book, _sheet: None) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as made:
        sheet, day = made.add_worksheet("台账"), made.add_format({"num_format": "yyyy-mm-dd"})
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(at, column, cell, day)
                elif isinstance(cell, str):
                    sheet.write_string(at, column, cell)
                else:
                    sheet.write(at, column, cell)
        and_then(made, sheet)
    return out.getvalue()


def said(content: bytes, **options: Any) -> list[str]:
    """What is wrong with each row, in Chinese; empty for a good one."""
    return ["; ".join(worded(one, Language.CHINESE) for one in row.wrong) for row in entries(content, **options)]


def facts(content: bytes, **options: Any) -> Any:
    (one,) = entries(content, **options)
    assert one.facts is not None, said(content, **options)
    return one.facts


@pytest.mark.parametrize(
    "content",
    [
        text(table()).encode("utf-8-sig"),
        text(table()).encode("gbk"),
        text(table(), "\t").encode("utf-16"),
        text(table(), ";").encode(),
        text(table(above=[["望川区行政处罚台账（2026年上半年）"], [""]])).encode("gb18030"),
        b"sep=;\r\n" + text(table(), ";").encode(),
        (text(table()) + ",,,,\r\n   \r\n\x1a").encode().replace(b"\x1a", b""),
    ],
    ids=["bom", "gbk", "utf16", "semicolon", "title", "sep", "tails"],
)
def test_encodings_delimiters_and_what_stands_around_a_table_are_passed_over(content: bytes) -> None:
    found = facts(content)
    assert (found.decided_on, found.fine, found.party.name) == (date(2026, 6, 30), 500_000, "恒筑（安澜）建设有限公司")


@pytest.mark.parametrize("day", ["2026/6/30", "2026年6月30日", "20260630", "２０２６－０６－３０", "2026.6.30"])
def test_days_are_read_as_people_write_them(day: str) -> None:
    assert facts(text(table({"决定日期": day})).encode()).decided_on == date(2026, 6, 30)


def test_days_and_amounts_that_are_numbers_of_a_workbook_are_what_it_shows() -> None:
    found = facts(book(table({"决定日期": date(2026, 6, 30), "罚款金额（元）": 0.57999999999999996 * 100})))
    assert (found.decided_on, found.fine) == (date(2026, 6, 30), 5800)
    assert "2026是数字，不是日期" in said(book(table({"决定日期": 2026})))[0]


def test_full_width_letters_and_digits_are_plain_ones_where_they_are_codes_and_stay_in_names() -> None:
    wide = str.maketrans({at: at + 0xFEE0 for at in range(0x21, 0x7F)})
    told = {name: ROW[name].translate(wide) for name in ("执法机关代码", "统一社会信用代码", "罚款金额（元）")}
    found = facts(text(table(told)).encode())
    assert (found.party.uscc, found.fine) == ("91990102MA0HD1233R", 500_000)
    assert found.party.name == "恒筑（安澜）建设有限公司"


@pytest.mark.parametrize(
    ("head", "cell", "fen"),
    [
        ("罚款金额(万元)", "0.5", 500_000),
        ("罚款金额（单位：万元）", 1.234567, 1_234_567),
        ("罚款金额 万元", "12", 12_000_000),
        ("罚款金额", "1,234.5元", 123_450),
        ("罚款金额", "0.5万元", 500_000),
        ("罚款金额(万元)", "5000元", 500_000),
        ("罚款", "￥5000", 500_000),
        ("罚款", "0", None),
        ("罚款金额（元）", "", None),
    ],
)
def test_amounts_are_read_in_their_unit(head: str, cell: Any, fen: int | None) -> None:
    row = {name: value for name, value in ROW.items() if not name.startswith("罚款")} | {head: cell}
    rows = [[*row], [*row.values()]]
    assert facts(text(rows).encode()).fine == fen


@pytest.mark.parametrize("head", ["罚款金额（千元）", "罚款金额(亿元)", "罚款(分)"])
def test_a_unit_that_is_not_ours_is_not_taken_for_yuan(head: str) -> None:
    row = {name: value for name, value in ROW.items() if not name.startswith("罚款")} | {head: "5"}
    with pytest.raises(InvalidProblem, match="no such columns"):
        list(entries(text([[*row], [*row.values()]]).encode()))


def test_parts_of_a_fen_are_refused() -> None:
    row = {name: value for name, value in ROW.items() if not name.startswith("罚款")} | {"罚款金额(万元)": "0.1234567"}
    assert "万元" in said(text([[*row], [*row.values()]]).encode())[0]


def test_a_merged_cell_says_the_same_of_each_row_only_where_it_can_mean_nothing_else() -> None:
    rows = table({}, {"执法机关代码": "", "决定书文号": "安望市监罚决〔2026〕2号"})

    def organ(_: Any, sheet: Any) -> None:
        sheet.merge_range(1, 0, 2, 0, "A1")

    first, second = entries(book(rows, organ))
    assert (first.authority, second.authority, second.wrong) == ("A1", "A1", ())

    def fine(_: Any, sheet: Any) -> None:
        sheet.merge_range(1, 11, 2, 11, "5000.00")

    told = said(book(table({}, {"决定书文号": "安望市监罚决〔2026〕2号", "罚款金额（元）": ""}), fine))
    assert told[0] == ""
    assert "罚款金额（fine）是跨行的合并单元格" in told[1]


def test_a_head_that_is_merged_over_two_rows_is_a_head() -> None:
    rows = table(above=[["行政处罚台账"]])
    names = [*ROW]

    def heads(_: Any, sheet: Any) -> None:
        for at, name in enumerate(names[:2]):
            sheet.merge_range(1, at, 2, at, name)

    over = [rows[0], [*names[:2], "当事人", *[""] * 9], ["", "", *names[2:]], rows[2]]
    assert facts(book(over, heads)).fine == 500_000


def test_rows_that_nobody_sees_are_taken_when_it_is_said_so() -> None:
    rows = table({}, {"决定书文号": "安望市监罚决〔2026〕2号"})
    content = book(rows, lambda _, sheet: sheet.set_row(2, None, None, {"hidden": True}))
    assert ["--hidden" in one for one in said(content)] == [False, True]
    assert said(content, hidden=True) == ["", ""]


def test_a_row_that_sums_others_is_checked_and_is_no_decision() -> None:
    rows = table({}, {"决定书文号": "安望市监罚决〔2026〕2号"})
    for total, outcome in (("10000.00", "noted"), ("9000.00", "bad")):
        *_, last = entries(text([*rows, ["合计", *[""] * 10, total]]).encode())
        assert last.total is not None
        assert (last.total.outcome, last.facts) == (outcome, None)


def test_cells_that_say_that_there_is_nothing_are_empty() -> None:
    nothing = {"注册号": "无", "法定代表人": "/", "备注": "——", "证件号码": "-", "没收金额（元）": 0}
    found = facts(book(table(nothing)))
    assert (found.party.legal_representative, found.remark, found.confiscated) == (None, None, None)


def test_codes_are_undressed_and_those_that_a_spreadsheet_has_cut_are_named() -> None:
    assert facts(text(table({"统一社会信用代码": '="91990102MA0HD1233R"'})).encode()).party.uscc is not None
    person = {"当事人类型": "自然人", "证件类型": "身份证", "统一社会信用代码": "", "证件号码": 990102198803121011}
    assert "已被表格软件截断" in said(book(table(person)))[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html><table><tr><td>1</td></tr></table></html>", "网页"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "XLSX"),
        ("甲,乙\n1,2\n".encode(), "没有这些列"),
    ],
    ids=["page", "xls", "heads"],
)
def test_a_file_that_is_none_is_refused_with_what_to_do(content: bytes, told: str) -> None:
    with pytest.raises(InvalidProblem) as refused:
        list(entries(content))
    assert told in refused.value.detail_in(Language.CHINESE) + str(refused.value.cure_in(Language.CHINESE))


def filled(rows: Sequence[dict[str, str]]) -> bytes:
    """The template as a person has filled it in: its heads, and further rows under them."""
    from xml.sax.saxutils import escape

    from xlsxwriter.utility import xl_rowcol_to_cell

    names, out = [one.name for one in columns()], io.BytesIO()
    more = "".join(
        f'<row r="{at + 1}">'
        + "".join(
            f'<c r="{xl_rowcol_to_cell(at, names.index(name))}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
            for name, value in sorted(row.items(), key=lambda one: names.index(one[0]))
        )
        + "</row>"
        for at, row in enumerate(rows, start=1)
    )
    with zipfile.ZipFile(io.BytesIO(template(["A1"]))) as old, zipfile.ZipFile(out, "w") as new:
        for one in old.namelist():
            content = old.read(one)
            if one.endswith("sheet1.xml"):
                content = content.replace(b"</sheetData>", more.encode() + b"</sheetData>")
            new.writestr(one, content)
    return out.getvalue()


def test_a_template_that_is_filled_in_with_its_own_examples_is_read_as_it_was_meant() -> None:
    examples = {one.name: one.example for one in columns() if one.example}
    person = examples | {"party_kind": "自然人", "decision_number": "安望市监罚决〔2026〕58号", "party_is_minor": "否"}
    for name in ("party_uscc", "party_no_uscc_reason", "party_registration_number"):
        del person[name]
    firm = {name: value for name, value in examples.items() if name not in ("party_no_uscc_reason", "party_is_minor")}
    first, second = entries(filled([firm, person]))
    assert (first.wrong, second.wrong) == ((), ())
    assert first.facts is not None
    assert second.facts is not None
    assert (first.facts.fine, first.facts.confiscated, first.facts.seriousness) == (500_000, 3650, "general")
    assert (first.facts.field_of_law, first.facts.surcharge_stated, first.facts.payment_days) == ("market", True, 15)
    assert second.facts.party.kind == "natural_person"
    assert list(entries(template())) == []


def test_the_template_holds_no_time_at_which_it_was_made() -> None:
    with zipfile.ZipFile(io.BytesIO(template())) as book:
        told = book.read("docProps/core.xml").decode()
    assert re.findall(r">(\d{4}-[^<]*)<", told) == ["2000-01-01T00:00:00Z"] * 2


def test_the_template_explains_every_column_by_rule_and_source_and_marks_those_that_must_be_filled_in() -> None:
    known = {one.name: one for one in columns()}
    assert set(known) == set(DecisionRow.model_fields)
    assert {one.name for one in columns() if one.always} == {
        name for name, one in DecisionRow.model_fields.items() if one.is_required()
    }
    explained = read_sheet(template(), "填写说明").rows
    told = {row.cells[5]: row.cells for row in explained if len(row.cells) > 5}
    assert all(told[name][2] and told[name][4] for name in known)
    words = {row.cells[0] for row in read_sheet(template(), "代码表").rows[1:]}
    assert {"企业", "个体工商户", "自然人"} <= words

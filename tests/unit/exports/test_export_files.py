"""A list as a file: a code of twenty digits survives a spreadsheet, and the file says what it is."""

from __future__ import annotations

import csv
import io

from gateway.foundation.sheets import parse_sheet
from gateway.rooms.exports.files import as_csv, as_workbook, flat

CODE = "99010226000000000019"
ABOUT = {"筛选 filter": "status=PAID", "时区 zone": "+08:00", "导出人 by": "王敏"}
ROWS = [{"id": "pay_1", "code": CODE, "amount": "5036.50", "note": "#1"}, {"id": "pay_2", "code": None, "late": True}]


def test_a_workbook_has_codes_as_text_under_chinese_heads_and_says_what_it_is() -> None:
    book = as_workbook(ROWS, ABOUT)
    rows = [row.cells for row in parse_sheet(book, "导出").rows]
    assert CODE in rows[1]
    assert type(rows[1][rows[1].index(CODE)]) is str, "text, and no number"
    assert next(row.cells for row in parse_sheet(book, "说明").rows) == ["筛选 filter", "status=PAID"]


def test_csv_marks_what_a_spreadsheet_would_cut_and_a_reader_gets_it_back() -> None:
    lines = as_csv(ROWS, ABOUT).decode("utf-8-sig").split("\r\n")
    assert lines[:3] == [f"## {name}: {value}" for name, value in ABOUT.items()]
    assert lines[3].startswith("## 代码 codes: ")
    read = list(csv.DictReader(io.StringIO("\r\n".join(lines[4:]))))
    assert (read[0]["code"], read[0]["note"], read[0]["amount"]) == (f"#{CODE}", "##1", "5036.50")
    assert [one["code"].removeprefix("#") for one in read] == [CODE, ""]


def test_no_cell_of_csv_is_a_formula() -> None:
    formulas, plain = ["=1+1", "+1", "@A1", "-A1", "\t=1"], ["-50.00", "50.00", "-7", "a=1"]
    read = csv.reader(io.StringIO(as_csv([{"told": one} for one in formulas + plain], {}).decode("utf-8-sig")))
    assert [row[0] for row in read][2:] == [f"#{one}" for one in formulas] + plain


def test_a_view_is_one_row_whose_parts_are_named_by_both() -> None:
    view = {"id": "a", "payee": {"name": "罗**"}, "missing": ["payee"], "documents": [{"id": "d"}]}
    assert dict(flat(view)) == {"id": "a", "payee.name": "罗**", "missing": ["payee"]}

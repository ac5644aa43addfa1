"""The report of an acceptance test says which cases passed, what was asked at all, and in which order."""

from __future__ import annotations

import json
from pathlib import Path

import pypdfium2
import python_calamine
from collecting_unit import Unit

from simulators import cli
from simulators.testing import Simulation

CASES = {
    "asked": [
        {"title": "开具缴款书", "system": "nontax", "operation": "CreateBill", "times": 1},
        {"title": "查询缴款状态", "system": "nontax", "operation": "QueryBill", "times": {"at_least": 1}},
        {"title": "作废缴款书", "system": "nontax", "operation": "VoidBill"},
    ],
    "in_order": True,
}


def text_of(file: Path) -> str:
    document = pypdfium2.PdfDocument(file)
    return "".join(page.get_textpage().get_text_range() for page in document)


def test_both_forms_say_the_same_and_the_exit_status_says_whether_it_passed(
    simulators: Simulation, unit: Unit, tmp_path: Path
) -> None:
    code = unit.owed()
    unit.ask("QueryBill", {"PayCode": code})
    told, book, page = tmp_path / "cases.json", tmp_path / "report.xlsx", tmp_path / "report.pdf"
    told.write_text(json.dumps(CASES), encoding="utf-8")
    words = [
        "verify",
        str(told),
        "--control",
        simulators.ready["control"],
        "--report",
        str(book),
        "--report",
        str(page),
    ]
    assert cli.main(words) == 1
    sheets = python_calamine.CalamineWorkbook.from_path(book)
    assert sheets.sheet_names == ["结论", "用例", "接口覆盖", "调用顺序"]
    assert ["结论", "未通过"] in sheets.get_sheet_by_name("结论").to_python()
    _, *rows = sheets.get_sheet_by_name("用例").to_python()
    assert [(row[1], row[2], row[3], row[4], row[5]) for row in rows] == [
        ("开具缴款书", "1 次", "1", "通过", ""),
        ("查询缴款状态", "至少 1 次", "1", "通过", ""),
        ("作废缴款书", "至少 1 次", "0", "未通过", "次数不符"),
    ]
    asked = {row[1]: row[2] for row in sheets.get_sheet_by_name("接口覆盖").to_python()}
    assert (asked["CreateBill"], asked["Refund"]) == ("1", "0")
    order = [row[3] for row in sheets.get_sheet_by_name("调用顺序").to_python()]
    assert order == ["操作", "CreateBill", "QueryBill"]
    for said in ("联调测试报告", "未通过", "开具缴款书", "次数不符", "QueryBill", "平台建设单位"):
        assert said in text_of(page), said
    met = {**CASES, "asked": CASES["asked"][:2]}
    told.write_text(json.dumps(met), encoding="utf-8")
    assert cli.main(words) == 0
    assert "通过" in text_of(page)
    assert cli.main([*words[:-1], str(tmp_path / "report.doc")]) == 2

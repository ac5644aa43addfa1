"""Reports: readable by a spreadsheet, harmless in it, and provable as signed JSON."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.rooms.reconciliation import report as reports
from gateway.rooms.reconciliation import report_files
from gateway.rooms.reconciliation.balance import canonical

EVIL = ("=1+2", "+SUM(A1)", "-2+3", "@cmd", "\tx", '=HYPERLINK("http://x","y")')
REPORT = reports.Report(
    "day",
    "对账日报",
    "nontax",
    date(2026, 9, 16),
    date(2026, 9, 16),
    datetime(2026, 9, 17, 6, 30, tzinfo=UTC),
    (
        reports.Table(
            "缴款明细",
            "money",
            (
                reports.Column("缴款码", "code"),
                reports.Column("实缴金额", "paid", "fen", total=True),
                reports.Column("清算日期", "cleared", "day"),
            ),
            (*((text, 503650, date(2026, 9, 17)) for text in EVIL), ("99010226300000000001", -1, None)),
        ),
    ),
)


def test_no_cell_of_a_workbook_is_a_formula_and_totals_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    report_files.to_xlsx(replace(REPORT, authorities=("A1",)), path, "王敏")
    with zipfile.ZipFile(path) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        strings = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    assert "99010226300000000001" in strings
    assert f"<v>{(6 * 503650 - 1) / 100}</v>" in sheet
    assert "+08:00  编制人 王敏  执收单位 A1" in strings
    assert strings.index("缴款码\ncode") < strings.index("实缴金额\npaid")


def test_a_csv_names_filter_zone_time_and_person_and_no_cell_of_it_is_cut_or_a_formula() -> None:
    first, *lines = report_files.to_csv(replace(REPORT, authorities=("A1", "A2")), 0, "王敏").split("\r\n")
    assert first == "\ufeff## 列表 list: 对账日报"
    told = dict(line.removeprefix("## ").split(": ", 1) for line in lines if line.startswith("## "))
    assert told["筛选 filter"].startswith(
        "kind=day, channel=nontax, first=2026-09-16, last=2026-09-16, authorities=A1 A2"
    )
    assert told["时区 zone"].startswith("+08:00")
    assert (told["导出时间 at"], told["导出人 by"]) == ("2026-09-17T14:30:00+08:00", "王敏")
    head, *rows = [line for line in lines if not line.startswith("## ") and line]
    assert head == "缴款码,实缴金额,清算日期"
    assert [re.sub('^"', "", row)[0] for row in rows] == ["#"] * (len(EVIL) + 1)
    assert rows[-1] == "#99010226300000000001,-0.01,"


def test_signed_json_proves_its_figures(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path / "keys")
    told = report_files.to_json(REPORT, keys, "王敏")
    assert (told["report"]["by"], told["report"]["authorities"]) == ("王敏", None)
    body = canonical(told["report"])
    signature, public = bytes.fromhex(told["signature"]), bytes.fromhex(told["public_key"])
    assert told["digest"] == sm3(body).hex()
    assert default_provider().verify(public, body, signature)
    told["report"]["tables"][0]["rows"][0][1] = "5036.51"
    assert not default_provider().verify(public, canonical(told["report"]), signature)

"""The report of an acceptance test of a contract 联调测试报告, as a workbook or as PDF.

It says which cases of the contract passed, which operations were asked at all, and what was asked in which order. It
is made of the expectations that ``simulators verify`` takes and of the journal; nothing in it is judged by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import contracts
from simulators.naming import unknown
from simulators.state import Document
from simulators.verify import Case, cases, verify

TITLE = "联调测试报告"
_FONT = "NotoSerifSC"
_WHY = {"times": "次数不符", "order": "先后顺序不符"}
_ENTRY = ("id", "at", "system", "operation", "key", "status", "outcome", "fault")


@dataclass(frozen=True)
class Table:
    """One table of the report: ``widths`` are shares of the page's width."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]


@dataclass(frozen=True)
class Report:
    """What the report says."""

    passed: bool
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]


def report(entries: Sequence[Document], told: Document, operations: Mapping[str, Sequence[str]]) -> Report:
    """The report over a journal. ValueError for what is no such expectation.

    ``told``: expectations, as for ``verify``; ``operations``: of each system that is to be covered.
    """
    judged, otherwise = cases(entries, told), verify(entries, told)
    good = sum(not case.otherwise for case in judged)
    covered = [
        (system, name, str(len(asked)), "、".join(sorted({str(one["outcome"]) for one in asked})), _met(asked))
        for system, names in operations.items()
        for name in names
        for asked in [[one for one in entries if (one["system"], one["operation"]) == (system, name)]]
    ]
    facts = [
        ("结论", "通过" if not otherwise else "未通过"),
        ("用例", f"{len(judged)} 项，通过 {good} 项"),
        ("接口操作", f"{len(covered)} 个，已调用 {sum(row[2] != '0' for row in covered)} 个"),
        ("期间", f"{_at(entries[0])} 至 {_at(entries[-1])}" if entries else "没有调用"),
        ("说明", "对端为模拟系统，数据均为虚构；本报告由记录自动生成。"),
    ]
    rows = [
        (str(number), case.title, _times(case.times), str(case.came), _verdict(case), _why(case))
        for number, case in enumerate(judged, 1)
    ]
    if len(otherwise) > sum(len(case.otherwise) for case in judged):
        rows.append(("", "没有其他调用", "", "", "未通过", "有预期之外的调用"))
    asked_in_order = [tuple(_words(entry[name]) for name in _ENTRY) for entry in entries]
    return Report(
        not otherwise,
        facts,
        [
            Table("用例", ("序号", "用例", "预期次数", "实际", "结果", "说明"), rows, (6, 30, 14, 8, 10, 32)),
            Table("接口覆盖", ("系统", "操作", "次数", "结果", "遇到的故障"), covered, (18, 27, 10, 20, 25)),
            Table(
                "调用顺序",
                ("编号", "时间", "系统", "操作", "业务编号", "状态", "结果", "故障"),
                asked_in_order,
                (6, 19, 11, 17, 21, 7, 9, 10),
            ),
        ],
    )


def write(made: Report, file: Path) -> None:
    """Write it, as the file's name ends. ValueError: neither .xlsx nor .pdf; ImportError: the extra is missing."""
    writers = {".xlsx": _workbook, ".pdf": _pdf}
    if file.suffix not in writers:
        raise ValueError(unknown("kind of report", file.suffix, writers))
    writers[file.suffix](made, file)


def _workbook(made: Report, file: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(file), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold = book.add_format({"bold": True, "bg_color": "#eef0f3", "border": 1, "text_wrap": True})
        plain = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
        front = book.add_worksheet("结论")
        front.write_string(0, 0, TITLE, book.add_format({"bold": True, "font_size": 16}))
        front.set_column(0, 0, 14)
        front.set_column(1, 1, 60)
        for row, (name, value) in enumerate(made.facts, 2):
            front.write_string(row, 0, name, bold)
            front.write_string(row, 1, value, plain)
        for table in made.tables:
            sheet = book.add_worksheet(table.title)
            sheet.freeze_panes(1, 0)
            for column, (name, width) in enumerate(zip(table.head, table.widths, strict=True)):
                sheet.set_column(column, column, width * 1.2)
                sheet.write_string(0, column, name, bold)
            for row, values in enumerate(table.rows, 1):
                for column, value in enumerate(values):
                    sheet.write_string(row, column, value, plain)


def _pdf(made: Report, file: Path) -> None:
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer
    from reportlab.platypus import Table as Grid

    pdfmetrics.registerFont(TTFont(_FONT, str(contracts.path("fonts/NotoSerifSC-Regular.ttf"))))
    text = ParagraphStyle("text", fontName=_FONT, fontSize=9, leading=13, wordWrap="CJK")
    head = ParagraphStyle("head", text, fontSize=12, leading=18, spaceBefore=10, spaceAfter=4)
    top = ParagraphStyle("top", text, fontSize=20, leading=28, alignment=1, spaceAfter=8)
    lines = [("GRID", (0, 0), (-1, -1), 0.4, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    shade = ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eef0f3"))
    page = SimpleDocTemplate(
        str(file), pagesize=landscape(A4), title=TITLE, leftMargin=15 * mm, rightMargin=15 * mm, invariant=1
    )

    def cells(row: Sequence[str]) -> list[Paragraph]:
        return [Paragraph(escape(value).replace("\n", "<br/>"), text) for value in row]

    facts = Grid([cells(fact) for fact in made.facts], [30 * mm, page.width - 30 * mm], style=lines)
    parts = [Paragraph(TITLE, top), facts]
    for table in made.tables:
        widths = [page.width * width / sum(table.widths) for width in table.widths]
        grid = Grid([cells(table.head), *map(cells, table.rows)], widths, repeatRows=1, style=[*lines, shade])
        parts += [Paragraph(table.title, head), grid]
    signed = [["测试单位（盖章）：", "平台建设单位（盖章）：", "日期："]]
    parts += [Spacer(1, 14 * mm), Grid([cells(row) for row in signed], [page.width / 3] * 3)]
    page.build(parts)


def _verdict(case: Case) -> str:
    return "未通过" if case.otherwise else "通过"


def _why(case: Case) -> str:
    return "；".join(_WHY[kind] for kind in case.otherwise)


def _times(times: int | Document) -> str:
    if isinstance(times, int):
        return f"{times} 次"
    words = {"at_least": "至少", "at_most": "至多"}
    return "，".join(f"{words[name]} {number} 次" for name, number in times.items())


def _met(asked: Sequence[Document]) -> str:
    return "、".join(sorted({str(one["fault"]) for one in asked if one["fault"]}))


def _at(entry: Document) -> str:
    return str(entry["at"])[:19].replace("T", " ")


def _words(value: object) -> str:
    return "" if value is None else str(value)[:19].replace("T", " ") if str(value)[4:5] == "-" else str(value)

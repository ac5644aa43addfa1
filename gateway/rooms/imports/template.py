"""The workbook that officials fill in: a sheet for decisions, one that explains each column, one of words to choose.

What stands in it is ``template.toml``. The sheet for decisions has the name that the import looks for, so that the
other two do no harm.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from gateway.rooms.imports.table import AMOUNTS, DAYS, TEMPLATE_SHEET
from gateway.words.penalty_kinds import KNOWN

_ROWS = 10_000
"""Rows below the heads for which cells are formatted and choices offered."""
_EXPLAINED = (("列名", 24), ("是否填写", 24), ("怎么填", 56), ("示例", 34), ("依据", 44), ("接口字段", 30))
_ABOVE = (
    "怎样使用本表",
    "在“处罚决定”表中一行填一件决定。第一行的列名不要改动；没有内容的单元格留空，不用的列可以整列删除。",
    "不要合并单元格，不要用公式；金额单位为元。依法不得公开的决定（国家秘密等）不要列入本表。",
    "导入前先试导：系统逐行列出问题，指明列名和原因，改好再导。重复导入不会重复登记、重复公示。",
)
_TITLE, _WRAPPED = {"bold": True, "font_size": 14}, {"text_wrap": True, "valign": "top"}
_HEAD = {"bold": True, "bg_color": "#F2F2F2", "border": 1, "text_wrap": True, "valign": "vcenter", "num_format": "@"}
_WANTED = _HEAD | {"bg_color": "#FDE9D9"}
_NO_DAY = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Column:
    """One column: the fact's ``name`` in the API, its head, when it is filled in, how, by which document.

    ``words``: what may be chosen. ``free``: others may be written too. ``width`` in characters.
    """

    name: str
    title: str
    wanted: str
    rule: str
    example: str
    source: str
    width: int
    words: Sequence[str] = ()
    free: bool = False

    @property
    def always(self) -> bool:
        """Whether each decision has it."""
        return self.wanted == "必填"


@cache
def columns() -> tuple[Column, ...]:
    """The columns, in their order."""
    told = tomllib.loads((Path(__file__).parent / "template.toml").read_text(encoding="utf-8"))
    return tuple(Column(**one) for one in told["column"])


def template(authorities: Sequence[str] = ()) -> bytes:
    """The empty workbook. ``authorities``: codes 执法机关代码 to choose from; none: any may be written.

    The same words give the same bytes: it holds no time at which it was made, so its tag changes only with it.
    """
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"created": _NO_DAY})
        _Template(book, authorities).write()
    return out.getvalue()


class _Template:
    def __init__(self, book: Any, authorities: Sequence[str]) -> None:
        self._book = book
        self._decisions = book.add_worksheet(TEMPLATE_SHEET)
        self._explained = book.add_worksheet("填写说明")
        self._words = book.add_worksheet("代码表")
        offered = {one.name: (one.title, one.words) for one in columns() if one.words}
        if authorities:
            offered["authority"] = ("执法机关代码", sorted(authorities))
        self._offered = offered
        self._listed = [*offered.values(), ("处罚种类", sorted(KNOWN, key=lambda one: (len(one), one)))]

    def write(self) -> None:
        """All three sheets."""
        self._write_words()
        self._write_decisions()
        self._write_explained()

    def _write_decisions(self) -> None:
        sheet = self._decisions
        head, wanted = self._book.add_format(_HEAD), self._book.add_format(_WANTED)
        text = self._book.add_format({"num_format": "@"})
        day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        amount = self._book.add_format({"num_format": "0.00"})
        for at, column in enumerate(columns()):
            kind = day if column.name in DAYS else amount if column.name in AMOUNTS else text
            sheet.set_column(at, at, column.width, kind)
            sheet.write_string(0, at, column.title, wanted if column.always else head)
            sheet.data_validation(1, at, _ROWS, at, self._asked(column))
        sheet.set_row(0, 32)
        sheet.freeze_panes(1, 2)

    def _asked(self, column: Column) -> dict[str, Any]:
        """What a cell may hold, and what is said beside it. A day as text is read all the same: it is no error."""
        said = {"input_title": column.title[:32], "input_message": f"{column.wanted}。{column.rule}"[:255]}
        if column.name in self._offered:
            from xlsxwriter.utility import xl_col_to_name

            names = [*self._offered]
            letter, (_, words) = xl_col_to_name(names.index(column.name)), self._offered[column.name]
            listed = f"=代码表!${letter}$2:${letter}${len(words) + 1}"
            error = "warning" if column.free else "stop"
            return said | {"validate": "list", "source": listed, "error_type": error, "error_message": "请从列表中选择"}
        return said | {"validate": "any"}

    def _write_explained(self) -> None:
        sheet = self._explained
        title, head = self._book.add_format(_TITLE), self._book.add_format(_HEAD)
        wrapped = self._book.add_format(_WRAPPED | {"num_format": "@", "border": 1})
        for row, words in enumerate(_ABOVE):
            sheet.write_string(row, 0, words, title if row == 0 else None)
        start = len(_ABOVE) + 1
        for at, (name, width) in enumerate(_EXPLAINED):
            sheet.set_column(at, at, width)
            sheet.write_string(start, at, name, head)
        for row, one in enumerate(columns(), start=start + 1):
            told = (one.title, one.wanted, one.rule, one.example, one.source, one.name)
            for at, words in enumerate(told):
                sheet.write_string(row, at, words, wrapped)
        sheet.freeze_panes(start + 1, 1)
        self._fit(sheet)

    def _write_words(self) -> None:
        head, text = self._book.add_format(_HEAD), self._book.add_format({"num_format": "@"})
        for at, (title, words) in enumerate(self._listed):
            self._words.set_column(at, at, 30 if at == len(self._listed) - 1 else 24)
            self._words.write_string(0, at, title, head)
            for row, word in enumerate(words, start=1):
                self._words.write_string(row, at, word, text)
        self._words.freeze_panes(1, 0)

    @staticmethod
    def _fit(sheet: Any) -> None:
        """On paper: across, as wide as a page."""
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)

"""A table of open bills, or of decisions, from a workbook or a CSV file: heads, rows, and what is no row.

What spreadsheets and people put around a table is told apart from it: titles, blank rows, tails of delimiters, totals,
dressed numbers. Nothing is guessed of what is in a cell: what is not plain is refused with a sentence.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from gateway.foundation.sheets import CUT_NUMBER, MAGIC, SheetRow, amount_of, day_of, read_sheet, word_of
from gateway.words.days import printed_day, within_bounds
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Sentence, UnfitError, said_of, say

LONGEST = 64 << 20
MOST_LINES = 200_000
_ENCODINGS = ("utf-8-sig", "gb18030")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DELIMITERS = ",;\t|"
_TITLE_ROWS = 20
_TOTALS = re.compile(r"(合\s*计|总\s*计|小\s*计|共\s*计|total)[:：]?", re.IGNORECASE)
_CUT_TEXT = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{2}")

DAYS = frozenset(
    {
        "decided_on",
        "issued_on",
        "valid_until",
        "due_on",
        "violation_on",
        "penalty_valid_until",
        "seriousness_standard_on",
    }
)
AMOUNTS = frozenset({"fine", "confiscated"})
HEADS = {
    "执法机关": "authority", "执法机关代码": "authority", "决定书文号": "decision_number",
    "处罚决定书文号": "decision_number", "行政处罚决定书文号": "decision_number", "文号": "decision_number",
    "决定日期": "decided_on", "处罚决定日期": "decided_on", "缴款码": "code", "缴款识别码": "code",
    "缴款书编号": "reference", "单位缴款书编号": "reference", "当事人类型": "party_kind", "相对人类别": "party_kind",
    "当事人名称": "party_name", "当事人": "party_name", "行政相对人名称": "party_name",
    "统一社会信用代码": "party_uscc", "注册号": "party_registration_number",
    "证件类型": "party_id_type", "证件号码": "party_id_number",
    "罚款金额": "fine", "罚款": "fine", "没收金额": "confiscated", "没收违法所得": "confiscated",
    "开具日期": "issued_on", "开票日期": "issued_on", "有效期至": "valid_until", "缴款期限": "due_on",
    "缴款链接": "pay_url", "适用程序": "procedure", "程序": "procedure", "加处罚款": "surcharge_stated",
    "违法行为": "violation", "违法行为类型": "violation", "处罚依据": "basis", "违法事实": "facts",
    "处罚内容": "content", "处罚种类": "penalty_kinds", "处罚类别": "penalty_kinds",
    "法定代表人": "legal_representative", "证照名称及编号": "licence", "暂扣或吊销证照名称及编号": "licence",
    "违法行为发生日期": "violation_on", "处罚有效期": "penalty_valid_until", "执法领域": "field_of_law",
    "失信程度": "seriousness", "失信分类标准": "seriousness_standard", "失信分类标准日期": "seriousness_standard_on",
}  # fmt: skip
"""Columns by their Chinese names."""
WORDS = {
    "party_kind": {
        "企业": "organisation", "单位": "organisation", "组织": "organisation", "法人": "organisation",
        "法人及非法人组织": "organisation", "法人或非法人组织": "organisation", "个体工商户": "individual_business",
        "个体户": "individual_business", "自然人": "natural_person", "个人": "natural_person", "公民": "natural_person",
    },
    "seriousness": {"轻微": "minor", "一般": "general", "严重": "serious"},
    "field_of_law": {
        "治安": "public_security", "交通": "traffic", "市场监管": "market", "食品": "food", "药品": "drug",
        "特种设备": "special_equipment", "安全生产": "work_safety", "消防": "fire", "其他": "other",
    },
    "procedure": {"简易程序": "simple", "简易": "simple", "普通程序": "ordinary", "一般程序": "ordinary"},
    "surcharge_stated": {"是": "true", "否": "false", "有": "true", "无": "false"},
}  # fmt: skip
"""Words of a column in Chinese."""


@dataclass(frozen=True)
class Reading:
    """How cells of a kind of file are read before they are judged: as a day, and as an amount."""

    day: Callable[[str], str]
    amount: Callable[[str], str]


@dataclass(frozen=True)
class Line:
    """One line of the file: its cells by column; ``wrong`` says why it is no record, ``total`` that it sums others."""

    number: int
    cells: dict[str, str]
    wrong: Sentence | str | None = None
    hidden: bool = False
    total: bool = False
    warning: Sentence | None = None


def read(content: bytes, columns: Collection[str], needed: Collection[str], sheet: str | None = None) -> list[Line]:
    """The lines of a file under its heads. Raises InvalidProblem where the file as a whole is none."""
    return list(stream(content, columns, needed, sheet))


def stream(
    content: bytes, columns: Collection[str], needed: Collection[str], sheet: str | None = None
) -> Iterator[Line]:
    """The same, one line after another."""
    if len(content) > LONGEST:
        raise InvalidProblem(say("imports.file_over", most=LONGEST >> 20))
    if content.startswith(MAGIC):
        try:
            book = read_sheet(content, sheet)
        except ValueError as error:
            raise InvalidProblem(said_of(error), cure=say("imports.save_as")) from None
        reading = Reading(lambda cell: day_of(cell, book.epoch), amount_of)
        yield from _lines(book.rows, columns, needed, reading)
        return
    yield from _lines(_csv_rows(content), columns, needed, Reading(str, str))


def _csv_rows(content: bytes) -> Iterator[SheetRow]:
    text = _decoded(content)
    first, _, rest = text.partition("\n")
    skipped = 0
    if found := re.fullmatch(r"sep=(.)\r?", first.strip("\ufeff")):
        delimiter, text, skipped = found[1], rest, 1
    else:
        head = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        for cells in reader:
            yield SheetRow(reader.line_num + skipped, False, cells)
    except csv.Error as error:
        raise InvalidProblem(say("imports.no_csv", line=reader.line_num + skipped, error=error)) from None


def _decoded(content: bytes) -> str:
    if content.startswith(_OLE):
        raise InvalidProblem(say("imports.xls"))
    if re.match(rb"\s*(<!doctype html|<html|<table|<head|<meta|<\?xml)", content[:2048].lstrip(b"\xef\xbb\xbf"), re.I):
        raise InvalidProblem(
            say("imports.web_page"),
        )
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise InvalidProblem(say("imports.cut_utf16")) from None
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidProblem(say("imports.no_encoding"))


def _heads(cells: Iterable[str]) -> list[str]:
    names = [_undressed(name) for name in cells]
    while names and not names[-1]:
        names.pop()
    return [HEADS.get(re.sub(r"[\s*（(].*$", "", name), name) for name in names]


def _lines(
    rows: Iterable[SheetRow], columns: Collection[str], needed: Collection[str], reading: Reading
) -> Iterator[Line]:
    """Lines under the first row that has all needed heads; raises InvalidProblem for unknown or missing ones."""
    waiting = iter(rows)
    above: list[SheetRow] = []
    heads: list[str] = []
    for row in waiting:
        if any(cell.strip() for cell in row.cells):
            above.append(row)
            heads = _heads(row.cells)
            if set(needed) <= set(heads) or len(above) == _TITLE_ROWS:
                break
    if not set(needed) <= set(heads):
        heads = next((found for row in above if set(found := _heads(row.cells)) & set(columns)), heads)
    twice = [name for name, times in Counter(filter(None, heads)).items() if times > 1]
    if unknown := sorted({name for name in heads if name} - set(columns) | {*twice}):
        raise InvalidProblem(
            say("imports.no_column", unknown=unknown, columns=list(columns), heads=list(HEADS)),
        )
    if absent := sorted(set(needed) - set(heads)):
        raise InvalidProblem(say("imports.absent", absent=absent))
    lines = 0
    for row in waiting:
        if any(cell.strip() for cell in row.cells):
            lines += 1
            if lines > MOST_LINES:
                raise InvalidProblem(say("imports.lines_over", most=MOST_LINES))
            yield _line(row, heads, reading)


def _line(row: SheetRow, heads: list[str], reading: Reading) -> Line:
    cells: dict[str, str] = {}
    told = [one for one in row.cells if one.strip()]
    if _TOTALS.fullmatch(told[0].strip()):
        sums = {name: amount_of(cell) for name, cell in zip(heads, row.cells, strict=False) if name in AMOUNTS and cell}
        return Line(row.number, sums, hidden=row.hidden, total=True)
    surplus = [at for at, cell in enumerate(row.cells) if cell.strip() and (at >= len(heads) or not heads[at])]
    if surplus:
        words = say("imports.surplus", cells=len(row.cells), columns=len(heads))
        return Line(row.number, cells, words, row.hidden)
    warning = None
    try:
        for name, cell in zip(heads, row.cells, strict=False):
            if not name or not cell.strip():
                continue
            value = cell if type(cell) is not str else _undressed(cell)
            if name in DAYS:
                cells[name] = _day(reading.day(value))
            elif name in AMOUNTS:
                cells[name] = reading.amount(value)
            else:
                plain = word_of(value)
                cells[name] = WORDS.get(name, {}).get(plain, plain)
        code = cells.get("code", "")
        if _CUT_TEXT.fullmatch(code):
            raise UnfitError(CUT_NUMBER)
        if code.endswith("00000"):
            warning = say("imports.was_it_cut")
    except ValueError as error:
        return Line(row.number, cells, said_of(error), row.hidden)
    return Line(row.number, cells, hidden=row.hidden, warning=warning)


def _day(text: str) -> str:
    day = printed_day(text)
    if not within_bounds(day):
        raise UnfitError(say("imports.day_bounds", text=text))
    return str(day)


def _undressed(cell: str) -> str:
    """A cell without what is put around long numbers so that spreadsheets keep them: ="…", a quote or tick before."""
    cell = cell.strip(" \t\r\n\u3000\ufeff\xa0")
    if found := re.fullmatch(r'="(.*)"', cell):
        return found[1].strip()
    return cell[1:].strip() if re.match(r"['`‘’]\S", cell) else cell

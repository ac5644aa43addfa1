"""A table of open bills, or of decisions, from a workbook or a CSV file: heads, rows, and what is no row.

What spreadsheets and people put around a table is told apart from it: titles, blank rows, tails of delimiters, totals,
dressed numbers. Nothing is guessed of what is in a cell: what is not plain is refused with a sentence.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.foundation.sheets import CUT_NUMBER, MAGIC, SheetRow, amount_of, day_of, read_sheet, word_of
from gateway.words.days import printed_day, within_bounds
from gateway.words.errors import InvalidProblem
from gateway.words.money import format_yuan, parse_wan
from gateway.words.saying import FieldName, Sentence, UnfitError, said_of, say

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
_CODES = frozenset(
    {
        "authority", "code", "reference", "party_uscc", "party_registration_number", "party_id_number",
        "party_organisation_code", "party_tax_number", "party_institution_number", "party_social_organisation_number",
        "representative_id_number", "payment_days",
    }
)  # fmt: skip
_SAME_BELOW = frozenset({"authority"})
"""What a cell says of each row over which it is merged. Any other may mean the sum, or one act of several rows."""
_NARROW = {0x3000: " ", **{0xFEE0 + at: chr(at) for at in range(0x21, 0x7F)}}
_SUM = re.compile(r"[¥￥]?\s*([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?\s*(万?元)?")
TEMPLATE_SHEET = "处罚决定"
"""The sheet of the template: beside it stand others, for people."""
HEADS = {
    "执法机关": "authority", "执法机关代码": "authority", "决定书文号": "decision_number",
    "处罚决定书文号": "decision_number", "行政处罚决定书文号": "decision_number", "文号": "decision_number",
    "决定日期": "decided_on", "处罚决定日期": "decided_on", "缴款码": "code", "缴款识别码": "code",
    "缴款书编号": "reference", "单位缴款书编号": "reference", "当事人类型": "party_kind", "相对人类别": "party_kind",
    "当事人名称": "party_name", "当事人": "party_name", "行政相对人名称": "party_name",
    "统一社会信用代码": "party_uscc", "注册号": "party_registration_number",
    "行政相对人代码_1": "party_uscc", "行政相对人代码_2": "party_registration_number",
    "组织机构代码": "party_organisation_code", "行政相对人代码_3": "party_organisation_code",
    "税务登记号": "party_tax_number", "行政相对人代码_4": "party_tax_number",
    "事业单位证书号": "party_institution_number", "行政相对人代码_5": "party_institution_number",
    "社会组织登记证号": "party_social_organisation_number", "行政相对人代码_6": "party_social_organisation_number",
    "无统一社会信用代码的原因": "party_no_uscc_reason", "当事人未成年": "party_is_minor",
    "证件类型": "party_id_type", "证件号码": "party_id_number",
    "法定代表人证件类型": "representative_id_type", "法定代表人证件号码": "representative_id_number",
    "罚款金额": "fine", "罚款": "fine", "没收金额": "confiscated", "没收违法所得": "confiscated",
    "没收违法所得、没收非法财物的金额": "confiscated",
    "开具日期": "issued_on", "开票日期": "issued_on", "有效期至": "valid_until", "缴款期限": "due_on",
    "缴款链接": "pay_url", "适用程序": "procedure", "程序": "procedure", "加处罚款": "surcharge_stated",
    "缴款天数": "payment_days", "案件名称": "case_name", "备注": "remark", "决定书全文": "full_text",
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
    "party_is_minor": {"是": "true", "否": "false"},
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
            book = read_sheet(content, sheet, TEMPLATE_SHEET)
        except ValueError as error:
            raise InvalidProblem(said_of(error), cure=say("imports.save_as")) from None
        reading = Reading(lambda cell: day_of(cell, book.epoch), amount_of)
        yield from _lines(book.rows, columns, needed, reading)
        return
    yield from _lines(_csv_rows(content), columns, needed, Reading(str, amount_of))


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
    return [_head(name.translate(_NARROW)) or name for name in names]


def _head(name: str) -> str | None:
    """The column that a head names in Chinese. A unit of money that is neither 元 nor 万元 is no name of ours."""
    known = HEADS.get(re.sub(r"[\s*(/].*$", "", name))
    return None if known in AMOUNTS and re.search(r"[十百千亿]万?元|分[)]?$", name) else known


def _lines(
    rows: Iterable[SheetRow], columns: Collection[str], needed: Collection[str], reading: Reading
) -> Iterator[Line]:
    """Lines under the first row that has all needed heads; raises InvalidProblem for unknown or missing ones."""
    waiting = iter(rows)
    above: list[list[str]] = []
    for row in waiting:
        if any(cell.strip() for cell in row.cells):
            above.append(_whole(row))
            if set(needed) <= set(_heads(above[-1])) or len(above) == _TITLE_ROWS:
                break
    told = above[-1] if above else []
    if not set(needed) <= set(_heads(told)):
        told = next((cells for cells in above if set(_heads(cells)) & set(columns)), told)
    heads = _heads(told)
    twice = [name for name, times in Counter(filter(None, heads)).items() if times > 1]
    if unknown := sorted({name for name in heads if name} - set(columns) | {*twice}):
        raise InvalidProblem(
            say("imports.no_column", unknown=unknown, columns=list(columns), heads=list(HEADS)),
        )
    if absent := sorted(set(needed) - set(heads)):
        raise InvalidProblem(say("imports.absent", absent=absent))
    table = _Table(heads, ["万元" in cell for cell in told], reading)
    lines = 0
    for row in waiting:
        if any(cell.strip() for cell in row.cells):
            lines += 1
            if lines > MOST_LINES:
                raise InvalidProblem(say("imports.lines_over", most=MOST_LINES))
            yield table.line(row)


def _whole(row: SheetRow) -> list[str]:
    """The cells of a row, with what reaches into it from above."""
    cells = row.cells + [""] * (max(row.merged, default=0) + 1 - len(row.cells))
    return [row.merged.get(at, cell) for at, cell in enumerate(cells)]


@dataclass(frozen=True)
class _Table:
    """What is known of a table once its heads are read. ``in_wan``: by place, whether a column counts in 万元."""

    heads: Sequence[str]
    in_wan: Sequence[bool]
    reading: Reading

    def line(self, row: SheetRow) -> Line:
        """One line under the heads."""
        told = [one for one in row.cells if one.strip()]
        named = [(name, at, cell) for at, (name, cell) in enumerate(zip(self.heads, row.cells, strict=False)) if name]
        if _TOTALS.fullmatch(told[0].strip()):
            return self._total(row, named)
        surplus = [
            at for at, cell in enumerate(row.cells) if cell.strip() and (at >= len(self.heads) or not self.heads[at])
        ]
        if surplus:
            words = say("imports.surplus", cells=len(row.cells), columns=len(self.heads))
            return Line(row.number, {}, words, row.hidden)
        cells: dict[str, str] = {}
        warning = None
        try:
            for name, at, cell in (*named, *self._from_above(row)):
                if cell.strip():
                    cells[name] = self._value(name, at, cell)
            code = cells.get("code", "")
            if _CUT_TEXT.fullmatch(code):
                raise UnfitError(CUT_NUMBER)
            if code.endswith("00000"):
                warning = say("imports.was_it_cut")
        except ValueError as error:
            return Line(row.number, cells, said_of(error), row.hidden)
        return Line(row.number, cells, hidden=row.hidden, warning=warning)

    def _total(self, row: SheetRow, named: Sequence[tuple[str, int, str]]) -> Line:
        try:
            sums = {name: self._sum(cell, at) for name, at, cell in named if name in AMOUNTS and cell.strip()}
        except ValueError as error:
            return Line(row.number, {}, said_of(error), row.hidden)
        return Line(row.number, sums, hidden=row.hidden, total=True)

    def _from_above(self, row: SheetRow) -> Iterator[tuple[str, int, str]]:
        """What merged cells say of this row too. ValueError where that may mean something else."""
        for at, cell in row.merged.items():
            name = self.heads[at] if at < len(self.heads) else ""
            if name in _SAME_BELOW:
                yield name, at, cell
            elif name:
                raise UnfitError(say("imports.merged", field=FieldName(name)))

    def _value(self, name: str, at: int, cell: str) -> str:
        value = cell if type(cell) is not str else _undressed(cell)
        if name in DAYS:
            return _day(self.reading.day(_narrow(value)))
        if name in AMOUNTS:
            return self._sum(value, at)
        plain = word_of(_narrow(value) if name in _CODES else value)
        return WORDS.get(name, {}).get(plain, plain)

    def _sum(self, cell: str, at: int) -> str:
        """An amount in yuan. ValueError for one in 万元 that is not whole fen; what is no amount stays as it is."""
        text = self.reading.amount(_narrow(cell))
        found = _SUM.fullmatch(text.strip())
        if found is None:
            return text
        figure = found[1].replace(",", "") + (found[2] or "")
        if found[3] == "万元" or (self.in_wan[at] and found[3] is None):
            return format_yuan(parse_wan(figure))
        return amount_of(figure)


def _narrow(cell: str) -> str:
    """A cell with full-width letters and digits as the plain ones. A number stays one."""
    return cell if type(cell) is not str else cell.translate(_NARROW)


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

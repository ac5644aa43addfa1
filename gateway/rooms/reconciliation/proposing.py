"""Looks at a statement file that nobody has described yet, and proposes a profile for it: a beginning, never a verdict.

What is found is what the file shows: its encoding, delimiter and header, columns by names that platforms and banks use,
totals by their words. What it cannot tell is left out and said; a person compares, completes and names the profile.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.foundation.sheets import MAGIC, Number
from gateway.rooms.reconciliation.cells import folded, money, plain
from gateway.rooms.reconciliation.files import check_is_statement
from gateway.rooms.reconciliation.line_reader import find_header
from gateway.rooms.reconciliation.old_workbooks import OLE
from gateway.rooms.reconciliation.profiles import Profile, load_profile, ready
from gateway.rooms.reconciliation.rows import FileRow, is_blank, rows_of
from gateway.rooms.reconciliation.statement import StatementRefusedError
from gateway.words.saying import Sentence, say

_LOOKED_AT: Final = 4 << 20  # bytes
_ROWS: Final = 5_000
_DELIMITERS: Final = ("|!", "|@|", "||", "@|", "^|", "\t", ",", "|", ";", "^", "~")
_NAMES: Final = {
    "code": "缴款码 缴款识别码 缴费通知书编号 缴款书编号 缴款通知书号 商户订单号 商户单号 订单号 "
    "附言 交易附言 用途 摘要 code",
    "amount": "应结订单金额 应结金额 商家实收 缴款金额 交易金额 订单金额 总金额 收入金额 "
    "贷方发生额 贷方金额 收入 金额 amount",
    "refunded": "退款金额 支出金额 借方发生额 借方金额 支出",
    "paid_at": "交易时间 完成时间 缴款时间 支付时间 付款时间 入账时间 时间 time 日期 交易日期 记账日期",
    "bank_serial": "银行流水号 平台流水号 交易流水号 流水号 微信订单号 支付宝交易号 平台订单号 日志号 serial",
    "refund_number": "微信退款单号 退款单号 退款批次号/请求号",
    "kind": "交易状态 业务类型 借贷标志 借贷 收支标志 收支方向 交易类型",
    "unit_code": "执收单位编码 执收单位代码",
    "balance": "账户余额 本次余额 联机余额 余额",
}
"""What columns are called, the surest name first."""
_KINDS: Final = {
    "paid": "SUCCESS 成功 交易 支付 收款 贷 贷Cr 收入 收 C CR + 已支付 支付成功",
    "refunded": "REFUND 退款 退付 借 借Dr 支出 支 D DR - 已退款",
    "ignored": "REVOKED 撤销 已撤销 CLOSED 已关闭",
}
_TOTAL: Final = re.compile(r"(总|合计|小计|共计|total).*", re.IGNORECASE)
_IN_WORDS: Final = re.compile(r"合计.*?[0-9]")
_CODE: Final = re.compile(r"[0-9]{20}")
_FIGURES: Final = {
    "count": r"总?(交易)?(单数|笔数|条数)",
    "refunded": r".*退款?.*(额|款)",
    "amount": r".*(应结|交易|缴款|总额|金额).*",
}


@dataclass
class Proposal:
    """A profile as settings tell it, the names of columns that it leaves over, and what a person has to see to."""

    block: dict[str, Any]
    left_over: list[str] = field(default_factory=list)
    questions: list[Sentence] = field(default_factory=list)
    first_rows: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The block of settings, without its name."""
        return "\n".join(_toml(name, value) for name, value in self.block.items()) + "\n"

    def profile(self) -> Profile:
        """The profile. Raises SettingsError while something is missing."""
        return load_profile(self.block, "statements.NAME")


def propose(path: Path) -> Proposal:
    """What the file seems to be. Raises StatementRefusedError for what is no statement at all, and OSError."""
    with open(path, "rb") as file:
        head = file.read(_LOOKED_AT)
    is_book = head.startswith((OLE, MAGIC))
    shape = {"shape": "workbook"} if is_book else {}
    check_is_statement(head, _probe(**shape, encoding=_encoding(head)))
    if is_book:
        content = path.read_bytes()
        known = _known(content, is_book=True)
        return known or _of_table(_rows(content, _probe(**shape)), shape)
    encoding = _encoding(head)
    begun = {} if encoding == "utf-8" else {"encoding": encoding}
    whole = head[: head.rfind(b"\n") + 1] if len(head) == _LOOKED_AT else head
    if (known := _known(whole, is_book=False)) is not None:
        return known
    lines = [one.text for one in _rows(whole, _probe(encoding=encoding, delimiter="\x1f", quote=""))]
    candidates = _delimiters(lines)
    if not candidates:
        return _of_widths(lines, encoding)
    tables = {one: _rows(whole, _probe(encoding=encoding, delimiter=one)) for one in candidates}
    delimiter = next((one for one, rows in tables.items() if _header(rows)[0] is not None), candidates[0])
    if delimiter != ",":
        begun["delimiter"] = delimiter
    if (marks := sum(one.startswith("#") for one in lines)) and marks < len(lines) / 2 + 20:
        begun["comment"] = "#"
    return _of_table(tables[delimiter], begun)


def _probe(**more: Any) -> Profile:
    """A profile by which rows can be had and nothing else."""
    places = {"code": 1, "amount": 2, "paid_at": 3, "bank_serial": 4}
    return Profile.model_validate({"header": False, "columns": places, "totals": "none", **more})


def _rows(content: bytes, profile: Profile) -> list[FileRow]:
    every = rows_of(io.BytesIO(content), profile).every
    return [row for row, _ in zip(every, range(_ROWS), strict=False)]


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    cut = head[: max(len(head) - 4, 0)] if len(head) == _LOOKED_AT else head
    try:
        cut.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start >= len(cut) - 4 and error.start > 100 else "gb18030"
    return "utf-8"


def _known(content: bytes, *, is_book: bool) -> Proposal | None:
    """A ready profile whose header the file has."""
    for name in ready():
        profile = load_profile({"like": name}, name)
        if profile.shape == "fixed" or not profile.header or (profile.shape == "workbook") != is_book:
            continue
        try:
            header = find_header(rows_of(io.BytesIO(content), profile).every, profile)
        except StatementRefusedError:
            continue
        used = {place for place in header.places.values() if isinstance(place, int)}
        left = [plain(one) for at, one in enumerate(header.cells, start=1) if at not in used and plain(one)]
        return Proposal({"like": name}, left, [say("profiles.like_ready", name=name)])
    return None


def _delimiters(lines: Sequence[str]) -> list[str]:
    """What may stand between cells, the likeliest first: most lines have it equally often, and at least three times."""
    found = {}
    for one in _DELIMITERS:
        counts = Counter(line.count(one) for line in lines if line.count(one) >= 3)
        if counts and (many := counts.most_common(1)[0][1]) * 3 >= len(lines):
            found[one] = many
    return sorted(found, key=lambda one: -found[one])


# --- tables ---------------------------------------------------------------------------------------------------------


def _of_table(rows: list[FileRow], begun: dict[str, Any]) -> Proposal:
    shown = [row.text[:200] for row in rows[:5]]
    at, names = _header(rows)
    if at is None:
        return _without_header(rows, begun, shown)
    records = [row for row in rows[at + 1 :] if len(row.cells) >= len(names) * 2 // 3 and not is_blank(row)]
    records = [row for row in records if not _TOTAL.fullmatch(folded(row.cells[0])) or _looks_like_code(row)]
    block, questions = dict(begun), list[Sentence]()
    if records and sum(row.cells[0].startswith("`") for row in records) * 2 > len(records):
        block["prefix"] = "`"
    columns = _columns(names, records)
    block["columns"] = {name: names[place] for name, place in columns.items()}
    values = {name: [_cell(row, place) for row in records] for name, place in columns.items()}
    _say_money(block, values, questions)
    if "MMDDhhmmss" in _spelling(values.get("paid_at", ())):
        block["time_format"] = "%m%d%H%M%S"
    block["totals"] = _totals(rows, at, names, columns)
    if block["totals"] == "none":
        questions.append(say("profiles.no_totals"))
    needed = ("code", "amount", "paid_on" if "paid_on" in columns else "paid_at", "bank_serial")
    questions += [say("profiles.which_column", field=name) for name in needed if name not in columns]
    if "bank_serial" not in columns:
        questions.append(say("profiles.no_serial"))
    used = set(columns.values())
    left = [name for place, name in enumerate(names) if place not in used and name]
    return Proposal(block, left, questions, shown)


def _without_header(rows: list[FileRow], begun: dict[str, Any], shown: list[str]) -> Proposal:
    """Columns by what stands in them."""
    block, columns = {**begun, "header": False}, dict[str, int]()
    for place, cell in enumerate(rows[0].cells if rows else (), start=1):
        text = plain(cell)
        if _CODE.fullmatch(text):
            columns.setdefault("code", place)
        elif re.fullmatch(r"[0-9]{4}[-/]?[0-9]{2}[-/]?[0-9]{2}[ T]?[0-9:]{0,8}", text):
            columns.setdefault("paid_at", place)
        elif re.fullmatch(r"[0-9,]+\.[0-9]{2}", text):
            columns.setdefault("amount", place)
        elif re.fullmatch(r"[A-Za-z0-9]{4,}", text):
            columns.setdefault("bank_serial", place)
    last = next((row for row in reversed(rows) if not is_blank(row)), None)
    mark = folded(last.cells[0]) if last is not None else ""
    block["columns"] = columns
    found = _totals_at(last, mark, [], {}) if last is not None and _TOTAL.fullmatch(mark) else None
    block["totals"] = found or "none"
    missing = [name for name in ("code", "amount", "paid_at", "bank_serial") if name not in columns]
    return Proposal(
        block,
        [str(place) for place in range(1, len(rows[0].cells) + 1) if place not in columns.values()] if rows else [],
        [say("profiles.no_header"), *(say("profiles.which_column", field=one) for one in missing)],
        shown,
    )


def _header(rows: list[FileRow]) -> tuple[int | None, list[str]]:
    """The row with the most names that columns have, of those near the beginning."""
    best, at = 2, None
    every = {folded(name) for names in _NAMES.values() for name in names.split()}
    for number, row in enumerate(rows[:200]):
        known = sum(any(_same(cell, name) for name in every) for cell in map(folded, row.cells))
        if known > best:
            best, at = known, number
    return at, [] if at is None else [plain(cell) for cell in rows[at].cells]


def _same(cell: str, name: str) -> bool:
    return cell == name or re.sub(r"[(（\[].*", "", cell) == name


def _columns(names: list[str], records: list[FileRow]) -> dict[str, int]:
    """The place (from 0) of each field, by the names of the header; the code by what stands under it too."""
    heads = [folded(name) for name in names]
    found: dict[str, int] = {}
    by_value = [
        sum(_CODE.fullmatch(plain(_cell(row, place))) is not None for row in records) for place in range(len(heads))
    ]
    if records and max(by_value, default=0) * 2 > len(records):
        found["code"] = by_value.index(max(by_value))
    for field_name, known in _NAMES.items():
        for name in map(folded, known.split()):
            places = [at for at, head in enumerate(heads) if _same(head, name) and at not in found.values()]
            if field_name not in found and len(places) == 1:
                found[field_name] = places[0]
    days = [at for at, head in enumerate(heads) if head in ("交易日期", "记账日期", "日期", "缴款日期")]
    clocks = [at for at, head in enumerate(heads) if head in ("交易时间", "记账时间", "时间", "缴款时间")]
    if days and clocks:
        found.pop("paid_at", None)
        found |= {"paid_on": days[0], "paid_time": clocks[0]}
    return found


def _cell(row: FileRow, place: int) -> str:
    return row.cells[place] if place < len(row.cells) else ""


def _looks_like_code(row: FileRow) -> bool:
    return any(_CODE.fullmatch(plain(cell)) for cell in row.cells)


def _say_money(block: dict[str, Any], values: dict[str, list[str]], questions: list[Sentence]) -> None:
    """Which way money went: by kinds, by two columns, by a sign; and the unit of amounts."""
    kinds = Counter(folded(one) for one in values.get("kind", ()) if plain(one))
    if kinds and len(kinds) <= 12:
        known = {folded(word): meant for meant, words in _KINDS.items() for word in words.split()}
        said = {plain(one): known[folded(one)] for one in values["kind"] if folded(one) in known}
        if said:
            block["kinds"] = said
            questions += [say("profiles.kind", word=one) for one in kinds if one not in known]
    if "kinds" not in block:
        block["columns"].pop("kind", None)
    amounts = [plain(one) for one in values.get("amount", ()) if plain(one)]
    if any(one.startswith(("-", "－")) for one in amounts) and "kinds" not in block:
        block["signed"] = True
    if amounts and not any(isinstance(one, Number) for one in values["amount"]):
        bare = all(one.isdecimal() for one in amounts)
        if bare and ("分" in block["columns"]["amount"] or all(len(one) == len(amounts[0]) > 8 for one in amounts)):
            block["amount"] = "fen"
    if "refunded" in values and "kinds" not in block and not _fills_one_of_two(values):
        block["columns"].pop("refunded", None)


def _fills_one_of_two(values: dict[str, list[str]]) -> bool:
    both = zip(values.get("amount", ()), values["refunded"], strict=True)
    return all(not (_is_money(one) and _is_money(other)) for one, other in both)


def _is_money(cell: str) -> bool:
    try:
        return money(cell, fen=False) != 0
    except ValueError:
        return False


def _spelling(times: Sequence[str]) -> str:
    texts = [plain(one) for one in times if plain(one)]
    return "MMDDhhmmss" if texts and all(re.fullmatch(r"[01][0-9][0-3][0-9]{7}", one) for one in texts) else ""


def _totals(rows: list[FileRow], at: int, names: list[str], columns: dict[str, int]) -> dict[str, Any] | str:
    alone = [row.text for row in rows if row.text.startswith("#") or sum(map(bool, map(plain, row.cells))) == 1]
    words = [text.strip().lstrip("#").strip() for text in alone if _IN_WORDS.search(text) and "笔" in text]
    sentences = [one for one in map(_sentence, words) if one]
    if sentences:
        return {"words": sentences}
    for place, group in (("head", rows[:at]), ("end", rows[at + 1 :])):
        for number, row in enumerate(group):
            mark = plain(row.cells[0]) if row.cells else ""
            if not _TOTAL.fullmatch(mark) or _looks_like_code(row):
                continue
            below = group[number + 1] if number + 1 < len(group) else None
            if mark.startswith("总") and below is not None:
                found = _totals_named(row, mark)
            else:
                found = _totals_at(row, mark, names, columns)
            if found is not None:
                return found if place == "end" else {"place": "head", **found}
    return "none"


def _totals_named(row: FileRow, mark: str) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for figure, pattern in _FIGURES.items():
        names = [
            plain(cell)
            for cell in row.cells
            if re.fullmatch(pattern, folded(cell)) and "费" not in cell and "券" not in cell
        ]
        names = [name for name in names if name not in found.values()]
        if names:
            found[figure] = names[0]
    return {"lines": 2, "mark": mark, **found} if "amount" in found else None


def _totals_at(row: FileRow, mark: str, names: list[str], columns: dict[str, int]) -> dict[str, Any] | None:
    """Figures in the line of the mark: a count is a bare number before another; a sum alone may stand in its column."""
    told = [cell if isinstance(cell, Number) else plain(cell) for cell in row.cells]
    numbers = [(at, text) for at, text in enumerate(told) if at and _is_money(_bare(text))]
    if not numbers:
        return None
    (first, text), *more = numbers
    if more and re.fullmatch(r"[0-9]{1,9}[笔条]?", text):
        return {"mark": mark, "count": first + 1, "amount": more[0][0] + 1}
    under = names[first] if names and first == columns.get("amount") else first + 1
    return {"mark": mark, "amount": under}


def _bare(text: str) -> str:
    return text if isinstance(text, Number) else text.rstrip("笔条")


def _sentence(words: str) -> str | None:
    """A sentence of totals with its figures in braces."""
    found = re.match(
        r"(?P<begin>[^0-9]*?)(?P<n>[0-9,]+)(?P<mid>笔[^0-9+-]*)(?P<sum>[-+]?[0-9,]+\.[0-9]{2})(?P<end>元)", words
    )
    if found is None:
        return None
    refund = "退" in found["begin"]
    count, amount = ("{refunded_count}", "{refunded}") if refund else ("{paid_count}", "{amount}")
    return f"{found['begin']}{count}{found['mid']}{amount}{found['end']}"


# --- fixed widths ---------------------------------------------------------------------------------------------------


def _of_widths(lines: list[str], encoding: str) -> Proposal:
    """Fixed widths, of which a file tells little: where codes stand, and how long its lines are."""
    sizes = Counter(len(one.encode(encoding, "replace")) for one in lines if one.strip())
    block: dict[str, Any] = {"shape": "fixed", "encoding": encoding if encoding != "utf-8" else "gbk"}
    found = _CODE.search(lines[0]) if lines else None
    block["columns"] = {"code": [len(lines[0][: found.start()].encode(encoding)), 20]} if found else {}
    block["totals"] = "none"
    said = ", ".join(f"{many} of {size} bytes" for size, many in sizes.most_common(3))
    questions = [say("profiles.widths", lines=said), say("profiles.say_places"), say("profiles.say_totals")]
    return Proposal(block, [], questions, [one[:200] for one in lines[:5]])


# --- as settings ----------------------------------------------------------------------------------------------------


def _toml(name: str, value: Any) -> str:
    if isinstance(value, dict) and len(value) > 3:
        return "\n".join(f"{name}.{_key(one)} = {_value(inner)}" for one, inner in value.items())
    return f"{name} = {_value(value)}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(one)} = {_value(inner)}" for one, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)

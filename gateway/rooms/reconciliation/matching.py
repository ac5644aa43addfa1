"""Our books against a statement, both ways: exact, on payment code and bank serial, to the fen. A pure function."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.ports.nontax import StatementLine
from gateway.rooms.payments.books import Booked, Standing
from gateway.rooms.reconciliation.statement import Window

Key = tuple[str, str]


class BreakKind(StrEnum):
    """How books and statement can differ."""

    PLATFORM_ONLY = "platform_only"
    OURS_ONLY = "ours_only"
    AMOUNT_DIFFERS = "amount_differs"
    STATUS_DIFFERS = "status_differs"
    PAID_TWICE = "paid_twice"
    UNKNOWN_CODE = "unknown_code"
    REFUND_UNMATCHED = "refund_unmatched"
    CROSS_DAY = "cross_day"
    WRONG_UNIT = "wrong_unit"
    WRONG_ITEM = "wrong_item"
    RECEIPT_MISSING = "receipt_missing"
    STATEMENT_CHANGED = "statement_changed"
    CONTINUITY = "continuity"
    UNREADABLE_LINE = "unreadable_line"


class Side(StrEnum):
    """Who tells what happened on a day, besides our own books."""

    PLATFORM = "platform"
    BANK = "bank"  # cleared 清算
    TREASURY = "treasury"  # into treasury 入库


CHINESE = {
    BreakKind.PLATFORM_ONLY: "长款",
    BreakKind.OURS_ONLY: "短款",
    BreakKind.AMOUNT_DIFFERS: "金额不符",
    BreakKind.STATUS_DIFFERS: "状态不符",
    BreakKind.PAID_TWICE: "重复缴款",
    BreakKind.UNKNOWN_CODE: "待查收入",
    BreakKind.REFUND_UNMATCHED: "退付无对应",
    BreakKind.CROSS_DAY: "跨日",
    BreakKind.WRONG_UNIT: "执收单位不符",
    BreakKind.WRONG_ITEM: "收入项目不符",
    BreakKind.RECEIPT_MISSING: "票据缺失",
    BreakKind.STATEMENT_CHANGED: "对账文件变更",
    BreakKind.CONTINUITY: "连续性不符",
    BreakKind.UNREADABLE_LINE: "无法识别",
}

_KINDS = {
    Standing.UNOWNED: BreakKind.UNKNOWN_CODE,
    Standing.TWICE: BreakKind.PAID_TWICE,
    Standing.WRONG_AMOUNT: BreakKind.AMOUNT_DIFFERS,
    Standing.WRONG_STATUS: BreakKind.STATUS_DIFFERS,
}


@dataclass(frozen=True)
class Terms:
    """What a bill says beside its amount: units that may collect it, and its income items; empty: nothing is known."""

    units: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """What both sides are held against.

    ``issued``: codes of ours, with what their bills say. ``days``: which booked amounts the statement should have.
    ``elsewhere``: keys that another day's statement has; crossing the cut-off 跨日 is no difference. ``late``: booked
    money of these instants may still come on the next day's statement. ``standings`` off: the other side knows nothing
    of bills, only of money (bank, treasury).
    """

    issued: Mapping[str, Terms]
    days: Window
    elsewhere: Collection[Key] = ()
    late: Window | None = None
    standings: bool = True


@dataclass(frozen=True)
class Finding:
    """One amount of money with both its sides; ``kind`` is None when they agree."""

    kind: BreakKind | None
    booked: Booked | None
    line: StatementLine | None

    @property
    def key(self) -> Key:
        """Payment code and bank serial; of a refund the platform's own number, where it has one."""
        if self.line is not None and self.line.refund_number is not None:
            return self.line.code, self.line.refund_number
        side = self.booked if self.booked is not None else self.line
        assert side is not None
        return side.code, side.bank_serial

    @property
    def ours(self) -> int | None:
        """Fen on our side: what was to be paid where the platform took another amount."""
        if self.booked is None:
            return None
        if self.booked.standing is Standing.WRONG_AMOUNT and self.booked.expected is not None:
            return self.booked.expected
        return self.booked.amount

    @property
    def theirs(self) -> int | None:
        """Fen on the statement."""
        return None if self.line is None else self.line.amount


@dataclass(frozen=True)
class Outcome:
    """What a day comes to: how many amounts agree, what they sum to (fen), whose they are, and what does not agree."""

    equal: int
    amount: int
    payments: frozenset[str]
    differences: tuple[Finding, ...]


def match(
    books: Iterable[Booked],
    lines: Iterable[StatementLine],
    *,
    issued: Collection[str],
    days: Window,
    elsewhere: Collection[Key] = (),
) -> list[Finding]:
    """One finding for each line, and one for each booked amount of the day that the statement does not have."""
    return findings(books, lines, Question(dict.fromkeys(issued, Terms()), days, elsewhere))


def findings(books: Iterable[Booked], lines: Iterable[StatementLine], asked: Question) -> list[Finding]:
    """One finding for each line, and one for each booked amount that the statement should have and does not."""
    ours = {(one.code, one.bank_serial): one for one in books}
    found = []
    told: set[Key] = set()
    for line in lines:
        key = (line.code, line.bank_serial)
        if line.kind == "refunded":
            found.append(Finding(BreakKind.REFUND_UNMATCHED, None, line))
            continue
        told.add(key)
        booked = ours.get(key)
        found.append(Finding(judge(booked, line, asked), booked, line))
    for key, booked in ours.items():
        if key not in told and (kind := absent(booked, asked)) is not None:
            found.append(Finding(kind, booked, None))
    return found


def outcome(found: Iterable[Finding]) -> Outcome:
    """The findings in sum."""
    every = list(found)
    equal = [one for one in every if one.kind is None]
    return Outcome(
        len(equal),
        sum(one.theirs or 0 for one in equal),
        paid_by(one.booked for one in equal if one.booked is not None),
        tuple(one for one in every if one.kind is not None),
    )


def paid_by(money: Iterable[Booked]) -> frozenset[str]:
    """The payments that this money pays."""
    return frozenset(one.payment_id for one in money if one.payment_id and one.standing is Standing.PAYS)


def absent(booked: Booked, asked: Question) -> BreakKind | None:
    """What it means that the statement lacks this money."""
    if booked.paid_at not in asked.days or (booked.code, booked.bank_serial) in asked.elsewhere:
        return None
    crossing = asked.late is not None and booked.paid_at in asked.late
    return BreakKind.CROSS_DAY if crossing else BreakKind.OURS_ONLY


def judge(booked: Booked | None, line: StatementLine, asked: Question) -> BreakKind | None:
    """What a paid line is to the money that we have under its key."""
    if booked is None:
        return BreakKind.PLATFORM_ONLY if line.code in asked.issued else BreakKind.UNKNOWN_CODE
    if not asked.standings:
        return None if booked.amount == line.amount else BreakKind.AMOUNT_DIFFERS
    if booked.amount != line.amount and booked.standing is not Standing.UNOWNED:
        return BreakKind.AMOUNT_DIFFERS
    return _KINDS.get(booked.standing) or wrong_terms(line, asked)


def wrong_terms(line: StatementLine, asked: Question) -> BreakKind | None:
    """Whether the statement books the money for another unit 执收单位 or income item 收入项目 than the bill says."""
    bill = asked.issued.get(line.code)
    if bill is None:
        return None
    if bill.units and line.unit_code not in bill.units:
        return BreakKind.WRONG_UNIT
    if bill.items and line.item_codes and not bill.items.issuperset(line.item_codes):
        return BreakKind.WRONG_ITEM
    return None

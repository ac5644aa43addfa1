"""Our books against a statement, both ways: exact, on payment code and bank serial, to the fen. A pure function."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.payments.settlement import Booked, Standing
from gateway.ports import StatementLine
from gateway.reconciliation.statement import Window

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


CHINESE = {
    BreakKind.PLATFORM_ONLY: "长款",
    BreakKind.OURS_ONLY: "短款",
    BreakKind.AMOUNT_DIFFERS: "金额不符",
    BreakKind.STATUS_DIFFERS: "状态不符",
    BreakKind.PAID_TWICE: "重复缴款",
    BreakKind.UNKNOWN_CODE: "待查收入",
    BreakKind.REFUND_UNMATCHED: "退付无对应",
}

_KINDS = {
    Standing.UNOWNED: BreakKind.UNKNOWN_CODE,
    Standing.TWICE: BreakKind.PAID_TWICE,
    Standing.WRONG_AMOUNT: BreakKind.AMOUNT_DIFFERS,
    Standing.WRONG_STATUS: BreakKind.STATUS_DIFFERS,
}


@dataclass(frozen=True)
class Finding:
    """One amount of money with both its sides; ``kind`` is None when they agree."""

    kind: BreakKind | None
    booked: Booked | None
    line: StatementLine | None

    @property
    def key(self) -> Key:
        """Payment code and bank serial."""
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


def match(
    books: Iterable[Booked],
    lines: Iterable[StatementLine],
    *,
    issued: Collection[str],
    days: Window,
    elsewhere: Collection[Key] = (),
) -> list[Finding]:
    """One finding for each line, and one for each booked amount of the day that the statement does not have.

    ``issued``: codes of ours. ``days``: which booked amounts the statement should have. ``elsewhere``: keys that
    another day's statement has; crossing the cut-off 跨日 is no difference.
    """
    ours = {(one.code, one.bank_serial): one for one in books}
    findings = []
    told: set[Key] = set()
    for line in lines:
        key = (line.code, line.bank_serial)
        if line.kind == "refunded":
            findings.append(Finding(BreakKind.REFUND_UNMATCHED, None, line))
            continue
        told.add(key)
        booked = ours.get(key)
        findings.append(Finding(_compare(booked, line, issued), booked, line))
    for key, booked in ours.items():
        if key not in told and key not in elsewhere and booked.paid_at in days:
            findings.append(Finding(BreakKind.OURS_ONLY, booked, None))
    return findings


def _compare(booked: Booked | None, line: StatementLine, issued: Collection[str]) -> BreakKind | None:
    if booked is None:
        return BreakKind.PLATFORM_ONLY if line.code in issued else BreakKind.UNKNOWN_CODE
    if booked.amount != line.amount and booked.standing is not Standing.UNOWNED:
        return BreakKind.AMOUNT_DIFFERS
    return _KINDS.get(booked.standing)

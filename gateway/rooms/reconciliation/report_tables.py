"""What reports show: a day, a month, by authority, by unit, receivables 应收台账, balance statement 余额调节表."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.rooms.decisions import Clocks
from gateway.rooms.payments.accrual import Overdue, overdue
from gateway.rooms.payments.states import Settlement
from gateway.rooms.reconciliation import (
    break_records,
    month_records,
    report_records,
    run_records,
    statement_records,
)
from gateway.rooms.reconciliation.balance import Balance, chinese
from gateway.rooms.reconciliation.balance_records import balance_between
from gateway.rooms.reconciliation.matching import CHINESE, Side
from gateway.rooms.reconciliation.report import Column, Kind, Report, Table, as_text
from gateway.rooms.reconciliation.report_records import Receivable, Scope
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.states import CHINESE as STATES
from gateway.words.clock import day_of, from_micros
from gateway.words.errors import InvalidProblem
from gateway.words.law import Matter
from gateway.words.saying import say
from gateway.words.terms import Terms

LONGEST: Final = timedelta(days=366)

_SIDES: Final = {Side.PLATFORM: "平台", Side.BANK: "银行", Side.TREASURY: "国库"}
_SETTLEMENTS: Final = {
    Settlement.NONE: "",
    Settlement.PENDING: "待对账",
    Settlement.MATCHED: "已对平",
    Settlement.BROKEN: "有差错",
    None: "待查收入",
}
_SUM: Final = (
    Column("笔数", "count", "number", total=True),
    Column("实缴金额", "paid", "fen", total=True),
)


@dataclass(frozen=True)
class Clocked:
    """Whence terms of law are known: the clocks of a decision by its id, and the law of an authority."""

    of: Callable[[str], Clocks]
    terms: Callable[[str], Terms]

    def overdue(self, one: Receivable, on: date) -> Overdue:
        """How long an unpaid receivable is overdue. Its decision is opened only where days may not count."""
        if one.moved and one.decision_id is not None:
            return overdue(self.of(one.decision_id), one.planned_due_on, on)
        late = 0 if one.due_on is None else max((on - one.due_on).days, 0)
        return Overdue(late, to_urge=late > self.terms(one.authority).rule(Matter.SURCHARGE_BEFORE_FORCE, on).number)


class Gathering:
    """Reports from the database. ``window_of``: a channel's day as instants. ``now``: when it is asked."""

    def __init__(
        self, conn: Connection, window_of: Callable[[str, date], Window], clocked: Clocked, now: datetime
    ) -> None:
        self._conn = conn
        self._window_of = window_of
        self._clocked = clocked
        self._now = now

    def report(
        self, kind: Kind, channel: str, first: date, last: date, authorities: Collection[str] | None = None
    ) -> Report:
        """A report over these days. ``authorities`` narrows what belongs to somebody; None is all.

        The balance of a closed month is the one that was signed. Raises InvalidProblem for days in disorder.
        """
        if last < first or last - first > LONGEST:
            raise InvalidProblem(say("reconciliation.report_span"), field="last")
        span = Window(self._window_of(channel, first).start, self._window_of(channel, last).end)
        scope = Scope(channel, first, last, span, authorities)
        note = ""
        match kind:
            case "ledger":
                name, tables = "应收台账", [self._receivables(scope)]
            case "authority":
                name, tables = "按执法机关汇总", [self._by_authority(scope)]
            case "unit":
                name, tables = "按执收单位汇总", [self._by_unit(scope)]
            case "day":
                name, tables = "对账日报", [self._runs(scope), self._breaks(scope), self._money(scope)]
            case "balance":
                balance, note = self._balance(scope)
                name, tables = "余额调节表", [_summary(balance), _items(balance)]
            case "month":
                balance, note = self._balance(scope)
                of_days = [self._runs(scope), self._breaks(scope), self._by_authority(scope)]
                name, tables = "对账月报", [*of_days, _summary(balance), _items(balance)]
        only = None if authorities is None else tuple(sorted(authorities))
        return Report(kind, name, channel, first, last, self._now, tuple(tables), note, only)

    def _balance(self, scope: Scope) -> tuple[Balance, str]:
        """The balance of the days, and under which close it stands."""
        close = month_records.fetch_of_days(self._conn, scope.channel, scope.first, scope.last)
        if close is None:
            return balance_between(self._conn, scope.channel, scope.first, scope.last, self._window_of), ""
        closed_at = as_text(from_micros(close.closed_at), "time")
        return close.balance, f"已月结 {close.closed_name} {closed_at} SM3 {close.digest.hex()}"

    def _runs(self, scope: Scope) -> Table:
        return Table(
            "对账情况",
            "runs",
            (
                Column("日期", "day", "day"),
                Column("对账方", "side"),
                Column("对平笔数", "matched", "number", total=True),
                Column("对平金额", "matched amount", "fen", total=True),
                Column("补记笔数", "healed", "number", total=True),
                Column("未决差错", "open breaks", "number", total=True),
                Column("对账时间", "ran at", "time"),
            ),
            tuple(
                (
                    run.day_on,
                    _SIDES[run.side],
                    run.matched,
                    run.matched_amount,
                    run.healed,
                    break_records.count_open(self._conn, scope.channel, run.day_on, run.side),
                    from_micros(run.ran_at),
                )
                for run in run_records.last_of_days(self._conn, scope.channel, scope.first, scope.last)
            ),
        )

    def _breaks(self, scope: Scope) -> Table:
        found = break_records.between(self._conn, scope.channel, scope.first, scope.last, scope.authorities)
        return Table(
            "差错明细",
            "breaks",
            (
                Column("日期", "day", "day"),
                Column("差错类型", "kind"),
                Column("缴款码", "code"),
                Column("银行流水号", "bank serial"),
                Column("我方金额", "ours", "fen"),
                Column("对方金额", "theirs", "fen"),
                Column("状态", "state"),
                Column("账龄(天)", "age in days", "number"),
                Column("经办人", "assignee"),
                Column("处理说明", "reason"),
                Column("编号", "id"),
            ),
            tuple(
                (
                    one.day_on,
                    CHINESE[one.kind],
                    one.code,
                    one.bank_serial,
                    one.ours,
                    one.theirs,
                    STATES[one.state],
                    one.age_in_days(self._now),
                    one.assignee or "",
                    one.reason or "",
                    one.id,
                )
                for one in found
            ),
        )

    def _money(self, scope: Scope) -> Table:
        """Every amount of the day with its three dates: paid, cleared, into treasury."""
        money = report_records.paid(self._conn, scope)
        dates = statement_records.dates(self._conn, scope.channel, {one.code for one in money})
        return Table(
            "缴款明细",
            "money",
            (
                Column("决定书文号", "decision"),
                Column("缴款码", "code"),
                Column("银行流水号", "bank serial"),
                Column("实缴金额", "paid", "fen", total=True),
                Column("缴款时间", "paid at", "time"),
                Column("清算日期", "cleared", "day"),
                Column("入库日期", "into treasury", "day"),
                Column("对账结果", "settlement"),
            ),
            tuple(
                (
                    one.decision_number or "",
                    one.code,
                    one.bank_serial,
                    one.amount,
                    from_micros(one.paid_at),
                    *dates.get((one.code, one.bank_serial), (None, None)),
                    _SETTLEMENTS[one.settlement],
                )
                for one in money
            ),
        )

    def _by_authority(self, scope: Scope) -> Table:
        named = report_records.names_of_authorities(self._conn)
        back: dict[str, int] = defaultdict(int)
        for one in report_records.refunded(self._conn, scope.channel, scope.span):
            back[one.authority] += one.amount
        return Table(
            "按执法机关",
            "by authority",
            (
                Column("执法机关代码", "authority"),
                Column("执法机关", "name"),
                *_SUM,
                Column("已对平金额", "matched", "fen", total=True),
                Column("退付金额", "refunded", "fen", total=True),
                Column("待缴金额", "outstanding now", "fen", total=True),
            ),
            tuple(
                (
                    sums.authority,
                    named.get(sums.authority, ""),
                    sums.number,
                    sums.paid,
                    sums.matched,
                    back[sums.authority],
                    sums.outstanding,
                )
                for sums in report_records.sums_by_authority(self._conn, scope)
            ),
        )

    def _by_unit(self, scope: Scope) -> Table:
        named = report_records.names_of_units(self._conn)
        return Table(
            "按执收单位",
            "by unit",
            (
                Column("执收单位编码", "unit"),
                Column("执收单位", "name"),
                *_SUM,
                Column("退付金额", "refunded", "fen", total=True),
            ),
            tuple(
                (sums.unit_code, named.get(sums.unit_code, ""), sums.number, sums.paid, sums.refunded)
                for sums in report_records.sums_by_unit(self._conn, scope)
            ),
        )

    def _receivables(self, scope: Scope) -> Table:
        """Receivables as of the last day, or today: what was demanded, what came and went back, what is overdue.

        An appeal does not stay the duty to pay, but its days do not count (行政处罚法 art. 73); nor do a deferral's.
        """
        as_of = min(day_of(self._now), day_of(from_micros(scope.span.end - 1)))
        named = report_records.names_of_authorities(self._conn)
        until = Window(0, scope.span.end)
        back = {one.payment_id: one.amount for one in report_records.refunded(self._conn, scope.channel, until)}
        rows = []
        for one in report_records.receivables(self._conn, scope):
            came = (one.paid_amount or 0) if one.paid_at is not None and one.paid_at in until else 0
            left = max(one.amount - came, 0)
            late = self._clocked.overdue(one, as_of) if left else Overdue(0)
            over = left > 0 and one.due_on is not None and one.due_on < as_of
            rows.append(
                (
                    one.decision_number,
                    named.get(one.authority, one.authority),
                    one.due_on,
                    one.amount,
                    came,
                    back.get(one.id, 0),
                    left,
                    left if over else 0,
                    late.days,
                    _stand(one, left, late, over=over),
                    _reminder(late),
                )
            )
        return Table(
            "应收台账",
            "receivables",
            (
                Column("决定书文号", "decision"),
                Column("执法机关", "authority"),
                Column("缴款期限", "due", "day"),
                Column("应缴金额", "due amount", "fen", total=True),
                Column("实缴金额", "collected", "fen", total=True),
                Column("已退付", "refunded", "fen", total=True),
                Column("未缴金额", "outstanding", "fen", total=True),
                Column("逾期金额", "overdue", "fen", total=True),
                Column("逾期天数", "days overdue", "number"),
                Column("状态", "state"),
                Column("催告", "reminder"),
            ),
            tuple(rows),
        )


def _reminder(late: Overdue) -> str:
    if late.urged_on is not None:
        return f"已催告 {late.urged_on}"
    return "应催告" if late.to_urge else ""


def _stand(one: Receivable, left: int, late: Overdue, *, over: bool) -> str:
    """Where a receivable stands in a word."""
    if not left:
        return "已缴清"
    if late.appealed:
        return "复议诉讼中"
    if over:
        return "已逾期"
    return "未到期" if one.due_on else "待送达"


def _summary(balance: Balance) -> Table:
    more_books = sum(one.books for one in balance.items)
    more_statements = sum(one.statements for one in balance.items)
    return Table(
        "余额调节表",
        "balance",
        (Column("项目", "item"), Column("我方账面", "our books", "fen"), Column("对账文件", "statements", "fen")),
        (
            ("本期余额", balance.books, balance.statements),
            ("加:对方已收、我方未收", more_books, None),
            ("加:我方已收、对方未收", None, more_statements),
            ("调节后余额", balance.adjusted_books, balance.adjusted_statements),
            ("调节后差额", balance.adjusted_books - balance.adjusted_statements, None),
        ),
    )


def _items(balance: Balance) -> Table:
    return Table(
        "未达账项",
        "items",
        (
            Column("原因", "cause"),
            Column("缴款码", "code"),
            Column("银行流水号", "bank serial"),
            Column("调增我方", "to our books", "fen", total=True),
            Column("调增对方", "to statements", "fen", total=True),
            Column("差错编号", "break"),
        ),
        tuple(
            (chinese(one.kind), one.code, one.bank_serial, one.books, one.statements, one.break_id or "")
            for one in balance.items
        ),
    )

"""The inspection as a report 巡查报告: how much is shown and was looked at in time, what is amiss, where, since when.

Counts for those who answer for it, and a workbook with every open finding for those who go and mend it.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, func, select

from gateway.foundation.store.rows import reader
from gateway.rooms.disclosures.comparison import CHINESE, Kind
from gateway.rooms.disclosures.findings import Finding, FindingFilter, find
from gateway.rooms.disclosures.states import SHOWN, FindingStatus
from gateway.rooms.disclosures.tables import disclosure, disclosure_finding
from gateway.words.clock import SHANGHAI, from_micros, to_micros
from gateway.words.identifiers import SANDBOX

AGES = (1, 7, 30)
"""Up to how many days a finding has been open, for the columns of the counts; one more column holds those older."""
TO_DO = {
    Kind.MISSING: "核实后重新报送，或者说明原因",
    Kind.STALE: "核实后重新报送，或者说明原因",
    Kind.ALTERED: "核对差异后重新报送，或者说明原因",
    Kind.STILL_THERE: "本渠道的由系统再次撤下；转载的由人工联系撤下",
    Kind.UNPERFORMED: "登记履行情况，或者确认终止公示",
    Kind.BY_HAND: "在渠道的网站上办理",
}
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One target: how many publications are shown there, how many of these were not looked at in time, the oldest look.

    ``oldest_at``: in microseconds; None where nothing was looked at.
    """

    target: str
    shown: int
    overdue: int
    oldest_at: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """Open findings of one kind at one place: all, by age as ``AGES`` has it, and since when the oldest is open."""

    place: str
    kind: Kind
    number: int
    day: int
    week: int
    month: int
    older: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class InspectionReport:
    """What a report says, and when it was made. ``every_days``: how often what is public is to be looked at."""

    made_at: datetime
    every_days: int
    targets: Sequence[LookedAt]
    counts: Sequence[Counted]


_looked_at, _counted = reader(LookedAt), reader(Counted)


def report(conn: Connection, authorities: Collection[str] | None, now: datetime, every_days: int) -> InspectionReport:
    """The report on the publications of these authorities, or of all (None)."""

    def ago(days: int) -> int:
        return to_micros(now - timedelta(days=days))

    def aged(more_than: int, at_most: int) -> ColumnElement[int]:
        """How many have been open for so many days."""
        opened = disclosure_finding.c.created_at
        return func.sum(case(((opened >= ago(at_most)) & (opened < ago(more_than)), 1), else_=0))

    day, week, month = AGES
    shown = (
        select(
            disclosure.c.target,
            func.count().label("shown"),
            func.sum(
                # Tomorrow is early enough for what was due today.
                case((func.coalesce(disclosure.c.looked_at, disclosure.c.updated_at) < ago(every_days + 1), 1), else_=0)
            ).label("overdue"),
            func.min(disclosure.c.looked_at).label("oldest_at"),
        )
        .where(disclosure.c.status.in_([one.value for one in SHOWN]), _of(disclosure, authorities))
        .group_by(disclosure.c.target)
        .order_by(disclosure.c.target)
    )
    amiss = (
        select(
            disclosure_finding.c.place,
            disclosure_finding.c.kind,
            func.count().label("number"),
            aged(-1, day).label("day"),
            aged(day, week).label("week"),
            aged(week, month).label("month"),
            func.sum(case((disclosure_finding.c.created_at < ago(month), 1), else_=0)).label("older"),
            func.min(disclosure_finding.c.created_at).label("oldest_at"),
        )
        .where(disclosure_finding.c.status == FindingStatus.OPEN.value, _of(disclosure_finding, authorities))
        .group_by(disclosure_finding.c.place, disclosure_finding.c.kind)
        .order_by(disclosure_finding.c.place, disclosure_finding.c.kind)
    )
    return InspectionReport(
        made_at=now,
        every_days=every_days,
        targets=[_looked_at(row) for row in conn.execute(shown).mappings()],
        counts=[_counted(row) for row in conn.execute(amiss).mappings()],
    )


def with_findings(
    conn: Connection, authorities: Collection[str] | None, now: datetime, every_days: int, *, every: bool
) -> tuple[InspectionReport, list[Finding]]:
    """The report, and with ``every`` each open finding, newest first."""
    wanted = FindingFilter(authorities=authorities, status=FindingStatus.OPEN, limit=_MOST)
    return report(conn, authorities, now, every_days), find(conn, wanted) if every else []


def _of(table: Table, authorities: Collection[str] | None) -> ColumnElement[bool]:
    """Whose: of these, or of everybody but sandboxes."""
    if authorities is None:
        return table.c.authority.not_like(f"{SANDBOX}%")
    return table.c.authority.in_(sorted(authorities))


# --- as a workbook ----------------------------------------------------------------------------------------------------

_TARGETS = ("渠道", "公示中", "按期巡查", "逾期未巡查", "最早一次巡查")
_COUNTS = ("渠道", "问题", "件数", "1日以内", "2至7日", "8至30日", "30日以上", "最早发现")
_FINDINGS = (
    ("决定书文号", 32), ("执法机关代码", 18), ("渠道", 18), ("问题", 22), ("不一致的内容", 28), ("首次发现", 18),
    ("最近一次", 18), ("已持续天数", 12), ("须做什么", 44), ("页面地址", 40), ("编号", 40),
)  # fmt: skip


def as_workbook(told: InspectionReport, findings: Sequence[Finding], by: str = "") -> bytes:
    """In Chinese: a sheet of counts and one with a line for each open finding. Every number of a decision is text."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(out, options) as book:
        made = _Workbook(book)
        made.summary(told, by)
        made.findings(told, findings)
    return out.getvalue()


class _Workbook:
    def __init__(self, book: Any) -> None:
        line = {"border": 1, "border_color": "#C8CDD3", "valign": "top"}
        self._book = book
        self._title = book.add_format({"bold": True, "font_size": 14})
        self._head = book.add_format({**line, "bold": True, "bg_color": "#E8EEF4", "text_wrap": True})
        self._text = book.add_format({**line, "num_format": "@", "text_wrap": True})
        self._number = book.add_format({**line, "num_format": "0"})

    def summary(self, told: InspectionReport, by: str) -> None:
        """For whom, and How much is shown and looked at, then what is amiss by place, kind and age."""
        sheet = self._book.add_worksheet("汇总")
        sheet.set_column(0, 0, 22)
        sheet.set_column(1, 1, 24)
        sheet.set_column(2, 7, 16)
        sheet.write_string(0, 0, "行政处罚公示巡查报告", self._title)
        person = f"，编制人 {by}" if by else ""
        made = f"编制时间 {_moment(told.made_at)} +08:00{person}"
        sheet.write_string(1, 0, f"{made}，公示内容每{told.every_days}天巡查一次")
        looked: list[Sequence[str | int]] = [
            (one.target, one.shown, one.shown - one.overdue, one.overdue, _moment(one.oldest_at))
            for one in told.targets
        ]
        row = self._table(sheet, 3, _TARGETS, looked)
        counts: list[Sequence[str | int]] = [
            (one.place, CHINESE[one.kind], one.number, one.day, one.week, one.month, one.older, _moment(one.oldest_at))
            for one in told.counts
        ]
        total = [sum(getattr(one, name) for one in told.counts) for name in ("number", "day", "week", "month", "older")]
        self._table(sheet, row + 1, _COUNTS, [*counts, ("合计", "", *total, "")])
        _print(sheet)

    def findings(self, told: InspectionReport, findings: Sequence[Finding]) -> None:
        """A line each, oldest first."""
        sheet = self._book.add_worksheet("未处理的问题")
        for at, (_, width) in enumerate(_FINDINGS):
            sheet.set_column(at, at, width)
        rows: list[Sequence[str | int]] = [
            (
                one.decision_number,
                one.authority,
                one.place,
                CHINESE[one.kind],
                "、".join(one.fields),
                _moment(one.created_at),
                _moment(one.seen_at),
                (told.made_at - from_micros(one.created_at)).days,
                TO_DO[one.kind],
                one.url or "",
                one.id,
            )
            for one in sorted(findings, key=lambda one: one.created_at)
        ]
        end = self._table(sheet, 0, [name for name, _ in _FINDINGS], rows)
        sheet.autofilter(0, 0, max(end - 1, 0), len(_FINDINGS) - 1)
        sheet.freeze_panes(1, 1)
        _print(sheet)

    def _table(self, sheet: Any, top: int, heads: Sequence[str], rows: Sequence[Sequence[str | int]]) -> int:
        """Write one; the row after it."""
        for at, head in enumerate(heads):
            sheet.write_string(top, at, head, self._head)
        for number, row in enumerate(rows, start=top + 1):
            for at, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, at, value, self._text)
                else:
                    sheet.write_number(number, at, value, self._number)
        return top + len(rows) + 1


def _moment(at: datetime | int | None) -> str:
    """In Asia/Shanghai, to the minute; a dash for never."""
    if at is None:
        return "—"
    moment = from_micros(at) if isinstance(at, int) else at
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _print(sheet: Any) -> None:
    """On A4, across, as wide as a page."""
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C第 &P 页 共 &N 页")

"""Reports 对账报告: a day, a month, by authority, by unit, receivables 应收台账, balance statement 余额调节表.

A report is tables of plain values; three writers put them into a workbook, a CSV file and signed JSON. No cell of text
can become a formula in a spreadsheet, whoever wrote the text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import xlsxwriter
from sqlalchemy import Connection, and_, case, func, select

from gateway.foundation.access.tables import authority
from gateway.foundation.crypto.keys import KeyProvider
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.payments.tables import collecting_unit, collection, payment
from gateway.rooms.reconciliation import records
from gateway.rooms.reconciliation.balance import REPORT_KEY, Balance, balance_of, canonical, chinese
from gateway.rooms.reconciliation.matching import CHINESE, STATES, Side
from gateway.rooms.reconciliation.statement import Window
from gateway.rooms.reconciliation.tables import reconciliation_run, statement, statement_line
from gateway.rooms.refunds.tables import refund
from gateway.words.clock import SHANGHAI, day_of, from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.money import format_yuan

Kind = Literal["day", "month", "authority", "unit", "ledger", "balance"]
Shape = Literal["text", "fen", "number", "day", "time"]
Cell = str | int | date | datetime | None

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WIDTHS: Final = {"text": 24, "fen": 16, "number": 10, "day": 12, "time": 20}
LONGEST: Final = timedelta(days=366)
REMIND_DAYS: Final = 30  # of surcharge, after which and after a reminder 催告 enforcement may follow (行政强制法)


@dataclass(frozen=True)
class Column:
    """A column with its heading, Chinese first."""

    zh: str
    en: str
    shape: Shape = "text"
    total: bool = False


@dataclass(frozen=True)
class Table:
    """One sheet. Amounts are fen."""

    zh: str
    en: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def totals(self) -> list[int | None]:
        """The sum of each column that has one."""
        return [
            sum(value for row in self.rows if isinstance(value := row[index], int)) if column.total else None
            for index, column in enumerate(self.columns)
        ]


@dataclass(frozen=True)
class Report:
    """A named set of tables about a channel from one day to another. ``note``: under which close it stands, if any."""

    kind: Kind
    zh: str
    channel: str
    first: date
    last: date
    made_at: datetime
    tables: tuple[Table, ...]
    note: str = ""

    @property
    def title(self) -> str:
        """What stands above every sheet."""
        days = str(self.first) if self.first == self.last else f"{self.first} 至 {self.last}"
        return f"{self.zh}  {self.channel}  {days}"


# --- gathering ------------------------------------------------------------------------------------------------------

_OWED = ("ISSUED", "CANCELLING", "EXPIRED")
_SUM = (
    Column("笔数", "count", "number", total=True),
    Column("实缴金额", "paid", "fen", total=True),
)


def gather(
    conn: Connection,
    kind: Kind,
    channel: str,
    first: date,
    last: date,
    *,
    window_of: Callable[[str, date], Window],
    now: datetime,
    authorities: Collection[str] | None = None,
) -> Report:
    """A report from the database. ``authorities`` narrows what belongs to somebody; None is all.

    The balance of a closed month is the one that was signed. Raises InvalidProblem for days in disorder.
    """
    if last < first or last - first > LONGEST:
        raise InvalidProblem("a report covers at most a year, its first day first", field="last")
    span = Window(window_of(channel, first).start, window_of(channel, last).end)
    note = ""
    if kind == "ledger":
        names, tables = "应收台账", [_ledger(conn, channel, span, now, authorities)]
    elif kind == "authority":
        names, tables = "按执法机关汇总", [_by_authority(conn, channel, span, authorities)]
    elif kind == "unit":
        names, tables = "按执收单位汇总", [_by_unit(conn, channel, first, last)]
    elif kind == "day":
        names = "对账日报"
        tables = [
            _days(conn, channel, first, last),
            _breaks(conn, channel, first, last, now, authorities),
            _money(conn, channel, span, authorities),
        ]
    else:
        close = records.close_of_days(conn, channel, first, last)
        if close is None:
            balance = balance_of(conn, channel, first, last, window_of)
        else:
            balance = Balance.from_figures(close["figures"])
            closed_at = as_text(from_micros(close["closed_at"]), "time")
            note = f"已月结 {close['closed_name']} {closed_at} SM3 {bytes(close['digest']).hex()}"
        names, tables = "余额调节表", [_summary(balance), _items(balance)]
        if kind == "month":
            names = "对账月报"
            tables = [
                _days(conn, channel, first, last),
                _breaks(conn, channel, first, last, now, authorities),
                _by_authority(conn, channel, span, authorities),
                *tables,
            ]
    return Report(kind, names, channel, first, last, now, tuple(tables), note)


def _days(conn: Connection, channel: str, first: date, last: date) -> Table:
    latest = (
        select(func.max(reconciliation_run.c.id))
        .where(
            reconciliation_run.c.channel == channel,
            reconciliation_run.c.state == "done",
            reconciliation_run.c.day_on.between(first, last),
        )
        .group_by(reconciliation_run.c.day_on, reconciliation_run.c.side)
    )
    query = select(reconciliation_run).where(reconciliation_run.c.id.in_(latest))
    rows = conn.execute(query.order_by(reconciliation_run.c.day_on, reconciliation_run.c.side)).mappings()
    sides = {"platform": "平台", "bank": "银行", "treasury": "国库"}
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
                row["day_on"],
                sides[row["side"]],
                row["matched"],
                row["matched_amount"],
                row["healed"],
                records.count_open(conn, channel, row["day_on"], Side(row["side"])),
                from_micros(row["ran_at"]),
            )
            for row in rows
        ),
    )


def _breaks(
    conn: Connection, channel: str, first: date, last: date, now: datetime, authorities: Collection[str] | None
) -> Table:
    found = records.breaks_between(conn, channel, first, last, authorities)
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
                one.day,
                CHINESE[one.kind],
                one.code,
                one.bank_serial,
                one.ours,
                one.theirs,
                STATES[one.state],
                age_in_days(one, now),
                one.assignee or "",
                one.reason or "",
                one.id,
            )
            for one in found
        ),
    )


def age_in_days(one: records.Break, now: datetime) -> int:
    """Whole days that a break was, or has been, open."""
    end = from_micros(one.closed_at) if one.closed_at is not None else now
    return max((end - from_micros(one.opened_at)).days, 0)


def _money(conn: Connection, channel: str, span: Window, authorities: Collection[str] | None) -> Table:
    """Every amount of the day with its three dates: paid, cleared, into treasury."""
    query = (
        select(collection, payment.c.decision_number, payment.c.authority, payment.c.settlement)
        .outerjoin(payment, payment.c.id == collection.c.payment_id)
        .where(collection.c.channel == channel, collection.c.paid_at >= span.start, collection.c.paid_at < span.end)
        .order_by(collection.c.paid_at, collection.c.id)
    )
    if authorities is not None:
        query = query.where(payment.c.authority.in_(authorities))
    settled = {"none": "", "pending": "待对账", "matched": "已对平", "broken": "有差错", None: "待查收入"}
    rows = conn.execute(query).mappings().all()
    dates = records.dates(conn, channel, {row["code"] for row in rows})
    made = []
    for row in rows:
        cleared, treasury = dates.get((row["code"], row["bank_serial"]), (None, None))
        made.append(
            (
                row["decision_number"] or "",
                row["code"],
                row["bank_serial"],
                row["amount"],
                from_micros(row["paid_at"]),
                cleared,
                treasury,
                settled[row["settlement"]],
            )
        )
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
        tuple(made),
    )


def _by_authority(conn: Connection, channel: str, span: Window, authorities: Collection[str] | None) -> Table:
    inside = and_(payment.c.paid_at >= span.start, payment.c.paid_at < span.end)
    matched = and_(inside, payment.c.settlement == "matched")
    query = (
        select(
            payment.c.authority,
            func.sum(case((inside, 1), else_=0)),
            func.sum(case((inside, payment.c.paid_amount), else_=0)),
            func.sum(case((matched, payment.c.paid_amount), else_=0)),
            func.sum(case((payment.c.status.in_(_OWED), payment.c.amount), else_=0)),
        )
        .where(payment.c.channel == channel)
        .group_by(payment.c.authority)
        .order_by(payment.c.authority)
    )
    if authorities is not None:
        query = query.where(payment.c.authority.in_(authorities))
    named, back = _names(conn), _refunded(conn, channel, span)
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
                code,
                named.get(code, ""),
                int(count),
                int(paid or 0),
                int(agreed or 0),
                sum(amount for (whose, _), amount in back.items() if whose == code),
                int(owed),
            )
            for code, count, paid, agreed, owed in conn.execute(query)
        ),
    )


def _refunded(conn: Connection, channel: str, span: Window) -> dict[tuple[str, str], int]:
    """Fen that went back within these instants, by authority and payment."""
    query = (
        select(refund.c.authority, refund.c.payment_id, func.sum(refund.c.amount))
        .where(refund.c.channel == channel, refund.c.status == "REFUNDED")
        .where(refund.c.refunded_at >= span.start, refund.c.refunded_at < span.end)
        .group_by(refund.c.authority, refund.c.payment_id)
    )
    return {(whose, payment_id): int(amount) for whose, payment_id, amount in conn.execute(query)}


def _names(conn: Connection) -> dict[str, str]:
    """What authorities are called."""
    return {row.code: row.name for row in conn.execute(select(authority.c.code, authority.c.name))}


def _by_unit(conn: Connection, channel: str, first: date, last: date) -> Table:
    units = conn.execute(select(collecting_unit.c.unit_code, collecting_unit.c.unit_name))
    named = {code: name for code, name in units}  # noqa: C416 - rows are no pairs to the type checker
    query = (
        select(statement_line.c.unit_code, statement_line.c.kind, func.count(), func.sum(statement_line.c.amount))
        .join(statement, statement.c.id == statement_line.c.statement_id)
        .where(
            statement.c.channel == channel,
            statement.c.side == Side.PLATFORM.value,
            statement.c.superseded_at.is_(None),
            statement.c.day_on.between(first, last),
        )
        .group_by(statement_line.c.unit_code, statement_line.c.kind)
    )
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for unit, kind, count, amount in conn.execute(query):
        found.setdefault(unit, {})[kind] = (int(count), int(amount))
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
            (unit, named.get(unit, ""), *kinds.get("paid", (0, 0)), kinds.get("refunded", (0, 0))[1])
            for unit, kinds in sorted(found.items())
        ),
    )


def _ledger(conn: Connection, channel: str, span: Window, now: datetime, authorities: Collection[str] | None) -> Table:
    """Receivables as of the span's end, or today: what was demanded, what came and went back, what is overdue since."""
    query = (
        select(payment)
        .where(
            payment.c.channel == channel,
            payment.c.status.not_in(("REJECTED", "CANCELLED", "REQUESTED")),
            payment.c.created_at < span.end,
        )
        .order_by(payment.c.due_on, payment.c.id)
    )
    if authorities is not None:
        query = query.where(payment.c.authority.in_(authorities))
    as_of = min(day_of(now), day_of(from_micros(span.end - 1)))
    named = _names(conn)
    back = {payment_id: amount for (_, payment_id), amount in _refunded(conn, channel, Window(0, span.end)).items()}
    rows = []
    for row in conn.execute(query).mappings():
        came = row["paid_amount"] if row["paid_at"] is not None and row["paid_at"] < span.end else 0
        left = max(row["amount"] - (came or 0), 0)
        late = max((as_of - row["due_on"]).days, 0) if row["due_on"] is not None and left else 0
        state = "已缴清" if not left else "已逾期" if late else "未到期" if row["due_on"] else "待送达"
        rows.append(
            (
                row["decision_number"],
                named.get(row["authority"], row["authority"]),
                row["due_on"],
                row["amount"],
                came or 0,
                back.get(row["id"], 0),
                left,
                left if late else 0,
                late,
                state,
                "应催告" if late >= REMIND_DAYS else "",
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


# --- writing --------------------------------------------------------------------------------------------------------


def as_text(value: Cell, shape: Shape) -> str:
    """A cell for people: yuan, days, local time."""
    if value is None:
        return ""
    if shape == "fen" and isinstance(value, int):
        return format_yuan(value) if value >= 0 else f"-{format_yuan(-value)}"
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    return str(value)


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before what could start one."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def to_csv(report: Report, table: int = 0) -> str:
    """One table as CSV with a byte order mark, so that spreadsheets see UTF-8."""
    chosen = report.tables[table]
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    write([column.zh for column in chosen.columns])
    for row in chosen.rows:
        write(
            [
                safe(text) if column.shape == "text" else text
                for column, text in zip(chosen.columns, _texts(chosen, row), strict=True)
            ]
        )
    return "\ufeff" + out.getvalue()


def _texts(table: Table, row: Sequence[Cell]) -> Iterable[str]:
    return [as_text(value, column.shape) for column, value in zip(table.columns, row, strict=True)]


def to_json(report: Report, keys: KeyProvider) -> dict[str, Any]:
    """The report with its SM3 digest and an SM2 signature (DER, standard ID) over ``canonical(report)``."""
    content = {
        "kind": report.kind,
        "title": report.zh,
        "channel": report.channel,
        "first": report.first.isoformat(),
        "last": report.last.isoformat(),
        "made_at": rfc3339(report.made_at),
        "note": report.note,
        "tables": [
            {
                "title": table.zh,
                "columns": [column.zh for column in table.columns],
                "rows": [list(_texts(table, row)) for row in table.rows],
            }
            for table in report.tables
        ],
    }
    body = canonical(content)
    return {
        "report": content,
        "digest": sm3(body).hex(),
        "signature": keys.sign(REPORT_KEY, body).hex(),
        "public_key": keys.public(REPORT_KEY).hex(),
    }


def to_xlsx(report: Report, out: Path | BinaryIO) -> None:
    """A workbook: one sheet a table, title, headings in Chinese with English below, totals, print settings for A4."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(
        str(out) if isinstance(out, Path) else out, {**options, "default_date_format": "yyyy-mm-dd"}
    ) as book:
        font = {"font_name": "Noto Sans CJK SC", "font_size": 10, "valign": "vcenter"}
        line = {"border": 1, "border_color": "#C8CDD3"}
        title = book.add_format({**font, "font_size": 14, "bold": True})
        note = book.add_format({**font, "font_size": 9, "font_color": "#5F6B76"})
        head = book.add_format(
            {**font, **line, "bold": True, "bg_color": "#E8EEF4", "align": "center", "text_wrap": True}
        )
        shapes: dict[Shape, Any] = {
            "text": book.add_format({**font, **line, "text_wrap": True, "indent": 1}),
            "fen": book.add_format({**font, **line, "num_format": "#,##0.00"}),
            "number": book.add_format({**font, **line, "num_format": "0"}),
            "day": book.add_format({**font, **line, "num_format": "yyyy-mm-dd", "align": "center"}),
            "time": book.add_format({**font, **line, "num_format": "yyyy-mm-dd hh:mm:ss", "align": "center"}),
        }
        total = {"bold": True, "bg_color": "#F5F7F9"}
        bold = book.add_format({**font, **line, **total, "indent": 1})
        bold_fen = book.add_format({**font, **line, **total, "num_format": "#,##0.00"})
        bold_number = book.add_format({**font, **line, **total, "num_format": "0"})
        for table in report.tables:
            sheet = book.add_worksheet(table.zh)
            sheet.write_string(0, 0, f"{report.title}  {table.zh}", title)
            made = f"编制时间 {as_text(report.made_at, 'time')}  单位:元"
            sheet.write_string(1, 0, f"{made}  {report.note}".rstrip(), note)
            sheet.set_row(0, 26)
            sheet.set_row(3, 30)
            for index, column in enumerate(table.columns):
                sheet.write_string(3, index, f"{column.zh}\n{column.en}", head)
                sheet.set_column(index, index, _width(table, index))
            for number, row in enumerate(table.rows, start=4):
                for index, (column, value) in enumerate(zip(table.columns, row, strict=True)):
                    _write(sheet, number, index, column.shape, value, shapes[column.shape])
            totals = table.totals()
            if any(one is not None for one in totals):
                end = 4 + len(table.rows)
                for index, one in enumerate(totals):
                    if one is None:
                        sheet.write_string(end, index, "合计" if index == 0 else "", bold)
                    elif table.columns[index].shape == "fen":
                        sheet.write_number(end, index, one / 100, bold_fen)
                    else:
                        sheet.write_number(end, index, one, bold_number)
            sheet.freeze_panes(4, 0)
            sheet.set_paper(9)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(3)
            sheet.set_footer("&C第 &P 页 共 &N 页")


def _width(table: Table, index: int) -> float:
    """As wide as its longest text, a Chinese character counting twice; not wider than a line can be read."""
    shape = table.columns[index].shape
    if shape != "text":
        return _WIDTHS[shape]
    texts = [table.columns[index].zh, table.columns[index].en, *(str(row[index] or "") for row in table.rows[:500])]
    longest = max(sum(2 if ord(char) > 0x2E80 else 1 for char in text) for text in texts)
    return min(max(longest + 3, 9), 44)


def _write(sheet: Any, row: int, index: int, shape: Shape, value: Cell, how: Any) -> None:
    if value is None:
        sheet.write_blank(row, index, None, how)
    elif shape == "fen" and isinstance(value, int):
        sheet.write_number(row, index, value / 100, how)  # below 2**53 fen a double holds the cents exactly
    elif isinstance(value, int):
        sheet.write_number(row, index, value, how)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, index, value.astimezone(SHANGHAI).replace(tzinfo=None), how)
    elif isinstance(value, date):
        sheet.write_datetime(row, index, datetime(value.year, value.month, value.day), how)  # noqa: DTZ001
    else:
        sheet.write_string(row, index, str(value), how)


def dump(told: dict[str, Any]) -> str:
    """Signed JSON as it is written to a file."""
    return json.dumps(told, ensure_ascii=False, indent=1)

"""What a platform says of a day: all money that came and went back, a page at a time, and what faults do to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from simulators.frame import SHANGHAI, Document, Kind, Transaction, rfc3339
from simulators.nontax import books


def _kind(effect: str) -> Kind:
    return Kind("statement", effect, needs=("key", "code"))


#: The kinds of faults that only systems with statements have.
KINDS: dict[str, Kind] = {
    "statement_missing": _kind("the statement of day `key` (yyyyMMdd) lacks the line of payment code `code`"),
    "statement_extra": _kind("the statement of day `key` has a line for `code` that nobody paid"),
    "statement_changed": _kind("on the statement of day `key` the amount for `code` is a fen more"),
    "statement_duplicate": _kind("the statement of day `key` has the line for `code` twice"),
    "statement_totals": Kind(
        "statement", "the totals of day `key` (yyyyMMdd) are a line and a fen more", needs=("key",)
    ),
    "statement_late": _kind("the line for `code` of day `key` is on the next day's statement"),
}


def _next_day(day: str) -> str:
    return (datetime.strptime(day, "%Y%m%d").replace(tzinfo=SHANGHAI) + timedelta(days=1)).strftime("%Y%m%d")


def day_before(day: str) -> str:
    """The day (yyyyMMdd) before another one, which the calendar need not have: callers may ask for 20260231."""
    first = datetime(int(day[:4]), int(day[4:6]), 1, tzinfo=SHANGHAI)
    return (first + timedelta(days=int(day[6:]) - 2)).strftime("%Y%m%d")


def _unpaid_line(day: str, code: str) -> Document:
    """A line for the fault statement_extra: money that nobody paid."""
    noon = datetime.strptime(f"{day}12", "%Y%m%d%H").replace(tzinfo=SHANGHAI)
    return {
        "code": code,
        "number": f"X{code[-12:]}",
        "amount": 8800,
        "serial": f"{day}99{code[-10:]}",
        "at": rfc3339(noon),
        "unit": "990102001",
        "items": ["103050199001"],
    }


class Statements:
    """The statements of one platform, drawn from its books."""

    def __init__(self, kept: books.Books) -> None:
        self.books = kept

    def page(
        self,
        tx: Transaction,
        node: str,
        day: str,
        page: int,
        now: datetime,
        planted: Sequence[tuple[str, str, str]] = (),
    ) -> Document:
        """One page of the statement of a day: all money that came or went back, in the order in which it did.

        ``planted``: faults of the phase "statement" as kind, day and payment code.
        """
        rules = self.books.settings(tx)
        today = self.books.statement_day(tx, now)
        if day > today or (day == today and rules["statement_after_close"]):
            raise books.No("18040")
        lines = [("P", line) for line in self._lines(tx, node, day, planted)]
        lines += [("R", line) for _, line in tx.list(self.books.system, "returned", day) if line["node"] == node]
        lines.sort(key=lambda line: line[1]["at"])
        more = any(kind == "statement_totals" and on == day for kind, on, _ in planted)
        size = rules["page_size"]
        pages = max(1, math.ceil(len(lines) / size))
        if page > pages:
            raise books.No("18041")
        return {
            "StatementDate": day,
            "Page": page,
            "Pages": pages,
            "Count": len(lines) + more,
            "TotalAmt": books.yuan(more + sum(line["amount"] for kind, line in lines if kind == "P")),
            "Line": [
                {
                    "Type": kind,
                    "PayNo": line["number"],
                    "PayCode": line["code"],
                    "Amt": books.yuan(line["amount"]),
                    **books.confirm_date(line),
                    "TraNoBus": line["serial"],
                    "ChgAgenCode": line["unit"],
                    "ItemCode": line["items"],
                }
                for kind, line in lines[(page - 1) * size : page * size]
            ],
        }

    def _lines(self, tx: Transaction, node: str, day: str, planted: Sequence[tuple[str, str, str]]) -> list[Document]:
        """The money of a day as its statement tells it."""

        def paid(on: str) -> list[Document]:
            return [line for _, line in tx.list(self.books.system, "payments", on) if line["node"] == node]

        lines = paid(day)
        for kind, on, code in planted:
            if kind == "statement_late" and _next_day(on) == day:
                lines += [line for line in paid(on) if line["code"] == code]
            if on != day:
                continue
            mine = [line for line in lines if line["code"] == code]
            if kind in ("statement_missing", "statement_late"):
                lines = [line for line in lines if line["code"] != code]
            elif kind == "statement_changed":
                lines = [{**line, "amount": line["amount"] + 1} if line in mine else line for line in lines]
            elif kind == "statement_duplicate":
                lines += mine
            elif kind == "statement_extra":
                lines.append(_unpaid_line(day, code))
        return lines

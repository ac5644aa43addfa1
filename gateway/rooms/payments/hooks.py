"""What other rooms tell payments: they need this room, it needs none of them, so each registers when it is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import date

from sqlalchemy import Connection

from gateway.rooms.payments import records
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import Standing

Claimed = Callable[[Connection, str], Mapping[LineKind, int]]
"""What a room's own records claim of a decision, by its id: fen by kind of line."""
Days = Mapping[tuple[str, str], tuple[date | None, date | None]]
"""By code and bank serial: when money was cleared 清算, and when it came into the treasury 入库."""
DaysOf = Callable[[Connection, str, Collection[str]], Days]
"""Tells the days of money on a channel under these codes. Statements know them."""


class Hooks:
    """What was registered. Every hook runs inside the query or unit of the caller."""

    def __init__(self) -> None:
        self._claims: list[Claimed] = []
        self._days: list[DaysOf] = []

    def claims(self, claimed: Claimed) -> None:
        """Count what a room claims of a decision's money beside the payments: nothing is demanded twice."""
        self._claims.append(claimed)

    def knows_days(self, days_of: DaysOf) -> None:
        """Ask a room when money was cleared, and when it came into the treasury."""
        self._days.append(days_of)

    def demanded(self, conn: Connection, decision_id: str) -> dict[LineKind, int]:
        """Fen demanded, paid or claimed elsewhere for a decision, by kind of line; what ended unpaid does not count."""
        return self.with_claims(conn, decision_id, records.standing(conn, decision_id))

    def with_claims(self, conn: Connection, decision_id: str, standing: Standing) -> dict[LineKind, int]:
        """The same, where it is known how a decision's own payments stand."""
        found = Counter(standing.demanded)
        for claimed in self._claims:
            found.update(claimed(conn, decision_id))
        return dict(found)

    def days_of(self, conn: Connection, channel: str, codes: Collection[str]) -> Days:
        """The days of money on a channel under these codes; empty where nobody knows."""
        found: dict[tuple[str, str], tuple[date | None, date | None]] = {}
        for days_of in self._days:
            found |= days_of(conn, channel, codes)
        return found

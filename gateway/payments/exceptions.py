"""Exceptions 异常缴款: money that arrived as no bill foresaw. One person proposes the way out, another confirms it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, select, update

from gateway.clock import Clock, to_micros
from gateway.delivery.events import Events
from gateway.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.identifiers import clean_text
from gateway.store import Store
from gateway.store.tables.payments import payment, payment_exception

Remember = Callable[[Connection, str], None]


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class WayOut(StrEnum):
    """What is done with the money: 退付, 收缴入库不退, or it was already returned by the platform."""

    REFUND = "refund"
    KEEP = "keep"
    RETURNED_BY_PLATFORM = "returned_by_platform"


class Exceptions:
    """Resolution by two people, which the database itself enforces. Emits ``payment.exception_proposed``/``_resolved``.

    A refund that is confirmed here is filed by whoever subscribes to ``payment.exception_resolved``.
    """

    def __init__(self, store: Store, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def propose(
        self, exception_id: str, way_out: WayOut, reason: str, *, by: str, name: str, remember: Remember = _forget
    ) -> None:
        """One person proposes. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is resolved."""
        said = _said(reason)

        def unit(conn: Connection) -> None:
            remember(conn, exception_id)
            row = _fetch(conn, exception_id)
            if row["state"] == "resolved":
                raise ConflictProblem("this exception is resolved", type="exception-resolved")
            conn.execute(
                update(payment_exception)
                .where(payment_exception.c.id == exception_id, payment_exception.c.state != "resolved")
                .values(state="proposed", resolution=way_out.value, reason=said, proposed_by=by, proposed_name=name)
            )
            self._tell(conn, row, "payment.exception_proposed", way_out.value)

        await self._store.write(unit)

    async def confirm(self, exception_id: str, *, by: str, remember: Remember = _forget) -> None:
        """Another person confirms. Raises NotFoundProblem, and ConflictProblem for the same person or no proposal."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> None:
            remember(conn, exception_id)
            row = _fetch(conn, exception_id)
            if row["state"] != "proposed":
                raise ConflictProblem(
                    f"this exception is {row['state']}; only a proposed way out can be confirmed",
                    type="exception-not-proposed",
                    cure="Propose a way out first: POST /v1/exceptions/{id}/resolution.",
                )
            if row["proposed_by"] == by:
                raise ConflictProblem(
                    "money needs two people: whoever proposed the way out cannot confirm it",
                    type="second-person-needed",
                    cure="Ask a colleague to confirm it.",
                )
            conn.execute(
                update(payment_exception)
                .where(payment_exception.c.id == exception_id, payment_exception.c.state == "proposed")
                .values(state="resolved", confirmed_by=by, resolved_at=now)
            )
            self._tell(conn, row, "payment.exception_resolved", row["resolution"])

        await self._store.write(unit)

    async def get(self, exception_id: str) -> RowMapping:
        """One exception. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: _fetch(conn, exception_id))

    def _tell(self, conn: Connection, row: RowMapping, type: str, way_out: str) -> None:
        number = conn.execute(
            select(payment.c.decision_number).where(payment.c.id == row["payment_id"])
        ).scalar_one_or_none()
        self._events.emit(
            conn,
            type=type,
            subject=row["payment_id"] or row["id"],
            authority=row["authority"],
            data={
                "decision_number": number or "",
                "exception": row["id"],
                "collection": row["collection_id"],
                "kind": row["kind"],
                "way_out": way_out,
            },
        )


def _fetch(conn: Connection, exception_id: str) -> RowMapping:
    query = select(payment_exception).where(payment_exception.c.id == exception_id)
    row = conn.execute(query).mappings().first()
    if row is None:
        raise NotFoundProblem("no such exception")
    return row


def _said(reason: str) -> str:
    try:
        said = clean_text(reason, multiline=True).strip()
    except ValueError as problem:
        raise InvalidProblem(str(problem), field="reason") from problem
    if not said:
        raise InvalidProblem("a way out needs a reason", field="reason")
    return said

"""What happens to a break 差错 inside a transaction: it is told, resolved, and its payment's settlement follows."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from gateway.foundation.delivery.events import Events
from gateway.rooms.payments import books as settlement
from gateway.rooms.payments.books import Standing
from gateway.rooms.payments.states import Settlement
from gateway.rooms.reconciliation import records
from gateway.rooms.reconciliation.records import Break
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import clean_text


def tell(conn: Connection, events: Events, type: str, about: Break, *, state: str, **more: str) -> None:
    """Emit an event about a break."""
    events.emit(
        conn,
        type=type,
        subject=about.id,
        authority=about.authority,
        data={
            "channel": about.channel,
            "side": about.side.value,
            "day": about.day.isoformat(),
            "kind": about.kind.value,
            "state": state,
            "code": about.code,
            "payment_id": about.payment_id,
            **more,
        },
    )


def resolve(conn: Connection, events: Events, id: str, reason: str, by: str, now: int) -> Break:
    """Close a break with words. Raises NotFoundProblem, ConflictProblem when it is not open."""
    known = held(records.fetch_break(conn, id))
    if known.state != "open" or not records.change_break(
        conn, known, state="resolved", closed_at=now, closed_by=by, reason=reason
    ):
        raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
    tell(conn, events, "break.closed", known, state="resolved")
    if known.payment_id is not None:
        settle(conn, events, known.channel, {known.payment_id}, (), now)
    return held(records.fetch_break(conn, id))


def reopen(conn: Connection, events: Events, known: Break, now: int) -> None:
    """Open a resolved break again: what resolved it did not hold."""
    again = {"state": "open", "closed_at": None, "closed_by": None, "reason": None}
    if known.state != "resolved" or not records.change_break(conn, known, **again):
        return
    tell(conn, events, "break.opened", known, state="open")
    if known.payment_id is not None:
        settle(conn, events, known.channel, {known.payment_id}, (), now)


def settle(
    conn: Connection, events: Events, channel: str, concerned: set[str], matched: Collection[str], now: int
) -> None:
    """Broken while a break is open; matched when a statement has the money that paid it, to the fen."""
    broken = records.payments_with_open_breaks(conn, concerned)
    wanted = dict.fromkeys(matched, Settlement.MATCHED) | dict.fromkeys(broken, Settlement.BROKEN)
    rest = settlement.money_of(conn, concerned - wanted.keys())
    told = records.told(conn, channel, {one.code for money in rest.values() for one in money})
    for payment_id in concerned - wanted.keys():
        paying = [one for one in rest.get(payment_id, []) if one.standing is Standing.PAYS]
        if not paying:
            wanted[payment_id] = Settlement.NONE
        elif all(told.get((one.code, one.bank_serial)) == one.amount for one in paying):
            wanted[payment_id] = Settlement.MATCHED
        else:
            wanted[payment_id] = Settlement.PENDING
    settlement.settle_all(conn, events, wanted, now)


def held(known: Break | None) -> Break:
    """A break that must be there. Raises NotFoundProblem."""
    if known is None:
        raise NotFoundProblem("no such break")
    return known


def said(text: str, field: str = "reason") -> str:
    """Words of a person, cleaned. Raises InvalidProblem for none."""
    try:
        cleaned = clean_text(text, multiline=True)
    except ValueError as problem:
        raise InvalidProblem(str(problem), field=field) from problem
    if not cleaned:
        raise InvalidProblem("a resolution needs a reason" if field == "reason" else "this is empty", field=field)
    return cleaned

"""Storing and reading payments: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, func, insert, or_, select, update

from gateway.foundation.delivery.tables import (
    event,
)
from gateway.foundation.store.base import constant
from gateway.foundation.store.engine import SQLITE
from gateway.ports.nontax import BillLine
from gateway.rooms.cash.tables import cash_taken
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments.bill import IncomeItem, LineInput, LineKind, Unit
from gateway.rooms.payments.states import Status, sources
from gateway.rooms.payments.tables import (
    collecting_unit,
    collection,
    income_item,
    payment,
    payment_code,
    payment_exception,
    payment_line,
)
from gateway.rooms.refunds.states import RELEASED
from gateway.rooms.refunds.tables import refund

#: Exceptions that say that money did not pay the bill it came for: no receipt was issued over it.
BESIDE_THE_BILL = (
    "paid_twice",
    "amount_differs",
    "paid_after_expiry",
    "paid_after_cancel",
    "paid_after_refusal",
    "paid_on_dead_code",
    "paid_unforeseen",
)

_ADD_PAYMENT = insert(payment)
_ADD_LINES = insert(payment_line)
_ADD_CODE = insert(payment_code)
_ADD_COLLECTION = insert(collection)
_BY_ID = select(payment).where(payment.c.id == bindparam("id"))
_LINES = select(payment_line).where(payment_line.c.payment_id == bindparam("id")).order_by(payment_line.c.line)
_OPEN = payment.c.status == constant("ISSUED")
_DEMANDS = payment.c.status.not_in([constant("REJECTED"), constant("CANCELLED")])
_LIVE = select(payment.c.id).where(
    payment.c.decision_id == bindparam("decision_id"),
    payment.c.instalment == bindparam("instalment"),
    payment.c.line_group == bindparam("line_group"),
    _DEMANDS,
)
_CLAIMED = (
    select(payment_line.c.kind, func.sum(payment_line.c.amount))
    .join(payment, payment.c.id == payment_line.c.payment_id)
    .where(payment.c.decision_id == bindparam("decision_id"), _DEMANDS)
    .group_by(payment_line.c.kind)
)
_CASH = select(func.sum(cash_taken.c.amount)).where(cash_taken.c.decision_id == bindparam("decision_id"))
_LOCK_DECISION = select(decision.c.id).where(decision.c.id == bindparam("id")).with_for_update()
# What is set is named by the values that a statement is executed with.
_CHANGE = update(payment).where(payment.c.id == bindparam("of"))
_MOVE = {end: _CHANGE.where(payment.c.status.in_([constant(start.value) for start in sources(end)])) for end in Status}
_CHANGE_CODE = update(payment_code).where(
    payment_code.c.channel == bindparam("at"), payment_code.c.reference == bindparam("of")
)
_UNMATCHED = select(collection).where(
    collection.c.channel == bindparam("channel"),
    collection.c.code == bindparam("code"),
    collection.c.payment_id.is_(None),
)
_COLLECTIONS = (
    select(collection)
    .where(collection.c.payment_id == bindparam("id"))
    .order_by(collection.c.received_at, collection.c.id)
)
_TIMELINE = select(event).where(event.c.subject == bindparam("id")).order_by(event.c.seq)
_UNIT = (
    select(collecting_unit)
    .where(collecting_unit.c.authority == bindparam("authority"), collecting_unit.c.valid_from_on <= bindparam("on"))
    .order_by(collecting_unit.c.valid_from_on.desc())
    .limit(1)
)
_ITEMS = (
    select(income_item)
    .where(
        income_item.c.unit_code == bindparam("unit"),
        income_item.c.valid_from_on <= bindparam("on"),
        or_(income_item.c.valid_until_on.is_(None), income_item.c.valid_until_on >= bindparam("on")),
    )
    .order_by(income_item.c.valid_from_on)
)
_GOES_BACK = and_(
    refund.c.exception_id == payment_exception.c.id,
    refund.c.status.not_in([constant(one.value) for one in RELEASED]),
)
_EXCEPTIONS = select(
    payment_exception, refund.c.id.label("refund_id"), refund.c.status.label("refund_status")
).select_from(payment_exception.outerjoin(refund, _GOES_BACK))
_EXCEPTIONS_OF = _EXCEPTIONS.where(payment_exception.c.payment_id == bindparam("id")).order_by(
    payment_exception.c.id.desc()
)
_BY_CODE = select(payment_code.c.payment_id, payment_code.c.state, payment_code.c.reference).where(
    payment_code.c.channel == bindparam("channel"), payment_code.c.code == bindparam("code")
)


def unit_of(conn: Connection, authority: str, on: date) -> Unit | None:
    """The collecting unit of an authority, with the income items it may collect, as valid on a day."""
    row = conn.execute(_UNIT, {"authority": authority, "on": on}).mappings().first()
    if row is None:
        return None
    items = conn.execute(_ITEMS, {"unit": row["unit_code"], "on": on}).mappings()
    return Unit(
        code=row["unit_code"],
        name=row["unit_name"],
        region=row["region"],
        items={LineKind(item["kind"]): IncomeItem(item["item_code"], item["item_name"]) for item in items},
    )


def set_unit(conn: Connection, authority: str, unit: Unit, valid_from: date) -> None:
    """Record a collecting unit and, exhaustively, what it may collect from a day on; the same again changes nothing.

    What it collected before ends the day before: items change on 1 January.
    """
    same = and_(collecting_unit.c.authority == authority, collecting_unit.c.valid_from_on == valid_from)
    values = {"unit_code": unit.code, "unit_name": unit.name, "region": unit.region}
    if conn.execute(update(collecting_unit).where(same).values(**values)).rowcount == 0:
        conn.execute(insert(collecting_unit), {"authority": authority, "valid_from_on": valid_from, **values})
    for kind, item in unit.items.items():
        key = and_(
            income_item.c.unit_code == unit.code,
            income_item.c.kind == kind.value,
            income_item.c.valid_from_on == valid_from,
        )
        named = {"item_code": item.code, "item_name": item.name}
        if conn.execute(update(income_item).where(key).values(**named)).rowcount == 0:
            conn.execute(
                insert(income_item),
                {"unit_code": unit.code, "kind": kind.value, "valid_from_on": valid_from, **named},
            )
    mine = income_item.c.unit_code == unit.code
    begins = list(
        conn.execute(select(income_item.c.valid_from_on).where(mine).distinct().order_by("valid_from_on")).scalars()
    )
    for begin, following in zip(begins, [*begins[1:], None], strict=True):
        last = None if following is None else following - timedelta(days=1)
        conn.execute(update(income_item).where(mine, income_item.c.valid_from_on == begin).values(valid_until_on=last))


def lock_decision(conn: Connection, decision_id: str) -> None:
    """Hold the decision until the end of the transaction, so that two demands cannot both fit.

    SQLite has one writer, who holds everything.
    """
    if conn.dialect.name != SQLITE:
        conn.execute(_LOCK_DECISION, {"id": decision_id})


def live_payment(conn: Connection, decision_id: str, instalment: int, line_group: str) -> str | None:
    """The id of the live payment for this demand."""
    return conn.execute(
        _LIVE, {"decision_id": decision_id, "instalment": instalment, "line_group": line_group}
    ).scalar_one_or_none()


def claimed(conn: Connection, decision_id: str) -> dict[LineKind, int]:
    """Fen demanded or paid for a decision, by kind of line; refused and cancelled payments do not count.

    Cash taken on the spot pays its fine.
    """
    found = {LineKind(kind): int(total) for kind, total in conn.execute(_CLAIMED, {"decision_id": decision_id})}
    if cash := conn.execute(_CASH, {"decision_id": decision_id}).scalar_one():
        found[LineKind.FINE] = found.get(LineKind.FINE, 0) + int(cash)
    return found


def add(
    conn: Connection,
    values: Mapping[str, Any],
    lines: Sequence[LineInput],
    bill_lines: Sequence[BillLine],
    reference: str,
) -> None:
    """Insert a payment with its lines and the code that is being asked for."""
    conn.execute(_ADD_PAYMENT, dict(values))
    conn.execute(
        _ADD_LINES,
        [
            {
                "payment_id": values["id"],
                "line": number,
                "kind": line.kind.value,
                "item_code": sent.item_code,
                "item_name": sent.item_name,
                "amount": line.amount,
            }
            for number, (line, sent) in enumerate(zip(lines, bill_lines, strict=True), start=1)
        ],
    )
    conn.execute(
        _ADD_CODE,
        {
            "channel": values["channel"],
            "reference": reference,
            "payment_id": values["id"],
            "state": "requested",
            "asked_at": values["created_at"],
        },
    )


def fetch(conn: Connection, payment_id: str) -> RowMapping | None:
    """One payment's row."""
    return conn.execute(_BY_ID, {"id": payment_id}).mappings().first()


def fetch_by_token(conn: Connection, token_index: bytes) -> RowMapping | None:
    """The payment behind a payer page's token."""
    return conn.execute(select(payment).where(payment.c.token_index == token_index)).mappings().first()


def lines(conn: Connection, payment_id: str) -> Sequence[RowMapping]:
    """The lines of a payment in order."""
    return conn.execute(_LINES, {"id": payment_id}).mappings().all()


def move(conn: Connection, payment_id: str, end: Status, now: int, **values: Any) -> bool:
    """Compare-and-set along the state table; False when the payment is in no state from which ``end`` follows."""
    done = conn.execute(_MOVE[end], {"of": payment_id, "status": end.value, "updated_at": now, **values})
    return done.rowcount == 1


def change(conn: Connection, payment_id: str, now: int, **values: Any) -> None:
    """Set fields that are not states."""
    conn.execute(_CHANGE, {"of": payment_id, "updated_at": now, **values})


def change_code(conn: Connection, channel: str, reference: str, **values: Any) -> None:
    """Move one code on, found by the reference it was asked for with."""
    conn.execute(_CHANGE_CODE, {"at": channel, "of": reference, **values})


def live_code(conn: Connection, payment_id: str) -> RowMapping | None:
    """The live or paid code of a payment with the reference it was asked for with."""
    return (
        conn.execute(
            select(payment_code).where(
                payment_code.c.payment_id == payment_id,
                payment_code.c.state.in_([constant(state) for state in ("requested", "live", "paid")]),
            )
        )
        .mappings()
        .first()
    )


def last_code(conn: Connection, payment_id: str) -> RowMapping | None:
    """The newest code of a payment, whatever became of it; None while none was given."""
    return (
        conn.execute(
            select(payment_code)
            .where(payment_code.c.payment_id == payment_id, payment_code.c.code.is_not(None))
            .order_by(payment_code.c.asked_at.desc(), payment_code.c.reference.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )


def expired_code(conn: Connection, payment_id: str) -> RowMapping | None:
    """The newest code of a payment that the platform let expire."""
    return (
        conn.execute(
            select(payment_code)
            .where(payment_code.c.payment_id == payment_id, payment_code.c.state == "expired")
            .order_by(payment_code.c.asked_at.desc())
        )
        .mappings()
        .first()
    )


def replacement_of(conn: Connection, payment_id: str) -> str | None:
    """The id of the payment that re-issues this one's code."""
    return conn.execute(select(payment.c.id).where(payment.c.replaces == payment_id)).scalar()


def to_ask(conn: Connection, today: date, lately: int, now: int, limit: int) -> Sequence[RowMapping]:
    """Issued payments whose code is past its validity, or about which the platform was not asked since ``lately``.

    Nothing that was asked about since ``now``.
    """

    def not_asked_since(moment: int) -> ColumnElement[bool]:
        return or_(payment.c.asked_at.is_(None), payment.c.asked_at < moment)

    stale = and_(not_asked_since(lately), payment.c.updated_at < lately)
    over = and_(not_asked_since(now), payment.c.valid_until_on < today)
    return (
        conn.execute(
            select(payment).where(_OPEN, or_(stale, over)).order_by(payment.c.asked_at.nulls_first()).limit(limit)
        )
        .mappings()
        .all()
    )


def open_bills(conn: Connection) -> int:
    """How many codes can still be paid."""
    return int(conn.execute(select(func.count()).where(_OPEN)).scalar_one())


def by_code(conn: Connection, channel: str, code: str) -> RowMapping | None:
    """Whose code this is: payment id, state of the code, reference."""
    return conn.execute(_BY_CODE, {"channel": channel, "code": code}).mappings().first()


def collection_of(conn: Connection, channel: str, code: str, bank_serial: str) -> RowMapping | None:
    """Money already known under its business key."""
    return (
        conn.execute(
            select(collection).where(
                collection.c.channel == channel,
                collection.c.code == code,
                collection.c.bank_serial == bank_serial,
            )
        )
        .mappings()
        .first()
    )


def fetch_collection(conn: Connection, collection_id: str) -> RowMapping | None:
    """Money that arrived, by its id."""
    return conn.execute(select(collection).where(collection.c.id == collection_id)).mappings().first()


def add_collection(conn: Connection, **values: Any) -> None:
    """Keep money that arrived."""
    conn.execute(_ADD_COLLECTION, values)


def unmatched(conn: Connection, channel: str, code: str) -> Sequence[RowMapping]:
    """Money that arrived for a code before we knew whose it is."""
    return conn.execute(_UNMATCHED, {"channel": channel, "code": code}).mappings().all()


def claim_collection(conn: Connection, collection_id: str, payment_id: str) -> bool:
    """Say whose money it is; False when somebody else has it."""
    nobodys = and_(collection.c.id == collection_id, collection.c.payment_id.is_(None))
    return conn.execute(update(collection).where(nobodys).values(payment_id=payment_id)).rowcount == 1


def collections_of(conn: Connection, payment_id: str) -> Sequence[RowMapping]:
    """All money that arrived for a payment, in order of arrival."""
    return conn.execute(_COLLECTIONS, {"id": payment_id}).mappings().all()


def collected_between(conn: Connection, channel: str, start: int, end: int) -> Sequence[RowMapping]:
    """Our books for a statement's day: money paid from ``start`` up to but not including ``end`` (microseconds)."""
    return (
        conn.execute(
            select(collection)
            .where(collection.c.channel == channel, collection.c.paid_at >= start, collection.c.paid_at < end)
            .order_by(collection.c.code, collection.c.bank_serial)
        )
        .mappings()
        .all()
    )


def add_exception(conn: Connection, **values: Any) -> None:
    """Open an exception 异常缴款."""
    conn.execute(insert(payment_exception), values)


def exceptions(
    conn: Connection,
    *,
    authorities: Sequence[str] | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 200,
) -> Sequence[RowMapping]:
    """Exceptions with the refund that is their way out, newest first; ``before`` is where the previous page ended."""
    query = _EXCEPTIONS.order_by(payment_exception.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(payment_exception.c.authority.in_(authorities))
    if state is not None:
        query = query.where(payment_exception.c.state == state)
    if before is not None:
        query = query.where(payment_exception.c.id < before)
    return conn.execute(query).mappings().all()


def exceptions_of(conn: Connection, payment_id: str) -> Sequence[RowMapping]:
    """The exceptions of one payment, newest first."""
    return conn.execute(_EXCEPTIONS_OF, {"id": payment_id}).mappings().all()


def fetch_exception(conn: Connection, exception_id: str) -> RowMapping | None:
    """One exception with the refund that is its way out."""
    return conn.execute(_EXCEPTIONS.where(payment_exception.c.id == exception_id)).mappings().first()


def unresolved_exception(conn: Connection, collection_id: str) -> RowMapping | None:
    """The exception that says that this money did not pay its bill, while nobody has settled it."""
    query = _EXCEPTIONS.where(
        payment_exception.c.collection_id == collection_id,
        payment_exception.c.state != "resolved",
        payment_exception.c.kind.in_(BESIDE_THE_BILL),
    )
    return conn.execute(query).mappings().first()


def waits_about_late_money(conn: Connection, payment_id: str) -> bool:
    """Whether money came on the expired code of this payment and nobody has settled what becomes of it."""
    query = select(payment_exception.c.id).where(
        payment_exception.c.payment_id == payment_id,
        payment_exception.c.kind == "paid_after_expiry",
        payment_exception.c.state != "resolved",
    )
    return conn.execute(query).first() is not None


def is_beside(exception: Mapping[Any, Any]) -> bool:
    """Whether the money of an exception pays no bill: late money on an expired code that was kept does after all."""
    kept = (exception["state"], exception["resolution"]) == ("resolved", "keep")
    return exception["kind"] in BESIDE_THE_BILL and not (exception["kind"] == "paid_after_expiry" and kept)


def move_exception(conn: Connection, exception_id: str, was: Sequence[str], **values: Any) -> bool:
    """Compare-and-set on an exception's state; False when it is in none of these any more."""
    mine = and_(payment_exception.c.id == exception_id, payment_exception.c.state.in_(was))
    return conn.execute(update(payment_exception).where(mine).values(**values)).rowcount == 1


def of_decision(conn: Connection, decision_id: str) -> Sequence[RowMapping]:
    """All payments of a decision, oldest first."""
    return (
        conn.execute(select(payment).where(payment.c.decision_id == decision_id).order_by(payment.c.id))
        .mappings()
        .all()
    )


def search(
    conn: Connection,
    *,
    authorities: Sequence[str] | None,
    status: str | None = None,
    code: str | None = None,
    decision_number: str | None = None,
    in_doubt: bool | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[RowMapping]:
    """Payments, newest first; ``before`` is the id at which the previous page ended."""
    query = select(payment).order_by(payment.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(payment.c.authority.in_(authorities))
    if status is not None:
        query = query.where(payment.c.status == status)
    if code is not None:
        query = query.where(payment.c.code == code)
    if decision_number is not None:
        query = query.where(payment.c.decision_number == decision_number)
    if in_doubt is not None:
        flag = payment.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if in_doubt else flag.is_(None))
    if before is not None:
        query = query.where(payment.c.id < before)
    return conn.execute(query).mappings().all()


def timeline(conn: Connection, payment_id: str) -> Sequence[RowMapping]:
    """The events of a payment, oldest first."""
    return conn.execute(_TIMELINE, {"id": payment_id}).mappings().all()

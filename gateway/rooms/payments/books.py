"""What reconciliation asks of payments: the money in our books, whose codes these are, and where settlement stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, select

from gateway.foundation.delivery.events import Events
from gateway.foundation.store.rows import reader
from gateway.rooms.payments.lives import PaymentLives, Settling
from gateway.rooms.payments.states import ExceptionState, Settlement, UnforeseenKind, is_beside
from gateway.rooms.payments.tables import collecting_unit, collection, payment, payment_code, payment_exception

_CHUNK = 500  # below every database's limit of parameters


class Standing(StrEnum):
    """What money in our books is to its payment."""

    PAYS = "pays"
    UNOWNED = "unowned"  # no payment of ours has this code
    TWICE = "twice"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_STATUS = "wrong_status"  # it came to a bill that was cancelled, refused or dead
    APART = "apart"  # it pays no bill, and two people have said what becomes of it


@dataclass(frozen=True)
class Booked:
    """Money as our books have it. ``expected`` is the bill's amount; fen; ``paid_at`` in microseconds."""

    code: str
    bank_serial: str
    amount: int
    paid_at: int
    standing: Standing
    payment_id: str | None = None
    authority: str = ""
    expected: int | None = None
    received_at: int = 0


@dataclass(frozen=True)
class Owner:
    """Whose code it is."""

    payment_id: str
    authority: str


# How an unresolved exception makes its money stand; "told_differently" says nothing about the money itself.
_STANDINGS = {
    UnforeseenKind.PAID_TWICE: Standing.TWICE,
    UnforeseenKind.AMOUNT_DIFFERS: Standing.WRONG_AMOUNT,
    UnforeseenKind.PAID_AFTER_CANCEL: Standing.WRONG_STATUS,
    UnforeseenKind.PAID_AFTER_EXPIRY: Standing.WRONG_STATUS,
    UnforeseenKind.PAID_AFTER_REFUSAL: Standing.WRONG_STATUS,
    UnforeseenKind.PAID_ON_DEAD_CODE: Standing.WRONG_STATUS,
    UnforeseenKind.PAID_UNFORESEEN: Standing.WRONG_STATUS,
    UnforeseenKind.TIME: Standing.WRONG_STATUS,
    UnforeseenKind.OTHER_BILL: Standing.WRONG_STATUS,
}

_BOOKS = (
    select(
        collection.c.code,
        collection.c.bank_serial,
        collection.c.amount,
        collection.c.paid_at,
        collection.c.received_at,
        collection.c.payment_id,
        payment.c.authority,
        payment.c.amount.label("expected"),
        payment_exception.c.kind,
        payment_exception.c.state,
        payment_exception.c.resolution,
    )
    .select_from(collection)
    .outerjoin(payment, payment.c.id == collection.c.payment_id)
    .outerjoin(
        payment_exception,
        and_(
            payment_exception.c.collection_id == collection.c.id,
            payment_exception.c.kind.in_([kind.value for kind in _STANDINGS]),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """Money beside the payment that has its code and the exception that says that it does not pay it."""

    code: str
    bank_serial: str
    amount: int
    paid_at: int
    received_at: int
    payment_id: str | None
    authority: str | None
    expected: int | None
    kind: UnforeseenKind | None
    state: ExceptionState | None
    resolution: str | None

    @property
    def standing(self) -> Standing:
        """What the money is to its payment."""
        if self.kind is not None and self.state is not None and is_beside(self.kind, self.state, self.resolution):
            return Standing.APART if self.state is ExceptionState.RESOLVED else _STANDINGS[self.kind]
        return Standing.UNOWNED if self.payment_id is None else Standing.PAYS


_entry = reader(_Entry)
_settling = reader(Settling)


def books(conn: Connection, channel: str, start: int, end: int, codes: Iterable[str]) -> list[Booked]:
    """Money paid from ``start`` up to ``end`` (microseconds), and all money on ``codes`` whenever it was paid."""
    found: dict[tuple[str, str], Booked] = {}
    conditions = [and_(collection.c.paid_at >= start, collection.c.paid_at < end)]
    conditions += [collection.c.code.in_(chunk) for chunk in _chunks(codes)]
    for condition in conditions:
        for row in conn.execute(_BOOKS.where(collection.c.channel == channel, condition)).mappings():
            one = _entry(row)
            found[one.code, one.bank_serial] = Booked(
                code=one.code,
                bank_serial=one.bank_serial,
                amount=one.amount,
                paid_at=one.paid_at,
                received_at=one.received_at,
                standing=one.standing,
                payment_id=one.payment_id,
                authority=one.authority or "",
                expected=one.expected,
            )
    return sorted(found.values(), key=lambda one: (one.code, one.bank_serial))


def owners(conn: Connection, channel: str, codes: Iterable[str]) -> dict[str, Owner]:
    """Which of these codes we asked for, and for which payment."""
    found = {}
    for chunk in _chunks(codes):
        query = (
            select(payment_code.c.code, payment_code.c.payment_id, payment.c.authority)
            .join(payment, payment.c.id == payment_code.c.payment_id)
            .where(payment_code.c.channel == channel, payment_code.c.code.in_(chunk))
        )
        for code, payment_id, authority in conn.execute(query):
            found[code] = Owner(payment_id, authority)
    return found


def authorities_of_units(conn: Connection, unit_codes: Iterable[str]) -> dict[str, str]:
    """The authority behind each collecting unit 执收单位 that belongs to exactly one."""
    found: dict[str, set[str]] = {}
    for chunk in _chunks(unit_codes):
        query = select(collecting_unit.c.unit_code, collecting_unit.c.authority).where(
            collecting_unit.c.unit_code.in_(chunk)
        )
        for unit_code, authority in conn.execute(query):
            found.setdefault(unit_code, set()).add(authority)
    return {unit_code: next(iter(those)) for unit_code, those in found.items() if len(those) == 1}


def money_of(conn: Connection, payment_ids: Iterable[str]) -> dict[str, list[Booked]]:
    """All money of each payment."""
    found: dict[str, list[Booked]] = {}
    for chunk in _chunks(payment_ids):
        query = select(collection.c.channel, collection.c.code).where(collection.c.payment_id.in_(chunk)).distinct()
        for channel, code in conn.execute(query).all():
            for one in books(conn, channel, 0, 0, [code]):
                if one.payment_id is not None:
                    found.setdefault(one.payment_id, []).append(one)
    return found


def settle_all(conn: Connection, events: Events, wanted: dict[str, Settlement], **data: str) -> list[str]:
    """Set where settlement of each payment stands; tells of those that changed, and returns them."""
    life, changed = PaymentLives(events).settlement, []
    for chunk in _chunks(wanted):  # in one order everywhere, so that two nodes never wait for each other
        query = select(payment.c.id, payment.c.authority, payment.c.decision_number)
        found = conn.execute(query.where(payment.c.id.in_(chunk)).order_by(payment.c.id)).mappings()
        for one in [_settling(row) for row in found]:
            value = wanted[one.id]
            if life.move(conn, one, value, tell={"settlement": value.value, **data}):
                changed.append(one.id)
    return changed


def _chunks(values: Iterable[str]) -> Iterator[Sequence[str]]:
    every = sorted(set(values))
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]

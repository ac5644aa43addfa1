"""What must stand in the books of payments, by what platforms were asked and told. Pure but for reading the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.ports.nontax import CodeNotice, Issued, PaidFact, PaymentNotice
from gateway.rooms.payments import records
from gateway.rooms.payments.records import Code, Collection, Payment, PaymentLine, Unforeseen
from gateway.rooms.payments.states import LIFE, PAYS_IF_KEPT, Status, UnforeseenKind
from gateway.rooms.payments.tables import collection, payment
from gateway.words.clock import to_micros
from gateway.words.money import format_yuan
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class Booked:
    """A payment with everything that our books have of it."""

    payment: Payment
    lines: tuple[PaymentLine, ...]
    codes: tuple[Code, ...]
    money: tuple[Collection, ...]
    odd: tuple[Unforeseen, ...]


def _page(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Booked]:  # noqa: ARG001
    return [
        Booked(
            one,
            tuple(records.lines(conn, one.id)),
            tuple(records.codes_of(conn, one.id)),
            tuple(records.collections_of(conn, one.id)),
            tuple(records.exceptions_of(conn, one.id)),
        )
        for one in records.after(conn, after, most)
    ]


def _subjects(one: Booked) -> tuple[str, ...]:
    return (one.payment.id, *(f"{money.code}:{money.bank_serial}" for money in one.money))


def must(one: Booked, said: Said) -> Iterator[Amiss]:
    """What is amiss with a payment."""
    events = [event.type for event in said.events if event.subject == one.payment.id]
    if imported := "payment.imported" in events:
        events = ["payment.requested", "payment.issued", *events]
    if one.payment.status not in LIFE.led(events):
        yield Amiss(say("books.state", state=one.payment.status.value))
    if sum(line.amount for line in one.lines) != one.payment.amount:
        yield Amiss(say("books.lines", amount=format_yuan(one.payment.amount)))
    if not imported:
        yield from _codes(one, said)
    yield from _money(one, said)


def _codes(one: Booked, said: Said) -> Iterator[Amiss]:
    """Codes are those that the platform gave, for the amount that it was asked for."""
    given = _given(said)
    asked = {each.reference: each.asked for each in said.of("nontax.issue")}
    for code in one.codes:
        told = given.get((code.channel, code.reference))
        if code.code is not None and told is None:
            yield Amiss(say("books.code_unproven", code=code.code), unproven=True)
        elif told is not None and code.code != told.code:
            yield Amiss(say("books.code", code=code.code or "-", told=told.code))
    last = max((code for code in one.codes if code.code), key=lambda code: code.asked_at, default=None)
    if one.payment.code != (None if last is None else last.code):
        yield Amiss(say("books.code", code=one.payment.code or "-", told=last.code if last and last.code else "-"))
    totals = {int(asked[code.reference]["total"]) for code in one.codes if code.reference in asked and code is last}
    if totals and totals != {one.payment.amount}:
        yield Amiss(say("books.amount", amount=format_yuan(one.payment.amount), told=format_yuan(totals.pop())))


def _given(said: Said) -> dict[tuple[str, str], Issued]:
    """The codes that platforms gave, by channel and reference."""
    given = {
        (each.channel, each.reference or ""): Issued.model_validate(each.proven)
        for each in said.of("nontax.issue")
        if each.proven is not None
    }
    for channel, notice in said.notices:
        if isinstance(notice, CodeNotice) and isinstance(notice.issued, Issued):
            given.setdefault((channel, notice.reference), notice.issued)
    return given


def _facts(said: Said) -> Iterator[tuple[str, PaidFact]]:
    """Money that was told of: by notices, and by answers to questions."""
    for channel, notice in said.notices:
        if isinstance(notice, PaymentNotice):
            yield channel, notice.fact
    for each in said.of("nontax.confirm"):
        for fact in (each.proven or {}).get("paid", ()):
            yield each.channel, PaidFact.model_validate(fact)


def _money(one: Booked, said: Said) -> Iterator[Amiss]:
    """Money is what was told of, all of it, and what pays the bill paid it."""
    told: dict[tuple[str, str, str], list[PaidFact]] = {}
    for channel, fact in _facts(said):
        if fact.amount:
            told.setdefault((channel, fact.code, fact.bank_serial), []).append(fact)
    booked = {(money.channel, money.code, money.bank_serial): money for money in one.money}
    for key, facts in told.items():
        if key not in booked and any(code.code == key[1] for code in one.codes):
            yield Amiss(say("books.money_gone", serial=key[2], amount=format_yuan(facts[0].amount)))
    for key, money in booked.items():
        facts = told.get(key, [])
        agrees = any((fact.amount, to_micros(fact.paid_at)) == (money.amount, money.paid_at) for fact in facts)
        if not facts and money.source != "statement":
            yield Amiss(say("books.money_unproven", serial=money.bank_serial), unproven=True)
        elif facts and not agrees:
            amount = format_yuan(facts[0].amount)
            yield Amiss(say("books.money", serial=money.bank_serial, told=amount, amount=format_yuan(money.amount)))
    yield from _paid(one, said)


def _paid(one: Booked, said: Said) -> Iterator[Amiss]:
    """A bill is paid by money that is there, and money without an exception pays its bill."""
    beside = {odd.collection_id for odd in one.odd if odd.is_beside}
    late = {odd.collection_id for odd in one.odd if odd.kind in PAYS_IF_KEPT and not odd.is_beside}
    paying = [money for money in one.money if money.id not in beside]
    if one.payment.status is Status.PAID:
        fits = [money for money in paying if money.amount == one.payment.paid_amount]
        if not fits:
            yield Amiss(say("books.paid_by_nothing"))
        elif not any(one.payment.paid_at in (money.paid_at, money.received_at) for money in fits):
            yield Amiss(say("books.paid_at"))
        events = [event.data.get("amount") for event in said.events if event.type == "payment.paid"]
        if one.payment.paid_amount is not None and events != [format_yuan(one.payment.paid_amount)]:
            yield Amiss(say("books.paid_told"))
    elif any(money.id not in late and not _waits(money, one) for money in paying):
        yield Amiss(say("books.paid_nothing"))


def _waits(money: Collection, one: Booked) -> bool:
    """Whether an exception says of money what became of it."""
    return any(odd.collection_id == money.id and odd.kind is not UnforeseenKind.TOLD_DIFFERENTLY for odd in one.odd)


def _unowned(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Collection]:  # noqa: ARG001
    return records.unowned(conn, after, most)


def must_be_told(money: Collection, said: Said) -> Iterable[Amiss]:
    """Money that no payment has is what was told of as well."""
    if money.source == "statement":
        return
    facts = [fact for channel, fact in _facts(said) if channel == money.channel]
    if not facts:
        yield Amiss(say("books.money_unproven", serial=money.bank_serial), unproven=True)
    elif all((fact.amount, to_micros(fact.paid_at)) != (money.amount, money.paid_at) for fact in facts):
        told = format_yuan(facts[0].amount)
        yield Amiss(say("books.money", serial=money.bank_serial, told=told, amount=format_yuan(money.amount)))


def must_be_booked(said: Said) -> Iterable[Amiss]:
    """Money that was told of and that no payment had when it came."""
    for _, fact in _facts(said):
        if fact.amount:
            yield Amiss(say("books.money_gone", serial=fact.bank_serial, amount=format_yuan(fact.amount)))
            return


_NAMED = collection.c.code + ":" + collection.c.bank_serial

BOOKS = (
    Books("payments", _page, lambda one: one.payment.id, _subjects, must, payment.c.id, "pay"),
    Books(
        "collections",
        _unowned,
        lambda one: one.id,
        lambda one: (f"{one.code}:{one.bank_serial}",),
        must_be_told,
        _NAMED,
        told=must_be_booked,
    ),
)

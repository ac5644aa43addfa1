"""What moves money that reconciliation found: one person proposes, another confirms, the database holds that.

A refund is the way out of the money's exception 异常缴款, and one of the refunds of its payment: proposed and confirmed
there in the transaction in which it is proposed and confirmed here, then filed. Whoever settles the exception at its
payment closes the break with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from sqlalchemy import Connection, RowMapping

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import Event, Events, Person
from gateway.foundation.store import Store
from gateway.ports.nontax import PaidFact
from gateway.rooms.payments import apply_paid
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments import settle as settle_payment
from gateway.rooms.payments.collections import Quoted
from gateway.rooms.payments.records import Code, Payment
from gateway.rooms.payments.states import ExceptionState
from gateway.rooms.reconciliation import records
from gateway.rooms.reconciliation.breaks import held, reopen, resolve, said, settle, tell
from gateway.rooms.reconciliation.explanation import WAYS_OUT
from gateway.rooms.reconciliation.matching import BreakKind, Side
from gateway.rooms.reconciliation.months import refuse_frozen
from gateway.rooms.reconciliation.records import Break
from gateway.rooms.refunds.filing import Sent
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import Clock, from_micros, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id

Remember = Callable[[Connection, str], None]
Action = Literal["refund", "attribute"]

#: Breaks of money that payments know as an exception: what two people say there holds here.
_OF_EXCEPTIONS = (BreakKind.PAID_TWICE, BreakKind.AMOUNT_DIFFERS, BreakKind.STATUS_DIFFERS)
#: Breaks whose figures are no money that could go back.
_ABOUT_NO_MONEY = (
    BreakKind.REFUND_UNMATCHED,
    BreakKind.RECEIPT_MISSING,
    BreakKind.STATEMENT_CHANGED,
    BreakKind.CONTINUITY,
)


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class Proposals:
    """Propose, confirm, withdraw. Emits ``break.proposed`` and ``break.withdrawn``, and closes breaks."""

    def __init__(
        self,
        store: Store,
        events: Events,
        envelope: Envelope,
        clock: Clock,
        exceptions: Exceptions,
        quoted: Quoted,
    ) -> None:
        self._store = store
        self._events = events
        self._envelope = envelope
        self._clock = clock
        self._exceptions = exceptions
        self._quoted = quoted

    async def propose(
        self,
        id: str,
        action: Action,
        reason: str,
        *,
        by: Person,
        payment_id: str | None = None,
        payee: Payee | None = None,
        documents: Sequence[DocumentInput] = (),
        remember: Remember = _forget,
    ) -> str:
        """Propose to give money back (``refund``) or to say whose it is (``attribute``); the proposal's id.

        A refund is the way out of the money's exception and becomes one of the refunds of its payment; ``payee`` and
        ``documents`` are its own. Nothing moves before another person confirms. Raises NotFoundProblem, InvalidProblem,
        and ConflictProblem where the break is not open or about no money that could move so.
        """
        words = said(reason)
        now = to_micros(self._clock.now())
        if (action == "attribute") != (payment_id is not None):
            raise InvalidProblem("attribute names a payment, refund does not", field="payment")
        if action == "attribute" and (payee is not None or documents):
            raise InvalidProblem("only a refund has a payee and documents", field="payee")
        action_id = new_id("act")
        kind = await self._store.read(lambda conn: _exception_kind(conn, id))
        draft = self._exceptions.draft(kind, words, by=by.id, name=by.name, payee=payee, documents=documents)

        def unit(conn: Connection) -> str:
            known = held(records.fetch_break(conn, id))
            if known.state != "open":
                raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
            if any(one["state"] == "proposed" for one in records.actions_of(conn, id)):
                raise ConflictProblem(
                    "something is proposed already", type="already-proposed", cure="Confirm it, or have it withdrawn."
                )
            refund_id = None
            if payment_id is not None:
                refuse_frozen(conn, known.channel, known.day)
                _attributable(conn, known, payment_id)
            else:
                refund_id = self._propose_refund(conn, known, draft)
            records.add_action(
                conn,
                id=action_id,
                break_id=id,
                action=action,
                payment_id=payment_id,
                refund_id=refund_id,
                reason=words,
                state="proposed",
                proposed_by=by.id,
                proposed_name=by.name,
                proposed_at=now,
            )
            tell(conn, self._events, "break.proposed", known, state="open", action=action, by=by.name)
            remember(conn, action_id)
            return action_id

        return await self._store.write(unit)

    async def confirm(self, action_id: str, *, by: Person, wait: float = 3.0, remember: Remember = _forget) -> Break:
        """Confirm as a second person, and close the break. The database itself refuses the first person.

        ``attribute`` applies the money to its payment as its arrival would have; ``refund`` confirms the refund, which
        is filed. Raises NotFoundProblem, ConflictProblem: the same person, not proposed any more, payee or documents
        missing, an attribution that would change the books of a closed month.
        """
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> tuple[Break, Sent | None]:
            action = self._proposed(conn, action_id)
            known = held(records.fetch_break(conn, action["break_id"]))
            if action["proposed_by"] == by.id:
                raise ConflictProblem(
                    "who proposed it cannot confirm it",
                    type="second-person-needed",
                    cure="Ask a colleague to confirm 复核.",
                )
            confirmed = {"confirmed_by": by.id, "confirmed_name": by.name, "confirmed_at": now}
            if known.state != "open" or not records.move_action(conn, action_id, state="confirmed", **confirmed):
                raise ConflictProblem("this is not proposed any more", type="not-proposed")
            sent = None
            if action["action"] == "attribute":
                refuse_frozen(conn, known.channel, known.day)
                words = _closing("attribute", action["reason"], action["proposed_name"], by.name)
                resolve(conn, self._events, known.id, words, by.name, now)
                self._attribute(conn, known, action["payment_id"], now)
            else:
                sent = self._exceptions.confirm_refund_in(conn, action["refund_id"], by=by.id, name=by.name)
            remember(conn, known.id)
            return held(records.fetch_break(conn, known.id)), sent

        closed, sent = await self._store.write(unit)
        await self._exceptions.refunds.send(sent, wait)
        return closed

    async def withdraw(self, action_id: str, *, by: Person) -> None:
        """Take a proposal back before it counts; its refund is dismissed. Raises NotFoundProblem, ConflictProblem."""

        def unit(conn: Connection) -> None:
            action = self._proposed(conn, action_id)
            if not records.move_action(conn, action_id, state="withdrawn"):
                raise ConflictProblem("this is not proposed any more", type="not-proposed")
            if action["refund_status"] == RefundStatus.PROPOSED.value:
                self._exceptions.refunds.dismiss_in(conn, action["refund_id"], "withdrawn", by=by.name)
            known = held(records.fetch_break(conn, action["break_id"]))
            tell(conn, self._events, "break.withdrawn", known, state=known.state, action=action["action"], by=by.name)

        await self._store.write(unit)

    async def of_break(self, id: str) -> Sequence[RowMapping]:
        """What was proposed about a break, oldest first, with where its refund stands."""
        return await self._store.read(lambda conn: records.actions_of(conn, id))

    async def get(self, action_id: str) -> RowMapping:
        """One proposal. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: records.fetch_action(conn, action_id))
        if found is None:
            raise NotFoundProblem("no such proposal")
        return found

    def exception_resolved(self, conn: Connection, event: Event) -> None:
        """Two people have said what becomes of unforeseen money, wherever they said it: that resolves its break."""
        odd = payment_records.held_exception(conn, event.data["exception"])
        assert odd.resolution is not None
        assert odd.confirmed_name is not None
        now = to_micros(self._clock.now())
        words = _closing(odd.resolution, odd.reason, odd.proposed_name, odd.confirmed_name)
        for known in _breaks_of(conn, event.data["collection"]):
            for action in records.actions_of(conn, known.id):
                if action["refund_id"] == odd.refund_id and action["proposed_by"] != odd.confirmed_by:
                    confirmed = {"confirmed_by": odd.confirmed_by, "confirmed_name": odd.confirmed_name}
                    records.move_action(conn, action["id"], state="confirmed", **confirmed, confirmed_at=now)
            records.withdraw_actions(conn, known.id)
            if known.state == "open":
                resolve(conn, self._events, known.id, words, odd.confirmed_name, now)

    def exception_reopened(self, conn: Connection, event: Event) -> None:
        """The refund led nowhere: what was proposed is void, and a break that it had resolved is open again."""
        now = to_micros(self._clock.now())
        for known in _breaks_of(conn, event.data["collection"]):
            records.withdraw_actions(conn, known.id)
            if event.data["was"] == "resolved":
                reopen(conn, self._events, known, now)

    def _proposed(self, conn: Connection, action_id: str) -> RowMapping:
        action = records.fetch_action(conn, action_id)
        if action is None:
            raise NotFoundProblem("no such proposal")
        return action

    def _propose_refund(self, conn: Connection, known: Break, draft: Draft) -> str:
        money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        if known.side is not Side.PLATFORM or known.theirs is None or known.kind in _ABOUT_NO_MONEY:
            raise ConflictProblem("the statement has no money here that could move", type="no-money")
        if money is None or money.payment_id is None:
            raise ConflictProblem(
                "nobody knows yet whose money this is, so nothing can be filed for it",
                type="money-without-owner",
                cure="Attribute it to a payment first: what that payment does not owe can then go back.",
            )
        odd = payment_records.unresolved_exception(conn, money.id)
        if odd is not None and odd.state is ExceptionState.PROPOSED:
            raise ConflictProblem(
                f"a way out is proposed at its exception already: {odd.resolution}",
                type="already-proposed",
                cure="Confirm it there: POST /v1/exceptions/{id}/confirmation.",
                exception=odd.id,
                refund=odd.refund_id,
            )
        if odd is None:
            raise ConflictProblem(
                "this money pays its bill",
                type="money-pays-its-bill",
                cure="If it goes back after all, propose that at the payment: POST /v1/payments/{id}/refunds.",
                payment=money.payment_id,
            )
        return self._exceptions.propose_refund_in(conn, odd.id, draft)

    def _attribute(self, conn: Connection, known: Break, payment_id: str, now: int) -> None:
        """Book the money to its payment as its arrival would have: it pays, or opens an exception with its way out."""
        payment, code = _attributable(conn, known, payment_id)
        assert known.theirs is not None
        money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        line = records.line_of(conn, known.channel, known.code, known.bank_serial)
        if money is None and line is not None:
            fact = PaidFact(
                code=known.code,
                amount=known.theirs,
                paid_at=from_micros(line["paid_at"]),
                bank_serial=known.bank_serial,
                pay_mode="unknown",
            )
            apply_paid(conn, self._events, self._envelope, known.channel, fact, "statement", now, self._quoted)
            money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        if money is None or money.payment_id is not None:
            raise ConflictProblem("this money has an owner already", type="money-has-an-owner")
        if not payment_records.claim_collection(conn, money.id, payment_id):
            raise ConflictProblem("this money found an owner at the same moment", type="money-has-an-owner")
        settle_payment(conn, self._events, payment, code, money, "statement", now, self._quoted)
        records.own_break(conn, known.id, payment.authority, payment_id)
        settle(conn, self._events, known.channel, {payment_id}, (), now)


def _attributable(conn: Connection, known: Break, payment_id: str) -> tuple[Payment, Code]:
    """The payment and its code, if this break's money can be said to be its. Raises what ``propose`` raises."""
    if known.side is not Side.PLATFORM or known.kind is not BreakKind.UNKNOWN_CODE or known.theirs is None:
        raise ConflictProblem("only money on an unknown code 待查收入 waits for an owner", type="money-has-an-owner")
    payment = payment_records.fetch(conn, payment_id)
    if payment is None:
        raise NotFoundProblem("no such payment", field="payment")
    code = payment_records.last_code(conn, payment_id)
    if code is None or payment.channel != known.channel:
        why = "has no code yet" if code is None else f"is collected through {payment.channel}, not {known.channel}"
        raise ConflictProblem(f"this payment {why}", type="payment-not-payable", field="payment")
    return payment, code


def _exception_kind(conn: Connection, id: str) -> str:
    """The kind of the unresolved exception of a break's money; empty if there is none."""
    known = held(records.fetch_break(conn, id))
    money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
    odd = None if money is None else payment_records.unresolved_exception(conn, money.id)
    return "" if odd is None else odd.kind.value


def _breaks_of(conn: Connection, collection_id: str) -> list[Break]:
    """The breaks of unforeseen money."""
    money = payment_records.fetch_collection(conn, collection_id)
    assert money is not None
    found = records.breaks_of_money(conn, money.channel, money.code, money.bank_serial)
    return [one for one in found if one.kind in _OF_EXCEPTIONS]


def _closing(way_out: str, reason: str | None, proposed_by: str | None, confirmed_by: str) -> str:
    """The reason of a break that two people closed."""
    return f"{WAYS_OUT[way_out]}:{reason} (提出 {proposed_by}, 复核 {confirmed_by})"

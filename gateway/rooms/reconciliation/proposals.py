"""What moves money that reconciliation found: one person proposes, another confirms, the database holds that.

A refund is the way out of the money's exception 异常缴款, and one of the refunds of its payment: proposed and confirmed
there in the transaction in which it is proposed and confirmed here, then filed. Whoever settles the exception at its
payment closes the break with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Event, Person
from gateway.ports.nontax import PaidFact
from gateway.rooms.payments import apply_paid
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments import settle as settle_payment
from gateway.rooms.payments.collections import Quoted
from gateway.rooms.payments.records import Code, Payment
from gateway.rooms.payments.states import ExceptionState
from gateway.rooms.reconciliation import break_records, proposal_records, statement_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.breaks import Breaks, Remember, cleaned, forget, not_open, tell
from gateway.rooms.reconciliation.explanation import WAYS_OUT
from gateway.rooms.reconciliation.matching import BreakKind, Side
from gateway.rooms.reconciliation.months import refuse_frozen
from gateway.rooms.reconciliation.proposal_records import Action, Proposal
from gateway.rooms.reconciliation.settlement import update_settlements
from gateway.rooms.reconciliation.states import BreakState, ProposalState
from gateway.rooms.refunds.filing import Sent
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import from_micros, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id

#: Breaks of money that payments know as an exception: what two people say there holds here.
_OF_EXCEPTIONS = (BreakKind.PAID_TWICE, BreakKind.AMOUNT_DIFFERS, BreakKind.STATUS_DIFFERS)
#: Breaks whose figures are no money that could go back.
_ABOUT_NO_MONEY = (
    BreakKind.REFUND_UNMATCHED,
    BreakKind.RECEIPT_MISSING,
    BreakKind.STATEMENT_CHANGED,
    BreakKind.CONTINUITY,
)


@dataclass(frozen=True)
class Ask:
    """What one person wants done with the money of a break: give it back, or say whose it is (``payment_id``).

    ``payee`` and ``documents`` belong to a refund.
    """

    action: Action
    reason: str
    payment_id: str | None = None
    payee: Payee | None = None
    documents: Sequence[DocumentInput] = ()

    def checked(self) -> Ask:
        """The same with its words cleaned. Raises InvalidProblem for what does not belong together."""
        words = cleaned(self.reason)
        if (self.action == "attribute") != (self.payment_id is not None):
            raise InvalidProblem("attribute names a payment, refund does not", field="payment")
        if self.action == "attribute" and (self.payee is not None or self.documents):
            raise InvalidProblem("only a refund has a payee and documents", field="payee")
        return replace(self, reason=words)


class Proposals:
    """Propose, confirm, withdraw. Emits ``break.proposed`` and ``break.withdrawn``, and closes breaks."""

    def __init__(self, base: Foundation, breaks: Breaks, exceptions: Exceptions, quoted: Quoted) -> None:
        self._store = base.store
        self._events = base.events
        self._envelope = base.envelope
        self._clock = base.clock
        self._breaks = breaks
        self._exceptions = exceptions
        self._quoted = quoted

    async def propose(self, id: str, ask: Ask, *, by: Person, remember: Remember = forget) -> Proposal:
        """Propose to give money back (``refund``) or to say whose it is (``attribute``).

        A refund is the way out of the money's exception and becomes one of the refunds of its payment. Nothing moves
        before another person confirms. Raises NotFoundProblem, InvalidProblem, and ConflictProblem where the break is
        not open or about no money that could move so.
        """
        ask = ask.checked()
        now = to_micros(self._clock.now())
        proposal_id = new_id("act")
        kind = await self._store.read(lambda conn: _exception_kind(conn, id))
        draft = self._exceptions.draft(
            kind, ask.reason, by=by.id, name=by.name, payee=ask.payee, documents=ask.documents
        )

        def unit(conn: Connection) -> Proposal:
            known = break_records.held(conn, id)
            if known.state is not BreakState.OPEN:
                raise not_open(known)
            if any(one.state is ProposalState.PROPOSED for one in proposal_records.of_break(conn, id)):
                raise ConflictProblem(
                    "something is proposed already", type="already-proposed", cure="Confirm it, or have it withdrawn."
                )
            refund_id = None
            if ask.payment_id is not None:
                refuse_frozen(conn, known.channel, known.day_on)
                _attributable(conn, known, ask.payment_id)
            else:
                refund_id = self._propose_refund(conn, known, draft)
            proposal_records.add(
                conn,
                Proposal(
                    id=proposal_id,
                    break_id=id,
                    action=ask.action,
                    payment_id=ask.payment_id,
                    refund_id=refund_id,
                    reason=ask.reason,
                    state=ProposalState.PROPOSED,
                    proposed_by=by.id,
                    proposed_name=by.name,
                    proposed_at=now,
                ),
            )
            tell(conn, self._events, "break.proposed", known, action=ask.action, by=by.name)
            remember(conn, proposal_id)
            return proposal_records.held(conn, proposal_id)

        return await self._store.write(unit)

    async def confirm(self, proposal_id: str, *, by: Person, wait: float = 3.0, remember: Remember = forget) -> Break:
        """Confirm as a second person, and close the break. The database itself refuses the first person.

        ``attribute`` applies the money to its payment as its arrival would have; ``refund`` confirms the refund, which
        is filed. Raises NotFoundProblem, ConflictProblem: the same person, not proposed any more, payee or documents
        missing, an attribution that would change the books of a closed month.
        """
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> tuple[Break, Sent | None]:
            proposal = proposal_records.held(conn, proposal_id)
            known = break_records.held(conn, proposal.break_id)
            if proposal.proposed_by == by.id:
                raise ConflictProblem(
                    "who proposed it cannot confirm it",
                    type="second-person-needed",
                    cure="Ask a colleague to confirm 复核.",
                )
            confirmed = _confirmed(proposal, by.id, by.name, now)
            if known.state is not BreakState.OPEN or not proposal_records.change(conn, proposal, confirmed):
                raise _not_proposed()
            sent = None
            if proposal.payment_id is not None:
                refuse_frozen(conn, known.channel, known.day_on)
                words = _closing(proposal.action, proposal.reason, proposal.proposed_name, by.name)
                self._breaks.resolve_in(conn, known.id, words, by.name)
                self._attribute(conn, known, proposal.payment_id, now)
            elif proposal.refund_id is not None:
                sent = self._exceptions.confirm_refund_in(conn, proposal.refund_id, by=by.id, name=by.name)
            remember(conn, known.id)
            return break_records.held(conn, known.id), sent

        closed, sent = await self._store.write(unit)
        await self._exceptions.refunds.send(sent, wait)
        return closed

    async def withdraw(self, proposal_id: str, *, by: Person) -> None:
        """Take a proposal back before it counts; its refund is dismissed. Raises NotFoundProblem, ConflictProblem."""

        def unit(conn: Connection) -> None:
            proposal = proposal_records.held(conn, proposal_id)
            withdrawn = replace(proposal, state=ProposalState.WITHDRAWN)
            if not proposal_records.change(conn, proposal, withdrawn):
                raise _not_proposed()
            if proposal.refund_id is not None and proposal.refund_status is RefundStatus.PROPOSED:
                self._exceptions.refunds.dismiss_in(conn, proposal.refund_id, "withdrawn", by=by.name)
            known = break_records.held(conn, proposal.break_id)
            tell(conn, self._events, "break.withdrawn", known, action=proposal.action, by=by.name)

        await self._store.write(unit)

    async def of_break(self, id: str) -> list[Proposal]:
        """What was proposed about a break, oldest first, with where its refund stands."""
        return await self._store.read(lambda conn: proposal_records.of_break(conn, id))

    async def held(self, proposal_id: str) -> Proposal:
        """One proposal. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: proposal_records.held(conn, proposal_id))

    def exception_resolved(self, conn: Connection, event: Event) -> None:
        """Two people have said what becomes of unforeseen money, wherever they said it: that resolves its break."""
        odd = payment_records.held_exception(conn, event.data["exception"])
        assert odd.resolution is not None
        assert odd.confirmed_by is not None
        assert odd.confirmed_name is not None
        now = to_micros(self._clock.now())
        words = _closing(odd.resolution, odd.reason, odd.proposed_name, odd.confirmed_name)
        for known in _breaks_of(conn, event.data["collection"]):
            for proposal in proposal_records.of_break(conn, known.id):
                if proposal.refund_id == odd.refund_id and proposal.proposed_by != odd.confirmed_by:
                    confirmed = _confirmed(proposal, odd.confirmed_by, odd.confirmed_name, now)
                    proposal_records.change(conn, proposal, confirmed)
            proposal_records.withdraw_all(conn, known.id)
            if known.state is BreakState.OPEN:
                self._breaks.resolve_in(conn, known.id, words, odd.confirmed_name)

    def exception_reopened(self, conn: Connection, event: Event) -> None:
        """The refund led nowhere: what was proposed is void, and a break that it had resolved is open again."""
        for known in _breaks_of(conn, event.data["collection"]):
            proposal_records.withdraw_all(conn, known.id)
            if event.data["was"] == "resolved":
                self._breaks.reopen_in(conn, known)

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
        line = statement_records.fetch_line(conn, known.channel, known.code, known.bank_serial)
        if money is None and line is not None:
            fact = PaidFact(
                code=known.code,
                amount=known.theirs,
                paid_at=from_micros(line.paid_at),
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
        break_records.set_owner(conn, known.id, payment.authority, payment_id)
        update_settlements(conn, self._events, known.channel, {payment_id}, now)


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
    known = break_records.held(conn, id)
    money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
    odd = None if money is None else payment_records.unresolved_exception(conn, money.id)
    return "" if odd is None else odd.kind.value


def _breaks_of(conn: Connection, collection_id: str) -> list[Break]:
    """The breaks of unforeseen money."""
    money = payment_records.fetch_collection(conn, collection_id)
    assert money is not None
    found = break_records.of_money(conn, money.channel, money.code, money.bank_serial)
    return [one for one in found if one.kind in _OF_EXCEPTIONS]


def _confirmed(proposal: Proposal, by: str, name: str, now: int) -> Proposal:
    return replace(proposal, state=ProposalState.CONFIRMED, confirmed_by=by, confirmed_name=name, confirmed_at=now)


def _not_proposed() -> ConflictProblem:
    return ConflictProblem("this is not proposed any more", type="not-proposed")


def _closing(way_out: str, reason: str | None, proposed_by: str | None, confirmed_by: str) -> str:
    """The reason of a break that two people closed."""
    return f"{WAYS_OUT[way_out]}:{reason} (提出 {proposed_by}, 复核 {confirmed_by})"

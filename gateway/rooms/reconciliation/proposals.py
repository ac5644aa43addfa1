"""What moves money that reconciliation found: one operator proposes, another confirms what they saw.

A refund is the way out of the money's exception 异常缴款, and one of the refunds of its payment: proposed and confirmed
there in the transaction in which it is proposed and confirmed here, then filed. Whoever settles the exception at its
payment closes the break with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import Event, Sent
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Part, Person, require_operator
from gateway.ports.nontax import PaidFact
from gateway.rooms.payments import Heard, apply_paid
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments import settle as settle_payment
from gateway.rooms.payments.collections import Quoted
from gateway.rooms.payments.records import Code, Payment
from gateway.rooms.payments.states import ExceptionState
from gateway.rooms.reconciliation import break_records, closing, proposal_records, statement_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.breaks import Breaks, cleaned, facts, not_open
from gateway.rooms.reconciliation.matching import BreakKind, Side
from gateway.rooms.reconciliation.months import refuse_frozen
from gateway.rooms.reconciliation.proposal_records import Action, Proposal, Proposed
from gateway.rooms.reconciliation.settlement import update_settlements
from gateway.rooms.reconciliation.states import PROPOSALS, BreakState, ProposalState
from gateway.rooms.refunds import exception_records
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import from_micros, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_sum
from gateway.words.saying import say

_OPERATORS = 2  # where money moves
_MOVING = say("reconciliation.what_moving")
#: Breaks of money that payments know as an exception: what two people say there holds here.
_OF_EXCEPTIONS = (BreakKind.PAID_TWICE, BreakKind.AMOUNT_DIFFERS, BreakKind.STATUS_DIFFERS)
#: Breaks whose figures are no money that could go back.
_ABOUT_NO_MONEY = (
    BreakKind.REFUND_UNMATCHED,
    BreakKind.RECEIPT_MISSING,
    BreakKind.STATEMENT_CHANGED,
    BreakKind.CONTINUITY,
)


def way_out(known: Break) -> Action | None:
    """What two people can do with the money of a break; None where it is about no money that could move."""
    if known.side is not Side.PLATFORM or known.theirs is None or known.kind in _ABOUT_NO_MONEY:
        return None
    return "attribute" if known.kind is BreakKind.UNKNOWN_CODE else "refund"


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
            raise InvalidProblem(say("reconciliation.attribute_payment"), field="payment")
        if self.action == "attribute" and (self.payee is not None or self.documents):
            raise InvalidProblem(say("reconciliation.only_refund"), field="payee")
        return replace(self, reason=words)


class Proposals:
    """Propose, confirm, withdraw; a proposal that is confirmed closes its break. All of it is an operator's."""

    def __init__(self, base: Foundation, breaks: Breaks, exceptions: Exceptions, quoted: Quoted) -> None:
        self._base = base
        self._store = base.store
        self._life: Living[ProposalState, Proposed] = Living(
            PROPOSALS,
            base.events,
            base.clock,
            lambda one: {**facts(one.about), "action": one.proposal.action},
            subject="break_id",
        )
        self._breaks = breaks
        self._exceptions = exceptions
        self._quoted = quoted

    async def propose(self, id: str, ask: Ask, *, by: Person, once: Once = NEVER) -> Proposal:
        """Propose to give money back (``refund``) or to say whose it is (``attribute``).

        A refund is the way out of the money's exception and becomes one of the refunds of its payment. Nothing moves
        before another person confirms. Raises NotFoundProblem, InvalidProblem, and ConflictProblem where the break is
        not open or about no money that could move so; Problem 403 for a case system.
        """
        require_operator(by, _MOVING)
        ask = ask.checked()
        now = to_micros(self._base.clock.now())
        proposal_id = new_id("act")
        kind = await self._store.read(lambda conn: _exception_kind(conn, id))
        draft = self._exceptions.draft(kind, ask.reason, by=by, payee=ask.payee, documents=ask.documents)

        def unit(conn: Connection) -> Proposal:
            known = break_records.held(conn, id)
            if known.state is not BreakState.OPEN:
                raise not_open(known)
            if any(one.state is ProposalState.PROPOSED for one in proposal_records.of_break(conn, id)):
                raise ConflictProblem(say("reconciliation.proposed_already"), type="already-proposed")
            refund_id = None
            if ask.payment_id is not None:
                refuse_frozen(conn, known.channel, known.day_on)
                _attributable(conn, known, ask.payment_id)
            else:
                refund_id = self._propose_refund(conn, known, draft)
            made = Proposal(
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
            )
            proposal_records.add(conn, made)
            self._base.two_persons.took_part(conn, proposal_id, by, Part.PROPOSED)
            self._life.begin(conn, Proposed(made, known), by=by.name)
            return proposal_records.held(conn, proposal_id)

        return await self._store.write(once.about(proposal_id).first(unit))

    async def confirm(self, proposal_id: str, *, by: Person, seen: str, wait: float = 3.0, once: Once = NEVER) -> Break:
        """Confirm what was seen, as a second operator, and close the break.

        ``attribute`` applies the money to its payment as its arrival would have; ``refund`` confirms the refund, which
        is filed. ``once`` is about the proposal. Raises NotFoundProblem; Problem 403 for a case system; ConflictProblem
        for somebody who takes part, what has changed since, a proposal that has ended, a payee or documents that are
        missing, an attribution that would change the books of a closed month.
        """
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> Sent | None:
            one = self._proposed(conn, proposal_id)
            proposal, known = one.proposal, one.about
            if one.state is not ProposalState.PROPOSED or known.state is not BreakState.OPEN:
                raise _not_proposed()
            face = _face(conn, one, self._base.envelope)
            if not self._base.two_persons.confirm(
                conn, proposal_id, by, seen=seen, face=face, operators=_OPERATORS
            ):  # pragma: no cover - who proposes is an operator, so the second one is enough
                return None
            if proposal.refund_id is not None:  # the break and this proposal follow the refund's exception
                return self._exceptions.confirm_refund_in(conn, proposal.refund_id, by=by)
            assert proposal.payment_id is not None, "what is no refund is an attribution"
            refuse_frozen(conn, known.channel, known.day_on)
            if not self._confirmed(conn, one, by.id, by.name, now):
                raise _not_proposed()
            words = closing.by_two(proposal.action, proposal.reason, proposal.proposed_name, by.name)
            self._breaks.resolve_in(conn, known.id, words, by.name)
            self._attribute(conn, known, proposal.payment_id, now)
            return None

        await self._base.delivery.carry_out(unit, once.about(proposal_id), wait)
        return (await self.view(proposal_id)).about

    async def withdraw(self, proposal_id: str, *, by: Person) -> None:
        """Take a proposal back before it counts; its refund is dismissed.

        Raises NotFoundProblem, ConflictProblem; Problem 403 for a case system.
        """
        require_operator(by, _MOVING)

        def unit(conn: Connection) -> None:
            one = self._proposed(conn, proposal_id)
            self._base.two_persons.withdraws(conn, proposal_id, by)
            if not self._life.move(conn, one, ProposalState.WITHDRAWN, tell={"by": by.name}):
                raise _not_proposed()
            if one.proposal.refund_id is not None and one.proposal.refund_status is RefundStatus.PROPOSED:
                self._exceptions.refunds.dismiss_in(conn, one.proposal.refund_id, "withdrawn", by=by.name)

        await self._store.write(unit)

    async def of_break(self, id: str) -> list[Proposed]:
        """What was proposed about a break, oldest first, with where its refund stands."""

        def query(conn: Connection) -> list[Proposed]:
            about = break_records.held(conn, id)
            return [self._shown(conn, Proposed(one, about)) for one in proposal_records.of_break(conn, id)]

        return await self._store.read(query)

    async def view(self, proposal_id: str) -> Proposed:
        """One proposal, its break, and what a second person sends back who has seen it. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: self._shown(conn, self._proposed(conn, proposal_id)))

    def exception_resolved(self, conn: Connection, event: Event) -> None:
        """Two people have said what becomes of unforeseen money, wherever they said it: that resolves its break."""
        odd = exception_records.held(conn, event.data["exception"])
        assert odd.resolution is not None
        assert odd.confirmed_by is not None
        assert odd.confirmed_name is not None
        now = to_micros(self._base.clock.now())
        words = closing.by_two(odd.resolution, odd.reason, odd.proposed_name, odd.confirmed_name)
        for known in _breaks_of(conn, event.data["collection"]):
            for proposal in proposal_records.of_break(conn, known.id):
                if proposal.refund_id == odd.refund_id and proposal.proposed_by != odd.confirmed_by:
                    self._confirmed(conn, Proposed(proposal, known), odd.confirmed_by, odd.confirmed_name, now)
            self._withdraw_all(conn, known, by=odd.confirmed_name)
            if known.state is BreakState.OPEN:
                self._breaks.resolve_in(conn, known.id, words, odd.confirmed_name)

    def exception_reopened(self, conn: Connection, event: Event) -> None:
        """The refund led nowhere: what was proposed is void, and a break that it had resolved is open again."""
        for known in _breaks_of(conn, event.data["collection"]):
            self._withdraw_all(conn, known, by=None)
            if event.data["was"] == ExceptionState.RESOLVED.value:
                self._breaks.reopen_in(conn, known)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _proposed(self, conn: Connection, proposal_id: str) -> Proposed:
        proposal = proposal_records.held(conn, proposal_id)
        return Proposed(proposal, break_records.held(conn, proposal.break_id))

    def _shown(self, conn: Connection, one: Proposed) -> Proposed:
        """With what a second person sends back, while one is waited for."""
        if one.state is not ProposalState.PROPOSED:
            return one
        return replace(one, seen=self._base.two_persons.seen(_face(conn, one, self._base.envelope)))

    def _confirmed(self, conn: Connection, one: Proposed, by: str, name: str, now: int) -> bool:
        return self._life.move(
            conn, one, ProposalState.CONFIRMED, confirmed_by=by, confirmed_name=name, confirmed_at=now
        )

    def _withdraw_all(self, conn: Connection, known: Break, *, by: str | None) -> None:
        """What was proposed about a break has been overtaken elsewhere; ``by``: whose word it was, if that is known."""
        for proposal in proposal_records.of_break(conn, known.id):
            self._life.move(conn, Proposed(proposal, known), ProposalState.WITHDRAWN, tell={"by": by})

    def _propose_refund(self, conn: Connection, known: Break, draft: Draft) -> str:
        money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        if way_out(known) is None:
            raise ConflictProblem(say("reconciliation.no_money"), type="no-money")
        if money is None or money.payment_id is None:
            raise ConflictProblem(
                say("reconciliation.no_owner"),
                type="money-without-owner",
            )
        odd = exception_records.unresolved(conn, money.id)
        if odd is not None and odd.state is ExceptionState.PROPOSED:
            raise ConflictProblem(
                say("reconciliation.way_out_exists", resolution=odd.resolution),
                type="already-proposed",
                exception=odd.id,
                refund=odd.refund_id,
            )
        if odd is None:
            raise ConflictProblem(
                say("reconciliation.pays_its_bill"),
                type="money-pays-its-bill",
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
            base = self._base
            apply_paid(conn, base.events, base.envelope, known.channel, fact, Heard("statement", now, self._quoted))
            money = payment_records.collection_of(conn, known.channel, known.code, known.bank_serial)
        if money is None or money.payment_id is not None:
            raise ConflictProblem(say("reconciliation.has_owner"), type="money-has-an-owner")
        if not payment_records.claim_collection(conn, money.id, payment_id):
            raise ConflictProblem(say("reconciliation.just_owned"), type="money-has-an-owner")
        settle_payment(conn, self._base.events, payment, code, money, Heard("statement", now, self._quoted))
        break_records.set_owner(conn, known.id, payment.authority, payment_id)
        update_settlements(conn, self._base.events, known.channel, {payment_id})


def _attributable(conn: Connection, known: Break, payment_id: str) -> tuple[Payment, Code]:
    """The payment and its code, if this break's money can be said to be its. Raises what ``propose`` raises."""
    if known.side is not Side.PLATFORM or known.kind is not BreakKind.UNKNOWN_CODE or known.theirs is None:
        raise ConflictProblem(say("reconciliation.not_waiting"), type="money-has-an-owner")
    payment = payment_records.fetch(conn, payment_id)
    if payment is None:
        raise NotFoundProblem(say("payments.none"), field="payment")
    code = payment_records.last_code(conn, payment_id)
    if code is None or payment.channel != known.channel:
        other = say("reconciliation.other_channel", channel=payment.channel, known=known.channel)
        said = say("reconciliation.no_code") if code is None else other
        raise ConflictProblem(said, type="payment-not-payable", field="payment")
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


def _face(conn: Connection, one: Proposed, envelope: Envelope) -> dict[str, Any]:
    """What matters of a proposal, by name: what is confirmed is what was seen of this."""
    known, proposal = one.about, one.proposal
    face: dict[str, Any] = {
        "break": known.id,
        "kind": known.kind,
        "ours": None if known.ours is None else format_sum(known.ours),
        "theirs": None if known.theirs is None else format_sum(known.theirs),
        "action": proposal.action,
        "reason": proposal.reason,
        "payment": proposal.payment_id,
        "refund": proposal.refund_id,
    }
    if proposal.refund_id is not None:
        refund = refund_records.held(conn, proposal.refund_id)
        papers = refund_records.documents(conn, refund.id)
        payee = refund.payee(envelope)
        face["amount"] = format_sum(refund.amount)
        face["payee"] = None if payee is None else payee.model_dump()
        face["documents"] = sorted([paper.kind.value, paper.digest.hex()] for paper in papers)
    return face


def _not_proposed() -> ConflictProblem:
    return ConflictProblem(say("reconciliation.not_proposed"), type="not-proposed")

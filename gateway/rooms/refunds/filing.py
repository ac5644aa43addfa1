"""Refunds at the platform: filed once after two people agreed, then followed until finance has decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import (
    Action,
    Done,
    Event,
    Operation,
    Outcome,
    Parked,
    Rejected,
    Sent,
    Unsettled,
)
from gateway.foundation.delivery.actions import NotYet
from gateway.foundation.delivery.callbacks import Concerned
from gateway.foundation.delivery.states import FINAL
from gateway.foundation.handovers import DataKind, HandsOver
from gateway.ports.base import Message, Pending, Refused
from gateway.ports.nontax import NonTaxPlatform, RefundNotice, RefundRequest, RefundState
from gateway.ports.nontax import Refund as RefundAnswer
from gateway.rooms.payments import records as payment_records
from gateway.rooms.refunds import records
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import RefundStatus, WaitsFor
from gateway.rooms.refunds.telling import WaysOut, refund_life, tell_refund
from gateway.words.clock import to_micros
from gateway.words.errors import ContractError
from gateway.words.masking import may_be_a_person

_STATES = {
    RefundState.FILED: RefundStatus.FILED,
    RefundState.APPROVED: RefundStatus.APPROVED,
    RefundState.REFUNDED: RefundStatus.REFUNDED,
    RefundState.REFUSED: RefundStatus.REFUSED,
}
_WITH_FINANCE = {RefundStatus.FILED: RefundState.FILED, RefundStatus.APPROVED: RefundState.APPROVED}


class RefundQuestion(Message):
    """How far a refund is: ``known`` is what was heard last, ``again`` the seconds to wait while that stays so."""

    reference: str
    code: str
    amount: int
    known: RefundState
    again: float


class Filing:
    """File what was confirmed, hear what finance says, ask again until it has ended."""

    def __init__(self, base: Foundation, ways_out: WaysOut, ask_every: float) -> None:
        """``ask_every``: seconds between questions to the platform."""
        self._base = base
        self._life = refund_life(base)
        self._ways_out = ways_out
        self._ask_every = ask_every

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to file a refund, and to ask how far it is."""
        return (
            Action(
                name="nontax.refund",
                request_model=RefundRequest,
                answer_model=RefundAnswer,
                call=_file,
                find=_find_filed,
                check=_check,
                record=self.record_filing,
                hands_over=_hands_over,
            ),
            Action(
                name="nontax.find_refund",
                request_model=RefundQuestion,
                answer_model=RefundAnswer,
                call=_ask,
                check=_check,
                record=self.record_query,
                effectful=False,
            ),
        )

    def file(self, conn: Connection, refund: Refund, *, claim: bool) -> Sent | None:
        """File a confirmed refund, or note what a person must do first."""
        wait = self._waits_for(conn, refund)
        if wait is not None:
            records.change(conn, refund, self._now(), waits_for=wait)
            tell_refund(conn, self._base, refund, "refund.waits", waits_for=wait.value)
            return None
        payee = refund.payee(self._base.envelope)
        if payee is None:
            raise ValueError(f"{refund.id} was confirmed without a payee")
        owner = payment_records.by_code(conn, refund.channel, refund.code)
        request = RefundRequest(
            reference=self._base.delivery.new_reference(refund.channel),
            bill_reference=None if owner is None else owner.reference,
            code=refund.code,
            bank_serial=refund.bank_serial,
            amount=refund.amount,
            reason=refund.explanation,
            payee_name=payee.name,
            payee_account=payee.account,
            payee_bank=payee.bank,
        )
        operation = self._base.delivery.enqueue(
            conn,
            action="nontax.refund",
            channel=refund.channel,
            authority=refund.authority,
            subject=refund.id,
            request=request,
            claim=claim,
        )
        filed = {"reference": request.reference, "operation_id": operation.id, "waits_for": None}
        records.change(conn, refund, self._now(), **filed)
        return Sent(operation, request)

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
        """People found out that it was never filed: it is filed again under a new reference.

        Unless the money has gone back meanwhile by another way: it must not go back twice.
        """
        refund = records.locked(conn, old.subject)
        if refund.status is not RefundStatus.CONFIRMED:
            self._base.delivery.cancel(conn, new.id, f"the refund is {refund.status} meanwhile")
            return
        records.change(conn, refund, new.created_at, reference=new.reference, operation_id=new.id)

    def receipt_reversed(self, conn: Connection, event: Event) -> None:
        """A red receipt was recorded, or no receipt was issued after all: file what waited for that."""
        for refund in records.of_payment(conn, event.subject):
            if refund.status is RefundStatus.CONFIRMED and refund.waits_for is WaitsFor.RED_RECEIPT:
                self.file(conn, refund, claim=False)

    def told(self, conn: Connection, channel: str, notice: RefundNotice, _exchange_id: str) -> Concerned | None:
        """An authenticated notice that a refund moved, be it before filing was answered."""
        delivery, answer = self._base.delivery, notice.refund
        if answer is None:
            delivery.hurry(conn, channel, reference=notice.reference)
            refund = records.under(conn, channel, notice.reference)
            if refund is not None:
                delivery.hurry(conn, channel, subject=refund.id)
            return None if refund is None else Concerned(refund.authority, refund.id)
        filed = delivery.answered(conn, "nontax.refund", channel, notice.reference, answer)
        if filed is None:
            return None
        refund = records.held(conn, filed.subject)
        if filed.state in FINAL and refund.reference == notice.reference:
            if (answer.code, answer.amount) == (refund.code, refund.amount):
                self.apply_state(conn, refund, answer, asked=False)
            else:
                delivery.hurry(conn, channel, subject=refund.id)
        return Concerned(refund.authority, refund.id)

    # --- what the platform says, in the ledger's transaction ----------------------------------------------------------

    def record_filing(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What became of filing a refund."""
        refund = records.held(conn, operation.subject)
        match outcome:
            case Done(answer=RefundAnswer() as told, found=found):
                self.apply_state(conn, refund, told, found_after_doubt=found)
            case Rejected(reason=reason, code=code):
                words = {"reason": reason, "platform_code": code}
                if self._life.move(conn, refund, RefundStatus.REFUSED, tell=words, refusal=reason):
                    self._ways_out.reopen(conn, refund)
            case Unsettled():
                self._life.doubt(conn, refund, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def record_query(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What became of asking how far a refund is."""
        refund = records.held(conn, operation.subject)
        match outcome:
            case Done(answer=RefundAnswer() as told):
                self.apply_state(conn, refund, told)
            case Parked() if refund.status in _WITH_FINANCE:
                self._ask_later(conn, refund, _WITH_FINANCE[refund.status])
            case _:
                pass

    def apply_state(
        self, conn: Connection, refund: Refund, told: RefundAnswer, *, asked: bool = True, **data: Any
    ) -> None:
        """Move along with what finance has decided, and ask again while it has not ended. ``data``: told of filing.

        ``asked`` False: the platform told it by itself, and the next question is already on its way.
        """
        end = _STATES[told.state]
        if told.number is not None and refund.number is None:
            records.change(conn, refund, self._now(), number=told.number)
        if refund.status is RefundStatus.CONFIRMED and self._life.move(conn, refund, RefundStatus.FILED, tell=data):
            refund = replace(refund, status=RefundStatus.FILED)
        if end is not refund.status:
            if refund.status not in _WITH_FINANCE:
                both = {"ours": refund.status.value, "platform": end.value}
                tell_refund(conn, self._base, refund, "refund.contradiction", **both)
                return
            self._decided(conn, refund, end, told)
        if asked and told.state in _WITH_FINANCE.values():
            self._ask_later(conn, records.held(conn, refund.id), told.state)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _decided(self, conn: Connection, refund: Refund, end: RefundStatus, told: RefundAnswer) -> None:
        """Finance moved a refund on to ``end``."""
        ended: dict[str, Any] = {}
        if end is RefundStatus.REFUNDED:  # on the day that the platform names, else when we hear of it
            ended["refunded_at"] = self._now() if told.refunded_at is None else to_micros(told.refunded_at)
        if end is RefundStatus.REFUSED:
            ended["refusal"] = told.reason or "refused by finance"
        words = {"reason": ended["refusal"]} if "refusal" in ended else {}
        if self._life.move(conn, refund, end, tell=words, **ended) and end is RefundStatus.REFUSED:
            self._ways_out.reopen(conn, refund)

    def _waits_for(self, conn: Connection, refund: Refund) -> WaitsFor | None:
        if records.receipt_to_reverse(conn, refund.payment_id, refund.collection_id) is not None:
            return WaitsFor.RED_RECEIPT
        if "refund" not in self._base.channels.get(refund.channel).info.capabilities:
            return WaitsFor.PERSON
        return None

    def _ask_later(self, conn: Connection, refund: Refund, known: RefundState) -> None:
        if refund.reference is None:
            raise ValueError(f"{refund.id} was never filed")
        question = RefundQuestion(
            reference=refund.reference, code=refund.code, amount=refund.amount, known=known, again=self._ask_every
        )
        self._base.delivery.enqueue(
            conn,
            action="nontax.find_refund",
            channel=refund.channel,
            authority=refund.authority,
            subject=refund.id,
            request=question,
            not_before=self._now() + int(self._ask_every * 1_000_000),
        )

    def _now(self) -> int:
        return to_micros(self._base.clock.now())


def _hands_over(request: RefundRequest) -> HandsOver | None:
    """Who gets the money, and where. What kind of payee it is was told to nobody: it is judged by the name."""
    if not may_be_a_person(request.payee_name):
        return None
    return HandsOver((DataKind.NAME, DataKind.ACCOUNT))


async def _file(platform: NonTaxPlatform, request: RefundRequest) -> RefundAnswer | Pending:
    return await platform.refund(request)


async def _find_filed(platform: NonTaxPlatform, request: RefundRequest) -> RefundAnswer | Pending | Refused | None:
    return await platform.find_refund(request.reference)


async def _ask(platform: NonTaxPlatform, question: RefundQuestion) -> RefundAnswer | Pending:
    found = await platform.find_refund(question.reference)
    if found is None:
        raise ContractError("the platform does not know a refund that it had taken")
    if isinstance(found, Pending):
        return found
    if isinstance(found, Refused):
        return RefundAnswer(
            reference=question.reference,
            code=question.code,
            amount=question.amount,
            state=RefundState.REFUSED,
            reason=found.reason,
        )
    if found.state is question.known:
        raise NotYet(question.again, f"finance has not moved it on from {found.state.value}")
    return found


def _check(request: RefundRequest | RefundQuestion, answer: RefundAnswer) -> None:
    """Hold an answer against what was filed. Raises ContractError."""
    if (answer.reference, answer.code, answer.amount) != (request.reference, request.code, request.amount):
        raise ContractError(
            f"the answer is about refund {answer.reference} of {answer.amount} fen on {answer.code}; "
            f"filed was {request.reference} of {request.amount} fen on {request.code}"
        )

"""Refunds at the platform: filed once after two people agreed, then followed until finance has decided."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import (
    Absent,
    Action,
    Delivery,
    Done,
    Doubt,
    Event,
    Events,
    Operation,
    Outcome,
    Parked,
    Rejected,
)
from gateway.foundation.delivery.actions import NotYet
from gateway.ports.base import Message
from gateway.ports.nontax import NonTaxPlatform, RefundRequest, RefundState
from gateway.ports.nontax import Refund as RefundAnswer
from gateway.rooms.refunds import records
from gateway.rooms.refunds.records import SURE, Refund
from gateway.rooms.refunds.states import RefundStatus, WaitsFor, edge
from gateway.rooms.refunds.telling import reopen_exception, tell_refund
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ContractError

Sent = tuple[Operation, RefundRequest]
"""A refund that is being filed: what ``Refunds.send`` begins once the transaction is committed."""

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
    """File what was confirmed, hear what finance says, ask again until it has ended. Registers its actions."""

    def __init__(
        self,
        delivery: Delivery,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        clock: Clock,
        ask_every: float,
    ) -> None:
        """``ask_every``: seconds between questions to the platform."""
        self._delivery = delivery
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._clock = clock
        self._ask_every = ask_every
        delivery.register(
            Action(
                name="nontax.refund",
                request_model=RefundRequest,
                answer_model=RefundAnswer,
                call=_file,
                find=_find_filed,
                check=_check,
                record=self.record_filing,
            )
        )
        delivery.register(
            Action(
                name="nontax.find_refund",
                request_model=RefundQuestion,
                answer_model=RefundAnswer,
                call=_ask,
                check=_check,
                record=self.record_query,
                effectful=False,
            )
        )

    def file(self, conn: Connection, refund: Refund, *, claim: bool) -> Sent | None:
        """File a confirmed refund, or note what a person must do first."""
        wait = self._waits_for(conn, refund)
        if wait is not None:
            records.change(conn, refund, self._now(), waits_for=wait)
            tell_refund(conn, self._events, refund, "refund.waits", waits_for=wait.value)
            return None
        payee = refund.payee(self._envelope)
        if payee is None:
            raise ValueError(f"{refund.id} was confirmed without a payee")
        request = RefundRequest(
            reference=self._delivery.new_reference(refund.channel),
            code=refund.code,
            bank_serial=refund.bank_serial,
            amount=refund.amount,
            reason=refund.explanation,
            payee_name=payee.name,
            payee_account=payee.account,
            payee_bank=payee.bank,
        )
        operation = self._delivery.enqueue(
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
        return operation, request

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
        """People found out that it was never filed: it is filed again under a new reference.

        Unless the money has gone back meanwhile by another way: it must not go back twice.
        """
        refund = records.locked(conn, old.subject)
        if refund.status is not RefundStatus.CONFIRMED:
            self._delivery.cancel(conn, new.id, f"the refund is {refund.status} meanwhile")
            return
        records.change(conn, refund, new.created_at, reference=new.reference, operation_id=new.id)

    def receipt_reversed(self, conn: Connection, event: Event) -> None:
        """A red receipt was recorded, or no receipt was issued after all: file what waited for that."""
        for refund in records.of_payment(conn, event.subject):
            if refund.status is RefundStatus.CONFIRMED and refund.waits_for is WaitsFor.RED_RECEIPT:
                self.file(conn, refund, claim=False)

    # --- what the platform says, in the ledger's transaction ----------------------------------------------------------

    def record_filing(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What became of filing a refund."""
        now = self._now()
        refund = records.held(conn, operation.subject)
        match outcome:
            case Done(answer=RefundAnswer() as told, found=found):
                self.apply_state(conn, refund, told, found_after_doubt=found)
            case Rejected(reason=reason, code=code):
                if records.move(conn, refund, RefundStatus.REFUSED, now, refusal=reason):
                    tell_refund(conn, self._events, refund, "refund.refused", reason=reason, platform_code=code)
                    reopen_exception(conn, self._events, refund)
            case Doubt(reason=reason):
                records.change(conn, refund, now, in_doubt_since_at=now, doubt_reason=reason)
                tell_refund(conn, self._events, refund, "refund.in_doubt", reason=reason)
            case Absent():
                records.change(conn, refund, now, **SURE)
            case Parked(reason=reason):
                records.change(conn, refund, now, doubt_reason=reason)
                tell_refund(conn, self._events, refund, "refund.parked", reason=reason)
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

    def apply_state(self, conn: Connection, refund: Refund, told: RefundAnswer, **data: Any) -> None:
        """Move along with what finance has decided, and ask again while it has not ended. ``data``: told of filing."""
        now, end = self._now(), _STATES[told.state]
        status = refund.status
        if status is RefundStatus.CONFIRMED and records.move(conn, refund, RefundStatus.FILED, now):
            tell_refund(conn, self._events, refund, "refund.filed", **data)
            status = RefundStatus.FILED
        if end is not status:
            if status not in _WITH_FINANCE:
                tell_refund(conn, self._events, refund, "refund.contradiction", ours=status.value, platform=end.value)
                return
            self._decided(conn, refund, status, end, told)
        if told.state in _WITH_FINANCE.values():
            self._ask_later(conn, records.held(conn, refund.id), told.state)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _decided(
        self, conn: Connection, refund: Refund, status: RefundStatus, end: RefundStatus, told: RefundAnswer
    ) -> None:
        """Finance moved a refund on from ``status`` to ``end``."""
        ended: dict[str, Any] = {}
        if end is RefundStatus.REFUNDED and told.refunded_at is not None:
            ended["refunded_at"] = to_micros(told.refunded_at)
        if end is RefundStatus.REFUSED:
            ended["refusal"] = told.reason or "refused by finance"
        step = edge(status, end)
        if step is None or step.event is None or not records.move(conn, refund, end, self._now(), **ended):
            return
        words = {"reason": ended["refusal"]} if "refusal" in ended else {}
        tell_refund(conn, self._events, refund, step.event, **words)
        if end is RefundStatus.REFUSED:
            reopen_exception(conn, self._events, refund)

    def _waits_for(self, conn: Connection, refund: Refund) -> WaitsFor | None:
        if records.receipt_to_reverse(conn, refund.payment_id, refund.collection_id) is not None:
            return WaitsFor.RED_RECEIPT
        if "refund" not in self._channels.get(refund.channel).info.capabilities:
            return WaitsFor.PERSON
        return None

    def _ask_later(self, conn: Connection, refund: Refund, known: RefundState) -> None:
        if refund.reference is None:
            raise ValueError(f"{refund.id} was never filed")
        question = RefundQuestion(
            reference=refund.reference, code=refund.code, amount=refund.amount, known=known, again=self._ask_every
        )
        self._delivery.enqueue(
            conn,
            action="nontax.find_refund",
            channel=refund.channel,
            authority=refund.authority,
            subject=refund.id,
            request=question,
            not_before=self._now() + int(self._ask_every * 1_000_000),
        )

    def _now(self) -> int:
        return to_micros(self._clock.now())


async def _file(platform: NonTaxPlatform, request: RefundRequest) -> RefundAnswer:
    return await platform.refund(request)


async def _find_filed(platform: NonTaxPlatform, request: RefundRequest) -> RefundAnswer | None:
    return await platform.find_refund(request.reference)


async def _ask(platform: NonTaxPlatform, question: RefundQuestion) -> RefundAnswer:
    found = await platform.find_refund(question.reference)
    if found is None:
        raise ContractError("the platform does not know a refund that it had taken")
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

"""Receipts: 财政电子票据, or the 电子一般缴款书 completed after payment. Asked for once, verified, kept sealed.

The platform issues one receipt per code and gives the same one to whoever asks again, so asking again is also how doubt
ends. Reversing a receipt 红票 has no method in the port: a person has it reversed at the platform and records the red
receipt's numbers here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import (
    Action,
    Done,
    Event,
    Operation,
    Outcome,
    Rejected,
    Sent,
    Unsettled,
)
from gateway.foundation.delivery.callbacks import Concerned
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.ports.base import Message, Pending
from gateway.ports.nontax import FiscalReceipt, NonTaxPlatform, ReceiptNotice, ReceiptRequest
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Status
from gateway.rooms.receipts import records
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.states import LIFE, ReceiptKind, ReceiptStatus
from gateway.rooms.receipts.verification import ReceiptAsk, ReceiptProfile, check_receipt, signers
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan
from gateway.words.saying import say


class Receipts:
    """Ask for receipts, keep them, record red ones."""

    def __init__(self, base: Foundation, roots: Sequence[bytes] = ()) -> None:
        """``roots``: DER certificates that signers' chains must lead to, where a channel's receipts are signed."""
        self._base = base
        self._roots = tuple(roots)
        self._life: Living[ReceiptStatus, Receipt] = Living(LIFE, base.events, base.clock, _told, subject="payment_id")

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to have a receipt issued."""
        return (
            Action(
                name="nontax.receipt",
                request_model=ChannelReceiptAsk,
                answer_model=FiscalReceipt,
                call=_issue,
                find=_issue,
                check=self._check,
                record=self.record_outcome,
            ),
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def request(self, payment_id: str, *, wait: float = 3.0, once: Once = NEVER) -> None:
        """Have the receipt of a paid bill issued; the same one again if it was. ``once`` is about the payment.

        Raises NotFoundProblem, and ConflictProblem while nothing is paid or where the channel issues none.
        """

        def unit(conn: Connection) -> Sent | None:
            payment = payment_records.locked(conn, payment_id)
            known = records.live(conn, payment_id)
            if known is not None:
                if known.status is ReceiptStatus.REQUESTED:
                    once.goes_on()
                return None
            if payment.status is not Status.PAID:
                raise ConflictProblem(say("receipts.not_paid"), type="payment-not-paid")
            if "receipt" not in self._base.channels.get(payment.channel).info.capabilities:
                raise ConflictProblem(
                    say("receipts.channel", channel=payment.channel),
                    type="receipt-unsupported",
                )
            return self._start(conn, payment, claim=True)

        await self._base.delivery.carry_out(unit, once.about(payment_id), wait)

    async def of_payment(self, payment_id: str) -> Receipt:
        """The receipt of a payment, or the last that was refused. Raises NotFoundProblem."""
        receipt = await self.latest(payment_id)
        if receipt is None:
            raise NotFoundProblem(say("receipts.not_asked"))
        return receipt

    async def latest(self, payment_id: str) -> Receipt | None:
        """The receipt of a payment, or the last that was refused; None where none was asked for."""
        return await self._base.store.read(lambda conn: records.latest(conn, payment_id))

    async def live(self, payment_id: str) -> Receipt | None:
        """The receipt of a payment that was not refused."""
        return await self._base.store.read(lambda conn: records.live(conn, payment_id))

    def file(self, receipt: Receipt) -> bytes:
        """The receipt's file as the platform gave it. Raises NotFoundProblem while there is none."""
        document = receipt.document(self._base.envelope)
        if document is None:
            raise NotFoundProblem(say("receipts.not_there"))
        return document

    async def record_reversal(
        self, payment_id: str, red_code: str, red_number: str, *, by: str, once: Once = NEVER
    ) -> None:
        """A person had the receipt reversed and says under which red receipt 红票. Refunds that waited are filed.

        ``once`` is about the payment. Raises NotFoundProblem, ConflictProblem.
        """
        numbers = {"red_code": red_code, "red_number": red_number}

        def unit(conn: Connection) -> None:
            payment = payment_records.locked(conn, payment_id)
            receipt = records.live(conn, payment_id)
            if receipt is None:
                raise NotFoundProblem(say("receipts.none_to_reverse"))
            known = {"red_code": receipt.red_code, "red_number": receipt.red_number}
            if receipt.status is ReceiptStatus.REVERSED and known == numbers:
                return
            kept = {"red_by": by, "red_at": to_micros(self._base.clock.now()), **numbers}
            told = _decision(payment, numbers)
            if not self._life.move(conn, receipt, ReceiptStatus.REVERSED, tell=told, **kept):
                raise ConflictProblem(
                    say("receipts.not_reversible", status=receipt.status), type="receipt-not-reversible"
                )

        await self._base.store.write(once.about(payment_id).first(unit))
        self._base.delivery.wake()

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
        """People found out that it was never issued: it is asked for again under a new reference."""
        assert new.reference is not None, "an effect has a reference"
        records.ask_under(conn, old.subject, new.reference, new.created_at)

    def payment_paid(self, conn: Connection, event: Event) -> None:
        """Money arrived: ask for the receipt where the channel's profile says so."""
        payment = payment_records.held(conn, event.subject)
        if records.live(conn, event.subject) is not None:
            return
        channel = self._base.channels.get(payment.channel)
        if channel.keys_of(PaymentKeys).receipt_automatic and "receipt" in channel.info.capabilities:
            self._start(conn, payment, claim=False)

    def ready(self, conn: Connection, channel: str, notice: ReceiptNotice, _exchange_id: str) -> Concerned | None:
        """A receipt is there at the platform: fetch it, asked for before or not; also before our answer."""
        delivery = self._base.delivery
        if notice.reference is not None:
            delivery.hurry(conn, channel, reference=notice.reference)
        owner = None if notice.code is None else payment_records.by_code(conn, channel, notice.code)
        if owner is None:
            return None
        payment = payment_records.locked(conn, owner.payment_id)
        receipt = records.live(conn, payment.id)
        if receipt is not None:
            delivery.hurry(conn, channel, subject=receipt.id)
        elif payment.status is Status.PAID and "receipt" in self._base.channels.get(channel).info.capabilities:
            self._start(conn, payment, claim=False)
        return Concerned(payment.authority, payment.id)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _start(self, conn: Connection, payment: Payment, *, claim: bool) -> Sent:
        now = to_micros(self._base.clock.now())
        if payment.code is None or payment.paid_amount is None:
            raise ValueError(f"{payment.id} is {payment.status}: a receipt is issued for a paid bill")
        owner = payment_records.by_code(conn, payment.channel, payment.code)
        ask = ChannelReceiptAsk(
            reference=self._base.delivery.new_reference(payment.channel),
            bill_reference=None if owner is None else owner.reference,
            code=payment.code,
            amount=payment.paid_amount,
            region=payment.bill(self._base.envelope).region,
            channel=payment.channel,
        )
        receipt = Receipt(
            id=new_id("rcp"),
            authority=payment.authority,
            payment_id=payment.id,
            channel=payment.channel,
            code=payment.code,
            kind=ReceiptKind(self._base.channels.get(payment.channel).keys_of(PaymentKeys).receipt_kind),
            status=ReceiptStatus.REQUESTED,
            reference=ask.reference,
            amount=payment.paid_amount,
            created_at=now,
            updated_at=now,
        )
        records.add(conn, receipt)
        self._life.begin(conn, receipt, **_decision(payment, {}))
        operation = self._base.delivery.enqueue(
            conn,
            action="nontax.receipt",
            channel=payment.channel,
            authority=payment.authority,
            subject=receipt.id,
            request=ask,
            claim=claim,
        )
        return Sent(operation, ask)

    def _check(self, ask: ChannelReceiptAsk, answer: FiscalReceipt) -> None:
        keys = self._base.channels.get(ask.channel).keys_of(PaymentKeys)
        profile = ReceiptProfile(signed=keys.receipt_signed, layout=keys.receipt_layout)
        check_receipt(ask, answer, profile, self._roots)

    def record_outcome(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What became of asking for a receipt, in the ledger's transaction."""
        receipt = records.held(conn, operation.subject)
        payment = payment_records.held(conn, receipt.payment_id)
        match outcome:
            case Done(answer=FiscalReceipt() as issued):
                numbers = {"receipt_code": issued.receipt_code, "receipt_number": issued.receipt_number}
                told = _decision(payment, numbers)
                self._life.move(conn, receipt, ReceiptStatus.ISSUED, tell=told, **self._kept(receipt, issued))
            case Rejected(reason=reason, code=code):
                told = _decision(payment, {"reason": reason, "platform_code": code})
                self._life.move(conn, receipt, ReceiptStatus.REFUSED, tell=told, refusal=reason)
            case Unsettled():
                self._life.doubt(conn, receipt, outcome, **_decision(payment, {}))
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _kept(self, receipt: Receipt, issued: FiscalReceipt) -> dict[str, Any]:
        """What is kept of a receipt that was verified: its numbers, its file sealed, who signed."""
        return {
            "receipt_code": issued.receipt_code,
            "receipt_number": issued.receipt_number,
            "check_code": issued.check_code,
            "issued_at": to_micros(issued.issued_at),
            "document_sealed": records.seal_document(self._base.envelope, receipt.id, issued.document),
            "media_type": issued.media_type,
            "digest": sm3(issued.document),
            "signers": signers(issued.signatures) if issued.signatures else None,
        }


def _told(receipt: Receipt) -> Mapping[str, Any]:
    """What every event says of a receipt: it is part of the payment's story."""
    return {"code": receipt.code, "amount": format_yuan(receipt.amount)}


def _decision(payment: Payment, words: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"decision_number": payment.decision_number, **words}


class ChannelReceiptAsk(ReceiptAsk):
    """What is asked, with the channel whose profile the answer is held against."""

    channel: str


async def _issue(platform: NonTaxPlatform, ask: ChannelReceiptAsk) -> FiscalReceipt | Pending:
    return await platform.receipt(
        ReceiptRequest(reference=ask.reference, bill_reference=ask.bill_reference, code=ask.code)
    )

"""Receipts: 财政电子票据, or the 电子一般缴款书 completed after payment. Asked for once, verified, kept sealed.

The platform issues one receipt per code and gives the same one to whoever asks again, so asking again is also how doubt
ends. Reversing a receipt 红票 has no method in the port: a person has it reversed at the platform and records the red
receipt's numbers here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
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
from gateway.foundation.store import Store
from gateway.ports.base import Message
from gateway.ports.nontax import FiscalReceipt, NonTaxPlatform, ReceiptRequest
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import Status
from gateway.rooms.receipts import records
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.states import ReceiptKind, ReceiptStatus
from gateway.rooms.receipts.verification import ReceiptAsk, ReceiptProfile, check_receipt, signers
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan

Remember = Callable[[Connection, str], None]


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class Receipts:
    """Ask for receipts, keep them, record red ones. Registers its action with delivery."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        clock: Clock,
        roots: Sequence[bytes] = (),
    ) -> None:
        """``roots``: DER certificates that signers' chains must lead to, where a channel's receipts are signed."""
        self._store = store
        self._delivery = delivery
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._clock = clock
        self._roots = tuple(roots)
        delivery.register(
            Action(
                name="nontax.receipt",
                request_model=ChannelReceiptAsk,
                answer_model=FiscalReceipt,
                call=_issue,
                find=_issue,
                check=self._check,
                record=self.record_outcome,
            )
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def request(self, payment_id: str, *, wait: float = 3.0, remember: Remember = _forget) -> str:
        """Have the receipt of a paid bill issued; the same one again if it was. Returns the receipt's id.

        Raises NotFoundProblem, and ConflictProblem while nothing is paid or where the channel issues none.
        """

        def unit(conn: Connection) -> tuple[str, Operation | None, ChannelReceiptAsk | None]:
            payment = payment_records.locked(conn, payment_id)
            known = records.live(conn, payment_id)
            if known is not None:
                remember(conn, known.id)
                return known.id, None, None
            if payment.status is not Status.PAID:
                raise ConflictProblem("a receipt is issued for a paid bill", type="payment-not-paid")
            if "receipt" not in self._channels.get(payment.channel).info.capabilities:
                raise ConflictProblem(
                    f"channel {payment.channel} issues no receipts",
                    type="receipt-unsupported",
                    cure="Have it issued by hand at the platform.",
                )
            receipt_id, operation, ask = self._start(conn, payment, claim=True)
            remember(conn, receipt_id)
            return receipt_id, operation, ask

        receipt_id, operation, ask = await self._store.write(unit)
        if operation is not None and ask is not None:
            self._delivery.begin(operation, ask)
            if wait > 0:
                await self._delivery.settled(operation.id, wait)
        return receipt_id

    async def of_payment(self, payment_id: str) -> Receipt:
        """The receipt of a payment, or the last that was refused. Raises NotFoundProblem."""
        receipt = await self._store.read(lambda conn: records.latest(conn, payment_id))
        if receipt is None:
            raise NotFoundProblem(
                "no receipt was asked for yet", cure="Ask for it with POST /v1/payments/{id}/receipt."
            )
        return receipt

    async def live(self, payment_id: str) -> Receipt | None:
        """The receipt of a payment that was not refused."""
        return await self._store.read(lambda conn: records.live(conn, payment_id))

    def file(self, receipt: Receipt) -> bytes:
        """The receipt's file as the platform gave it. Raises NotFoundProblem while there is none."""
        document = receipt.document(self._envelope)
        if document is None:
            raise NotFoundProblem("the receipt is not there yet")
        return document

    async def record_reversal(
        self, payment_id: str, red_code: str, red_number: str, *, by: str, remember: Remember = _forget
    ) -> str:
        """A person had the receipt reversed and says under which red receipt 红票. Refunds that waited are filed."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> str:
            payment = payment_records.locked(conn, payment_id)
            receipt = records.live(conn, payment_id)
            if receipt is None:
                raise NotFoundProblem("this payment has no receipt to reverse")
            remember(conn, receipt.id)
            numbers = {"red_code": red_code, "red_number": red_number}
            if receipt.status is ReceiptStatus.REVERSED and (receipt.red_code, receipt.red_number) == (
                red_code,
                red_number,
            ):
                return receipt.id
            if not records.move(conn, receipt, ReceiptStatus.REVERSED, now, red_by=by, red_at=now, **numbers):
                raise ConflictProblem(
                    f"a receipt that is {receipt.status} cannot be reversed", type="receipt-not-reversible"
                )
            self._emit(conn, payment, "receipt.reversed", **numbers)
            return receipt.id

        receipt_id = await self._store.write(unit)
        self._delivery.wake()
        return receipt_id

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
        """People found out that it was never issued: it is asked for again under a new reference."""
        receipt = records.held(conn, old.subject)
        records.change(conn, receipt, new.created_at, reference=new.reference)

    def payment_paid(self, conn: Connection, event: Event) -> None:
        """Money arrived: ask for the receipt where the channel's profile says so."""
        payment = payment_records.held(conn, event.subject)
        if records.live(conn, event.subject) is not None:
            return
        channel = self._channels.get(payment.channel)
        if channel.keys_of(PaymentKeys).receipt_automatic and "receipt" in channel.info.capabilities:
            self._start(conn, payment, claim=False)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _start(self, conn: Connection, payment: Payment, *, claim: bool) -> tuple[str, Operation, ChannelReceiptAsk]:
        now = to_micros(self._clock.now())
        receipt_id = new_id("rcp")
        if payment.code is None or payment.paid_amount is None:
            raise ValueError(f"{payment.id} is {payment.status}: a receipt is issued for a paid bill")
        ask = ChannelReceiptAsk(
            reference=self._delivery.new_reference(payment.channel),
            code=payment.code,
            amount=payment.paid_amount,
            region=payment.bill(self._envelope).region,
            channel=payment.channel,
        )
        receipt = Receipt(
            id=receipt_id,
            authority=payment.authority,
            payment_id=payment.id,
            channel=payment.channel,
            code=payment.code,
            kind=ReceiptKind(self._channels.get(payment.channel).keys_of(PaymentKeys).receipt_kind),
            status=ReceiptStatus.REQUESTED,
            reference=ask.reference,
            amount=payment.paid_amount,
            created_at=now,
            updated_at=now,
        )
        records.add(conn, receipt)
        self._emit(conn, payment, "receipt.requested")
        operation = self._delivery.enqueue(
            conn,
            action="nontax.receipt",
            channel=payment.channel,
            authority=payment.authority,
            subject=receipt_id,
            request=ask,
            claim=claim,
        )
        return receipt_id, operation, ask

    def _check(self, ask: ChannelReceiptAsk, answer: FiscalReceipt) -> None:
        keys = self._channels.get(ask.channel).keys_of(PaymentKeys)
        profile = ReceiptProfile(signed=keys.receipt_signed, layout=keys.receipt_layout)
        check_receipt(ask, answer, profile, self._roots)

    def record_outcome(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What became of asking for a receipt, in the ledger's transaction."""
        now = to_micros(self._clock.now())
        receipt = records.held(conn, operation.subject)
        payment = payment_records.held(conn, receipt.payment_id)
        match outcome:
            case Done(answer=FiscalReceipt() as issued):
                if records.move(conn, receipt, ReceiptStatus.ISSUED, now, **self._kept(receipt, issued)):
                    numbers = {"receipt_code": issued.receipt_code, "receipt_number": issued.receipt_number}
                    self._emit(conn, payment, "receipt.issued", **numbers)
            case Rejected(reason=reason, code=code):
                if records.move(conn, receipt, ReceiptStatus.REFUSED, now, refusal=reason):
                    self._emit(conn, payment, "receipt.refused", reason=reason, platform_code=code)
            case Doubt(reason=reason):
                records.change(conn, receipt, now, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, payment, "receipt.in_doubt", reason=reason)
            case Absent():
                records.change(conn, receipt, now, in_doubt_since_at=None, doubt_reason=None)
            case Parked(reason=reason):
                records.change(conn, receipt, now, doubt_reason=reason)
                self._emit(conn, payment, "receipt.parked", reason=reason)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _kept(self, receipt: Receipt, issued: FiscalReceipt) -> dict[str, Any]:
        """What is kept of a receipt that was verified: its numbers, its file sealed, who signed."""
        return {
            "receipt_code": issued.receipt_code,
            "receipt_number": issued.receipt_number,
            "check_code": issued.check_code,
            "issued_at": to_micros(issued.issued_at),
            "document_sealed": records.seal_document(self._envelope, receipt.id, issued.document),
            "media_type": issued.media_type,
            "digest": sm3(issued.document),
            "signers": signers(issued.signatures) if issued.signatures else None,
        }

    def _emit(self, conn: Connection, payment: Payment, type: str, **data: Any) -> None:
        """Tell it as part of the payment's story."""
        self._events.emit(
            conn,
            type=type,
            subject=payment.id,
            authority=payment.authority,
            data={
                "decision_number": payment.decision_number,
                "code": payment.code,
                "amount": format_yuan(payment.paid_amount or 0),
                **data,
            },
        )


class ChannelReceiptAsk(ReceiptAsk):
    """What is asked, with the channel whose profile the answer is held against."""

    channel: str


async def _issue(platform: NonTaxPlatform, ask: ChannelReceiptAsk) -> FiscalReceipt:
    return await platform.receipt(ReceiptRequest(reference=ask.reference, code=ask.code))

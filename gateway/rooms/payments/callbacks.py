"""What the platform tells by itself: money, a code, a message that cannot be read. Applied as the message is taken."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery.callbacks import Concerned
from gateway.ports.nontax import CodeNotice, PaymentNotice, UnreadableNotice
from gateway.rooms.payments import records
from gateway.rooms.payments.answers import PlatformAnswers
from gateway.rooms.payments.asks import PlatformAsks
from gateway.words.clock import to_micros


class PlatformCallbacks:
    """Takes authenticated notices, each in the transaction of its message; tells whom it concerns, None for nobody."""

    def __init__(self, base: Foundation, asks: PlatformAsks, answers: PlatformAnswers) -> None:
        self._base = base
        self._asks = asks
        self._answers = answers

    def take_paid(self, conn: Connection, channel: str, notice: PaymentNotice, _exchange_id: str) -> Concerned | None:
        """Apply a notice of money. Money that overtook our answer hurries the question about it."""
        now = to_micros(self._base.clock.now())
        fact = notice.fact.model_copy(update={"bill_reference": notice.bill_reference})
        self._answers.apply_paid(conn, channel, fact, "callback", now)
        owner = records.by_code(conn, channel, notice.fact.code)
        if owner is None:
            if notice.bill_reference is not None:
                self._base.delivery.hurry(conn, channel, reference=notice.bill_reference)
            return None
        return _concerned(conn, owner.payment_id)

    def take_code(self, conn: Connection, channel: str, notice: CodeNotice, _exchange_id: str) -> Concerned | None:
        """A notice says that a code is made, or that none will come: it ends the request, or has it asked about."""
        delivery = self._base.delivery
        if notice.issued is None:
            delivery.hurry(conn, channel, reference=notice.reference)
            asked = records.fetch_code(conn, channel, notice.reference)
            return None if asked is None else _concerned(conn, asked.payment_id)
        ended = delivery.answered(conn, "nontax.issue", channel, notice.reference, notice.issued)
        return None if ended is None else _concerned(conn, ended.subject)

    def take_unreadable(
        self, conn: Connection, channel: str, notice: UnreadableNotice, _exchange_id: str
    ) -> Concerned | None:
        """Ask at once how the bills stand that an unreadable notice seems to be about; None where none is ours.

        One without a code yet is followed faster.
        """
        by_code = None if notice.code is None else records.by_code(conn, channel, notice.code)
        by_number = None if notice.bill_reference is None else records.fetch_code(conn, channel, notice.bill_reference)
        about: Concerned | None = None
        for payment_id in dict.fromkeys(one.payment_id for one in (by_code, by_number) if one is not None):
            payment = records.held(conn, payment_id)
            about = about or Concerned(payment.authority, payment.id)
            if payment.code is None:
                self._base.delivery.hurry(conn, channel, reference=notice.bill_reference)
            else:
                self._asks.how_it_stands(conn, payment, claim=False)
        return about


def _concerned(conn: Connection, payment_id: str) -> Concerned:
    payment = records.held(conn, payment_id)
    return Concerned(payment.authority, payment.id)

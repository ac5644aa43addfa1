"""Money that the platform returned of its own accord: what we had proposed for it ends, so that it goes back once."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Event
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Collection
from gateway.rooms.payments.states import UnforeseenKind
from gateway.rooms.refunds import records
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import RefundOrigin, RefundReason, RefundStatus
from gateway.rooms.refunds.telling import refund_life
from gateway.words.clock import to_micros
from gateway.words.identifiers import new_id

Returned = Literal["known", "ours", "platform", "unmatched"]


class Returns:
    """Take what a statement, or two people, say about money that went back."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._life = refund_life(base)

    def money_returned(
        self,
        conn: Connection,
        channel: str,
        code: str,
        amount: int,
        bank_serial: str,
        at: int,
        number: str | None = None,
    ) -> Returned:
        """A statement says that money went back (fen; ``at`` in microseconds). The same line again has no effect.

        ``number``: the platform's own for this refund. Where it is told, it alone says which one is meant: several may
        go back in a day under one serial, of the same amount too.

        "ours": a refund that was filed. "platform": the platform did it by itself, and what we had proposed for the
        same money is ended. "unmatched": no money of ours fits; a break for a person.
        """
        now = to_micros(self._base.clock.now())
        owner = records.owner_of(conn, channel, code)
        if owner is None:
            return "unmatched"
        payment_records.locked(conn, owner)
        known = records.of_code(conn, channel, code)
        meant = [one for one in known if number is not None and one.number == number]
        if meant and meant[0].amount != amount:
            return "unmatched"
        if meant and meant[0].returned_serial is not None:
            return "known"
        if number is None and any(one.returned_serial == bank_serial for one in known):
            return "known"
        fits = meant or [
            one
            for one in known
            if one.amount == amount and one.returned_serial is None and None in (one.number, number)
        ]
        back: dict[str, Any] = {"returned_serial": bank_serial}
        if number is not None:
            back["number"] = number
        for refund in fits:
            if refund.status is RefundStatus.REFUNDED:
                records.change(conn, refund, now, **back)
                return "ours"
        ended: dict[str, Any] = {**back, "refunded_at": at}
        for refund in fits:
            if refund.status in (RefundStatus.FILED, RefundStatus.APPROVED):
                self._life.move(conn, refund, RefundStatus.REFUNDED, **ended)
                return "ours"
        for refund in fits:
            if refund.status in (RefundStatus.PROPOSED, RefundStatus.CONFIRMED):
                if refund.operation_id is not None:
                    self._base.delivery.cancel(conn, refund.operation_id, "the platform returned the money by itself")
                by_itself: dict[str, Any] = {"origin": RefundOrigin.PLATFORM, "waits_for": None}
                self._life.move(conn, refund, RefundStatus.REFUNDED, tell={"by": "platform"}, **by_itself, **ended)
                return "platform"
        return self._returned_unasked(conn, owner, amount, at, back)

    def is_expected(self, conn: Connection, channel: str, code: str, amount: int, number: str | None) -> bool:
        """Whether a refund like this was asked for (fen): a statement that tells of accepted ones proves no more."""
        asked = (RefundStatus.FILED, RefundStatus.APPROVED, RefundStatus.REFUNDED)
        return any(
            one.amount == amount and one.status in asked and (None in (number, one.number) or number == one.number)
            for one in records.of_code(conn, channel, code)
        )

    def exception_resolved(self, conn: Connection, event: Event) -> None:
        """Two people say that the platform returned this money: nothing of it can be asked for again."""
        if event.data.get("way_out") != "returned_by_platform":
            return
        payment_records.locked(conn, event.subject)
        money = payment_records.fetch_collection(conn, event.data["collection"])
        if money is None or money.payment_id != event.subject:
            return
        left = money.amount - records.going_back(conn, money.id)
        if left > 0:
            at = to_micros(self._base.clock.now())
            self._add_returned(conn, event.subject, money, left, at, exception_id=event.data["exception"])

    def _returned_unasked(
        self, conn: Connection, payment_id: str, amount: int, at: int, back: dict[str, Any]
    ) -> Returned:
        """Money that the platform returned and nobody here had asked for: duplicates first, then whatever fits."""
        came = payment_records.collections_of(conn, payment_id)
        left = {one.id: one.amount - records.going_back(conn, one.id) for one in came}
        fits = [one for one in came if left[one.id] >= amount]
        fits.sort(key=lambda one: (not _was_paid_twice(conn, one), one.amount != amount))
        if not fits:
            return "unmatched"
        money = fits[0]
        odd = payment_records.unresolved_exception(conn, money.id)
        tie = odd.id if odd is not None and left[money.id] == amount else None
        self._add_returned(conn, payment_id, money, amount, at, exception_id=tie, **back)
        return "platform"

    def _add_returned(
        self,
        conn: Connection,
        payment_id: str,
        money: Collection,
        amount: int,
        at: int,
        *,
        exception_id: str | None = None,
        **back: Any,
    ) -> None:
        now = to_micros(self._base.clock.now())
        payment = payment_records.held(conn, payment_id)
        twice = _was_paid_twice(conn, money)
        refund = Refund(
            id=new_id("rfd"),
            authority=payment.authority,
            payment_id=payment.id,
            collection_id=money.id,
            exception_id=exception_id,
            decision_number=payment.decision_number,
            channel=money.channel,
            code=money.code,
            bank_serial=money.bank_serial,
            amount=amount,
            reason=RefundReason.PAID_TWICE if twice else RefundReason.WRONG_PAYMENT,
            explanation="平台自行退回",
            status=RefundStatus.REFUNDED,
            origin=RefundOrigin.PLATFORM,
            refunded_at=at,
            created_at=now,
            updated_at=now,
            **back,
        )
        records.add(conn, refund)
        self._life.begin(conn, refund, by="platform")


def _was_paid_twice(conn: Connection, money: Collection) -> bool:
    return any(odd.kind is UnforeseenKind.PAID_TWICE for odd in payment_records.exceptions_about(conn, money.id))

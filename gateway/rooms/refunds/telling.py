"""The lives of refunds and of exceptions at work: every step is told as part of the story of their payment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.lives import Living
from gateway.foundation.two_persons import Part, Person
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.states import EXCEPTION_LIFE, ExceptionState
from gateway.rooms.refunds import exception_records
from gateway.rooms.refunds.exception_records import ExceptionWithRefund
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import LIFE, RefundStatus
from gateway.words.clock import to_micros
from gateway.words.money import format_yuan

_DECIDED = ("resolution", "reason", "proposed_by", "proposed_name", "confirmed_by", "confirmed_name", "resolved_at")

RefundLife = Living[RefundStatus, Refund]


def refund_life(base: Foundation) -> RefundLife:
    """The life of refunds: each step is told of their payment."""
    return Living(LIFE, base.events, base.clock, _of_refund, subject="payment_id")


def tell_refund(conn: Connection, base: Foundation, refund: Refund, type: str, **data: Any) -> None:
    """Tell of a refund what is no step of its life."""
    told = {**_of_refund(refund), **data}
    base.events.emit(conn, type=type, subject=refund.payment_id, authority=refund.authority, data=told)


def _of_refund(refund: Refund) -> Mapping[str, Any]:
    amount = format_yuan(refund.amount)
    return {"refund": refund.id, "decision_number": refund.decision_number, "amount": amount}


class WaysOut:
    """What two people say about exceptions: proposed, resolved, open again. Moves them, and tells each step."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._life: Living[ExceptionState, ExceptionWithRefund] = Living(
            EXCEPTION_LIFE, base.events, base.clock, _of_exception, subject="payment_id"
        )

    def propose(
        self,
        conn: Connection,
        odd: ExceptionWithRefund,
        way_out: str,
        reason: str,
        by: Person,
        refund: str | None = None,
    ) -> None:
        """One person says what becomes of unforeseen money, in place of what was said before.

        Every proposal is a matter of its own: nobody's part in an earlier one counts here.
        """
        said = {"resolution": way_out, "reason": reason, "proposed_by": by.id, "proposed_name": by.name}
        times = odd.times_proposed + 1
        told = self._told(conn, odd, way_out=way_out, refund=refund)
        self._life.move(conn, odd, ExceptionState.PROPOSED, tell=told, **said, times_proposed=times)
        self._base.two_persons.took_part(conn, f"{odd.id}.{times}", by, Part.PROPOSED)

    def resolve(self, conn: Connection, odd: ExceptionWithRefund, by: Person) -> bool:
        """Another person agrees. False when nothing is proposed any more."""
        now = to_micros(self._base.clock.now())
        agreed = {"confirmed_by": by.id, "confirmed_name": by.name, "resolved_at": now}
        return self._life.move(conn, odd, ExceptionState.RESOLVED, tell=self._told(conn, odd), **agreed)

    def reopen(self, conn: Connection, refund: Refund) -> None:
        """Nothing went back: the exception whose way out this refund was wants another decision."""
        if refund.exception_id is None:
            return
        odd = exception_records.held(conn, refund.exception_id)
        told = self._told(conn, odd, way_out=None, refund=refund.id, was=odd.state.value)
        self._life.move(conn, odd, ExceptionState.OPEN, tell=told, **dict.fromkeys(_DECIDED))

    @staticmethod
    def _told(conn: Connection, odd: ExceptionWithRefund, **more: str | None) -> Mapping[str, Any]:
        return {"decision_number": payment_records.held(conn, odd.payment_id).decision_number, **more}


def _of_exception(odd: ExceptionWithRefund) -> Mapping[str, Any]:
    return {
        "exception": odd.id,
        "collection": odd.collection_id,
        "kind": odd.kind.value,
        "way_out": odd.resolution,
        "refund": odd.refund_id,
    }

"""Exceptions 异常缴款: money that arrived as no bill foresaw. One person proposes the way out, another confirms it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Sent
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Person, require_operator
from gateway.rooms.payments import records
from gateway.rooms.payments.collections import keep
from gateway.rooms.payments.states import BESIDE_THE_BILL, PAYS_IF_KEPT, ExceptionState
from gateway.rooms.refunds import exception_records
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.exception_records import ExceptionDetails, ExceptionFilter, ExceptionWithRefund
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee, RefundProposal, Resolution
from gateway.rooms.refunds.service import OPERATORS, Refunds, words_on
from gateway.rooms.refunds.states import RefundReason, RefundStatus, WayOut
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import clean_text
from gateway.words.money import format_yuan
from gateway.words.saying import said_of, say

__all__ = ["Exceptions", "WayOut"]

_LONGEST = 200  # of a refund's explanation, which goes to the platform
_REASONS = {
    "paid_twice": RefundReason.PAID_TWICE,
    "paid_after_expiry": RefundReason.PAID_AFTER_CANCEL,
    "paid_after_cancel": RefundReason.PAID_AFTER_CANCEL,
    "paid_after_refusal": RefundReason.PAID_AFTER_CANCEL,
    "paid_on_dead_code": RefundReason.PAID_AFTER_CANCEL,
}


class Exceptions:
    """Resolution by two people: ``payment.exception_proposed``, ``payment.exception_resolved``.

    To propose ``refund`` is to propose the refund itself, and to confirm it is to confirm that: in one transaction, so
    that no exception is resolved by a refund that nobody files.
    """

    def __init__(self, base: Foundation, refunds: Refunds) -> None:
        self._base = base
        self.refunds = refunds

    async def propose(self, exception_id: str, ask: Resolution, *, by: Person, once: Once = NEVER) -> None:
        """One operator proposes; payee and documents of a refund may follow, but nobody confirms it without them.

        Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is resolved, Problem 403 for a case system.
        """
        require_operator(by, say("refunds.what_way_out"))
        said = _said(ask.reason)
        if ask.way_out is not WayOut.REFUND and (ask.payee is not None or ask.documents):
            raise InvalidProblem(say("refunds.only_refund"), field="way_out")
        kind = (await self.held(exception_id)).kind
        draft = self.draft(kind, said, by=by, payee=ask.payee, documents=ask.documents)

        def unit(conn: Connection) -> None:
            if ask.way_out is WayOut.REFUND:
                self.propose_refund_in(conn, exception_id, draft)
                return
            self._withdraw(conn, self._undecided(conn, exception_id), by)
            odd = exception_records.held(conn, exception_id)
            self.refunds.ways_out.propose(conn, odd, ask.way_out.value, said, by)

        await self._base.store.write(once.about(exception_id).first(unit))

    def draft(
        self,
        kind: str,
        reason: str,
        *,
        by: Person,
        payee: Payee | None = None,
        documents: Sequence[DocumentInput] = (),
    ) -> Draft:
        """The refund of all the money of an exception of this kind, sealed outside any transaction."""
        ask = RefundProposal(
            reason=_REASONS.get(kind, RefundReason.WRONG_PAYMENT),
            explanation=" ".join(reason.split())[:_LONGEST],
            payee=payee,
            documents=tuple(documents),
        )
        return self.refunds.draft(ask, by=by, said=reason)

    def propose_refund_in(self, conn: Connection, exception_id: str, draft: Draft) -> str:
        """Propose a refund inside a transaction, in place of whatever was proposed before; the refund's id."""
        odd = self._undecided(conn, exception_id)
        if odd.kind not in BESIDE_THE_BILL:
            raise InvalidProblem(
                say("refunds.a_question", kind=odd.kind),
                field="way_out",
            )
        self._withdraw(conn, odd, draft.by)
        return self.refunds.propose_in(conn, odd.payment_id, draft, odd.collection_id)

    async def confirm(self, exception_id: str, *, by: Person, seen: str, wait: float = 3.0, once: Once = NEVER) -> None:
        """Another operator confirms what they saw; a refund is filed.

        Raises NotFoundProblem; Problem 403 for a case system; ConflictProblem: nothing is proposed, it has changed
        since, it is one of those who take part, the refund lacks its payee or documents.
        """
        await self._base.delivery.carry_out(
            lambda conn: self.confirm_in(conn, exception_id, by=by, seen=seen), once.about(exception_id), wait
        )

    def confirm_in(self, conn: Connection, exception_id: str, *, by: Person, seen: str | None) -> Sent | None:
        """``confirm`` inside a transaction. ``seen`` None: it was seen as part of something else, which was checked."""
        odd = exception_records.locked(conn, exception_id)
        if odd.state is not ExceptionState.PROPOSED:
            raise _not_proposed(odd)
        if _is_refund(odd):
            assert odd.refund_id is not None
            return self.refunds.confirm_in(conn, odd.refund_id, by=by, seen=seen)
        two, face = self._base.two_persons, _face(conn, odd)
        shown = two.seen(face) if seen is None else seen
        if not two.confirm(conn, _matter(odd), by, seen=shown, face=face, operators=_operators(odd)):
            return None
        pays = odd.kind in PAYS_IF_KEPT and odd.resolution == WayOut.KEEP.value
        if pays and not keep(conn, self._base.events, odd.payment_id, odd.collection_id):
            raise ConflictProblem(
                say("refunds.bill_not_waiting"),
                type="payment-not-payable",
            )
        self.refunds.ways_out.resolve(conn, odd, by)
        return None

    def confirm_refund_in(
        self, conn: Connection, refund_id: str, *, by: Person, seen: str | None = None
    ) -> Sent | None:
        """Confirm the way out that this refund is, while it still is one. Raises ConflictProblem, as ``confirm_in``."""
        refund = refund_records.held(conn, refund_id)
        still = refund.status in (RefundStatus.PROPOSED, RefundStatus.REFUNDED)
        if not still or refund.exception_id is None:
            raise ConflictProblem(say("refunds.not_proposed"), type="not-proposed", refund=refund_id)
        return self.confirm_in(conn, refund.exception_id, by=by, seen=seen)

    async def held(self, exception_id: str) -> ExceptionWithRefund:
        """One exception. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: exception_records.held(conn, exception_id))

    async def view(self, exception_id: str) -> ExceptionDetails:
        """One exception with what a second person needs. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self._details(conn, exception_records.held(conn, exception_id)))

    async def find(self, wanted: ExceptionFilter) -> list[ExceptionDetails]:
        """Exceptions, newest first."""
        return await self._base.store.read(
            lambda conn: [self._details(conn, odd) for odd in exception_records.find(conn, wanted)]
        )

    async def count(self, wanted: ExceptionFilter) -> int:
        """How many there are, counted up to ``exception_records.MOST``."""
        return await self._base.store.read(lambda conn: exception_records.count(conn, wanted))

    def _details(self, conn: Connection, odd: ExceptionWithRefund) -> ExceptionDetails:
        if odd.state is not ExceptionState.PROPOSED:
            return ExceptionDetails(odd, None, ())
        face, matter = _face(conn, odd), _matter(odd)
        if _is_refund(odd):
            assert odd.refund_id is not None
            matter, refund = odd.refund_id, refund_records.held(conn, odd.refund_id)
            face = self.refunds.face(refund, refund_records.documents(conn, refund.id))
        seen = self._base.two_persons.seen(face)
        return ExceptionDetails(odd, seen, words_on(self._base.two_persons.participants(conn, matter), seen), matter)

    def _undecided(self, conn: Connection, exception_id: str) -> ExceptionWithRefund:
        odd = exception_records.locked(conn, exception_id)
        if odd.state is ExceptionState.RESOLVED:
            raise ConflictProblem(say("refunds.exception_resolved"), type="exception-resolved")
        return odd

    def _withdraw(self, conn: Connection, odd: ExceptionWithRefund, by: Person) -> None:
        """Another way out is proposed: the refund that was is not to be."""
        if odd.refund_id is not None and odd.refund_status is RefundStatus.PROPOSED:
            self.refunds.dismiss_in(conn, odd.refund_id, "another way out was proposed", by=by.id)


def _matter(odd: ExceptionWithRefund) -> str:
    """What two people agree upon: this way out, and not one that was proposed before it."""
    return f"{odd.id}.{odd.times_proposed}"


def _is_refund(odd: ExceptionWithRefund) -> bool:
    """Whether the way out that is proposed is a refund that waits for its second person: then that is the matter."""
    return odd.refund_id is not None and odd.refund_status is RefundStatus.PROPOSED


def _operators(odd: ExceptionWithRefund) -> int:
    """How many operators have a part; a case system may have proposed a refund."""
    return OPERATORS if odd.resolution == WayOut.REFUND.value else 1


def _face(conn: Connection, odd: ExceptionWithRefund) -> dict[str, Any]:
    """What matters of a way out that is no refund still to be confirmed."""
    money = records.fetch_collection(conn, odd.collection_id)
    assert money is not None, "an exception is about money"
    return {
        "id": odd.id,
        "time": odd.times_proposed,
        "kind": odd.kind.value,
        "resolution": odd.resolution,
        "reason": odd.reason,
        "amount": format_yuan(money.amount),
        "refund": odd.refund_id,
    }


def _not_proposed(odd: ExceptionWithRefund) -> ConflictProblem:
    return ConflictProblem(
        say("refunds.exception_state", state=odd.state),
        type="exception-not-proposed",
    )


def _said(reason: str) -> str:
    try:
        said = clean_text(reason, multiline=True).strip()
    except ValueError as problem:
        raise InvalidProblem(said_of(problem), field="reason") from problem
    if not said:
        raise InvalidProblem(say("refunds.reason"), field="reason")
    return said

"""Exceptions 异常缴款: money that arrived as no bill foresaw. One person proposes the way out, another confirms it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from sqlalchemy import Connection

from gateway.foundation.delivery.events import Events
from gateway.foundation.store import Store
from gateway.rooms.payments import records
from gateway.rooms.payments.collections import keep_late
from gateway.rooms.payments.states import BESIDE_THE_BILL, ExceptionState, UnforeseenKind
from gateway.rooms.refunds import exception_records
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.exception_records import ExceptionFilter, ExceptionWithRefund
from gateway.rooms.refunds.filing import Sent
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee, RefundProposal
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.states import RefundReason, RefundStatus
from gateway.rooms.refunds.telling import propose_way_out, resolve_exception, tell_exception
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import clean_text

Remember = Callable[[Connection, str], None]

_LONGEST = 200  # of a refund's explanation, which goes to the platform
_REASONS = {
    "paid_twice": RefundReason.PAID_TWICE,
    "paid_after_expiry": RefundReason.PAID_AFTER_CANCEL,
    "paid_after_cancel": RefundReason.PAID_AFTER_CANCEL,
    "paid_after_refusal": RefundReason.PAID_AFTER_CANCEL,
    "paid_on_dead_code": RefundReason.PAID_AFTER_CANCEL,
}


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class WayOut(StrEnum):
    """What is done with the money: 退付, 收缴入库不退, or it was already returned by the platform.

    ``keep`` lets late money on an expired code pay its bill; other money that is kept pays nothing here.
    """

    REFUND = "refund"
    KEEP = "keep"
    RETURNED_BY_PLATFORM = "returned_by_platform"


WAYS_OUT = {"refund": "退付", "keep": "收缴入库不退", "returned_by_platform": "平台已退回"}

CHINESE = {
    "amount_differs": "金额不符",
    "paid_twice": "重复缴款",
    "paid_after_cancel": "作废后缴款",
    "paid_after_expiry": "缴款码失效后缴款",
    "paid_after_refusal": "缴到平台拒绝的缴款单",
    "paid_on_dead_code": "缴到失效的缴款码",
    "paid_unforeseen": "缴款单尚不能缴款",
    "told_differently": "两处金额说法不一",
}


class Exceptions:
    """Resolution by two people, which the database itself enforces. Emits ``payment.exception_proposed``/``_resolved``.

    To propose ``refund`` is to propose the refund itself, and to confirm it is to confirm that: in one transaction, so
    that no exception is resolved by a refund that nobody files.
    """

    def __init__(self, store: Store, events: Events, clock: Clock, refunds: Refunds) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self.refunds = refunds

    async def propose(
        self,
        exception_id: str,
        way_out: WayOut,
        reason: str,
        *,
        by: str,
        name: str,
        payee: Payee | None = None,
        documents: Sequence[DocumentInput] = (),
        remember: Remember = _forget,
    ) -> None:
        """One person proposes. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is resolved.

        ``payee`` and ``documents`` belong to a refund and may follow; without them it cannot be confirmed.
        """
        said = _said(reason)
        if way_out is not WayOut.REFUND and (payee is not None or documents):
            raise InvalidProblem("only a refund has a payee and documents", field="way_out")
        kind = (await self.get(exception_id)).kind
        draft = self.draft(kind, said, by=by, name=name, payee=payee, documents=documents)

        def unit(conn: Connection) -> None:
            remember(conn, exception_id)
            if way_out is WayOut.REFUND:
                self.propose_refund_in(conn, exception_id, draft)
                records.move_exception(conn, exception_id, ("proposed",), reason=said)
                return
            odd = self._undecided(conn, exception_id)
            self._withdraw(conn, odd, by)
            propose_way_out(conn, self._events, exception_id, way_out.value, said, by=by, name=name)

        await self._store.write(unit)

    def draft(
        self,
        kind: str,
        reason: str,
        *,
        by: str,
        name: str,
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
        return self.refunds.draft(ask, by=by, name=name)

    def propose_refund_in(self, conn: Connection, exception_id: str, draft: Draft) -> str:
        """Propose a refund inside a transaction, in place of whatever was proposed before; the refund's id."""
        odd = self._undecided(conn, exception_id)
        if odd.kind not in BESIDE_THE_BILL:
            raise InvalidProblem(
                f"{odd.kind} is a question about one sum of money, not money too much",
                field="way_out",
                cure="Ask the platform, then keep the money or propose a refund at the payment.",
            )
        self._withdraw(conn, odd, draft.by)
        return self.refunds.propose_in(conn, odd.payment_id, draft, odd.collection_id)

    async def confirm(
        self, exception_id: str, *, by: str, name: str, wait: float = 3.0, remember: Remember = _forget
    ) -> None:
        """Another person confirms; a refund is filed. Raises NotFoundProblem, ConflictProblem.

        ConflictProblem: nothing is proposed, it is the same person, the refund lacks its payee or documents.
        """

        def unit(conn: Connection) -> Sent | None:
            remember(conn, exception_id)
            return self.confirm_in(conn, exception_id, by=by, name=name)

        await self.refunds.send(await self._store.write(unit), wait)

    def confirm_in(self, conn: Connection, exception_id: str, *, by: str, name: str) -> Sent | None:
        """``confirm`` inside a transaction; what it returns is for ``Refunds.send`` once that is committed."""
        odd = exception_records.held(conn, exception_id)
        if odd.state is not ExceptionState.PROPOSED:
            raise _not_proposed(odd)
        if odd.proposed_by == by:
            raise ConflictProblem(
                "money needs two people: whoever proposed the way out cannot confirm it",
                type="second-person-needed",
                cure="Ask a colleague to confirm it.",
            )
        if odd.refund_id is not None and odd.refund_status is RefundStatus.PROPOSED:
            return self.refunds.confirm_in(conn, odd.refund_id, by=by, name=name)
        now = to_micros(self._clock.now())
        if not resolve_exception(conn, exception_id, now, by=by, name=name):
            raise _not_proposed(exception_records.held(conn, exception_id))
        late = odd.kind is UnforeseenKind.PAID_AFTER_EXPIRY and odd.resolution == WayOut.KEEP.value
        if late and not keep_late(conn, self._events, odd.payment_id, odd.collection_id):
            raise ConflictProblem(
                "this bill does not wait for money any more, so the money cannot pay it",
                type="payment-not-payable",
                cure="Give the money back: propose refund.",
            )
        tell_exception(conn, self._events, exception_id, "payment.exception_resolved")
        return None

    def confirm_refund_in(self, conn: Connection, refund_id: str, *, by: str, name: str) -> Sent | None:
        """Confirm the way out that this refund is, while it still is one. Raises ConflictProblem, as ``confirm_in``."""
        refund = refund_records.held(conn, refund_id)
        still = refund.status in (RefundStatus.PROPOSED, RefundStatus.REFUNDED)
        if not still or refund.exception_id is None:
            raise ConflictProblem("the refund is not proposed any more", type="not-proposed", refund=refund_id)
        return self.confirm_in(conn, refund.exception_id, by=by, name=name)

    async def get(self, exception_id: str) -> ExceptionWithRefund:
        """One exception. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: exception_records.held(conn, exception_id))

    async def find(self, narrow: ExceptionFilter) -> list[ExceptionWithRefund]:
        """Exceptions, newest first."""
        return await self._store.read(lambda conn: exception_records.find(conn, narrow))

    def _undecided(self, conn: Connection, exception_id: str) -> ExceptionWithRefund:
        odd = exception_records.held(conn, exception_id)
        if odd.state is ExceptionState.RESOLVED:
            raise ConflictProblem("this exception is resolved", type="exception-resolved")
        return odd

    def _withdraw(self, conn: Connection, odd: ExceptionWithRefund, by: str) -> None:
        """Another way out is proposed: the refund that was is not to be."""
        if odd.refund_id is not None and odd.refund_status is RefundStatus.PROPOSED:
            self.refunds.dismiss_in(conn, odd.refund_id, "another way out was proposed", by=by)


def _not_proposed(odd: ExceptionWithRefund) -> ConflictProblem:
    return ConflictProblem(
        f"this exception is {odd.state}; only a proposed way out can be confirmed",
        type="exception-not-proposed",
        cure="Propose a way out first: POST /v1/exceptions/{id}/resolution.",
    )


def _said(reason: str) -> str:
    try:
        said = clean_text(reason, multiline=True).strip()
    except ValueError as problem:
        raise InvalidProblem(str(problem), field="reason") from problem
    if not said:
        raise InvalidProblem("a way out needs a reason", field="reason")
    return said

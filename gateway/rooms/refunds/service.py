"""Refunds 退付: the gateway files, finance decides. What can be done with them.

Two people: who proposes never confirms, and the database holds that. Only principal goes back, never more than came in;
interest owed on a revoked fine is paid elsewhere and is no business of the platform. Where a receipt covers the money
its red receipt 红票 comes first. A platform may return a duplicate by itself: a statement's refund line then ends
what we had not filed yet, so that nothing goes back twice.

A refund of all that is left of money that came unforeseen is the way out of its exception 异常缴款: proposed with it,
resolved with its confirmation in the same transaction, and open again when finance refuses or somebody dismisses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping

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
from gateway.foundation.delivery.actions import NotYet
from gateway.foundation.store import Store
from gateway.ports.base import Message
from gateway.ports.nontax import NonTaxPlatform, Refund, RefundRequest, RefundState
from gateway.rooms.decisions import EventKind
from gateway.rooms.decisions.records import events_of
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Collection, Payment, Unforeseen
from gateway.rooms.refunds import records
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee, RefundProposal
from gateway.rooms.refunds.states import REQUIRED_DOCUMENTS, Alternatives, RefundReason, RefundStatus, edge, missing
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan

Remember = Callable[[Connection, str], None]
Returned = Literal["known", "ours", "platform", "unmatched"]

_DAY = 24 * 3600.0
_STATES = {
    RefundState.FILED: RefundStatus.FILED,
    RefundState.APPROVED: RefundStatus.APPROVED,
    RefundState.REFUNDED: RefundStatus.REFUNDED,
    RefundState.REFUSED: RefundStatus.REFUSED,
}
_TWICE = frozenset({"paid_twice"})
_LATE = frozenset({"paid_after_cancel", "paid_after_expiry", "paid_on_dead_code", "paid_after_refusal"})

Sent = tuple[Operation, RefundRequest]


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class RefundQuestion(Message):
    """How far a refund is: ``known`` is what was heard last, ``again`` the seconds to wait while that stays so."""

    reference: str
    code: str
    amount: int
    known: RefundState
    again: float


class Refunds:
    """Propose, confirm, file and follow refunds. Registers its actions with delivery."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        clock: Clock,
        *,
        ask_every: float = _DAY,
        required: Mapping[RefundReason, Alternatives] = REQUIRED_DOCUMENTS,
    ) -> None:
        """``ask_every``: seconds between questions to the platform; finance takes days to weeks."""
        self._store = store
        self._delivery = delivery
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._clock = clock
        self._ask_every = ask_every
        self._required = required
        delivery.register(
            Action(
                name="nontax.refund",
                request_model=RefundRequest,
                answer_model=Refund,
                call=_file,
                find=_find_filed,
                check=_check,
                record=self._filed,
            )
        )
        delivery.register(
            Action(
                name="nontax.find_refund",
                request_model=RefundQuestion,
                answer_model=Refund,
                call=_ask,
                check=_check,
                record=self._heard,
                effectful=False,
            )
        )

    # --- for case systems and operators -----------------------------------------------------------------------------

    async def propose(
        self, payment_id: str, ask: RefundProposal, *, by: str, name: str, remember: Remember = _forget
    ) -> str:
        """Propose that money of a payment goes back. Returns the refund's id.

        Raises NotFoundProblem, InvalidProblem for a reason that the record does not bear out, ConflictProblem when
        more would go back than came in.
        """
        draft = self.draft(ask, by=by, name=name)

        def unit(conn: Connection) -> str:
            remember(conn, draft.id)
            return self.propose_in(conn, payment_id, draft)

        return await self._store.write(unit)

    def draft(self, ask: RefundProposal, *, by: str, name: str) -> Draft:
        """Seal what a proposal holds, outside any transaction. Raises InvalidProblem for documents that do not fit."""
        now = to_micros(self._clock.now())
        refund_id = new_id("rfd")
        given = [self._document(refund_id, one, by, now) for one in ask.documents]
        documents = {(one["kind"], one["digest"]): one for one in given}.values()
        return Draft(refund_id, ask, self._sealed_payee(refund_id, ask.payee), tuple(documents), by, name)

    def propose_in(self, conn: Connection, payment_id: str, draft: Draft, collection_id: str | None = None) -> str:
        """``propose`` inside a transaction; ``collection_id`` names the money instead of the bank's serial."""
        now = to_micros(self._clock.now())
        ask = draft.ask
        payment = payment_records.locked(conn, payment_id)
        money = _money(conn, payment_id, ask, collection_id)
        self._bears_out(conn, payment, money, ask.reason)
        left = money.amount - records.going_back(conn, money.id)
        amount = left if ask.amount is None else ask.amount
        if not 0 < amount <= left:
            raise ConflictProblem(
                f"{format_yuan(money.amount)} came in under {money.bank_serial}, of which "
                f"{format_yuan(left)} can still go back",
                type="refund-exceeds-paid",
                field="amount",
                cure="See the refunds of this payment; those refused or dismissed do not count.",
            )
        odd = payment_records.unresolved_exception(conn, money.id) if amount == left else None
        values = {
            "id": draft.id,
            "authority": payment.authority,
            "payment_id": payment_id,
            "collection_id": money.id,
            "exception_id": None if odd is None else odd.id,
            "decision_number": payment.decision_number,
            "channel": money.channel,
            "code": money.code,
            "bank_serial": money.bank_serial,
            "amount": amount,
            "reason": ask.reason.value,
            "explanation": ask.explanation,
            "status": RefundStatus.PROPOSED.value,
            "origin": "filed",
            "payee_sealed": draft.payee,
            "proposed_by": draft.by,
            "proposed_name": draft.name,
            "created_at": now,
            "updated_at": now,
        }
        records.add(conn, **values)
        for document in draft.documents:
            records.add_document(conn, **document)
        self._emit(conn, values, "refund.proposed", reason=ask.reason.value)
        if odd is not None:
            said = {"reason": ask.explanation, "proposed_by": draft.by, "proposed_name": draft.name}
            payment_records.move_exception(
                conn, odd.id, ("open", "proposed"), state="proposed", resolution="refund", **said
            )
            self._tell_exception(conn, values, "payment.exception_proposed")
        return draft.id

    async def name_payee(self, refund_id: str, payee: Payee, *, by: str, name: str) -> None:
        """Say who gets the money, while nobody has confirmed. Whoever does so proposes it: another one confirms."""
        now = to_micros(self._clock.now())
        sealed = self._sealed_payee(refund_id, payee)

        def unit(conn: Connection) -> None:
            row = self._held(conn, refund_id)
            if row["status"] != RefundStatus.PROPOSED.value:
                raise _wrong_state(row, "keeps its payee")
            records.change(conn, refund_id, now, payee_sealed=sealed, proposed_by=by, proposed_name=name)
            if row["exception_id"] is not None:
                payment_records.move_exception(
                    conn, row["exception_id"], ("proposed",), proposed_by=by, proposed_name=name
                )
            self._emit(conn, row, "refund.payee_named")

        await self._store.write(unit)

    async def add_document(
        self, refund_id: str, document: DocumentInput, *, by: str, remember: Remember = _forget
    ) -> None:
        """Add a document to a refund that is not confirmed yet."""
        now = to_micros(self._clock.now())
        values = self._document(refund_id, document, by, now)

        def unit(conn: Connection) -> None:
            remember(conn, refund_id)
            row = self._held(conn, refund_id)
            if row["status"] != RefundStatus.PROPOSED.value:
                raise _wrong_state(row, "takes no more documents")
            if any(
                (one["kind"], bytes(one["digest"])) == (values["kind"], values["digest"])
                for one in records.documents(conn, refund_id)
            ):
                return
            records.add_document(conn, **values)
            records.change(conn, refund_id, now)

        await self._store.write(unit)

    async def confirm(
        self, refund_id: str, *, by: str, name: str, wait: float = 3.0, remember: Remember = _forget
    ) -> None:
        """The second person agrees: the refund is filed, or waits for the red receipt. Raises ConflictProblem."""

        def unit(conn: Connection) -> Sent | None:
            remember(conn, refund_id)
            return self.confirm_in(conn, refund_id, by=by, name=name)

        await self.send(await self._store.write(unit), wait)

    def confirm_in(self, conn: Connection, refund_id: str, *, by: str, name: str) -> Sent | None:
        """``confirm`` inside a transaction; what it returns is for ``send`` once that is committed."""
        now = to_micros(self._clock.now())
        row = self._held(conn, refund_id)
        if row["proposed_by"] == by:
            raise ConflictProblem(
                "a refund is confirmed by somebody else than who proposed it or named the payee",
                type="second-person-needed",
                cure="Have another operator confirm it.",
            )
        wanting = self.wanting(conn, row)
        if "payee" in wanting:
            raise ConflictProblem(
                f"before it can be filed, this is missing: {', '.join(wanting)}",
                type="payee-missing",
                field="payee",
                cure="Say who gets the money: PUT /v1/refunds/{id}/payee.",
                refund=refund_id,
                missing=wanting,
            )
        if wanting:
            raise ConflictProblem(
                f"finance wants to see: {', '.join(wanting)}",
                type="documents-missing",
                field="documents",
                cure="Add them with POST /v1/refunds/{id}/documents.",
                refund=refund_id,
                missing=wanting,
            )
        if not records.move(
            conn, refund_id, RefundStatus.CONFIRMED, now, confirmed_by=by, confirmed_name=name, confirmed_at=now
        ):
            raise _wrong_state(row, "cannot be confirmed")
        self._emit(conn, row, "refund.confirmed")
        if row["exception_id"] is not None:
            settled = {"confirmed_by": by, "confirmed_name": name, "resolved_at": now}
            payment_records.move_exception(conn, row["exception_id"], ("proposed",), state="resolved", **settled)
            self._tell_exception(conn, row, "payment.exception_resolved")
        return self._send(conn, row, now, claim=True)

    async def send(self, sent: Sent | None, wait: float = 3.0) -> None:
        """Begin the call of a refund that was just confirmed, and wait for its outcome, at most ``wait`` seconds."""
        if sent is None:
            return
        operation, request = sent
        self._delivery.begin(operation, request)
        if wait > 0:
            await self._delivery.settled(operation.id, wait)

    def wanting(self, conn: Connection, row: RowMapping) -> list[str]:
        """What a proposed refund still lacks before it can be confirmed: the payee, kinds of documents."""
        if row["status"] != RefundStatus.PROPOSED.value:
            return []
        papers = missing(RefundReason(row["reason"]), records.kinds_given(conn, row["id"]), self._required)
        return [*(["payee"] if row["payee_sealed"] is None else []), *papers]

    async def dismiss(self, refund_id: str, reason: str, *, by: str, remember: Remember = _forget) -> None:
        """Decide against a refund that has not left us. Raises ConflictProblem once it has, or may have."""

        def unit(conn: Connection) -> None:
            remember(conn, refund_id)
            self.dismiss_in(conn, refund_id, reason, by=by)

        await self._store.write(unit)

    def dismiss_in(self, conn: Connection, refund_id: str, reason: str, *, by: str) -> None:
        """``dismiss`` inside a transaction."""
        row = self._held(conn, refund_id)
        operation = row["operation_id"]
        if operation is not None and not self._delivery.cancel(conn, operation, reason):
            raise _wrong_state(row, "has left us, or may have")
        now = to_micros(self._clock.now())
        if not records.move(conn, refund_id, RefundStatus.DISMISSED, now, refusal=reason, waits_for=None):
            raise _wrong_state(row, "cannot be dismissed")
        self._emit(conn, row, "refund.dismissed", reason=reason, by=by)
        self._nothing_went_back(conn, row)

    async def inquire(self, refund_id: str) -> None:
        """Ask the platform now how far a filed refund is, instead of when its turn comes."""

        def unit(conn: Connection) -> str:
            row = self._held(conn, refund_id)
            self._delivery.hurry(conn, row["channel"], subject=refund_id)
            return str(row["channel"])

        self._delivery.wake(await self._store.write(unit))

    async def get(self, refund_id: str) -> RowMapping:
        """One refund's row. Raises NotFoundProblem."""
        row = await self._store.read(lambda conn: records.fetch(conn, refund_id))
        if row is None:
            raise NotFoundProblem("no such refund")
        return row

    def payee(self, row: RowMapping) -> Payee | None:
        """Who gets the money, in clear; None when the platform returned it by itself."""
        if row["payee_sealed"] is None:
            return None
        return Payee.model_validate_json(self._envelope.open(row["payee_sealed"], f"refund|payee|{row['id']}"))

    def file(self, document: RowMapping) -> bytes | None:
        """The file of a document, if it came with one."""
        if document["file_sealed"] is None:
            return None
        return self._envelope.open(document["file_sealed"], f"refund|document|{document['id']}")

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
        """People found out that it was never filed: it is filed again under a new reference.

        Unless the money has gone back meanwhile by another way: it must not go back twice.
        """
        row = self._held(conn, old.subject)
        if row["status"] != RefundStatus.CONFIRMED.value:
            self._delivery.cancel(conn, new.id, f"the refund is {row['status']} meanwhile")
            return
        records.change(conn, old.subject, new.created_at, reference=new.reference, operation_id=new.id)

    def receipt_reversed(self, conn: Connection, event: Event) -> None:
        """A red receipt was recorded, or no receipt was issued after all: file what waited for that."""
        now = to_micros(self._clock.now())
        for row in records.of_payment(conn, event.subject):
            if row["status"] == RefundStatus.CONFIRMED.value and row["waits_for"] == "red_receipt":
                self._send(conn, row, now, claim=False)

    def money_returned(
        self, conn: Connection, channel: str, code: str, amount: int, bank_serial: str, at: int
    ) -> Returned:
        """A statement says that money went back (fen; ``at`` in microseconds). The same line again has no effect.

        "ours": a refund that was filed. "platform": the platform did it by itself, and what we had proposed for the
        same money is ended. "unmatched": no money of ours fits; a break for a person.
        """
        now = to_micros(self._clock.now())
        owner = records.owner_of(conn, channel, code)
        if owner is None:
            return "unmatched"
        payment_records.locked(conn, owner)
        rows = records.of_code(conn, channel, code)
        if any(row["returned_serial"] == bank_serial for row in rows):
            return "known"
        fits = [row for row in rows if row["amount"] == amount and row["returned_serial"] is None]
        ended = {"returned_serial": bank_serial, "refunded_at": at, "in_doubt_since_at": None, "doubt_reason": None}
        for row in fits:
            if row["status"] == RefundStatus.REFUNDED.value:
                records.change(conn, row["id"], now, returned_serial=bank_serial)
                return "ours"
        for row in fits:
            if row["status"] in (RefundStatus.FILED.value, RefundStatus.APPROVED.value):
                records.move(conn, row["id"], RefundStatus.REFUNDED, now, **ended)
                self._emit(conn, row, "refund.refunded")
                return "ours"
        for row in fits:
            if row["status"] in (RefundStatus.PROPOSED.value, RefundStatus.CONFIRMED.value):
                if row["operation_id"] is not None:
                    self._delivery.cancel(conn, row["operation_id"], "the platform returned the money by itself")
                records.move(conn, row["id"], RefundStatus.REFUNDED, now, origin="platform", waits_for=None, **ended)
                self._emit(conn, row, "refund.returned", by="platform")
                return "platform"
        return self._returned_unasked(conn, owner, amount, bank_serial, at, now)

    def exception_resolved(self, conn: Connection, event: Event) -> None:
        """Two people say that the platform returned this money: nothing of it can be asked for again."""
        if event.data.get("way_out") != "returned_by_platform":
            return
        now = to_micros(self._clock.now())
        payment = payment_records.locked(conn, event.subject)
        came = payment_records.collections_of(conn, event.subject)
        money = [one for one in came if one.id == event.data["collection"]]
        if not money:
            return
        left = money[0].amount - records.going_back(conn, money[0].id)
        if left > 0:
            self._add_returned(conn, payment, money[0], left, None, now, now, event.data["exception"])

    def _returned_unasked(
        self, conn: Connection, payment_id: str, amount: int, bank_serial: str, at: int, now: int
    ) -> Returned:
        """Money that the platform returned and nobody here had asked for: duplicates first, then whatever fits."""
        payment = payment_records.held(conn, payment_id)
        money = [
            one
            for one in payment_records.collections_of(conn, payment_id)
            if one.amount - records.going_back(conn, one.id) >= amount
        ]
        money.sort(
            key=lambda one: (not records.exception_kinds(conn, one.id) & _TWICE, one.amount != amount),
            reverse=False,
        )
        if not money:
            return "unmatched"
        odd = payment_records.unresolved_exception(conn, money[0].id)
        whole = odd is not None and money[0].amount - records.going_back(conn, money[0].id) == amount
        tie = odd.id if odd is not None and whole else None
        self._add_returned(conn, payment, money[0], amount, bank_serial, at, now, tie)
        return "platform"

    def _add_returned(
        self,
        conn: Connection,
        payment: Payment,
        money: Collection,
        amount: int,
        bank_serial: str | None,
        at: int,
        now: int,
        exception_id: str | None,
    ) -> None:
        twice = bool(records.exception_kinds(conn, money.id) & _TWICE)
        values = {
            "id": new_id("rfd"),
            "authority": payment.authority,
            "payment_id": payment.id,
            "collection_id": money.id,
            "exception_id": exception_id,
            "decision_number": payment.decision_number,
            "channel": money.channel,
            "code": money.code,
            "bank_serial": money.bank_serial,
            "amount": amount,
            "reason": (RefundReason.PAID_TWICE if twice else RefundReason.WRONG_PAYMENT).value,
            "explanation": "平台自行退回",
            "status": RefundStatus.REFUNDED.value,
            "origin": "platform",
            "returned_serial": bank_serial,
            "refunded_at": at,
            "created_at": now,
            "updated_at": now,
        }
        records.add(conn, **values)
        self._emit(conn, values, "refund.returned", by="platform")

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _filed(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.fetch(conn, operation.subject)
        assert row is not None
        match outcome:
            case Done(answer=Refund() as told, found=found):
                self._follow(conn, row, told, now, found_after_doubt=found)
            case Rejected(reason=reason, code=code):
                if records.move(
                    conn,
                    row["id"],
                    RefundStatus.REFUSED,
                    now,
                    refusal=reason,
                    in_doubt_since_at=None,
                    doubt_reason=None,
                ):
                    self._emit(conn, row, "refund.refused", reason=reason, platform_code=code)
                    self._nothing_went_back(conn, row)
            case Doubt(reason=reason):
                records.change(conn, row["id"], now, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, row, "refund.in_doubt", reason=reason)
            case Absent():
                records.change(conn, row["id"], now, in_doubt_since_at=None, doubt_reason=None)
            case Parked(reason=reason):
                records.change(conn, row["id"], now, doubt_reason=reason)
                self._emit(conn, row, "refund.parked", reason=reason)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _heard(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.fetch(conn, operation.subject)
        assert row is not None
        match outcome:
            case Done(answer=Refund() as told):
                self._follow(conn, row, told, now)
            case Parked() if row["status"] in (RefundStatus.FILED.value, RefundStatus.APPROVED.value):
                self._ask_later(conn, row, RefundState(row["status"].lower()))
            case _:
                pass

    def _follow(self, conn: Connection, row: RowMapping, told: Refund, now: int, **data: Any) -> None:
        """Move along with what finance has decided, and ask again while it has not ended."""
        end = _STATES[told.state]
        clear = {"in_doubt_since_at": None, "doubt_reason": None}
        status = RefundStatus(row["status"])
        if status is RefundStatus.CONFIRMED and records.move(conn, row["id"], RefundStatus.FILED, now, **clear):
            self._emit(conn, row, "refund.filed", **data)
            status = RefundStatus.FILED
        if end is not status:
            step = edge(status, end)
            if status not in (RefundStatus.FILED, RefundStatus.APPROVED):
                self._emit(conn, row, "refund.contradiction", ours=status.value, platform=end.value)
                return
            ended: dict[str, Any] = {}
            if end is RefundStatus.REFUNDED and told.refunded_at is not None:
                ended["refunded_at"] = to_micros(told.refunded_at)
            if end is RefundStatus.REFUSED:
                ended["refusal"] = told.reason or "refused by finance"
            if step is not None and records.move(conn, row["id"], end, now, **clear, **ended):
                self._emit(conn, row, step.event, **({"reason": ended["refusal"]} if "refusal" in ended else {}))
                if end is RefundStatus.REFUSED:
                    self._nothing_went_back(conn, row)
        if told.state in (RefundState.FILED, RefundState.APPROVED):
            again = records.fetch(conn, row["id"])
            assert again is not None
            self._ask_later(conn, again, told.state)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _held(self, conn: Connection, refund_id: str) -> RowMapping:
        """The refund, with its payment held until the end of the transaction. Raises NotFoundProblem."""
        row = records.fetch(conn, refund_id)
        if row is None:
            raise NotFoundProblem("no such refund")
        payment_records.locked(conn, row["payment_id"])
        again = records.fetch(conn, refund_id)
        assert again is not None
        return again

    def _bears_out(self, conn: Connection, payment: Payment, money: Collection, reason: RefundReason) -> None:
        """Whether the record says what the reason says."""
        odd = records.exception_kinds(conn, money.id)
        kinds = {one.kind for one in events_of(conn, payment.decision_id or "")}
        borne = {
            RefundReason.WRONG_PAYMENT: True,
            RefundReason.PAID_TWICE: bool(odd & _TWICE),
            RefundReason.PAID_AFTER_CANCEL: bool(odd & _LATE),
            RefundReason.DECISION_REVOKED: EventKind.REVOKED in kinds,
            RefundReason.DECISION_CHANGED: bool(kinds & {EventKind.CHANGED, EventKind.REVOKED}),
        }
        if not borne[reason]:
            raise InvalidProblem(
                f"the record does not show {reason.value} for the money under {money.bank_serial}",
                field="reason",
                cure="Record the decision's event first, name the bank_serial of the other sum, or use wrong_payment.",
            )

    def _nothing_went_back(self, conn: Connection, row: RowMapping) -> None:
        """Its way out led nowhere: the exception wants another decision."""
        if row["exception_id"] is None:
            return
        undone = dict.fromkeys(
            ("resolution", "reason", "proposed_by", "proposed_name", "confirmed_by", "confirmed_name", "resolved_at")
        )
        for was in ("proposed", "resolved"):
            if payment_records.move_exception(conn, row["exception_id"], (was,), state="open", **undone):
                self._tell_exception(conn, row, "payment.exception_reopened", was=was, refund=row["id"])

    def _tell_exception(self, conn: Connection, row: Any, type: str, **more: str) -> None:
        tell_exception(conn, self._events, payment_records.held_exception(conn, row["exception_id"]), type, **more)

    def _sealed_payee(self, refund_id: str, payee: Payee | None) -> bytes | None:
        if payee is None:
            return None
        return self._envelope.seal(payee.model_dump_json().encode(), f"refund|payee|{refund_id}")

    def _send(self, conn: Connection, row: RowMapping, now: int, *, claim: bool) -> Sent | None:
        """File a confirmed refund, or note what a person must do first."""
        if records.receipt_to_reverse(conn, row["payment_id"], row["collection_id"]) is not None:
            records.change(conn, row["id"], now, waits_for="red_receipt")
            self._emit(conn, row, "refund.waits", waits_for="red_receipt")
            return None
        if "refund" not in self._channels.get(row["channel"]).info.capabilities:
            records.change(conn, row["id"], now, waits_for="person")
            self._emit(conn, row, "refund.waits", waits_for="person")
            return None
        payee = self.payee(row)
        assert payee is not None
        request = RefundRequest(
            reference=self._delivery.new_reference(row["channel"]),
            code=row["code"],
            bank_serial=row["bank_serial"],
            amount=row["amount"],
            reason=row["explanation"],
            payee_name=payee.name,
            payee_account=payee.account,
            payee_bank=payee.bank,
        )
        operation = self._delivery.enqueue(
            conn,
            action="nontax.refund",
            channel=row["channel"],
            authority=row["authority"],
            subject=row["id"],
            request=request,
            claim=claim,
        )
        records.change(conn, row["id"], now, reference=request.reference, operation_id=operation.id, waits_for=None)
        return operation, request

    def _ask_later(self, conn: Connection, row: RowMapping, known: RefundState) -> None:
        question = RefundQuestion(
            reference=row["reference"], code=row["code"], amount=row["amount"], known=known, again=self._ask_every
        )
        self._delivery.enqueue(
            conn,
            action="nontax.find_refund",
            channel=row["channel"],
            authority=row["authority"],
            subject=row["id"],
            request=question,
            not_before=to_micros(self._clock.now()) + int(self._ask_every * 1_000_000),
        )

    def _document(self, refund_id: str, given: DocumentInput, by: str, now: int) -> dict[str, Any]:
        """A document's row. Raises InvalidProblem when digest and file do not belong together."""
        digest = bytes.fromhex(given.digest) if given.digest is not None else None
        if given.file is not None:
            if digest is not None and digest != sm3(given.file):
                raise InvalidProblem("the digest is not the SM3 of the file", field="documents.digest")
            digest = sm3(given.file)
        if digest is None:
            raise InvalidProblem("a document needs its file, or the SM3 digest of it", field="documents.digest")
        document_id = new_id("rdo")
        sealed = None
        if given.file is not None:
            sealed = self._envelope.seal(given.file, f"refund|document|{document_id}")
        return {
            "id": document_id,
            "refund_id": refund_id,
            "kind": given.kind.value,
            "reference": given.reference,
            "digest": digest,
            "file_sealed": sealed,
            "media_type": given.media_type or ("application/octet-stream" if given.file is not None else None),
            "added_by": by,
            "added_at": now,
        }

    def _emit(self, conn: Connection, row: Any, type: str, **data: Any) -> None:
        """Tell it as part of the payment's story."""
        self._events.emit(
            conn,
            type=type,
            subject=row["payment_id"],
            authority=row["authority"],
            data={
                "refund": row["id"],
                "decision_number": row["decision_number"],
                "amount": format_yuan(row["amount"]),
                **data,
            },
        )


def tell_exception(conn: Connection, events: Events, odd: Unforeseen, type: str, **more: str) -> None:
    """Tell what became of an exception, as part of its payment's story."""
    payment = payment_records.held(conn, odd.payment_id)
    events.emit(
        conn,
        type=type,
        subject=odd.payment_id,
        authority=odd.authority,
        data={
            "decision_number": payment.decision_number,
            "exception": odd.id,
            "collection": odd.collection_id,
            "kind": odd.kind.value,
            "way_out": odd.resolution,
            "refund": odd.refund_id,
            **more,
        },
    )


def _money(conn: Connection, payment_id: str, ask: RefundProposal, collection_id: str | None) -> Collection:
    """The sum that is to go back. Raises ConflictProblem when none arrived, InvalidProblem when it is not clear."""
    money = payment_records.collections_of(conn, payment_id)
    if not money:
        raise ConflictProblem("no money has arrived for this payment", type="payment-not-paid")
    if collection_id is not None:
        money = [one for one in money if one.id == collection_id]
    elif ask.bank_serial is not None:
        money = [one for one in money if one.bank_serial == ask.bank_serial]
    elif ask.reason is RefundReason.PAID_TWICE:
        money = [one for one in money if records.exception_kinds(conn, one.id) & _TWICE]
    if len(money) != 1:
        raise InvalidProblem(
            "several sums arrived for this payment" if money else "no such sum arrived for this payment",
            field="bank_serial",
            cure="Name the bank_serial of one of the payment's collections.",
        )
    return money[0]


def _wrong_state(row: RowMapping, words: str) -> ConflictProblem:
    return ConflictProblem(
        f"a refund that is {row['status']} {words}", type="refund-state", refund_status=row["status"]
    )


async def _file(platform: NonTaxPlatform, request: RefundRequest) -> Refund:
    return await platform.refund(request)


async def _find_filed(platform: NonTaxPlatform, request: RefundRequest) -> Refund | None:
    return await platform.find_refund(request.reference)


async def _ask(platform: NonTaxPlatform, question: RefundQuestion) -> Refund:
    found = await platform.find_refund(question.reference)
    if found is None:
        raise ContractError("the platform does not know a refund that it had taken")
    if found.state is question.known:
        raise NotYet(question.again, f"finance has not moved it on from {found.state.value}")
    return found


def _check(request: RefundRequest | RefundQuestion, answer: Refund) -> None:
    """Hold an answer against what was filed. Raises ContractError."""
    if (answer.reference, answer.code, answer.amount) != (request.reference, request.code, request.amount):
        raise ContractError(
            f"the answer is about refund {answer.reference} of {answer.amount} fen on {answer.code}; "
            f"filed was {request.reference} of {request.amount} fen on {request.code}"
        )


def refunded(rows: Sequence[RowMapping]) -> int:
    """Fen that went back, of these refunds."""
    return sum(row["amount"] for row in rows if row["status"] == RefundStatus.REFUNDED.value)

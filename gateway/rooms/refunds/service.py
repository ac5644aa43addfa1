"""Refunds 退付: the gateway files, finance decides. What people do with them.

Two people: who proposes never confirms, and the database holds that. Only principal goes back, never more than came in;
interest owed on a revoked fine is paid elsewhere and is no business of the platform. Where a receipt covers the money
its red receipt 红票 comes first (``filing``). A platform may return a duplicate by itself: a statement's refund line
then ends what we had not filed yet, so that nothing goes back twice (``returns``).

A refund of all that is left of money that came unforeseen is the way out of its exception 异常缴款: proposed with it,
resolved with its confirmation in the same transaction, and open again when finance refuses or somebody dismisses it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import Action, Sent
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Part, Participant, Person, Side, kept_of, require_operator
from gateway.rooms.decisions import EventKind
from gateway.rooms.decisions.records import kinds_of
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Collection, Payment
from gateway.rooms.payments.states import UnforeseenKind
from gateway.rooms.refunds import exception_records, records
from gateway.rooms.refunds.filing import Filing
from gateway.rooms.refunds.proposals import DocumentInput, Draft, Payee, RefundProposal
from gateway.rooms.refunds.records import Refund, RefundDocument, RefundFilter
from gateway.rooms.refunds.returns import Returns
from gateway.rooms.refunds.states import (
    REQUIRED_DOCUMENTS,
    Alternatives,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    WayOut,
    missing_documents,
)
from gateway.rooms.refunds.telling import WaysOut, refund_life, tell_refund
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.money import format_yuan
from gateway.words.saying import say

Of = Container[str] | None
OPERATORS = 2
"""How many operators have a part in a refund before it is filed: money leaves."""
_DAY = 24 * 3600.0
_LATE = frozenset(
    {
        UnforeseenKind.PAID_AFTER_CANCEL,
        UnforeseenKind.PAID_AFTER_EXPIRY,
        UnforeseenKind.PAID_ON_DEAD_CODE,
        UnforeseenKind.PAID_AFTER_REFUSAL,
    }
)


@dataclass(frozen=True)
class RefundDetails:
    """A refund with everything about it. ``missing``: what a proposed one lacks before it can be confirmed.

    ``seen``: what a confirmation sends back, None unless it is proposed; ``confirmations``: names of the operators
    whose word on it counts as it is now. ``officer``: for whom a case system proposed it.
    """

    refund: Refund
    payee: Payee | None
    documents: list[RefundDocument]
    missing: list[str]
    seen: str | None
    confirmations: tuple[str, ...]
    officer: str | None


class Refunds:
    """Propose, confirm and dismiss refunds. ``filing`` is what the platform does with them, ``returns`` without us."""

    def __init__(
        self,
        base: Foundation,
        *,
        ask_every: float = _DAY,
        required: Mapping[RefundReason, Alternatives] = REQUIRED_DOCUMENTS,
    ) -> None:
        """``ask_every``: seconds between questions to the platform; finance takes days to weeks."""
        self._base = base
        self._life = refund_life(base)
        self._required = required
        self.ways_out = WaysOut(base)
        self.filing = Filing(base, self.ways_out, ask_every)
        self.returns = Returns(base)

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to file a refund, and to ask how far it is."""
        return self.filing.actions()

    async def propose(
        self, payment_id: str, ask: RefundProposal, *, by: Person, of: Of = None, once: Once = NEVER
    ) -> str:
        """Propose that money of a payment goes back. Returns the refund's id.

        ``of``: whose records the caller may know. Raises NotFoundProblem, InvalidProblem for a reason that the record
        does not bear out and for a case system that names no officer, ConflictProblem when more would go back than came
        in.
        """
        draft = self.draft(ask, by=by)
        await self._base.store.write(
            once.about(draft.id).first(lambda conn: self.propose_in(conn, payment_id, draft, of=of))
        )
        return draft.id

    def draft(self, ask: RefundProposal, *, by: Person, said: str | None = None) -> Draft:
        """Seal what a proposal holds, outside any transaction. ``said``: the longer words of a way out.

        Raises InvalidProblem for documents that do not fit, and for a case system that names no officer.
        """
        if not by.operator and by.officer is None:
            raise InvalidProblem(
                say("refunds.officer_missing"),
                field="officer",
            )
        refund_id = new_id("rfd")
        given = [_document(self._base, refund_id, one, by.id) for one in ask.documents]
        documents = {(one.kind, one.digest): one for one in given}.values()
        payee = records.seal_payee(self._base.envelope, refund_id, ask.payee)
        return Draft(refund_id, ask, payee, tuple(documents), by, said or ask.explanation)

    def propose_in(
        self, conn: Connection, payment_id: str, draft: Draft, collection_id: str | None = None, *, of: Of = None
    ) -> str:
        """``propose`` inside a transaction; ``collection_id`` names the money instead of the bank's serial."""
        now = to_micros(self._base.clock.now())
        ask = draft.ask
        payment = payment_records.locked(conn, payment_id, of)
        money = _money(conn, payment_id, ask, collection_id)
        check_reason(conn, payment, money, ask.reason)
        left = money.amount - records.going_back(conn, money.id)
        amount = left if ask.amount is None else ask.amount
        if not 0 < amount <= left:
            raise ConflictProblem(
                say(
                    "refunds.more_than_left",
                    amount=format_yuan(money.amount),
                    bank_serial=money.bank_serial,
                    left=format_yuan(left),
                ),
                type="refund-exceeds-paid",
                field="amount",
            )
        odd = exception_records.unresolved(conn, money.id) if amount == left else None
        refund = Refund(
            id=draft.id,
            authority=payment.authority,
            payment_id=payment_id,
            collection_id=money.id,
            exception_id=None if odd is None else odd.id,
            decision_number=payment.decision_number,
            channel=money.channel,
            code=money.code,
            bank_serial=money.bank_serial,
            amount=amount,
            reason=ask.reason,
            explanation=ask.explanation,
            status=RefundStatus.PROPOSED,
            origin=RefundOrigin.FILED,
            payee_sealed=draft.payee,
            proposed_by=draft.by.id,
            proposed_name=draft.by.name,
            created_at=now,
            updated_at=now,
        )
        records.add(conn, refund)
        for document in draft.documents:
            records.add_document(conn, document)
        self._base.two_persons.took_part(conn, refund.id, draft.by, Part.PROPOSED)
        self._life.begin(conn, refund, reason=ask.reason.value)
        if odd is not None:
            self.ways_out.propose(conn, odd, WayOut.REFUND.value, draft.said, draft.by, refund.id)
        return draft.id

    async def name_payee(self, refund_id: str, payee: Payee, *, by: Person, of: Of = None) -> RefundDetails:
        """Say who gets the money, while nobody has confirmed. Whoever does so has a part in it: another one confirms.

        Returns the refund as it is then. ``of``: as in ``propose``. Raises NotFoundProblem, ConflictProblem.
        """
        sealed = records.seal_payee(self._base.envelope, refund_id, payee)

        def unit(conn: Connection) -> RefundDetails:
            refund = records.locked(conn, refund_id, of)
            if refund.status is not RefundStatus.PROPOSED:
                raise _wrong_state(refund, "payee")
            self._base.two_persons.took_part(conn, refund_id, by, Part.NAMED)
            records.change(conn, refund, to_micros(self._base.clock.now()), payee_sealed=sealed)
            tell_refund(conn, self._base, refund, "refund.payee_named")
            return self.look(conn, refund_id)

        return await self._base.store.write(unit)

    async def add_document(
        self, refund_id: str, document: DocumentInput, *, by: Person, of: Of = None, once: Once = NEVER
    ) -> None:
        """Add a document to a refund that is not confirmed yet. Whoever does so has a part in it.

        ``of``: as in ``propose``. Raises NotFoundProblem, InvalidProblem, ConflictProblem.
        """
        made = _document(self._base, refund_id, document, by.id)

        def unit(conn: Connection) -> None:
            refund = records.locked(conn, refund_id, of)
            if refund.status is not RefundStatus.PROPOSED:
                raise _wrong_state(refund, "documents")
            known = {(one.kind, one.digest) for one in records.documents(conn, refund_id)}
            if (made.kind, made.digest) not in known:
                self._base.two_persons.took_part(conn, refund_id, by, Part.ADDED)
                records.add_document(conn, made)
                records.change(conn, refund, to_micros(self._base.clock.now()))

        await self._base.store.write(once.about(refund_id).first(unit))

    async def confirm(
        self, refund_id: str, *, by: Person, seen: str, of: Of = None, wait: float = 3.0, once: Once = NEVER
    ) -> None:
        """A second person agrees to what they saw: the refund is filed, or waits for the red receipt.

        Where a case system proposed it, two operators agree; after the first it stays proposed. ``of``: as in
        ``propose``. Raises NotFoundProblem, ConflictProblem, and Problem 403 for a case system.
        """
        await self._base.delivery.carry_out(
            lambda conn: self.confirm_in(conn, refund_id, by=by, seen=seen, of=of), once.about(refund_id), wait
        )

    def confirm_in(
        self, conn: Connection, refund_id: str, *, by: Person, seen: str | None, of: Of = None
    ) -> Sent | None:
        """``confirm`` inside a transaction. ``seen`` None: it was seen as part of something else, which was checked."""
        refund = records.locked(conn, refund_id, of)
        documents = records.documents(conn, refund_id)
        two, face = self._base.two_persons, self.face(refund, documents)
        shown = two.seen(face) if seen is None else seen
        enough = two.confirm(conn, refund_id, by, seen=shown, face=face, operators=OPERATORS)
        _require_complete(refund, _missing(refund, documents, self._required))
        if refund.status is not RefundStatus.PROPOSED:
            raise _wrong_state(refund, "confirm")
        if not enough:
            return None
        agreed: dict[str, Any] = {
            "confirmed_by": by.id,
            "confirmed_name": by.name,
            "confirmed_at": to_micros(self._base.clock.now()),
        }
        agreed["confirmed_side"] = Side.CONFIRMING.value
        self._life.move(conn, refund, RefundStatus.CONFIRMED, **agreed)
        if refund.exception_id is not None:
            self.ways_out.resolve(conn, exception_records.held(conn, refund.exception_id), by)
        return self.filing.file(conn, records.held(conn, refund_id), claim=True)

    def face(self, refund: Refund, documents: Sequence[RefundDocument]) -> dict[str, Any]:
        """What matters of a refund, by name: what is confirmed is what was seen of this."""
        payee = refund.payee(self._base.envelope)
        return {
            "id": refund.id,
            "exception": refund.exception_id,
            "amount": format_yuan(refund.amount),
            "reason": refund.reason.value,
            "explanation": refund.explanation,
            "payee": None if payee is None else payee.model_dump(),
            "documents": sorted([one.kind.value, one.digest.hex()] for one in documents),
            "code": refund.code,
            "bank_serial": refund.bank_serial,
        }

    async def dismiss(self, refund_id: str, reason: str, *, by: Person, of: Of = None, once: Once = NEVER) -> None:
        """An operator decides against a refund that has not left us.

        ``of``: as in ``propose``. Raises NotFoundProblem, ConflictProblem once it has left, or may have, and Problem
        403 for a case system.
        """
        require_operator(by, say("refunds.what_dismiss"))
        await self._base.store.write(
            once.about(refund_id).first(lambda conn: self.dismiss_in(conn, refund_id, reason, by=by.id, of=of))
        )

    def dismiss_in(self, conn: Connection, refund_id: str, reason: str, *, by: str, of: Of = None) -> None:
        """``dismiss`` inside a transaction."""
        refund = records.locked(conn, refund_id, of)
        if refund.operation_id is not None and not self._base.delivery.cancel(conn, refund.operation_id, reason):
            raise _wrong_state(refund, "left")
        told = {"reason": reason, "by": by}
        if not self._life.move(conn, refund, RefundStatus.DISMISSED, tell=told, refusal=reason, waits_for=None):
            raise _wrong_state(refund, "dismiss")
        self.ways_out.reopen(conn, refund)

    async def inquire(self, refund_id: str, *, of: Of = None) -> RefundDetails:
        """Ask the platform now how far a filed refund is, instead of when its turn comes.

        Returns the refund as it is now. ``of``: as in ``propose``. Raises NotFoundProblem.
        """

        def unit(conn: Connection) -> RefundDetails:
            refund = records.locked(conn, refund_id, of)
            self._base.delivery.hurry(conn, refund.channel, subject=refund_id)
            return self._details(conn, refund)

        found = await self._base.store.write(unit)
        self._base.delivery.wake(found.refund.channel)
        return found

    # --- reading ----------------------------------------------------------------------------------------------------

    async def held(self, refund_id: str) -> Refund:
        """One refund. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: records.held(conn, refund_id))

    async def view(self, refund_id: str) -> RefundDetails:
        """One refund with everything about it. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self.look(conn, refund_id))

    def look(self, conn: Connection, refund_id: str) -> RefundDetails:
        """``view`` inside a query or unit of the caller's."""
        return self._details(conn, records.held(conn, refund_id))

    async def find(self, wanted: RefundFilter) -> list[RefundDetails]:
        """Refunds, newest first."""
        return await self._base.store.read(
            lambda conn: [self._details(conn, one) for one in records.find(conn, wanted)]
        )

    async def of_payment(self, payment_id: str) -> list[RefundDetails]:
        """The refunds of a payment, oldest first."""
        return await self._base.store.read(
            lambda conn: [self._details(conn, one) for one in records.of_payment(conn, payment_id)]
        )

    async def file_of(self, refund_id: str, document_id: str) -> tuple[RefundDocument, bytes]:
        """A document of a refund with its file. Raises NotFoundProblem, also where only its digest was given."""
        for document in await self._base.store.read(lambda conn: records.documents(conn, refund_id)):
            content = document.file(self._base.envelope)
            if document.id == document_id and content is not None:
                return document, content
        raise NotFoundProblem(say("refunds.no_file"))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _details(self, conn: Connection, refund: Refund) -> RefundDetails:
        documents = records.documents(conn, refund.id)
        those = self._base.two_persons.participants(conn, refund.id)
        proposed = refund.status is RefundStatus.PROPOSED
        seen = self._base.two_persons.seen(self.face(refund, documents)) if proposed else None
        return RefundDetails(
            refund=refund,
            payee=refund.payee(self._base.envelope),
            documents=documents,
            missing=_missing(refund, documents, self._required),
            seen=seen,
            confirmations=words_on(those, seen),
            officer=next((one.officer for one in those if one.part is Part.PROPOSED), None),
        )


def _document(base: Foundation, refund_id: str, given: DocumentInput, by: str) -> RefundDocument:
    """A document, its file sealed. Raises InvalidProblem when digest and file do not belong together."""
    digest = bytes.fromhex(given.digest) if given.digest is not None else None
    if given.file is not None:
        if digest is not None and digest != sm3(given.file):
            raise InvalidProblem(say("refunds.digest"), field="documents.digest")
        digest = sm3(given.file)
    if digest is None:
        raise InvalidProblem(say("refunds.file_or_digest"), field="documents.digest")
    document_id = new_id("rdo")
    return RefundDocument(
        id=document_id,
        refund_id=refund_id,
        kind=given.kind,
        reference=given.reference,
        digest=digest,
        file_sealed=records.seal_file(base.envelope, document_id, given.file),
        media_type=given.media_type or ("application/octet-stream" if given.file is not None else None),
        added_by=by,
        added_at=to_micros(base.clock.now()),
    )


def words_on(those: Sequence[Participant], seen: str | None) -> tuple[str, ...]:
    """The names of those who have confirmed what is there now."""
    kept = None if seen is None else kept_of(seen)
    names = (one.name for one in those if one.part is Part.CONFIRMED and one.seen == kept)
    return tuple(dict.fromkeys(names))


def check_reason(conn: Connection, payment: Payment, money: Collection, reason: RefundReason) -> None:
    """Whether the record says what the reason says. Raises InvalidProblem."""
    odd = _unforeseen_kinds(conn, money)
    kinds = kinds_of(conn, payment.decision_id or "")
    shown = {
        RefundReason.WRONG_PAYMENT: True,
        RefundReason.PAID_TWICE: UnforeseenKind.PAID_TWICE in odd,
        RefundReason.PAID_AFTER_CANCEL: bool(odd & _LATE),
        RefundReason.DECISION_REVOKED: EventKind.REVOKED in kinds,
        RefundReason.DECISION_CHANGED: bool(kinds & {EventKind.CHANGED, EventKind.REVOKED}),
    }
    if not shown[reason]:
        raise InvalidProblem(
            say("refunds.reason_not_shown", reason=reason, bank_serial=money.bank_serial),
            field="reason",
        )


def _unforeseen_kinds(conn: Connection, money: Collection) -> frozenset[UnforeseenKind]:
    """What was unforeseen about this money, settled or not."""
    return frozenset(odd.kind for odd in payment_records.exceptions_about(conn, money.id))


def _money(conn: Connection, payment_id: str, ask: RefundProposal, collection_id: str | None) -> Collection:
    """The sum that is to go back. Raises ConflictProblem when none arrived, InvalidProblem when it is not clear."""
    money = payment_records.collections_of(conn, payment_id)
    if not money:
        raise ConflictProblem(say("refunds.no_money"), type="payment-not-paid")
    if collection_id is not None:
        money = [one for one in money if one.id == collection_id]
    elif ask.bank_serial is not None:
        money = [one for one in money if one.bank_serial == ask.bank_serial]
    elif ask.reason is RefundReason.PAID_TWICE:
        money = [one for one in money if UnforeseenKind.PAID_TWICE in _unforeseen_kinds(conn, one)]
    if len(money) != 1:
        raise InvalidProblem(
            say("refunds.several" if money else "refunds.no_such_sum"),
            field="bank_serial",
        )
    return money[0]


def _missing(
    refund: Refund, documents: Sequence[RefundDocument], required: Mapping[RefundReason, Alternatives]
) -> list[str]:
    """What a proposed refund still lacks before it can be confirmed: the payee, kinds of documents."""
    if refund.status is not RefundStatus.PROPOSED:
        return []
    papers = missing_documents(refund.reason, frozenset(one.kind for one in documents), required)
    return [*(["payee"] if refund.payee_sealed is None else []), *papers]


def _require_complete(refund: Refund, missing: list[str]) -> None:
    """Raises ConflictProblem for a proposed refund that lacks its payee or documents."""
    if "payee" in missing:
        raise ConflictProblem(
            say("refunds.payee_missing", missing=missing),
            type="payee-missing",
            field="payee",
            refund=refund.id,
            missing=missing,
        )
    if missing:
        raise ConflictProblem(
            say("refunds.documents_missing", missing=missing),
            type="documents-missing",
            field="documents",
            refund=refund.id,
            missing=missing,
        )


def _wrong_state(refund: Refund, wanted: str) -> ConflictProblem:
    return ConflictProblem(
        say(f"refunds.state_{wanted}", status=refund.status), type="refund-state", refund_status=refund.status.value
    )

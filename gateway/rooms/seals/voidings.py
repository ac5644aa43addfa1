"""Voiding a sealing 用印作废: asked for by one person, confirmed by another, recorded by the seal service and by us.

A signature in circulation does not change: whoever holds the file still holds it. So the service is told, which answers
whoever asks it; a verification here says that the sealing is void; and a record of who voided what, when and why is
signed and kept with the document. The document is VOIDED only once the service has said so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.keys import signer_of
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import Absent, Action, Done, Doubt, Operation, Outcome, Parked, Rejected, Sent
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import columns, reader
from gateway.foundation.two_persons import Part, Person, require_operator
from gateway.ports.base import Message, Pending
from gateway.ports.seal import SealJob, SealService
from gateway.rooms.seals import records
from gateway.rooms.seals.records import SealedDocument
from gateway.rooms.seals.states import LIFE, VOIDING_LIFE, Status, VoidingStatus
from gateway.rooms.seals.tables import seal_voiding
from gateway.words.clock import from_micros, rfc3339, to_micros
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import say

RECORD_KEY: Final = "seal-records"
"""The key pair that signs records of voided sealings."""


class VoidQuery(Message):
    """Void one sealing: ``reference`` is of this effect, ``sealing`` the one under which it was sealed."""

    reference: str
    sealing: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Voiding:
    """One voiding. ``why`` is the reason given by people, ``reason`` the service's no. Instants UTC microseconds.

    ``signed_record`` is canonical JSON of what was done, ``record_signature`` SM2 (DER) over it: both only if VOIDED.
    """

    id: str
    document_id: str
    authority: str
    channel: str
    status: VoidingStatus
    why: str
    signature_digest: bytes
    proposed_by: str
    proposed_name: str
    officer: str | None = None
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    confirmed_at: int | None = None
    operation: str | None = None
    job_id: str | None = None
    reason: str | None = None
    signed_record: bytes | None = None
    record_signature: bytes | None = None
    voided_at: int | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class VoidingSight:
    """A voiding and what its confirmation sends back: None unless it waits for a second person."""

    voiding: Voiding
    seen: str | None


_voiding = reader(Voiding)


class SealVoidings:
    """Voids sealings by the word of two people, and knows which signatures are void."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._life: Living[VoidingStatus, Voiding] = Living(
            VOIDING_LIFE, base.events, base.clock, lambda one: {"voiding": one.id}, subject="document_id"
        )
        self._documents: Living[Status, SealedDocument] = Living(
            LIFE, base.events, base.clock, lambda document: {"decision_number": document.decision_number}
        )

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to have a sealing voided."""
        return (
            Action(
                name="seal.void",
                request_model=VoidQuery,
                answer_model=SealJob,
                call=_void,
                find=_find,
                check=_check,
                record=self._voided,
            ),
        )

    async def propose(self, document_id: str, why: str, *, by: Person, once: Once = NEVER) -> None:
        """Ask for a sealing to be voided. Raises NotFoundProblem, ConflictProblem, InvalidProblem."""
        if not by.operator and by.officer is None:
            raise InvalidProblem(
                say("seals.voiding_officer"),
                field="officer",
            )
        voiding_id, now = new_id("svo"), to_micros(self._base.clock.now())

        def unit(conn: Connection) -> None:
            document = records.fetch_stored(conn, document_id)
            if document is None:
                raise NotFoundProblem(say("seals.none"))
            if _standing(conn, document_id) is not None:
                raise _asked_already()
            if document.status is not Status.SEALED or document.signature is None:
                raise ConflictProblem(
                    say("seals.not_voidable", status=document.status),
                    type="document-not-sealed",
                    document_status=document.status,
                )
            voiding = Voiding(
                id=voiding_id,
                document_id=document_id,
                authority=document.authority,
                channel=document.channel,
                status=VoidingStatus.PROPOSED,
                why=why,
                signature_digest=sm3(document.signature),
                proposed_by=by.id,
                proposed_name=by.name,
                officer=by.officer,
                created_at=now,
                updated_at=now,
            )
            conn.execute(insert(seal_voiding), columns(voiding))
            self._base.two_persons.took_part(conn, voiding_id, by, Part.PROPOSED)
            self._life.begin(conn, voiding, why=why, by=by.name)

        try:
            await self._base.store.write(once.about(document_id).first(unit))
        except IntegrityError as error:
            raise _asked_already() from error

    async def confirm(self, document_id: str, *, by: Person, seen: str, wait: float = 3.0, once: Once = NEVER) -> None:
        """A second person agrees to what they saw: the seal service is told.

        Raises NotFoundProblem, ConflictProblem, and Problem 403 for a case system.
        """

        def unit(conn: Connection) -> Sent:
            voiding, document = self._open(conn, document_id)
            self._base.two_persons.confirm(conn, voiding.id, by, seen=seen, face=_face(voiding, document))
            query = VoidQuery(
                reference=self._base.delivery.new_reference(voiding.channel),
                sealing=document.reference,
                reason=voiding.why,
            )
            operation = self._base.delivery.enqueue(
                conn,
                action="seal.void",
                channel=voiding.channel,
                authority=voiding.authority,
                subject=document_id,
                request=query,
                claim=True,
            )
            agreed = {"confirmed_by": by.id, "confirmed_name": by.name, "operation": operation.id}
            at = to_micros(self._base.clock.now())
            if not self._life.move(
                conn, voiding, VoidingStatus.CONFIRMED, tell={"by": by.name}, confirmed_at=at, **agreed
            ):
                raise _asked_already()
            return Sent(operation, query)

        await self._base.delivery.carry_out(unit, once.about(document_id), wait)

    async def withdraw(self, document_id: str, reason: str, *, by: Person) -> None:
        """Take it back before anybody has confirmed it. Raises NotFoundProblem, and Problem 403 for a case system."""
        require_operator(by, "taking back a voiding")

        def unit(conn: Connection) -> None:
            voiding, _ = self._open(conn, document_id)
            self._base.two_persons.withdraws(conn, voiding.id, by)
            told = {"by": by.name, "reason": reason}
            self._life.move(conn, voiding, VoidingStatus.WITHDRAWN, tell=told, reason=reason)

        await self._base.store.write(unit)

    async def of(self, document_id: str) -> VoidingSight:
        """The latest voiding of a document. Raises NotFoundProblem."""

        def look(conn: Connection) -> VoidingSight:
            voiding, document = _latest(conn, document_id), records.fetch(conn, document_id)
            if voiding is None or document is None:
                raise NotFoundProblem(say("seals.no_voiding"))
            waits = voiding.status is VoidingStatus.PROPOSED
            return VoidingSight(voiding, self._base.two_persons.seen(_face(voiding, document)) if waits else None)

        return await self._base.store.read(look)

    def signed(self, voiding: Voiding) -> dict[str, Any]:
        """The signed record of a voiding. Raises ConflictProblem until the sealing is void."""
        if voiding.signed_record is None or voiding.record_signature is None:
            raise ConflictProblem(say("seals.not_voided", status=voiding.status), type="not-voided")
        signer = signer_of(self._base.keys.publics(RECORD_KEY), voiding.signed_record, voiding.record_signature)
        return {
            "record": json.loads(voiding.signed_record),
            "digest": sm3(voiding.signed_record).hex(),
            "signature": voiding.record_signature.hex(),
            "public_key": (signer or self._base.keys.public(RECORD_KEY)).hex(),
        }

    def renewed(self, conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
        """People found out that the service did not void it: it is asked again under a new reference."""
        voiding = _standing(conn, new.subject)
        assert voiding is not None, "what was confirmed stands"
        conn.execute(_CHANGE, {"one": voiding.id, "operation": new.id, "updated_at": new.created_at})

    # --- inside -------------------------------------------------------------------------------------------------------

    def _open(self, conn: Connection, document_id: str) -> tuple[Voiding, SealedDocument]:
        """What waits for a second person. Raises NotFoundProblem."""
        voiding, document = _standing(conn, document_id), records.fetch(conn, document_id)
        if voiding is None or document is None or voiding.status is not VoidingStatus.PROPOSED:
            raise NotFoundProblem(say("seals.no_voiding_waits"))
        return voiding, document

    def _voided(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What the service said, in the ledger's transaction."""
        voiding, document = _standing(conn, operation.subject), records.fetch(conn, operation.subject)
        assert voiding is not None, "what was confirmed stands"
        assert document is not None, "a document is never deleted"
        match outcome:
            case Done(answer=SealJob() as job):
                at = to_micros(self._base.clock.now())
                record = _record(voiding, document, job, at)
                signature = self._base.keys.sign(RECORD_KEY, record)
                made: dict[str, Any] = {"signed_record": record, "record_signature": signature}
                if self._life.move(conn, voiding, VoidingStatus.VOIDED, voided_at=at, job_id=job.job_id, **made):
                    tell = {"voiding": voiding.id, "seal_id": document.seal_id, "why": voiding.why}
                    self._documents.move(conn, document, Status.VOIDED, tell=tell, reason=voiding.why)
            case Rejected(reason=reason, code=code):
                told = {"reason": reason, "service_code": code}
                self._life.move(conn, voiding, VoidingStatus.REFUSED, tell=told, reason=reason)
            case Doubt() | Absent() | Parked():
                self._life.doubt(conn, voiding, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")


_STANDS = [one.value for one in (VoidingStatus.PROPOSED, VoidingStatus.CONFIRMED, VoidingStatus.VOIDED)]
_OF = select(seal_voiding).where(seal_voiding.c.document_id == bindparam("of")).order_by(seal_voiding.c.id.desc())
_THAT_STANDS = _OF.where(seal_voiding.c.status.in_([constant(one) for one in _STANDS]))
_CHANGE = update(seal_voiding).where(seal_voiding.c.id == bindparam("one"))
_VOID = select(seal_voiding).where(
    seal_voiding.c.signature_digest == bindparam("digest"),
    seal_voiding.c.status == constant(VoidingStatus.VOIDED.value),
)


def void_since(conn: Connection, signature_digest: bytes) -> Voiding | None:
    """The voiding of a signature, by SM3 of its SES_Signature; None where it is not void as far as is known here."""
    row = conn.execute(_VOID, {"digest": signature_digest}).mappings().first()
    return None if row is None else _voiding(row)


def _latest(conn: Connection, document_id: str) -> Voiding | None:
    row = conn.execute(_OF.limit(1), {"of": document_id}).mappings().first()
    return None if row is None else _voiding(row)


def _standing(conn: Connection, document_id: str) -> Voiding | None:
    """The voiding that was neither refused nor taken back."""
    row = conn.execute(_THAT_STANDS.limit(1), {"of": document_id}).mappings().first()
    return None if row is None else _voiding(row)


def _face(voiding: Voiding, document: SealedDocument) -> dict[str, Any]:
    """What two people must agree about."""
    return {
        "voiding": voiding.id,
        "document": document.id,
        "status": document.status.value,
        "title": document.title,
        "seal": document.seal_id,
        "signature": voiding.signature_digest.hex(),
        "why": voiding.why,
    }


def _record(voiding: Voiding, document: SealedDocument, job: SealJob, at: int) -> bytes:
    """What was done, as it is signed: canonical JSON, instants in +08:00, digests SM3 in hexadecimal."""
    content = {
        "voiding": voiding.id,
        "document": document.id,
        "authority": document.authority,
        "decision_number": document.decision_number,
        "title": document.title,
        "seal_id": document.seal_id,
        "seal_name": document.seal_name,
        "sealed_at": None if document.sealed_at is None else rfc3339(from_micros(document.sealed_at)),
        "document_digest": document.digest.hex(),
        "signature_digest": voiding.signature_digest.hex(),
        "why": voiding.why,
        "proposed_by": voiding.proposed_name,
        "officer": voiding.officer,
        "confirmed_by": voiding.confirmed_name,
        "service": {"channel": voiding.channel, "sealing": document.reference, "job": job.job_id, "said": job.reason},
        "voided_at": rfc3339(from_micros(at)),
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _asked_already() -> ConflictProblem:
    return ConflictProblem(
        say("seals.voiding_exists"),
        type="voiding-exists",
    )


async def _void(service: SealService, query: VoidQuery) -> SealJob:
    return await service.void(query.sealing, query.reason)


async def _find(service: SealService, query: VoidQuery) -> SealJob | Pending | None:
    """The sealing's job if it is void by now: a sealing that stands is one that nobody voided."""
    job = await service.find(query.sealing)
    if isinstance(job, Pending):
        return job
    return job if isinstance(job, SealJob) and job.state == "void" else None


def _check(query: VoidQuery, answer: SealJob) -> None:
    if answer.reference != query.sealing or answer.state != "void":
        raise ContractError(f"{answer.reference} is {answer.state}; asked was for {query.sealing} to be void")

"""What can be done with seals 电子印章: list them, have a document sealed, verify a document.

The prepared file is stored before anything is sent and never changes; the service gets its digest only. What comes back
is put into the file and verified by us; only then is the document SEALED.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator
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
from gateway.foundation.delivery.events import timeline
from gateway.foundation.handovers import DataKind, HandsOver
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.ports.base import Message, Pending, Refused
from gateway.ports.seal import ApplyRequest, Placement, SealInfo, SealJob, SealNotice, SealService
from gateway.rooms.decisions import Decision, Decisions, is_revoked
from gateway.rooms.seals import records
from gateway.rooms.seals.anchors import ByAnchor, ByKeyword, place
from gateway.rooms.seals.approvals import Approval
from gateway.rooms.seals.catalogue import Catalogue
from gateway.rooms.seals.files import Sealing
from gateway.rooms.seals.grants import grant_for, today
from gateway.rooms.seals.issuers import Examiner
from gateway.rooms.seals.judging import Judge, Judgement, JudgeQuery, holds
from gateway.rooms.seals.layers import Layers
from gateway.rooms.seals.records import DocumentFilter, SealedDocument, StoredDocument
from gateway.rooms.seals.report import Report, Verdict
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.seams import Across
from gateway.rooms.seals.states import LIFE, Status
from gateway.rooms.seals.stops import refuse_stopped, stop_since
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import clean_text, new_id
from gateway.words.saying import Both, said_of, say
from gateway.words.text import Ask
from gateway.words.wrong import shaped

if TYPE_CHECKING:
    from gateway.rooms.seals.pdf import PdfProfile

LARGEST = 24 * 1024 * 1024
_BESIDE_SEAL = 16 * 1024
"""Room for what a signature holds besides the seal: certificate, digest, signature, a time stamp."""


class SealAsk(Ask):
    """What to seal besides the file: which seal, where, for what, and who approved it 用印审批.

    ``approval`` is one text, ``approval_record`` its parts: one of the two. ``across``: also a seal across
    the edges of pages 骑缝章.
    ``officer``: who uses the seal, by the number of the certificate 执法证号; needed where the seal has grants.
    """

    authority: str = Field(min_length=1, max_length=40)
    seal_id: str = Field(pattern=shaped(r"^[0-9A-Za-z-]{1,32}$", "shapes.seal_id"))
    placements: Annotated[tuple[Placement | ByKeyword | ByAnchor, ...], Field(min_length=1, max_length=50)]
    across: Across | None = None
    title: str = Field(min_length=1, max_length=200)
    approval: str | None = Field(default=None, min_length=1, max_length=200)
    approval_record: Approval | None = None
    decision_number: str | None = Field(default=None, min_length=1, max_length=128)
    officer: str | None = Field(default=None, min_length=3, max_length=40)

    @model_validator(mode="after")
    def _approved(self) -> Self:
        if (self.approval is None) == (self.approval_record is None):
            raise ValueError("send approval as one text, or approval_record in its parts: one of the two")
        return self


class Seals:
    """Seal documents and verify them. ``examiner``: judges a document by what is trusted.

    ``rules``: what may be sealed with which seal, and which approval that needs. ``layers``: signs sealed PDF files
    once more, for readers that know no seals.
    """

    def __init__(
        self,
        base: Foundation,
        decisions: Decisions,
        examiner: Examiner,
        *,
        profile: PdfProfile | None = None,
        rules: SealRules | None = None,
        layers: Layers | None = None,
    ) -> None:
        self._base = base
        self._decisions = decisions
        self._life: Living[Status, SealedDocument] = Living(
            LIFE, base.events, base.clock, lambda document: {"decision_number": document.decision_number}
        )
        self._catalogue = Catalogue(base.store, base.channels)
        self._judge = Judge(base.store, base.envelope, base.clock, base.channels, examiner, layers)
        self._examiner = examiner
        self._profile = profile
        self._rules = rules or SealRules()

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to have a digest sealed, and to judge what came back."""
        return (
            Action(
                name="seal.apply",
                request_model=ApplyRequest,
                answer_model=SealJob,
                call=_apply,
                find=_find,
                check=_check,
                record=self._applied,
                hands_over=_hands_over,
            ),
            Action(
                name="seal.judge",
                request_model=JudgeQuery,
                answer_model=Judgement,
                call=self._judge.judge,
                check=_check,
                record=self._judged,
                effectful=False,
                by_hand=False,
            ),
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def list_seals(self, authority: str) -> tuple[SealInfo, ...]:
        """The seals of an authority, whatever their status. Raises ConflictProblem, UnavailableProblem."""
        return await self._catalogue.all_of(authority)

    async def seal_document(
        self, ask: SealAsk, content: bytes, *, wait: float = 5.0, once: Once = NEVER, asked_by: str | None = None
    ) -> str:
        """Have a PDF or OFD sealed, and give its id; waits up to ``wait`` seconds and never cancels the call.

        One transaction holds the prepared file, its event and the operation. ``once`` joins it.
        Raises InvalidProblem, NotFoundProblem, ConflictProblem, UnavailableProblem.
        """
        from gateway.rooms.seals.pdf import PdfProfile  # what edits PDF is loaded for the first document

        title = _clean(ask.title, "title")
        if not 0 < len(content) <= LARGEST:
            raise InvalidProblem(say("seals.document_size", most=LARGEST), field="document")
        await once.look_first(self._base.store)  # the file is made ready before the unit
        channel = self._catalogue.channel_of(ask.authority)
        decision = await self._decision(ask)
        self._rules.require_fit(ask.seal_id, title, decision)
        record = ask.approval_record
        self._rules.require_approved(record, title, decision, self._base.clock.now())
        approval = record.text if record else _clean(ask.approval or "", "approval")
        info, seal = await self._catalogue.usable(channel, ask.authority, ask.seal_id)
        await self._refuse_broken(content)
        now = self._base.clock.now()
        profile = self._profile or PdfProfile()
        profile = replace(profile, reserve=max(profile.reserve, len(seal.der) + _BESIDE_SEAL))
        size = (seal.width, seal.height)
        places = await asyncio.to_thread(place, content, ask.placements, size, self._examiner.find_words)
        how = Sealing(seal, places, now, profile, ask.across)
        prepared = await asyncio.to_thread(self._examiner.make_ready, content, how)
        document_id = new_id("sdc")
        request = ApplyRequest(
            reference=self._base.delivery.new_reference(channel.name),
            seal_id=ask.seal_id,
            digest=prepared.digest.hex(),
            property_info=prepared.property_info,
            placements=places,
            document_title=title,
            approval=approval,
        )
        document = StoredDocument(
            id=document_id,
            authority=ask.authority,
            decision_id=decision.id if decision else None,
            decision_number=decision.number if decision else None,
            channel=channel.name,
            status=Status.REQUESTED,
            title=title,
            approval=approval,
            approval_record=record,
            seal_id=ask.seal_id,
            seal_name=info.name,
            placements=places,
            shares=prepared.shares,
            property_info=prepared.property_info,
            picture_digest=sm3(seal.picture),
            source_digest=sm3(content),
            digest=prepared.digest,
            gap_start=prepared.start,
            gap_end=prepared.end,
            reference=request.reference,
            operation="",  # known once it is enqueued
            asked_by=asked_by,
            created_at=to_micros(now),
            updated_at=to_micros(now),
            file_sealed=await asyncio.to_thread(records.seal_file, self._base.envelope, document_id, prepared.content),
        )
        unit = partial(self._begin, document=document, request=request, made_at=seal.created_at, officer=ask.officer)
        await self._base.delivery.carry_out(unit, once.about(document_id), wait)
        return document_id

    async def held(self, document_id: str) -> SealedDocument:
        """One document without its file. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self._held(conn, document_id))

    async def view(self, document_id: str) -> tuple[SealedDocument, list[Event]]:
        """One document with its timeline, oldest first. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: self.look(conn, document_id))

    def look(self, conn: Connection, document_id: str) -> tuple[SealedDocument, list[Event]]:
        """``view`` in a query or unit of the caller's."""
        return self._held(conn, document_id), timeline(conn, document_id)

    async def find(self, wanted: DocumentFilter) -> list[SealedDocument]:
        """Documents, newest first, without files."""
        return await self._base.store.read(lambda conn: records.find(conn, wanted))

    async def file(self, document_id: str, *, even_void: bool = False) -> bytes:
        """The sealed file. Raises NotFoundProblem, and ConflictProblem unless it is SEALED.

        ``even_void``: also one that was voided, which is kept as it is.
        """
        document = await self._base.store.read(lambda conn: records.fetch_stored(conn, document_id))
        if document is None:
            raise NotFoundProblem(say("seals.none"))
        fit = (Status.SEALED, Status.VOIDED) if even_void else (Status.SEALED,)
        if document.status not in fit or document.signature is None:
            raise ConflictProblem(
                say("seals.not_sealed", status=document.status),
                type="document-not-sealed",
                document_status=document.status,
            )
        return await asyncio.to_thread(self._judge.sealed_file, document, document.signature)

    def report_of(self, document: SealedDocument) -> Report:
        """What our checks found when it was sealed. Raises ConflictProblem while nothing has come to be judged."""
        if document.report is None:
            raise ConflictProblem(
                say("seals.not_judged", status=document.status),
                type="document-not-sealed",
                document_status=document.status,
            )
        return document.report

    async def verify_document(self, content: bytes) -> Report:
        """Judge any PDF or OFD by our own checks. Raises InvalidProblem for what is neither."""
        return await self._judge.verify(content)

    # --- what happens elsewhere ---------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
        """People found out that nothing was sealed: it is asked for again under a new reference.

        Unless the decision was revoked or the seal stopped meanwhile: then nothing is sealed for it.
        """
        assert new.reference is not None, "an effect has a reference"
        document = self._held(conn, new.subject)
        records.change(conn, document.id, new.created_at, reference=new.reference, operation=new.id)
        why = ""
        if document.decision_id is not None and is_revoked(conn, document.decision_id):
            why = "the decision was revoked; nothing is sealed for it"
        elif stop := stop_since(conn, document.authority, document.seal_id, document.created_at):
            why = f"the seal was stopped meanwhile: {stop.reason}"
        if why:
            self._base.delivery.cancel(conn, new.id, why)
            self._refuse(conn, document, why)

    def take_notice(self, conn: Connection, channel: str, notice: SealNotice, _exchange_id: str) -> None:
        """The service says that a job moved: a hint to ask now."""
        document = records.fetch_by_reference(conn, channel, notice.reference)
        if document is not None and document.status is Status.REQUESTED:
            self._base.delivery.hurry(conn, channel, subject=document.id)

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _applied(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._base.clock.now())
        document = self._held(conn, operation.subject)
        match outcome:
            case Done(answer=SealJob() as job) if job.state in ("pending", "done"):
                query = JudgeQuery(reference=job.reference, document=document.id, asked_at=now)
                judge = self._base.delivery.enqueue(
                    conn,
                    action="seal.judge",
                    channel=operation.channel,
                    authority=operation.authority,
                    subject=document.id,
                    request=query,
                    follows=operation,
                )
                records.change(
                    conn,
                    document.id,
                    now,
                    job_id=job.job_id,
                    signature=job.signature,
                    operation=judge.id,
                    in_doubt_since_at=None,
                    doubt_reason=None,
                )
            case Done(answer=SealJob() as job):
                self._refuse(conn, document, job.reason or f"the job is {job.state}", job_id=job.job_id)
            case Rejected(reason=reason, code=code):
                self._refuse(conn, document, reason, service_code=code)
            case Unsettled():
                self._life.doubt(conn, document, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _judged(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._base.clock.now())
        document = self._held(conn, operation.subject)
        match outcome:
            case Done(answer=Judgement(report=Report() as report) as found):
                kept = records.Change(
                    signature=found.signature,
                    layer=found.layer,
                    report=report.model_dump(mode="json"),
                    job_id=found.job_id,
                )
                stop = stop_since(conn, document.authority, document.seal_id, document.created_at)
                if stop is not None:
                    records.change(conn, document.id, now, **kept)
                    self._refuse(conn, document, f"the seal was stopped meanwhile: {stop.reason}")
                elif not holds(report, layered=found.layer is not None):
                    records.change(conn, document.id, now, **kept)
                    self._refuse(conn, document, report.reason or "our checks were not all made")
                else:
                    tell = {"seal_id": document.seal_id, "signer": found.own.signer if found.own else None}
                    self._life.move(conn, document, Status.SEALED, tell=tell, sealed_at=found.signed_at, **kept)
            case Done(answer=Judgement() as found):
                self._refuse(conn, document, found.reason or f"the job is {found.state}", job_id=found.job_id)
            case Rejected(reason=reason, code=code):
                self._refuse(conn, document, reason, service_code=code)
            case Unsettled():
                self._life.doubt(conn, document, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _refuse(self, conn: Connection, document: SealedDocument, reason: str, **tell: Any) -> None:
        tell = {"reason": reason, "seal_id": document.seal_id, **tell}
        self._life.move(conn, document, Status.REFUSED, tell=tell, reason=reason)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _refuse_broken(self, content: bytes) -> None:
        """Nobody puts a seal beside one that is not valid. Raises InvalidProblem."""
        if b"/ByteRange" not in content and b"Signatures.xml" not in content:
            return
        report = await self.verify_document(content)
        broken = next((one for one in report.seals if one.verdict is Verdict.INVALID), None)
        if broken is not None:
            raise InvalidProblem(
                say("seals.broken_signature", reason=Both(report.why.zh, report.why.en)),
                field="document",
                type="document-not-sealable",
            )

    def _held(self, conn: Connection, document_id: str) -> SealedDocument:
        document = records.fetch(conn, document_id)
        if document is None:
            raise NotFoundProblem(say("seals.none"))
        return document

    def _begin(
        self, conn: Connection, document: StoredDocument, request: ApplyRequest, made_at: datetime, officer: str | None
    ) -> Sent:
        refuse_stopped(conn, document.authority, document.seal_id, made_at)
        seal = (document.authority, document.seal_id)
        grant = grant_for(conn, self._base.envelope, seal, officer, *today(self._base.clock))
        existing = records.live(conn, document.authority, document.source_digest, document.seal_id)
        if existing is not None:
            raise ConflictProblem(
                say("seals.exists"),
                type="sealed-document-exists",
                document=existing,
                location=f"/v1/sealed-documents/{existing}",
            )
        operation = self._base.delivery.enqueue(
            conn,
            action="seal.apply",
            channel=document.channel,
            authority=document.authority,
            subject=document.id,
            request=request,
            claim=True,
        )
        records.add(conn, replace(document, operation=operation.id, grant_id=grant))
        self._life.begin(conn, document, seal_id=document.seal_id)
        return Sent(operation, request)

    async def _decision(self, ask: SealAsk) -> Decision | None:
        if ask.decision_number is None:
            return None
        decision = await self._decisions.get(ask.authority, ask.decision_number)
        if decision.revoked:
            raise ConflictProblem(say("seals.decision_revoked"), type="decision-revoked")
        return decision


def _hands_over(_: ApplyRequest) -> HandsOver:
    """The document stays here, its digest leaves; the approval says who approved."""
    return HandsOver((DataKind.NAME,), "《电子印章管理办法》（国办发〔2025〕33号）")


async def _apply(service: SealService, request: ApplyRequest) -> SealJob | Pending:
    return await service.apply(request)


async def _find(service: SealService, request: ApplyRequest) -> SealJob | Pending | Refused | None:
    return await service.find(request.reference)


def _check(request: ApplyRequest | JudgeQuery, answer: SealJob | Judgement) -> None:
    if answer.reference != request.reference:
        raise ContractError(f"the answer is about {answer.reference}, asked was {request.reference}")


def _clean(text: str, field: str) -> str:
    try:
        return clean_text(text)
    except ValueError as error:
        raise InvalidProblem(said_of(error), field=field) from None

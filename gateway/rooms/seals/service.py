"""What can be done with seals 电子印章: list them, have a document sealed, verify a document.

The prepared file is stored before anything is sent and never changes; the service gets its digest only. What comes back
is put into the file and verified by us; only then is the document SEALED.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field
from sqlalchemy import Connection, RowMapping

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import (
    Absent,
    Action,
    Delivery,
    Done,
    Doubt,
    Events,
    NotYet,
    Operation,
    Outcome,
    Parked,
    Rejected,
)
from gateway.foundation.store import Store
from gateway.ports.base import Message
from gateway.ports.seal import ApplyRequest, Placement, SealInfo, SealJob, SealNotice, SealService
from gateway.rooms.decisions import Decision, Decisions, is_revoked
from gateway.rooms.seals import records
from gateway.rooms.seals.pdf import PdfError, PdfProfile, embed, prepare
from gateway.rooms.seals.ses import Seal, SesError, der_length, read_seal
from gateway.rooms.seals.states import Status
from gateway.rooms.seals.verification import Check, Expected, Report, Trust, verify_pdf
from gateway.words.clock import Clock, from_micros, to_micros
from gateway.words.errors import (
    BusyError,
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    Problem,
    RejectedError,
    UnavailableProblem,
)
from gateway.words.identifiers import clean_text, new_id
from gateway.words.text import Ask

Remember = Callable[[Connection, str], None]
T = TypeVar("T")

PROPERTY_INFO = "/ByteRange"
LARGEST = 24 * 1024 * 1024
_SHORTEST, _LONGEST = 0.2, 600.0
_BESIDE_SEAL = 16 * 1024
"""Room for what a signature holds besides the seal: certificate, digest, signature, a time stamp."""
_SURE: dict[str, Any] = {"in_doubt_since_at": None, "doubt_reason": None}


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class SealAsk(Ask):
    """What to seal besides the file: which seal, where, for what, and who approved it 用印审批."""

    authority: str = Field(min_length=1, max_length=40)
    seal_id: str = Field(pattern=r"^[0-9A-Za-z-]{1,32}$")
    placements: Annotated[tuple[Placement, ...], Field(min_length=1, max_length=50)]
    title: str = Field(min_length=1, max_length=200)
    approval: str = Field(min_length=1, max_length=200)
    decision_number: str | None = Field(default=None, min_length=1, max_length=128)


class JudgeQuery(Message):
    """Fetch the signature of a job if it has not come yet, and judge the document. ``asked_at`` in microseconds."""

    reference: str
    document: str
    asked_at: int


class Judgement(Message):
    """What became of a job: the service refused it, or it signed and this is what our checks found."""

    reference: str
    state: Literal["done", "refused", "void"]
    job_id: str
    reason: str = ""
    signature: bytes | None = None
    signed_at: int | None = None
    report: Report | None = None


class Seals:
    """Seal documents and verify them. Registers its actions with delivery.

    Register ``take_notice`` for seal notices. ``trust``: the roots that seal certificates must lead to.
    """

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        decisions: Decisions,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        clock: Clock,
        trust: Trust,
        *,
        profile: PdfProfile | None = None,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._decisions = decisions
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._clock = clock
        self._trust = trust
        self._profile = profile or PdfProfile()
        delivery.register(
            Action(
                name="seal.apply",
                request_model=ApplyRequest,
                answer_model=SealJob,
                call=_apply,
                find=_find,
                check=_check,
                record=self._applied,
            )
        )
        delivery.register(
            Action(
                name="seal.judge",
                request_model=JudgeQuery,
                answer_model=Judgement,
                call=self._judge,
                check=_check,
                record=self._judged,
                effectful=False,
                by_hand=False,
            )
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def list_seals(self, authority: str) -> tuple[SealInfo, ...]:
        """The seals of an authority, whatever their status. Raises ConflictProblem, UnavailableProblem."""
        channel = self._route(authority)
        owner = await self._owner(authority)
        return await _asked(channel, lambda service: service.list_seals(owner))

    async def seal_document(self, ask: SealAsk, pdf: bytes, *, wait: float = 5.0, remember: Remember = _forget) -> str:
        """Have a PDF sealed; waits up to ``wait`` seconds for the end, and never cancels the call. Returns the id.

        One transaction holds the prepared file, its event and the operation. ``remember(conn, document_id)`` joins it.
        Raises InvalidProblem, NotFoundProblem, ConflictProblem, UnavailableProblem.
        """
        title, approval = _clean(ask.title, "title"), _clean(ask.approval, "approval")
        if not 0 < len(pdf) <= LARGEST:
            raise InvalidProblem(f"a document has 1 to {LARGEST} bytes", field="document")
        channel = self._route(ask.authority)
        decision = await self._decision(ask)
        info, seal = await self._usable_seal(channel, ask)
        now = self._clock.now()
        profile = replace(self._profile, reserve=max(self._profile.reserve, len(seal.der) + _BESIDE_SEAL))
        prepared = await asyncio.to_thread(
            prepare, pdf, seal.picture, ask.placements, at=now, name=seal.name, profile=profile
        )
        document_id = new_id("sdc")
        request = ApplyRequest(
            reference=self._delivery.new_reference(channel.name),
            seal_id=ask.seal_id,
            digest=prepared.digest.hex(),
            property_info=PROPERTY_INFO,
            placements=ask.placements,
            document_title=title,
            approval=approval,
        )
        values = {
            "id": document_id,
            "authority": ask.authority,
            "decision_id": decision.id if decision else None,
            "decision_number": decision.number if decision else None,
            "channel": channel.name,
            "status": Status.REQUESTED.value,
            "title": title,
            "approval": approval,
            "seal_id": ask.seal_id,
            "seal_name": info.name,
            "placements": [place.model_dump() for place in ask.placements],
            "property_info": PROPERTY_INFO,
            "picture_digest": sm3(seal.picture),
            "source_digest": sm3(pdf),
            "digest": prepared.digest,
            "file_sealed": await asyncio.to_thread(self._envelope.seal, prepared.content, _context(document_id)),
            "gap_start": prepared.start,
            "gap_end": prepared.end,
            "reference": request.reference,
            "created_at": to_micros(now),
            "updated_at": to_micros(now),
        }
        operation = await self._store.write(lambda conn: self._begin(conn, values, request, remember))
        self._delivery.begin(operation, request)
        if wait > 0:
            await self._settled(document_id, operation.id, wait)
        return document_id

    async def get(self, document_id: str) -> RowMapping:
        """One document's row without its file. Raises NotFoundProblem."""
        row = await self._store.read(lambda conn: records.describe(conn, document_id))
        if row is None:
            raise NotFoundProblem("no such sealed document")
        return row

    async def file(self, document_id: str) -> bytes:
        """The sealed file. Raises NotFoundProblem, and ConflictProblem unless it is SEALED."""
        row = await self._store.read(lambda conn: records.fetch(conn, document_id))
        if row is None:
            raise NotFoundProblem("no such sealed document")
        if row["status"] != Status.SEALED.value:
            raise ConflictProblem(
                f"the document is {row['status']}; only a sealed one can be fetched",
                type="document-not-sealed",
                document_status=row["status"],
            )
        return await asyncio.to_thread(self._sealed_file, row, row["signature"])

    async def verify_document(self, pdf: bytes) -> Report:
        """Judge any PDF by our own checks. What is not a sealed document is simply not valid."""
        return await asyncio.to_thread(verify_pdf, pdf, self._trust, self._clock.now())

    # --- what happens elsewhere ---------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
        """People found out that nothing was sealed: it is asked for again under a new reference.

        Unless the decision was revoked meanwhile: then nothing is sealed for it.
        """
        row = records.describe(conn, new.subject)
        assert row is not None
        now = new.created_at
        records.change(conn, row["id"], now, reference=new.reference, operation=new.id)
        if row["decision_id"] is not None and is_revoked(conn, row["decision_id"]):
            why = "the decision was revoked; nothing is sealed for it"
            self._delivery.cancel(conn, new.id, why)
            self._refuse(conn, row, why, now)

    def take_notice(self, conn: Connection, channel: str, notice: SealNotice, _exchange_id: str) -> None:
        """The service says that a job moved: a hint to ask now."""
        row = records.by_reference(conn, channel, notice.reference)
        if row is not None and row["status"] == Status.REQUESTED.value:
            self._delivery.hurry(conn, channel, subject=row["id"])

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _applied(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.describe(conn, operation.subject)
        assert row is not None
        match outcome:
            case Done(answer=SealJob() as job) if job.state in ("pending", "done"):
                query = JudgeQuery(reference=job.reference, document=row["id"], asked_at=now)
                judge = self._delivery.enqueue(
                    conn,
                    action="seal.judge",
                    channel=operation.channel,
                    authority=operation.authority,
                    subject=row["id"],
                    request=query,
                )
                kept = {"job_id": job.job_id, "signature": job.signature, "operation": judge.id}
                records.change(conn, row["id"], now, **kept, **_SURE)
            case Done(answer=SealJob() as job):
                self._refuse(conn, row, job.reason or f"the job is {job.state}", now, job_id=job.job_id)
            case Rejected(reason=reason, code=code):
                self._refuse(conn, row, reason, now, service_code=code)
            case _:
                self._doubt(conn, row, outcome, now)

    def _judged(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        now = to_micros(self._clock.now())
        row = records.describe(conn, operation.subject)
        assert row is not None
        match outcome:
            case Done(answer=Judgement(report=Report() as report) as found):
                kept = {"signature": found.signature, "report": report.model_dump(mode="json"), "job_id": found.job_id}
                if not report.valid:
                    records.change(conn, row["id"], now, **kept)
                    self._refuse(conn, row, report.reason or "our checks were not all made", now)
                elif records.move(conn, row["id"], Status.SEALED, now, sealed_at=found.signed_at, **kept):
                    self._emit(conn, row, "sealed_document.sealed", seal_id=row["seal_id"], signer=report.signer)
            case Done(answer=Judgement() as found):
                self._refuse(conn, row, found.reason or f"the job is {found.state}", now, job_id=found.job_id)
            case Rejected(reason=reason, code=code):
                self._refuse(conn, row, reason, now, service_code=code)
            case _:
                self._doubt(conn, row, outcome, now)

    def _refuse(self, conn: Connection, row: RowMapping, reason: str, now: int, **data: Any) -> None:
        if records.move(conn, row["id"], Status.REFUSED, now, reason=reason):
            self._emit(conn, row, "sealed_document.refused", reason=reason, seal_id=row["seal_id"], **data)

    def _doubt(self, conn: Connection, row: RowMapping, outcome: Outcome, now: int) -> None:
        match outcome:
            case Doubt(reason=reason):
                records.change(conn, row["id"], now, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, row, "sealed_document.in_doubt", reason=reason)
            case Absent():
                records.change(conn, row["id"], now, **_SURE)
            case Parked(reason=reason):
                records.change(conn, row["id"], now, doubt_reason=reason)
                self._emit(conn, row, "sealed_document.parked", reason=reason)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    # --- judging ------------------------------------------------------------------------------------------------------

    async def _judge(self, service: SealService, query: JudgeQuery) -> Judgement:
        """Fetch what is missing, then judge in a thread. NotYet while the service has not decided."""
        row = await self._store.read(lambda conn: records.fetch(conn, query.document))
        assert row is not None
        der, job_id = row["signature"], row["job_id"] or ""
        if der is None:
            job = await service.find(query.reference)
            if job is None:
                raise ContractError("the service no longer knows a job that it had accepted")
            if job.state == "pending":
                raise NotYet(self._pause(query.asked_at), "the service has not decided yet")
            if job.state != "done" or job.signature is None:
                state: Literal["refused", "void"] = "void" if job.state == "void" else "refused"
                return Judgement(
                    reference=query.reference, state=state, job_id=job.job_id, reason=job.reason or "no signature came"
                )
            der, job_id = job.signature, job.job_id
        info = await service.seal_status(row["seal_id"])
        status = "unknown to the service" if info is None else info.status
        report = await asyncio.to_thread(self._examine, row, bytes(der), status)
        signed_at = None if report.signed_at is None else to_micros(datetime.fromisoformat(report.signed_at))
        return Judgement(
            reference=query.reference,
            state="done",
            job_id=job_id,
            signature=bytes(der),
            signed_at=signed_at,
            report=report,
        )

    def _examine(self, row: RowMapping, der: bytes, status: str) -> Report:
        now = self._clock.now()
        expected = Expected(
            seal_id=row["seal_id"],
            picture_digest=bytes(row["picture_digest"]),
            property_info=row["property_info"],
            between=(from_micros(row["created_at"]), now),
            status=status,
        )
        try:
            der_length(der)  # once it stands in the file, zeros behind it could pass for what was cut off
            sealed = self._sealed_file(row, der)
        except (PdfError, SesError) as error:
            return Report(valid=False, checks=(Check(name="structure", outcome="failed", detail=str(error)),))
        return verify_pdf(sealed, self._trust, now, expected=expected)

    def _sealed_file(self, row: RowMapping, der: bytes) -> bytes:
        content = self._envelope.open(bytes(row["file_sealed"]), _context(row["id"]))
        return embed(content, row["gap_start"], row["gap_end"], bytes(der))

    def _pause(self, asked_at: int) -> float:
        """Seconds until it is worth asking again: a third of the time waited so far, within limits."""
        waited = (to_micros(self._clock.now()) - asked_at) / 1_000_000
        return min(_LONGEST, max(_SHORTEST, waited / 3))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _begin(self, conn: Connection, values: dict[str, Any], request: ApplyRequest, remember: Remember) -> Operation:
        remember(conn, values["id"])
        existing = records.live(conn, values["authority"], values["source_digest"], values["seal_id"])
        if existing is not None:
            raise ConflictProblem(
                "this file is sealed with this seal already, or about to be",
                type="sealed-document-exists",
                cure="Use the existing one.",
                document=existing,
                location=f"/v1/sealed-documents/{existing}",
            )
        operation = self._delivery.enqueue(
            conn,
            action="seal.apply",
            channel=values["channel"],
            authority=values["authority"],
            subject=values["id"],
            request=request,
            claim=True,
        )
        records.add(conn, {**values, "operation": operation.id})
        self._emit(conn, values, "sealed_document.requested", seal_id=values["seal_id"])
        return operation

    async def _settled(self, document_id: str, operation_id: str, seconds: float) -> None:
        """Wait for the application, then for the judgement that follows it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while await self._delivery.settled(operation_id, max(0.0, until - loop.time())) is not None:
            latest = (await self.get(document_id))["operation"]
            if latest == operation_id:
                return
            operation_id = latest

    async def _decision(self, ask: SealAsk) -> Decision | None:
        if ask.decision_number is None:
            return None
        decision = await self._decisions.get(ask.authority, ask.decision_number)
        if decision.revoked:
            raise ConflictProblem("this decision was revoked; nothing is sealed for it", type="decision-revoked")
        return decision

    async def _usable_seal(self, channel: Channel, ask: SealAsk) -> tuple[SealInfo, Seal]:
        """The seal as the service knows it, and as its SESeal describes it."""
        info = await _asked(channel, lambda service: service.seal_status(ask.seal_id))
        if info is None or info.owner_code != await self._owner(ask.authority):
            raise InvalidProblem(
                "the authority has no such seal",
                field="seal_id",
                type="unknown-seal",
                cure="Choose from GET /v1/seals.",
            )
        if info.status != "active" or info.eseal is None:
            raise ConflictProblem(f"the seal is {info.status}", type="seal-not-usable", seal_status=info.status)
        try:
            seal = read_seal(info.eseal)
        except SesError as error:
            raise UnavailableProblem(
                f"the seal service describes this seal in a way that cannot be read: {error}",
                type="seal-not-usable",
                cure="Have an operator look at the exchange.",
            ) from error
        if seal.seal_id != info.seal_id:
            raise UnavailableProblem(
                "the seal service gave another seal than the one asked for",
                type="seal-not-usable",
                cure="Have an operator look at the exchange.",
            )
        return info, seal

    async def _owner(self, authority: str) -> str:
        code = await self._store.read(lambda conn: records.owner_code(conn, authority))
        if code is None:
            raise NotFoundProblem("no such authority")
        return code

    def _route(self, authority: str) -> Channel:
        channels = self._channels.route(authority, "seals")
        if not channels:
            raise ConflictProblem(
                f"no channel seals documents for authority {authority}",
                type="no-channel",
                cure='Add a [[routes]] block with capability = "seals" to the settings.',
            )
        return channels[0]

    def _emit(self, conn: Connection, row: Any, type: str, **data: Any) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=row["id"],
            authority=row["authority"],
            data={"decision_number": row["decision_number"], **data},
        )


async def _apply(service: SealService, request: ApplyRequest) -> SealJob:
    return await service.apply(request)


async def _find(service: SealService, request: ApplyRequest) -> SealJob | None:
    return await service.find(request.reference)


def _check(request: ApplyRequest | JudgeQuery, answer: SealJob | Judgement) -> None:
    if answer.reference != request.reference:
        raise ContractError(f"the answer is about {answer.reference}, asked was {request.reference}")


async def _asked(channel: Channel, question: Callable[[Any], Awaitable[T]]) -> T:
    """A question that a request waits for. Raises Problems only."""
    try:
        return await question(channel.adapter)
    except ExchangeError as error:
        raise _problem(error) from error


def _problem(error: ExchangeError) -> Problem:
    """What a caller is told of a question that failed."""
    match error:
        case RejectedError():
            return InvalidProblem(error.reason, type="rejected-by-seal-service", code=error.code)
        case BusyError():
            return UnavailableProblem(
                "the seal service is busy",
                type="seal-service-busy",
                cure="Repeat the request a little later.",
                retry_after=math.ceil(error.retry_after or 5.0),
            )
        case ContractError():
            return UnavailableProblem(
                "the seal service's answer cannot be trusted",
                type="seal-service-answer-broken",
                cure="Have an operator look at the exchange; nothing of the answer was taken over.",
            )
        case _:
            return UnavailableProblem(
                "the seal service cannot be reached, or does not let us in",
                type="seal-service-unreachable",
                cure="Repeat the request later; nothing was sealed.",
            )


def _clean(text: str, field: str) -> str:
    try:
        return clean_text(text)
    except ValueError as error:
        raise InvalidProblem(str(error), field=field) from None


def _context(document_id: str) -> str:
    return f"sealed_document|file|{document_id}"

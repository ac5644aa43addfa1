"""What a seal service gave, judged: the signature is fetched, put into the file, and verified by our own checks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Literal

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import NotYet
from gateway.foundation.store import Store
from gateway.ports.base import Message, Pending, Refused
from gateway.ports.seal import SealInfo, SealService
from gateway.rooms.seals import records
from gateway.rooms.seals.files import give_signature
from gateway.rooms.seals.issuers import Examiner
from gateway.rooms.seals.layers import Layers
from gateway.rooms.seals.ofd import OfdError
from gateway.rooms.seals.records import StoredDocument
from gateway.rooms.seals.report import Check, Report, SealReport, Verdict, Words
from gateway.rooms.seals.ses import SesError, der_length
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.standing import Standing, not_asked, with_standing
from gateway.rooms.seals.verification import format_of
from gateway.rooms.seals.voidings import void_since
from gateway.words.clock import Clock, from_micros, rfc3339, to_micros
from gateway.words.errors import ContractError, ExchangeError, InvalidProblem, RejectedError, UnusableError
from gateway.words.saying import say

_SHORTEST, _LONGEST = 0.2, 600.0


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
    layer: bytes | None = None

    @property
    def own(self) -> SealReport | None:
        """What was found of the seal that was asked for: the last signature, or the one before our own layer."""
        return None if self.report is None else own_of(self.report, layered=self.layer is not None)


class Judge:
    """Fetches what is missing of a document, and says what our checks found. Changes nothing."""

    def __init__(
        self,
        store: Store,
        envelope: Envelope,
        clock: Clock,
        channels: Channels,
        examiner: Examiner,
        layers: Layers | None = None,
    ) -> None:
        self._store = store
        self._envelope = envelope
        self._clock = clock
        self._channels = channels
        self._examiner = examiner
        self._layers = layers

    async def verify(self, content: bytes) -> Report:
        """Judge any document in a child process, and ask the seal services that we know about its seals.

        A sealing that was voided here is 无效, though its signature has not changed.

        Raises InvalidProblem for what is neither PDF nor OFD.
        """
        if format_of(content) is None:
            raise InvalidProblem(
                say("seals.other_file"),
                field="document",
                type="unsupported-document-type",
            )
        report = await self._examiner.examine(content, self._clock.now())
        seals = tuple([await self._unless_void(await self._asked(one)) for one in report.seals])
        return report.model_copy(update={"seals": seals})

    async def _asked(self, seal: SealReport) -> SealReport:
        """The report with what the issuer of the seal says, where a channel knows the seal."""
        if seal.seal_id is None:
            return seal
        for channel in self._channels.all():
            if not isinstance(channel.adapter, SealService):
                continue
            try:
                info = await channel.adapter.seal_status(seal.seal_id)
            except ExchangeError as error:
                return not_asked(seal, "印章服务无应答", f"the seal service {channel.name} did not answer: {error}")
            if info is not None:
                return with_standing(seal, standing_of(info).model_copy(update={"source": channel.name}))
        return seal

    async def _unless_void(self, seal: SealReport) -> SealReport:
        """The report, with a check that failed where two people had this sealing voided here."""
        if seal.signature_digest is None:
            return seal
        digest = bytes.fromhex(seal.signature_digest)
        voiding = await self._store.read(lambda conn: void_since(conn, digest))
        if voiding is None or voiding.voided_at is None:
            return seal
        at = rfc3339(from_micros(voiding.voided_at))
        reason = Words(zh=f"已于 {at} 作废：{voiding.why}", en=f"voided on {at}: {voiding.why}")
        check = Check(name="not_void", result="failed", reason=reason, source=voiding.id, required=True)
        return seal.model_copy(update={"checks": (*seal.checks, check)})

    async def judge(self, service: SealService, query: JudgeQuery) -> Judgement:
        """Fetch the signature if it has not come, then judge in a thread. NotYet while the service has not decided."""
        document = await self._store.read(lambda conn: records.fetch_stored(conn, query.document))
        assert document is not None
        der, job_id = document.signature, document.job_id or ""
        if der is None:
            job = await service.find(query.reference)
            if job is None:
                raise ContractError("the service no longer knows a job that it had accepted")
            if isinstance(job, Refused):
                return Judgement(reference=query.reference, state="refused", job_id=job_id, reason=job.reason)
            if isinstance(job, Pending) or job.state == "pending":
                raise NotYet(self._pause(query.asked_at), "the service has not decided yet")
            if job.state != "done" or job.signature is None:
                state: Literal["refused", "void"] = "void" if job.state == "void" else "refused"
                return Judgement(
                    reference=query.reference, state=state, job_id=job.job_id, reason=job.reason or "no signature came"
                )
            der, job_id = job.signature, job.job_id
        info = await service.seal_status(document.seal_id)
        report = await self._examine(document, der, info)
        if any(one.name == "revocation" and one.required and one.result == "not_made" for one in report.every_check):
            raise NotYet(self._pause(query.asked_at), f"a certificate's status is not known yet: {report.why.en}")
        own, layer = own_of(report), None
        told = own.signed_at if own else None
        signed_at = None if told is None else to_micros(datetime.fromisoformat(told))
        if self._layers and report.format == "pdf" and self._layers.wanted(document.authority) and holds(report):
            layer = await self._layer(self._layers, document, der, self._pause(query.asked_at))
            report = await self._examine(replace(document, layer=layer), der, info)
            if not holds(report, layered=True):
                raise UnusableError(f"with the layer that we signed ourselves the file is not right: {report.why.en}")
        return Judgement(
            reference=query.reference,
            state="done",
            job_id=job_id,
            signature=der,
            signed_at=signed_at,
            report=report,
            layer=layer,
        )

    async def _layer(self, layers: Layers, document: StoredDocument, der: bytes, pause: float) -> bytes:
        """The signature for ordinary readers over the sealed file. NotYet while no time stamp is to be had."""
        sealed = await asyncio.to_thread(self.sealed_file, document, der)
        try:
            return await layers.over(sealed, document.authority)
        except InvalidProblem as problem:
            raise RejectedError(f"no layer can be made: {problem.detail}", "layer") from problem
        except ExchangeError as error:
            raise NotYet(pause, f"no time stamp for the layer: {error}") from error

    async def _examine(self, document: StoredDocument, der: bytes, info: SealInfo | None) -> Report:
        from gateway.rooms.seals.pdf_reading import PdfError  # what reads PDF is loaded for the first document

        now = self._clock.now()
        expected = Expected(
            seal_id=document.seal_id,
            property_info=document.property_info,
            placements=(*document.placements, *document.shares),
            between=(from_micros(document.created_at), now),
            layered=document.layer is not None,
        )
        try:
            der_length(der)  # once it stands in the file, zeros behind it could pass for what was cut off
            sealed = await asyncio.to_thread(self.sealed_file, document, der)
        except (PdfError, OfdError, SesError) as error:
            reason = Words(zh="签章结构不完整", en=str(error))
            broken = Check(name="structure", result="failed", reason=reason, source="GB/T 38540-2020", required=True)
            digest = document.digest.hex()
            kind = format_of(document.prepared(self._envelope)) or "unknown"
            return Report(format=kind, digest=digest, judged_at=rfc3339(now), checks=(broken,))
        report = await self._examiner.examine(sealed, now, expected)
        own = own_of(report, layered=expected.layered)
        if own is None:
            return report
        ours = with_standing(own, standing_of(info), witnessed=True)
        return report.model_copy(update={"seals": tuple(ours if one is own else one for one in report.seals)})

    def sealed_file(self, document: StoredDocument, der: bytes) -> bytes:
        """The prepared file with this signature in its place, and the layer over it if it has one.

        PdfError or OfdError where the signature does not fit.
        """
        prepared = document.prepared(self._envelope)
        return give_signature(prepared, document.gap_start, document.gap_end, der) + (document.layer or b"")

    def _pause(self, asked_at: int) -> float:
        """Seconds until it is worth asking again: a third of the time waited so far, within limits."""
        waited = (to_micros(self._clock.now()) - asked_at) / 1_000_000
        return min(_LONGEST, max(_SHORTEST, waited / 3))


def own_of(report: Report, *, layered: bool = False) -> SealReport | None:
    """What was found of the seal that was asked for: the last signature, or the one before our own layer."""
    place = 2 if layered else 1
    return report.seals[-place] if len(report.seals) >= place else None


def holds(report: Report, *, layered: bool = False) -> bool:
    """Whether what came may be called sealed: our seal is 有效 and so is the document's own part.

    Of other signatures in it some things may not be known here (who makes another unit's seals), but none may be 无效.
    """
    own = own_of(report, layered=layered)
    alone = report.model_copy(update={"seals": (own,) if own else ()})
    return alone.valid and all(one.verdict is not Verdict.INVALID for one in report.seals)


def standing_of(info: SealInfo | None) -> Standing:
    """What a service's answer about a seal comes to."""
    if info is None:
        return Standing(status="unknown")
    digest = None if info.eseal is None else sm3(info.eseal).hex()
    return Standing(status=info.status, since=info.since, digest=digest, filed=info.filed)

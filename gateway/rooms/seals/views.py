"""How seals and sealed documents look from outside."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.foundation.delivery import Event
from gateway.foundation.http.views import EventView, View, instant
from gateway.ports.seal import Placement, SealInfo
from gateway.rooms.seals.approvals import Approval
from gateway.rooms.seals.records import SealedDocument
from gateway.rooms.seals.report import KINDS, Check, Drawn, Kind, Report, Result, SealReport, Verdict, Words
from gateway.rooms.seals.rules import SealKind
from gateway.rooms.seals.states import Status


class SealView(View):
    """One seal of an authority."""

    seal_id: str
    name: str
    owner_code: str
    owner_name: str
    status: str
    kind: SealKind | None = Field(description="what it is, as [rooms.seals] says")

    @classmethod
    def of(cls, seal: SealInfo, kind: SealKind | None) -> SealView:
        """From what the seal service says, and the settings."""
        return cls(
            seal_id=seal.seal_id,
            name=seal.name,
            owner_code=seal.owner_code,
            owner_name=seal.owner_name,
            status=seal.status,
            kind=kind,
        )


class WordsView(View):
    """One sentence in Chinese and in English."""

    zh: str
    en: str

    @classmethod
    def of(cls, words: Words) -> WordsView:
        """From words."""
        return cls(zh=words.zh, en=words.en)


class CheckView(View):
    """One check: what it is called, its result, what was found, and what it was held against."""

    name: str
    label: WordsView
    result: Result
    reason: WordsView
    source: str
    required: bool = Field(description="without it nothing is VALID")

    @classmethod
    def of(cls, check: Check) -> CheckView:
        """From a check."""
        return cls(
            name=check.name,
            label=WordsView.of(check.label),
            result=check.result,
            reason=WordsView.of(check.reason),
            source=check.source,
            required=check.required,
        )


class SealReportView(View):
    """Our judgement of one signature in a document."""

    verdict: Verdict
    kind: Kind
    kind_name: WordsView
    place: str = Field(description="name of its field, or its number in the document")
    seal_id: str | None
    seal_name: str | None
    maker: str | None
    signer: str | None
    signer_key: str | None = Field(description="SM3 of its SubjectPublicKeyInfo, for [rooms.seals.vouchers]")
    signed_at: str | None
    time_source: Literal["signer", "time_stamp"] | None = Field(description="whose word the time of sealing is")
    picture_type: str | None
    width: int | None = Field(description="of the seal, in millimetres")
    height: int | None
    drawn: list[Drawn] = Field(description="where it stands: millimetres from the lower-left corner of the page")
    revision: int | None = Field(description="the state of the file that it covers, from 1")
    revisions: int | None
    checks: list[CheckView]
    notes: list[WordsView] = Field(description="deviations that do not weigh")
    not_covered: list[WordsView] = Field(description="what it does not protect")

    @classmethod
    def of(cls, report: SealReport) -> SealReportView:
        """From a report."""
        return cls(
            verdict=report.verdict,
            kind=report.kind,
            kind_name=WordsView.of(KINDS[report.kind]),
            place=report.place,
            seal_id=report.seal_id,
            seal_name=report.seal_name,
            maker=report.maker,
            signer=report.signer,
            signer_key=report.signer_key,
            signed_at=report.signed_at,
            time_source=report.time_source,
            picture_type=report.picture_type,
            width=report.width,
            height=report.height,
            drawn=list(report.drawn),
            revision=report.revision,
            revisions=report.revisions,
            checks=[CheckView.of(one) for one in report.checks],
            notes=[WordsView.of(one) for one in report.notes],
            not_covered=[WordsView.of(one) for one in report.not_covered],
        )


class ReportView(View):
    """Our judgement of a document: VALID 有效, INVALID 无效, or UNDETERMINED 无法判定.

    VALID only if there is a signature, every required check was made, and none failed.
    """

    verdict: Verdict
    verdict_name: WordsView
    reason: WordsView = Field(description="the first thing that stands against VALID")
    format: Literal["pdf", "ofd", "unknown"]
    digest: str = Field(description="SM3 of the whole file")
    judged_at: str
    seals: list[SealReportView]
    checks: list[CheckView] = Field(description="on the document as a whole")
    notes: list[WordsView]
    not_covered: list[WordsView]

    @classmethod
    def of(cls, report: Report) -> ReportView:
        """From a report."""
        return cls(
            verdict=report.verdict,
            verdict_name=WordsView.of(report.verdict.words),
            reason=WordsView.of(report.why),
            format=report.format,
            digest=report.digest,
            judged_at=report.judged_at,
            seals=[SealReportView.of(one) for one in report.seals],
            checks=[CheckView.of(one) for one in report.checks],
            notes=[WordsView.of(one) for one in report.notes],
            not_covered=[WordsView.of(one) for one in report.not_covered],
        )


class SealedDocumentView(View):
    """One document: SEALED only once the signature has passed our own checks."""

    id: str
    authority: str
    decision_number: str | None
    channel: str
    status: Status
    title: str
    approval: str
    approval_record: Approval | None = Field(description="the approval in its parts, where it was given so")
    asked_by: str | None = Field(description="who asked for it: a client's or an operator's name")
    grant_id: str | None = Field(description="the grant under which the seal was used; None: it needs none")
    seal_id: str
    seal_name: str
    placements: list[Placement]
    pages_across: int = Field(description="how many pages bear a strip of the seal at their edge")
    digest: str = Field(description="SM3 of what the signature covers")
    reason: str | None
    sealed_at: str | None
    in_doubt_since: str | None
    doubt_reason: str | None
    created_at: str
    updated_at: str
    report: ReportView | None = None
    timeline: list[EventView] | None = None

    @classmethod
    def of(cls, document: SealedDocument, timeline: list[Event] | None = None) -> SealedDocumentView:
        """From its record; with the report where the timeline is given."""
        report = None if timeline is None else document.report
        return cls(
            id=document.id,
            authority=document.authority,
            decision_number=document.decision_number,
            channel=document.channel,
            status=document.status,
            title=document.title,
            approval=document.approval,
            approval_record=document.approval_record,
            asked_by=document.asked_by,
            grant_id=document.grant_id,
            seal_id=document.seal_id,
            seal_name=document.seal_name,
            placements=list(document.placements),
            pages_across=len(document.shares),
            digest=document.digest.hex(),
            reason=document.reason,
            sealed_at=instant(document.sealed_at),
            in_doubt_since=instant(document.in_doubt_since_at),
            doubt_reason=document.doubt_reason,
            created_at=instant(document.created_at),
            updated_at=instant(document.updated_at),
            report=None if report is None else ReportView.of(report),
            timeline=None if timeline is None else [EventView.of(one) for one in timeline],
        )

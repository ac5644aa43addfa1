"""How seals and sealed documents look from outside."""

from __future__ import annotations

from pydantic import Field

from gateway.foundation.delivery import Event
from gateway.foundation.http.views import EventView, View, instant
from gateway.ports.seal import Placement, SealInfo
from gateway.rooms.seals.records import SealedDocument
from gateway.rooms.seals.states import Status
from gateway.rooms.seals.verification import Check, Report


class SealView(View):
    """One seal of an authority."""

    seal_id: str
    name: str
    owner_code: str
    owner_name: str
    status: str

    @classmethod
    def of(cls, seal: SealInfo) -> SealView:
        """From what the seal service says."""
        return cls(
            seal_id=seal.seal_id,
            name=seal.name,
            owner_code=seal.owner_code,
            owner_name=seal.owner_name,
            status=seal.status,
        )


class CheckView(View):
    """One check: passed, failed or not_checked, and what was found."""

    name: str
    label: str
    outcome: str
    detail: str

    @classmethod
    def of(cls, check: Check) -> CheckView:
        """With its name in Chinese."""
        return cls(name=check.name, label=check.label, outcome=check.outcome, detail=check.detail)


class ReportView(View):
    """Our judgement of a document. ``valid`` only if every check that must be made was made, and none failed."""

    valid: bool
    reason: str
    seal_id: str | None
    seal_name: str | None
    signer: str | None
    signed_at: str | None
    checks: list[CheckView]

    @classmethod
    def of(cls, report: Report) -> ReportView:
        """From a report."""
        return cls(
            valid=report.valid,
            reason=report.reason,
            seal_id=report.seal_id,
            seal_name=report.seal_name,
            signer=report.signer,
            signed_at=report.signed_at,
            checks=[CheckView.of(one) for one in report.checks],
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
    seal_id: str
    seal_name: str
    placements: list[Placement]
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
            seal_id=document.seal_id,
            seal_name=document.seal_name,
            placements=list(document.placements),
            digest=document.digest.hex(),
            reason=document.reason,
            sealed_at=instant(document.sealed_at),
            in_doubt_since=instant(document.in_doubt_since_at),
            doubt_reason=document.doubt_reason,
            created_at=instant(document.created_at) or "",
            updated_at=instant(document.updated_at) or "",
            report=None if report is None else ReportView.of(report),
            timeline=None if timeline is None else [EventView.of(one) for one in timeline],
        )

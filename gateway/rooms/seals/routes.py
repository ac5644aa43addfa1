"""Seals over HTTP: list them, have a document sealed, fetch it, verify any document."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Base64Bytes, ConfigDict, Field
from sqlalchemy import Connection, RowMapping

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, EventView, Limit, Page, View, after, instant, next_cursor
from gateway.ports.seal import Placement
from gateway.rooms.seals import Check, Report, SealAsk, Status, records
from gateway.rooms.seals.service import LARGEST

router = APIRouter(prefix="/v1", tags=["seals"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("seals:read"))]
Writer = Annotated[Principal, Depends(may("seals:write"))]
Pdf = Annotated[Base64Bytes, Field(max_length=LARGEST, description="the PDF file, Base64")]
FINAL = (Status.SEALED, Status.REFUSED)


class SealView(View):
    """One seal of an authority."""

    seal_id: str
    name: str
    owner_code: str
    owner_name: str
    status: str


class SealRequest(SealAsk):
    """A document to be sealed. It stays here: the seal service gets its digest."""

    model_config = ConfigDict(ser_json_bytes="base64")

    document: Pdf


class VerificationRequest(Ask):
    """A document to be judged."""

    document: Pdf


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
        names = ("valid", "reason", "seal_id", "seal_name", "signer", "signed_at")
        return cls(
            **{name: getattr(report, name) for name in names}, checks=[CheckView.of(one) for one in report.checks]
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
    def of(cls, row: RowMapping, timeline: list[EventView] | None = None) -> SealedDocumentView:
        """From its row; with the report where the timeline is given."""
        names = ("id", "authority", "decision_number", "channel", "status", "title", "approval", "seal_id", "seal_name")
        whole = timeline is not None and row["report"] is not None
        return cls(
            **{name: row[name] for name in (*names, "placements", "reason", "doubt_reason")},
            digest=bytes(row["digest"]).hex(),
            sealed_at=instant(row["sealed_at"]),
            in_doubt_since=instant(row["in_doubt_since_at"]),
            created_at=instant(row["created_at"]) or "",
            updated_at=instant(row["updated_at"]) or "",
            report=ReportView.of(Report.model_validate(row["report"])) if whole else None,
            timeline=timeline,
        )


@router.get("/seals", response_model=list[SealView], responses=responses(404, 409))
async def list_seals(
    gateway: Gateway, who: Reader, authority: Annotated[str, Query(min_length=1, max_length=40)]
) -> list[SealView]:
    """The seals of an authority, as the seal service has them now."""
    own(who, authority, "authority")
    found = await gateway.seals.list_seals(authority)
    return [
        SealView(
            seal_id=one.seal_id,
            name=one.name,
            owner_code=one.owner_code,
            owner_name=one.owner_name,
            status=one.status,
        )
        for one in found
    ]


@router.post(
    "/sealed-documents",
    status_code=201,
    response_model=SealedDocumentView,
    responses={
        202: {"model": SealedDocumentView, "description": "Accepted; the service has not sealed yet, a webhook tells"},
        **responses(400, 404, 409, 413),
    },
)
async def seal_document(
    gateway: Gateway, who: Writer, ask: SealRequest, once: OnceKey, response: Response
) -> SealedDocumentView:
    """Have a PDF sealed 用印. Waits up to 5 s for the signature and our own verification of it."""
    own(who, ask.authority, "authority")
    await once.open(who, ask)
    if once.subject is None:
        plain = SealAsk(**{name: getattr(ask, name) for name in SealAsk.model_fields})
        document_id = await gateway.seals.seal_document(plain, ask.document, remember=once.remember)
        view = await _view(gateway, document_id)
        response.status_code = 201 if view.status in FINAL else 202
        await once.finish(response.status_code)
    else:
        view = await _view(gateway, once.subject)
        response.status_code = once.status or 202
    response.headers["Location"] = f"/v1/sealed-documents/{view.id}"
    return view


@router.get("/sealed-documents", response_model=Page[SealedDocumentView])
async def list_documents(
    gateway: Gateway,
    who: Reader,
    status: Status | None = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    in_doubt: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SealedDocumentView]:
    """Documents, newest first."""
    rows = await gateway.store.read(
        lambda conn: records.search(
            conn,
            authorities=list(who.authorities),
            status=status.value if status else None,
            decision_number=decision_number,
            in_doubt=in_doubt,
            before=after(cursor),
            limit=limit,
        )
    )
    return Page(items=[SealedDocumentView.of(row) for row in rows], next=next_cursor(rows, limit))


@router.get("/sealed-documents/{document_id}", response_model=SealedDocumentView, responses=responses(404))
async def get_document(gateway: Gateway, who: Reader, document_id: str) -> SealedDocumentView:
    """One document with the report of our checks and its timeline."""
    await _owned(gateway, who, document_id)
    return await _view(gateway, document_id)


@router.get(
    "/sealed-documents/{document_id}/file",
    response_class=Response,
    responses={
        200: {
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The sealed file",
        },
        **responses(404, 409),
    },
)
async def get_file(gateway: Gateway, who: Reader, document_id: str) -> Response:
    """The sealed file, byte for byte as it was verified."""
    await _owned(gateway, who, document_id)
    headers = {"Content-Disposition": f'attachment; filename="{document_id}.pdf"', "Cache-Control": "no-store"}
    return Response(await gateway.seals.file(document_id), media_type="application/pdf", headers=headers)


@router.post("/verifications", response_model=ReportView, responses=responses(400, 413))
async def verify(gateway: Gateway, _who: Reader, ask: VerificationRequest) -> ReportView:
    """Judge any document 验章. A document without a seal signature is not valid."""
    return ReportView.of(await gateway.seals.verify_document(ask.document))


async def _owned(gateway: App, who: Principal, document_id: str) -> None:
    row = await gateway.seals.get(document_id)
    own(who, row["authority"], "sealed document")


async def _view(gateway: App, document_id: str) -> SealedDocumentView:
    def query(conn: Connection) -> SealedDocumentView:
        row: Any = records.describe(conn, document_id)
        return SealedDocumentView.of(row, [EventView.of(one) for one in records.timeline(conn, document_id)])

    return await gateway.store.read(query)

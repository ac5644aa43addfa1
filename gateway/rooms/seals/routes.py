"""Seals over HTTP: list them, have a document sealed, fetch it, verify any document."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import Base64Bytes, ConfigDict, Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.dry_runs import DRY, DryRunAsked, rehearsed
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.persons import WHOLE
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.foundation.once import Once
from gateway.rooms.seals import DocumentFilter, SealAsk, Seals, Status
from gateway.rooms.seals.files import MEDIA_TYPES
from gateway.rooms.seals.report_page import HEADERS, page_of
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.service import LARGEST
from gateway.rooms.seals.verification import format_of
from gateway.rooms.seals.views import ReportView, SealedDocumentView, SealView
from gateway.rooms.seals.vouchers import VoucherStage, judge_stage
from gateway.words.clock import start_of, to_micros
from gateway.words.days import Day

router = APIRouter(prefix="/v1", tags=["seals"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("seals:read"))]
Writer = Annotated[Principal, Depends(may("seals:write"))]
TheSeals = Annotated[Seals, Depends(service(Seals))]
TheRules = Annotated[SealRules, Depends(service(SealRules))]
File = Annotated[Base64Bytes, Field(max_length=LARGEST, description="the PDF or OFD file, Base64")]


class SealRequest(SealAsk):
    """A document to be sealed. It stays here: the seal service gets its digest."""

    model_config = ConfigDict(ser_json_bytes="base64")

    document: File


class VoucherAsk(Ask):
    """The document is an electronic payment voucher 电子一般缴款书 of this authority, and its payment stands so."""

    authority: Annotated[str, Field(min_length=1, max_length=40)]
    stage: VoucherStage


class VerificationRequest(Ask):
    """A document to be judged; ``voucher``: by its stage as well."""

    document: File
    voucher: VoucherAsk | None = None


@router.get("/seals", response_model=list[SealView], responses=responses(404, 409))
async def list_seals(
    seals: TheSeals, rules: TheRules, who: Reader, authority: Annotated[str, Query(min_length=1, max_length=40)]
) -> list[SealView]:
    """The seals of an authority, as the seal service has them now."""
    require_authority(who, authority, "authority")
    found = await seals.list_seals(authority)
    return [SealView.of(one, rules.kind_of(one.seal_id)) for one in found]


@router.post(
    "/sealed-documents",
    status_code=201,
    response_model=SealedDocumentView,
    responses={
        **DRY,
        202: {"model": SealedDocumentView, "description": "Accepted; the service has not sealed yet, a webhook tells"},
        **responses(400, 404, 409, 413),
    },
)
async def seal_document(
    base: Base,
    seals: TheSeals,
    who: Writer,
    ask: SealRequest,
    key: KeyedRequest,
    response: Response,
    dry_run: DryRunAsked = False,
) -> SealedDocumentView | Response:
    """Have a PDF or OFD sealed 用印. Waits up to 5 s for the signature and our own verification of it."""
    require_authority(who, ask.authority, "authority")
    plain = SealAsk(**{name: getattr(ask, name) for name in SealAsk.model_fields})

    async def effect(once: Once) -> None:
        await seals.seal_document(plain, ask.document, once=once, asked_by=who.name)

    if dry_run:
        return await rehearsed(base, effect, seals.look, lambda found: SealedDocumentView.of(*found))
    document_id = await key.once(who, ask, effect)
    response.status_code = key.status
    response.headers["Location"] = f"/v1/sealed-documents/{document_id}"
    return SealedDocumentView.of(*await seals.view(document_id))


@router.get("/sealed-documents", response_model=Page[SealedDocumentView])
async def list_sealed_documents(
    seals: TheSeals,
    who: Reader,
    status: Status | None = None,
    seal_id: Annotated[str | None, Query(max_length=32)] = None,
    since: Annotated[Day | None, Query(alias="from")] = None,
    until: Annotated[Day | None, Query(alias="to")] = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    in_doubt: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SealedDocumentView]:
    """Documents, newest first: with a seal and days, what that seal was used for 用印登记 (``to`` is the last day)."""
    wanted = DocumentFilter(
        authorities=who.authorities,
        status=status,
        seal_id=seal_id,
        since=None if since is None else to_micros(start_of(since)),
        until=None if until is None else to_micros(start_of(until + timedelta(days=1))),
        decision_number=decision_number,
        in_doubt=in_doubt,
        before=after(cursor),
        limit=limit,
    )
    found = await seals.find(wanted)
    return Page(items=[SealedDocumentView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/sealed-documents/{document_id}", response_model=SealedDocumentView, responses=responses(404))
async def get_sealed_document(seals: TheSeals, who: Reader, document_id: str) -> SealedDocumentView:
    """One document with the report of our checks and its timeline."""
    document, timeline = await seals.view(document_id)
    require_authority(who, document.authority, "sealed document")
    return SealedDocumentView.of(document, timeline)


@router.get(
    "/sealed-documents/{document_id}/file",
    response_class=Response,
    dependencies=[WHOLE],
    responses={
        200: {
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
            "description": "The sealed file",
        },
        **responses(404, 409),
    },
)
async def get_sealed_file(
    seals: TheSeals,
    who: Reader,
    document_id: str,
    even_void: Annotated[bool, Query(description="also where the sealing was voided since")] = False,
) -> Response:
    """The sealed file, byte for byte as it was verified."""
    require_authority(who, (await seals.held(document_id)).authority, "sealed document")
    content = await seals.file(document_id, even_void=even_void)
    kind = format_of(content) or "pdf"
    headers = {"Content-Disposition": f'attachment; filename="{document_id}.{kind}"', "Cache-Control": "no-store"}
    return Response(content, media_type=MEDIA_TYPES[kind], headers=headers)


@router.get(
    "/sealed-documents/{document_id}/report",
    response_class=HTMLResponse,
    responses={200: {"description": "Our report as a page for people"}, **responses(404, 409)},
)
async def get_seal_report(seals: TheSeals, who: Reader, document_id: str) -> HTMLResponse:
    """What our checks found when the document was sealed 验章报告, as a page to read, keep and print."""
    document = await seals.held(document_id)
    require_authority(who, document.authority, "sealed document")
    return HTMLResponse(page_of(seals.report_of(document), document.title), headers=HEADERS)


@router.post(
    "/verifications",
    response_model=ReportView,
    responses={
        200: {"content": {"text/html": {}}, "description": "Our report; with Accept: text/html as a page for people"},
        **responses(400, 413),
    },
)
async def verify_document(
    seals: TheSeals,
    rules: TheRules,
    who: Reader,
    ask: VerificationRequest,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> ReportView | HTMLResponse:
    """Judge any document 验章. 有效, 无效 or 无法判定; without a signature it is 无效."""
    if ask.voucher is not None:
        require_authority(who, ask.voucher.authority, "authority")
    report = await seals.verify_document(ask.document)
    if ask.voucher is not None:
        report = judge_stage(report, ask.voucher.stage, ask.voucher.authority, rules.vouchers)
    if "text/html" in accept:
        return HTMLResponse(page_of(report), headers=HEADERS)
    return ReportView.of(report)

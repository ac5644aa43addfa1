"""Seals over HTTP: list them, have a document sealed, fetch it, verify any document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Base64Bytes, ConfigDict, Field

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.rooms.seals import DocumentFilter, SealAsk, Status
from gateway.rooms.seals.service import LARGEST
from gateway.rooms.seals.views import ReportView, SealedDocumentView, SealView

router = APIRouter(prefix="/v1", tags=["seals"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("seals:read"))]
Writer = Annotated[Principal, Depends(may("seals:write"))]
Pdf = Annotated[Base64Bytes, Field(max_length=LARGEST, description="the PDF file, Base64")]
FINAL = (Status.SEALED, Status.REFUSED)


class SealRequest(SealAsk):
    """A document to be sealed. It stays here: the seal service gets its digest."""

    model_config = ConfigDict(ser_json_bytes="base64")

    document: Pdf


class VerificationRequest(Ask):
    """A document to be judged."""

    document: Pdf


@router.get("/seals", response_model=list[SealView], responses=responses(404, 409))
async def list_seals(
    gateway: Gateway, who: Reader, authority: Annotated[str, Query(min_length=1, max_length=40)]
) -> list[SealView]:
    """The seals of an authority, as the seal service has them now."""
    own(who, authority, "authority")
    found = await gateway.seals.list_seals(authority)
    return [SealView.of(one) for one in found]


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
    wanted = DocumentFilter(
        authorities=who.authorities,
        status=status,
        decision_number=decision_number,
        in_doubt=in_doubt,
        before=after(cursor),
        limit=limit,
    )
    found = await gateway.seals.find(wanted)
    return Page(items=[SealedDocumentView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/sealed-documents/{document_id}", response_model=SealedDocumentView, responses=responses(404))
async def get_document(gateway: Gateway, who: Reader, document_id: str) -> SealedDocumentView:
    """One document with the report of our checks and its timeline."""
    document, timeline = await gateway.seals.view(document_id)
    own(who, document.authority, "sealed document")
    return SealedDocumentView.of(document, timeline)


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
    own(who, (await gateway.seals.held(document_id)).authority, "sealed document")
    headers = {"Content-Disposition": f'attachment; filename="{document_id}.pdf"', "Cache-Control": "no-store"}
    return Response(await gateway.seals.file(document_id), media_type="application/pdf", headers=headers)


@router.post("/verifications", response_model=ReportView, responses=responses(400, 413))
async def verify(gateway: Gateway, _who: Reader, ask: VerificationRequest) -> ReportView:
    """Judge any document 验章. A document without a seal signature is not valid."""
    return ReportView.of(await gateway.seals.verify_document(ask.document))


async def _view(gateway: App, document_id: str) -> SealedDocumentView:
    return SealedDocumentView.of(*await gateway.seals.view(document_id))

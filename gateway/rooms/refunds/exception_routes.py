"""Exceptions 异常缴款 over HTTP: money that arrived as no bill foresaw, and the way out that two people choose."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.rooms.refunds.exception_records import ExceptionFilter
from gateway.rooms.refunds.exception_view import ExceptionView
from gateway.rooms.refunds.proposals import DocumentInput, Payee, Resolution
from gateway.rooms.refunds.states import WayOut
from gateway.rooms.refunds.unforeseen_money import Exceptions

router = APIRouter(prefix="/v1", tags=["payments"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]
TheExceptions = Annotated[Exceptions, Depends(service(Exceptions))]


class ExceptionResolution(Ask):
    """The way out of an exception, and why. Another operator confirms it.

    ``payee`` and ``documents`` are of a refund. They may follow (``/v1/refunds/{id}/payee``, ``…/documents``), but
    nobody can confirm a refund without them.
    """

    way_out: WayOut
    reason: str = Field(min_length=1, max_length=2000)
    payee: Payee | None = None
    documents: list[DocumentInput] = Field(default=[], max_length=20)


@router.post(
    "/exceptions/{exception_id}/resolution", response_model=ExceptionView, responses=responses(400, 404, 409, 413)
)
async def resolve_exception(
    exceptions: TheExceptions, who: OperatorWriter, exception_id: str, ask: ExceptionResolution, key: KeyedRequest
) -> ExceptionView:
    """Propose the way out of an exception 异常缴款. Operators only; a second one confirms."""
    require_authority(who, (await exceptions.held(exception_id)).authority, "exception")
    wanted = Resolution(ask.way_out, ask.reason, ask.payee, ask.documents)
    await key.once(who, ask, lambda once: exceptions.propose(exception_id, wanted, by=person(who), once=once))
    return ExceptionView.of(await exceptions.view(exception_id))


@router.post(
    "/exceptions/{exception_id}/confirmation", response_model=ExceptionView, responses=responses(400, 404, 409, 413)
)
async def confirm_exception(
    exceptions: TheExceptions, who: OperatorWriter, exception_id: str, ask: Confirmation, key: KeyedRequest
) -> ExceptionView:
    """Confirm the way out that was seen, as the second person (复核). A refund is filed, in the same transaction."""
    require_authority(who, (await exceptions.held(exception_id)).authority, "exception")
    await key.once(who, ask, lambda once: exceptions.confirm(exception_id, by=person(who), seen=ask.seen, once=once))
    return ExceptionView.of(await exceptions.view(exception_id))


@router.get("/exceptions", response_model=Page[ExceptionView])
async def list_exceptions(
    exceptions: TheExceptions,
    who: Reader,
    state: Literal["open", "proposed", "resolved"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ExceptionView]:
    """Money that arrived in a way no bill foresaw, newest first."""
    found = await exceptions.find(
        ExceptionFilter(authorities=tuple(who.authorities), state=state, before=after(cursor), limit=limit)
    )
    return Page(items=[ExceptionView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/exceptions/{exception_id}", response_model=ExceptionView, responses=responses(404))
async def get_exception(exceptions: TheExceptions, who: Reader, exception_id: str) -> ExceptionView:
    """One exception, and the refund that it leads to."""
    shown = await exceptions.view(exception_id)
    require_authority(who, shown.odd.authority, "exception")
    return ExceptionView.of(shown)

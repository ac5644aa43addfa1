"""Exceptions 异常缴款 over HTTP: money that arrived as no bill foresaw, and the way out that two people choose."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, operator, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.rooms.refunds.exception_records import ExceptionFilter
from gateway.rooms.refunds.exception_view import ExceptionView
from gateway.rooms.refunds.proposals import DocumentInput, Payee
from gateway.rooms.refunds.unforeseen_money import Exceptions, WayOut

router = APIRouter(prefix="/v1", tags=["payments"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]


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
    gateway: Gateway, who: OperatorWriter, exception_id: str, ask: ExceptionResolution, once: OnceKey
) -> ExceptionView:
    """Propose the way out of an exception 异常缴款. Operators only; a second one confirms."""
    own(who, (await _exceptions(gateway).get(exception_id)).authority, "exception")
    await once.open(who, ask)
    if once.subject is None:
        await _exceptions(gateway).propose(
            exception_id,
            ask.way_out,
            ask.reason,
            by=who.client_id,
            name=who.name,
            payee=ask.payee,
            documents=ask.documents,
            remember=once.remember,
        )
        await once.finish(200)
    return ExceptionView.of(await _exceptions(gateway).get(exception_id))


@router.post(
    "/exceptions/{exception_id}/confirmation", response_model=ExceptionView, responses=responses(400, 404, 409, 413)
)
async def confirm_exception(gateway: Gateway, who: OperatorWriter, exception_id: str, once: OnceKey) -> ExceptionView:
    """Confirm a proposed way out, as the second person (复核). A refund is filed, in the same transaction."""
    own(who, (await _exceptions(gateway).get(exception_id)).authority, "exception")
    await once.open(who, None)
    if once.subject is None:
        await _exceptions(gateway).confirm(exception_id, by=who.client_id, name=who.name, remember=once.remember)
        await once.finish(200)
    return ExceptionView.of(await _exceptions(gateway).get(exception_id))


@router.get("/exceptions", response_model=Page[ExceptionView])
async def list_exceptions(
    gateway: Gateway,
    who: Reader,
    state: Literal["open", "proposed", "resolved"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ExceptionView]:
    """Money that arrived in a way no bill foresaw, newest first."""
    found = await _exceptions(gateway).find(
        ExceptionFilter(authorities=tuple(who.authorities), state=state, before=after(cursor), limit=limit)
    )
    return Page(items=[ExceptionView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/exceptions/{exception_id}", response_model=ExceptionView, responses=responses(404))
async def get_exception(gateway: Gateway, who: Reader, exception_id: str) -> ExceptionView:
    """One exception, and the refund that it leads to."""
    odd = await _exceptions(gateway).get(exception_id)
    own(who, odd.authority, "exception")
    return ExceptionView.of(odd)


def _exceptions(gateway: App) -> Exceptions:
    return gateway.get(Exceptions)

"""Notices over HTTP: list them, look at one, take one back, have one sent again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.rooms.notices.records import NoticeFilter
from gateway.rooms.notices.service import Notices
from gateway.rooms.notices.states import Status
from gateway.rooms.notices.views import NoticeView

router = APIRouter(prefix="/v1", tags=["notices"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("notices:read"))]
Writer = Annotated[Principal, Depends(may("notices:write"))]
TheNotices = Annotated[Notices, Depends(service(Notices))]


class RecallAsk(Ask):
    """Why a message is taken back."""

    reason: str = Field(min_length=1, max_length=128)


@router.get("/notices", response_model=Page[NoticeView])
async def list_notices(
    notices: TheNotices,
    who: Reader,
    status: Status | None = None,
    subject: Annotated[str | None, Query(max_length=60, description="what it tells of: a payment's id …")] = None,
    in_doubt: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[NoticeView]:
    """Messages to officers, newest first."""
    wanted = NoticeFilter(
        authorities=who.authorities,
        status=status,
        subject=subject,
        in_doubt=in_doubt,
        before=after(cursor),
        limit=limit,
    )
    found = await notices.find(wanted)
    return Page(items=[NoticeView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/notices/{notice_id}", response_model=NoticeView, responses=responses(404))
async def get_notice(notices: TheNotices, who: Reader, notice_id: str) -> NoticeView:
    """One message with what it tells of and its timeline."""
    notice, items, timeline = await notices.view(notice_id)
    require_authority(who, notice.authority, "notice")
    return NoticeView.of(notice, items, timeline)


@router.post(
    "/notices/{notice_id}/recall",
    response_model=NoticeView,
    responses={
        202: {"model": NoticeView, "description": "Accepted; the messenger has not answered yet"},
        **responses(400, 404, 409),
    },
)
async def recall_notice(
    notices: TheNotices, who: Writer, notice_id: str, ask: RecallAsk, key: KeyedRequest, response: Response
) -> NoticeView:
    """Take a message back 撤回: what was not sent yet is not sent any more. One that was read stays."""
    require_authority(who, (await notices.held(notice_id)).authority, "notice")
    await key.once(who, ask, lambda once: notices.recall(notice_id, ask.reason, once=once))
    response.status_code = key.status
    return NoticeView.of(*await notices.view(notice_id))


@router.post("/notices/{notice_id}/resend", response_model=NoticeView, responses=responses(400, 404, 409))
async def resend_notice(
    notices: TheNotices, who: Writer, notice_id: str, key: KeyedRequest, response: Response
) -> NoticeView:
    """Have one that failed sent again within a minute; who the officer is at the messenger is asked anew."""
    require_authority(who, (await notices.held(notice_id)).authority, "notice")
    await key.once(who, None, lambda once: notices.resend(notice_id, once=once))
    response.status_code = key.status
    return NoticeView.of(*await notices.view(notice_id))

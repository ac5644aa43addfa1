"""The supply log 个人信息提供记录 over HTTP: list and filter."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from gateway.foundation.access import Principal
from gateway.foundation.handovers import DataKind, Handover, HandoverFilter, find
from gateway.foundation.http.authorization import operator
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.words.clock import to_micros
from gateway.words.days import Instant

router = APIRouter(prefix="/v1", tags=["audit"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(operator("handovers:read"))]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]


class HandoverView(View):
    """One handing over of personal data: to whom, which kinds, on what basis. None of the data itself.

    ``way``: by a call to a ``channel``, in an evidence ``bundle``, or as the ``exact`` bytes that an operator read.
    """

    id: str
    at: str
    way: Literal["channel", "bundle", "exact"]
    recipient: str
    system: str | None
    kinds: tuple[DataKind, ...]
    basis: str
    authority: str | None
    subject: str | None
    operation_id: str | None
    by: str | None

    @classmethod
    def of(cls, found: Handover) -> HandoverView:
        """From its record."""
        return cls.showing(found, at=instant(found.at))


@router.get("/handovers", response_model=Page[HandoverView])
async def list_handovers(
    base: Base,
    _who: Reader,
    recipient: Word = None,
    subject: Word = None,
    authority: Word = None,
    kind: DataKind | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[HandoverView]:
    """Which personal data went to whom, newest first. For supervisors and auditors."""
    wanted = HandoverFilter(
        recipient=recipient,
        subject=subject,
        authority=authority,
        kind=kind,
        since=None if since is None else to_micros(since),
        until=None if until is None else to_micros(until),
        before=after(cursor),
        limit=limit,
    )
    found = await base.store.read(lambda conn: find(conn, wanted))
    return Page(items=[HandoverView.of(one) for one in found], next=cursor_after(found, limit))

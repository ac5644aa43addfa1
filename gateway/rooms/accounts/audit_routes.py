"""What operators did 操作审计 over HTTP: list and filter."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from gateway.foundation.access import Principal
from gateway.foundation.access.audit import AuditFilter, AuditRecord
from gateway.foundation.http.authorization import operator
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.words.clock import to_micros
from gateway.words.days import Instant

router = APIRouter(prefix="/v1", tags=["audit"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(operator("audit:read"))]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]


class ActView(View):
    """One act of a person, or one unmasked look at one. ``status`` is as in HTTP; null: it was cut, or goes on."""

    id: str
    operator_id: str
    operator: str
    role: str
    kind: Literal["act", "read"]
    action: str
    subject: str
    authority: str | None
    reason: str | None
    at: str
    status: int | None

    @classmethod
    def of(cls, found: AuditRecord) -> ActView:
        """From its record."""
        return cls.showing(found, at=instant(found.at))


@router.get("/audit", response_model=Page[ActView])
async def list_operator_acts(
    base: Base,
    _who: Reader,
    operator: Annotated[str | None, Query(max_length=200, description="a person's id or name")] = None,
    subject: Word = None,
    action: Annotated[str | None, Query(max_length=200, description="a part of it")] = None,
    kind: Literal["act", "read"] | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ActView]:
    """What people did, and at whom they looked unmasked; newest first. For supervisors and auditors."""
    wanted = AuditFilter(
        operator=operator,
        subject=subject,
        action=action,
        kind=kind,
        since=None if since is None else to_micros(since),
        until=None if until is None else to_micros(until),
        before=after(cursor),
        limit=limit,
    )
    found = await base.audit.find(wanted)
    return Page(items=[ActView.of(one) for one in found], next=cursor_after(found, limit))

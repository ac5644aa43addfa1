"""What is parked, over HTTP: by channel, action and reason, before a job sends it on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from gateway.foundation.access import Principal
from gateway.foundation.delivery.operation_records import Parked, ParkedKind
from gateway.foundation.delivery.states import ParkedFor
from gateway.foundation.http.authorization import may
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import View, instant
from gateway.rooms.operations.service import Operations, ParkedWork
from gateway.words.clock import to_micros
from gateway.words.days import Instant

router = APIRouter(prefix="/v1", tags=["operations"], responses=responses(401, 403, 422, 503))


class ParkedKindView(View):
    """How many operations of one kind are parked for one reason, and when the first and the last of them were."""

    channel: str
    action: str
    parked_for: str | None
    number: int
    first_parked_at: str
    last_parked_at: str

    @classmethod
    def of(cls, kind: ParkedKind) -> ParkedKindView:
        """From its record."""
        return cls(
            **{name: getattr(kind, name) for name in ("channel", "action", "parked_for", "number")},
            first_parked_at=instant(kind.first_at),
            last_parked_at=instant(kind.last_at),
        )


class ParkedView(View):
    """What sending on would come to. ``two_persons``: a second operator must confirm it. ``first``: of their ids."""

    number: int
    two_persons: bool
    first: list[str]
    kinds: list[ParkedKindView]

    @classmethod
    def of(cls, work: ParkedWork) -> ParkedView:
        """From what is there."""
        return cls(
            number=work.number,
            two_persons=work.two_persons,
            first=list(work.first),
            kinds=[ParkedKindView.of(one) for one in work.kinds],
        )


@router.get("/parked-operations", response_model=ParkedView)
async def list_parked_operations(
    operations: Annotated[Operations, Depends(service(Operations))],
    who: Annotated[Principal, Depends(may("operations:read"))],
    channel: Annotated[str | None, Query(max_length=60)] = None,
    action: Annotated[str | None, Query(max_length=40)] = None,
    parked_for: ParkedFor | None = None,
    parked_since: Instant | None = None,
    parked_until: Instant | None = None,
) -> ParkedView:
    """What is parked, by channel, action and reason: what a job of the kind `retry` with this choice would send on."""
    since, until = (None if one is None else to_micros(one) for one in (parked_since, parked_until))
    chosen = Parked(channel, action, parked_for, since, until, list(who.authorities))
    return ParkedView.of(await operations.parked(chosen))

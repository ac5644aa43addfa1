"""What is owed to targets over HTTP, in the order of its last days, and what cannot be kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import View
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.outlook import Foreseen, Outlook
from gateway.words.clock import rfc3339

router = APIRouter(prefix="/v1/disclosures", tags=["disclosures"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
TheDisclosures = Annotated[Disclosures, Depends(service(Disclosures))]


class ForeseenView(View):
    """One thing that is owed: ``due`` is ``publication``, ``pass_on`` or ``withdrawal``."""

    disclosure: str
    authority: str
    decision_number: str
    due: str
    last_day: date
    leaves_at: str
    kept: bool

    @classmethod
    def of(cls, one: Foreseen) -> ForeseenView:
        """From the room's value."""
        owed = one.owed
        return cls(
            disclosure=owed.id,
            authority=owed.authority,
            decision_number=owed.decision_number,
            due=owed.what,
            last_day=owed.last_day,
            leaves_at=rfc3339(one.leaves_at),
            kept=one.kept,
        )


class OutlookView(View):
    """What a target is owed: how much, how much of it cannot be kept, when all of it has left, and the first of it.

    ``items`` are those that cannot be kept, or with ``all`` everything, in the order in which it leaves.
    """

    target: str
    begins_at: str
    owed: int
    lost: int
    done_at: str | None
    items: list[ForeseenView]

    @classmethod
    def of(cls, found: Outlook, limit: int, *, everything: bool = False) -> OutlookView:
        """From the room's value."""
        shown = found.foreseen if everything else found.lost
        return cls(
            target=found.target,
            begins_at=rfc3339(found.begins),
            owed=len(found.foreseen),
            lost=len(found.lost),
            done_at=None if found.done_at is None else rfc3339(found.done_at),
            items=[ForeseenView.of(one) for one in shown[:limit]],
        )


class OutlooksView(View):
    """What is owed, by target."""

    targets: list[OutlookView]


@router.get("/outlook", response_model=OutlooksView)
async def get_outlook(
    disclosures: TheDisclosures,
    who: Reader,
    begins_at: Annotated[AwareDatetime | None, Query(description="when sending begins; now if not given")] = None,
    everything: Annotated[bool, Query(alias="all")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> OutlooksView:
    """What is owed to each target, in the order of its last days, and what cannot be kept at the target's pace."""
    mine = None if who.authorities is None else tuple(who.authorities)
    found = await disclosures.outlooks.of(mine, begins_at)
    return OutlooksView(targets=[OutlookView.of(one, limit, everything=everything) for one in found])

"""今日待办 over HTTP: what waits for who asks, and the list behind each count. The console shows the same."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from gateway.foundation import todo
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import person
from gateway.foundation.http.language import in_words, spoken
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Cursor, View
from gateway.foundation.screens import Look, Waits
from gateway.words.saying import named

router = APIRouter(prefix="/v1", tags=["today"], responses=responses(401, 403, 422, 503))

Someone = Annotated[Principal, Depends(person)]


class WaitView(View):
    """So many records of one kind that wait for a person.

    ``whose``: for me as the second person, in my hands, for anybody who may, mine for another's word. ``at_least``:
    they are not counted further. ``list``: where exactly these are listed (`GET /v1/today/list`); ``command``: which
    command lists them where no list is.
    """

    what: str
    number: int
    at_least: bool
    due: date | None
    left: str | None
    whose: Literal["second", "mine", "all", "others"]
    list: str | None
    command: str | None

    @classmethod
    def of(cls, one: Waits, base: Any) -> WaitView:
        """From what a room says."""
        return cls(
            what=named(one.what, spoken()),
            number=one.number,
            at_least=one.most is not None and one.number >= one.most,
            due=one.due,
            left=None if one.due is None else in_words(todo.left_until(base, one.due)),
            whose=one.whose,
            list=None if one.to is None else todo.place_of(one.to),
            command=one.instead or None,
        )


class TodayView(View):
    """What waits on a day, by whose word, then by its last day. Words are in the language that is asked for."""

    day: date
    items: list[WaitView]


class TodayRow(View):
    """One record: its id for the commands and routes of its room, null where it has none, and cells in words."""

    id: str | None
    cells: list[str]


class TodayList(View):
    """The list behind a count, in words; ``commands``: what may be done with its records."""

    title: str
    heads: list[str]
    rows: list[TodayRow]
    commands: list[str]
    next: str | None


@router.get("/today", response_model=TodayView)
async def get_today(request: Request, base: Base, who: Someone) -> TodayView:
    """What waits for who asks, in every room: doubt, exceptions, breaks, proposals, last days, stopped channels."""
    gateway = request.app.state.gateway
    look = Look(who, base, gateway.services, language=spoken())
    found = await todo.waits(gateway.rooms, look)
    return TodayView(day=look.today, items=[WaitView.of(one, base) for one in found])


@router.get("/today/list", response_model=TodayList, responses=responses(404))
async def get_today_list(
    request: Request,
    base: Base,
    who: Someone,
    at: Annotated[str, Query(max_length=300, description="the member `list` of what waits")],
    cursor: Cursor = None,
) -> TodayList:
    """Exactly the records that were counted."""
    gateway = request.app.state.gateway
    look = Look(who, base, gateway.services, language=spoken())
    found = await todo.told(gateway.screens, look, at, cursor)
    return TodayList(**{**asdict(found), "rows": [TodayRow(id=id, cells=cells) for id, cells in found.rows]})

"""Exports over HTTP: what a list shows to whoever asks, as a file.

An export is the list's own route, asked page by page as the same person: whoever sees less there exports less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import httpx
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BeforeValidator, Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may
from gateway.foundation.http.local import PRINCIPAL
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Ask
from gateway.foundation.taken_files import told, wanted
from gateway.rooms.exports.files import Row, as_csv, as_workbook, flat
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say
from gateway.words.text import readable

router = APIRouter(prefix="/v1", tags=["exports"], responses=responses(401, 403, 422, 503))

MOST: Final = 100_000
"""So many rows a file: a spreadsheet takes ten times as many, a person looks at none of them."""
_PAGE = 200
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {_XLSX: {}, "text/csv": {}}, "description": "The file"}}

Exporter = Annotated[Principal, Depends(may("exports:make"))]


class ExportAsk(Ask):
    """Which list, by which filter (the parameters of the list's own address), as what.

    ``xlsx`` is for people: codes are text. ``csv`` is for machines: ``#`` stands before what a spreadsheet would cut.
    """

    list: Literal["payments", "breaks", "disclosures", "refunds", "exceptions"]
    filter: Annotated[
        dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=200)]], BeforeValidator(readable)
    ] = Field(default={}, max_length=12)
    form: Literal["xlsx", "csv"] = "xlsx"


@router.post("/exports", response_class=Response, responses={**_FILE, **responses(413)})
async def export_list(base: Base, who: Exporter, request: Request, ask: ExportAsk) -> Response:
    """A list as a file, which names its filter, zone, time and person. What an operator takes stands in the audit."""
    if "cursor" in ask.filter or "limit" in ask.filter:
        raise InvalidProblem(say("exports.whole"), field="filter")
    rows = await _rows(request.app, who, f"/v1/{ask.list}", ask.filter)
    now = base.clock.now()
    about = told(ask.list, wanted(ask.filter), who.name, now, len(rows))
    content = as_workbook(rows, about) if ask.form == "xlsx" else as_csv(rows, about)
    name = f"{ask.list}-{now:%Y%m%d-%H%M%S}.{ask.form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=_XLSX if ask.form == "xlsx" else "text/csv; charset=utf-8", headers=headers)


async def _rows(app: Any, who: Principal, path: str, wanted: Mapping[str, str]) -> list[Row]:
    """Every row that the list shows to this person. Raises InvalidProblem for a filter that the list does not take."""

    async def as_them(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, PRINCIPAL: who}, receive, send)

    rows: list[Row] = []
    cursor: str | None = None
    async with httpx.AsyncClient(transport=httpx.ASGITransport(as_them), base_url="http://here") as http:
        while len(rows) < MOST:
            asked = {**wanted, "limit": str(_PAGE)} | ({} if cursor is None else {"cursor": cursor})
            answer = await http.get(path, params=asked)
            if not answer.is_success:
                raise InvalidProblem(say("exports.filter", status=answer.status_code), field="filter")
            page = answer.json()
            rows += [dict(flat(one)) for one in page["items"]]
            if (cursor := page["next"]) is None:
                return rows
    raise InvalidProblem(say("exports.too_many", most=MOST), field="filter")

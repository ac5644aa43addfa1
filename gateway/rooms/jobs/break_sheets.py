"""The spreadsheet of breaks, as one person may have it: written from the breaks they see, read into a job's rows."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.sheets import read_sheet
from gateway.foundation.taken_files import told, wanted
from gateway.rooms.exports.files import as_workbook
from gateway.rooms.jobs.service import MOST, Plan
from gateway.rooms.jobs.sheet import filled, lines, request
from gateway.words.errors import InvalidProblem, Problem
from gateway.words.saying import UnfitError, say

EXPORTING: Final = "exports:make"


async def written(base: Foundation, who: Principal, channel: str | None, kind: str | None) -> tuple[str, bytes]:
    """Open breaks as a workbook to be filled in: its name and content. It is an export, and stands in the audit.

    Raises InvalidProblem for a filter, a 403 Problem for whoever may not export.
    """
    if EXPORTING not in who.scopes:
        raise Problem(say("http.scope", scope=EXPORTING), type="scope-missing")
    asked = {"state": "open", "channel": channel, "kind": kind}
    by_filter = wanted(asked)
    await base.audit.taken(who, "GET /v1/break-sheets", by_filter)
    views: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(views) <= MOST:
        given = {
            name: value for name, value in {**asked, "limit": "200", "cursor": cursor}.items() if value is not None
        }
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
        answer = await base.inside.ask(who, "GET", f"/v1/breaks?{query}")
        if not answer.is_success:
            raise InvalidProblem(say("exports.filter", status=answer.status_code), field="filter")
        page = answer.json()
        views += page["items"]
        if (cursor := page["next"]) is None:
            break
    now = base.clock.now()
    rows = list(lines(views[:MOST]))
    return f"breaks-{now:%Y%m%d-%H%M%S}.xlsx", as_workbook(rows, told("breaks", by_filter, who.name, now, len(rows)))


async def planned(base: Foundation, who: Principal, content: bytes, reason: str) -> Plan:
    """The job that explains breaks as a filled-in workbook says. Raises InvalidProblem for what is no such workbook."""
    try:
        given, left_out = filled(await asyncio.to_thread(read_sheet, content, None, "导出"))
    except UnfitError as error:
        raise InvalidProblem(error.said, field="file") from error
    rows = [request(line, await _break(base, who, line.break_id)) for line in given]
    return Plan("breaks", reason, rows, two_persons=True, left_out=left_out)


async def _break(base: Foundation, who: Principal, break_id: str) -> dict[str, Any] | None:
    if not break_id:
        return None
    answer = await base.inside.ask(who, "GET", f"/v1/breaks/{quote(break_id, safe='')}")
    return dict(answer.json()["difference"]) if answer.is_success else None

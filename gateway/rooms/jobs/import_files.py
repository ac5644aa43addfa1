"""Files of open bills or decisions brought in as a job: each row judged as it is now, then a request of its own.

The proposal is the preview: what cannot be taken stands there with its reason, and hinders no other row. A second
person confirms it, since open bills are money and decisions the ground of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from gateway.foundation.access import Principal
from gateway.rooms.imports.decisions import DecisionBatches
from gateway.rooms.imports.service import Imports, RowResult
from gateway.rooms.jobs.service import Plan, Request
from gateway.words.errors import Problem
from gateway.words.saying import say

ImportKind = Literal["bills", "decisions"]
IMPORT_SCOPES: Final[Mapping[str, str]] = {"bills": "payments:write", "decisions": "decisions:write"}
"""What whoever imports must be allowed: the right of the rows."""
PUBLISHING: Final = "disclosures:write"


@dataclass(frozen=True)
class FileOptions:
    """How a file is read. ``sheet``: of a workbook with several. ``hidden``: rows that nobody sees there are taken too.

    ``publish``: each decision at every target of its authority.
    """

    sheet: str | None = None
    hidden: bool = False
    publish: bool = False


class ImportFiles:
    """Makes plans of files. For routes and forms alike: ``planned`` is all that they call, then ``Jobs.propose``."""

    def __init__(self, imports: Imports, batches: DecisionBatches) -> None:
        self._imports = imports
        self._batches = batches

    async def planned(
        self, kind: ImportKind, content: bytes, reason: str, who: Principal, options: FileOptions
    ) -> Plan:
        """The rows of a file as a job of two people. Nothing is written.

        Raises InvalidProblem for a file that is none, a 403 Problem for whoever may not publish.
        """
        if options.publish and PUBLISHING not in who.scopes:
            raise Problem(say("http.scope", scope=PUBLISHING), type="scope-missing")
        if kind == "bills":
            rows = await self._bills(content, who, options)
        else:
            rows = await self._decisions(content, who, options)
        return Plan(kind, reason, rows, two_persons=True)

    async def _bills(self, content: bytes, who: Principal, options: FileOptions) -> list[Request]:
        found = await self._imports.look(content, sheet=options.sheet, hidden=options.hidden)
        rows = []
        for told, cells in found:
            body = {name: cell for name, cell in cells.items() if name != "code"}
            path = f"/v1/imports/bills/{quote(told.code, safe='')}"
            rows.append(_row(told, cells.get("authority", ""), who, path, body))
        return rows

    async def _decisions(self, content: bytes, who: Principal, options: FileOptions) -> list[Request]:
        found = await self._batches.look(content, publish=options.publish, sheet=options.sheet, hidden=options.hidden)
        rows = []
        for told, authority, facts in found:
            body = None if facts is None else facts.for_official_use().model_dump(mode="json", exclude_none=True)
            path = f"/v1/imports/decisions/{quote(authority, safe='')}/{quote(told.code, safe='')}"
            asked = f"{path}?{urlencode({'publish': 'true'})}" if options.publish else path
            rows.append(_row(told, authority, who, asked, body))
        return rows


def _row(told: RowResult, authority: str, who: Principal, path: str, body: Any) -> Request:
    """One row; not applicable from the beginning where it is bad, or another authority's."""
    subject = f"{told.line}: {told.code}"
    if told.outcome == "bad":
        return Request(subject, why=say("jobs.bad_row", why=list(told.reasons)))
    if authority not in who.authorities:
        return Request(subject, why=say("imports.no_authority", authority=authority))
    return Request(subject, method="PUT", path=path, body=body)

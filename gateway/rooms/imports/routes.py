"""Rows that people bring in from files, over HTTP, and the template for decisions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Response

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.downloads import download
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import View
from gateway.foundation.sheets import XLSX
from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.imports.decisions import DecisionBatches
from gateway.rooms.imports.service import BillFacts, BillRow, Imports
from gateway.rooms.imports.template import template
from gateway.words.errors import Problem
from gateway.words.saying import say

router = APIRouter(prefix="/v1", responses=responses(401, 403, 503))


class ImportedView(View):
    """What became of a row: ``new``, or ``known`` already and left as it is. ``payment``: of an open bill."""

    outcome: Literal["new", "known"]
    payment: str | None = None


@router.get(
    "/imports/decisions-template.xlsx",
    tags=["decisions"],
    response_class=Response,
    responses={
        200: {
            "description": "The empty workbook",
            "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_decisions_template(who: Annotated[Principal, Depends(may("decisions:read"))]) -> Response:
    """The workbook 导入模板 that officials fill in with decisions, each column explained, words to choose from.

    ``gateway decisions import`` takes it once it is filled in. It offers the codes of the caller's authorities.
    """
    made = await asyncio.to_thread(template, sorted(who.authorities or ()))
    return download(made, XLSX, "处罚决定导入模板.xlsx")


@router.put(
    "/imports/bills/{code}", tags=["payments"], response_model=ImportedView, responses=responses(400, 404, 413, 422)
)
async def import_bill(
    imports: Annotated[Imports, Depends(service(Imports))],
    who: Annotated[Principal, Depends(operator("payments:write"))],
    code: Annotated[str, Path(max_length=40)],
    facts: BillFacts,
    response: Response,
) -> ImportedView:
    """Bring in an open bill of another system with the code that it has: a row of `gateway jobs import`.

    The code known already for the same demand changes nothing; for another one it is refused.
    """
    require_authority(who, facts.authority, "authority")
    row = BillRow.model_construct(**dict(facts), code=code)
    told = await imports.take(row, by=who.name)
    response.status_code = 201 if told.outcome == "new" else 200
    return ImportedView(outcome="new" if told.outcome == "new" else "known", payment=told.payment)


@router.put(
    "/imports/decisions/{authority}/{number:path}",
    tags=["decisions"],
    response_model=ImportedView,
    responses=responses(400, 404, 413, 422),
)
async def import_decision(
    batches: Annotated[DecisionBatches, Depends(service(DecisionBatches))],
    who: Annotated[Principal, Depends(operator("decisions:write"))],
    authority: Annotated[str, Path(min_length=1, max_length=40)],
    number: Annotated[str, Path(min_length=1, max_length=128, description="decision number 决定书文号")],
    facts: DecisionFacts,
    response: Response,
    publish: bool = False,
) -> ImportedView:
    """Bring in a decision, and publish it at every target of its authority: a row of `gateway jobs import`.

    Known already with the same facts it stays as it is; with others it is refused.
    """
    require_authority(who, authority, "authority")
    if publish and "disclosures:write" not in who.scopes:
        raise Problem(say("http.scope", scope="disclosures:write"), type="scope-missing")
    outcome = await batches.take(authority, number, facts, by=who.name, publish=publish)
    response.status_code = 201 if outcome == "new" else 200
    return ImportedView(outcome=outcome)

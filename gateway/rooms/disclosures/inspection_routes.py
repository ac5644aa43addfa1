"""The inspection over HTTP: what is amiss with publications, as a list, as a table, and as work."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.downloads import download
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.foundation.sheets import XLSX
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.comparison import Kind
from gateway.rooms.disclosures.findings import FindingFilter
from gateway.rooms.disclosures.inspection import Inspection
from gateway.rooms.disclosures.inspection_report import as_workbook
from gateway.rooms.disclosures.routes import Reason
from gateway.rooms.disclosures.states import FindingStatus
from gateway.rooms.disclosures.views import DisclosureView, FindingView, InspectionReportView
from gateway.words.clock import day_of

router = APIRouter(prefix="/v1", tags=["disclosures"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
Writer = Annotated[Principal, Depends(may("disclosures:write"))]
TheInspection = Annotated[Inspection, Depends(service(Inspection))]
TheDisclosures = Annotated[Disclosures, Depends(service(Disclosures))]


class HandleRequest(Ask):
    """What a person does about something amiss. ``send_again``: what should be seen is sent, and looked at again."""

    action: Literal["explained", "send_again"] = Field(description="explained 已说明; send_again 重新报送")
    explanation: Reason


@router.get("/disclosure-findings", response_model=Page[FindingView])
async def list_findings(
    inspection: TheInspection,
    who: Reader,
    status: FindingStatus | None = None,
    kind: Kind | None = None,
    place: Annotated[str | None, Query(max_length=60)] = None,
    disclosure: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FindingView]:
    """What is amiss with publications 巡查问题, newest first."""
    wanted = FindingFilter(
        authorities=who.authorities,
        status=status,
        kind=kind,
        place=place,
        disclosure=disclosure,
        before=after(cursor),
        limit=limit,
    )
    found = await inspection.find(wanted)
    return Page(items=[FindingView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/disclosure-inspection", response_model=InspectionReportView)
async def get_inspection_report(inspection: TheInspection, who: Reader) -> InspectionReportView:
    """The inspection as a report 巡查报告: what is shown and was looked at, what is amiss, where, for how long."""
    told, _ = await inspection.report(who.authorities)
    return InspectionReportView.of(told)


@router.get(
    "/disclosure-inspection.xlsx",
    response_class=Response,
    responses={
        200: {
            "description": "The report with every open finding, as a workbook",
            "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_inspection_workbook(base: Base, inspection: TheInspection, who: Reader) -> Response:
    """The same as a workbook for people, with a line for each open finding and what is to be done about it."""
    told, found = await inspection.report(who.authorities, every=True)
    await base.audit.taken(who, "GET /v1/disclosure-inspection.xlsx", "state=open")
    made = await asyncio.to_thread(as_workbook, told, found, who.name)
    return download(made, XLSX, f"行政处罚公示巡查报告{day_of(told.made_at)}.xlsx")


@router.get("/disclosure-findings/{finding_id}", response_model=FindingView, responses=responses(404))
async def get_finding(inspection: TheInspection, who: Reader, finding_id: str) -> FindingView:
    """One thing that is amiss."""
    found = await inspection.held(finding_id)
    require_authority(who, found.authority, "disclosure finding")
    return FindingView.of(found)


@router.post(
    "/disclosure-findings/{finding_id}/handling",
    response_model=FindingView,
    responses=responses(400, 404, 409, 413),
)
async def handle_finding(
    inspection: TheInspection, who: Writer, finding_id: str, ask: HandleRequest, key: KeyedRequest, response: Response
) -> FindingView:
    """A person explains what is amiss, or has what should be seen sent again. An operator's."""
    require_authority(who, (await inspection.held(finding_id)).authority, "disclosure finding")
    await key.once(
        who,
        ask,
        lambda once: inspection.settle(finding_id, ask.action, ask.explanation, by=person(who), once=once),
    )
    response.status_code = key.status
    return FindingView.of(await inspection.held(finding_id))


@router.post(
    "/disclosures/{disclosure_id}/look",
    status_code=202,
    response_model=DisclosureView,
    responses=responses(400, 404, 409, 413),
)
async def look_at_disclosure(
    inspection: TheInspection,
    disclosures: TheDisclosures,
    who: Writer,
    disclosure_id: str,
    key: KeyedRequest,
    response: Response,
) -> DisclosureView:
    """Look now at what the public sees of a disclosure, at its target and at every copy that is known."""
    of = who.authorities
    found = await key.shows(
        who, None, lambda once: inspection.look_now(disclosure_id, of=of, once=once), disclosures.look
    )
    response.status_code = key.status
    return DisclosureView.of(*found)

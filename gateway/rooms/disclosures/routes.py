"""Disclosures over HTTP: publish at every target, correct, withdraw, repair."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy import Connection, RowMapping

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.idempotency import Once, OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, EventView, Limit, Page, View, after, instant, next_cursor
from gateway.rooms.disclosures import Status, records

router = APIRouter(prefix="/v1/disclosures", tags=["disclosures"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
Writer = Annotated[Principal, Depends(may("disclosures:write"))]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class PublishRequest(Ask):
    """Publish a decision. Without ``targets``: at all of the authority's."""

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str = Field(min_length=1, max_length=128)
    targets: list[Annotated[str, Field(max_length=60)]] | None = Field(default=None, min_length=1, max_length=20)
    override_reason: Reason | None = None


class ReasonRequest(Ask):
    """Why; the public reads it where the target shows explanations."""

    reason: Reason


class RepairRequest(Ask):
    """The number of the repair's decision 信用修复决定."""

    repair_number: str = Field(min_length=1, max_length=128)


class FieldErrorView(View):
    """One field that the target refused."""

    field: str
    code: str
    message: str


class DisclosureView(View):
    """One decision's publication at one target. ``citation`` is the rule behind its period, or behind the refusal."""

    id: str
    authority: str
    decision_number: str
    target: str
    status: Status
    under_way: str | None
    citation: str
    reason: str | None
    field_errors: list[FieldErrorView]
    submit_by: date | None
    submit_by_provisional: bool
    publish_until: date | None
    repair_from: date | None
    withdraw_by: date | None
    published_on: date | None
    url: str | None
    late: bool
    in_doubt_since: str | None
    doubt_reason: str | None
    created_at: str
    updated_at: str
    timeline: list[EventView] | None = None

    @classmethod
    def of(cls, row: RowMapping, timeline: list[EventView] | None = None) -> DisclosureView:
        """From its row."""
        names = ("id", "authority", "decision_number", "target", "status", "citation", "reason", "published_on", "url")
        return cls(
            **{name: row[name] for name in names},
            under_way=row["effect"],
            field_errors=[FieldErrorView(**error) for error in row["field_errors"]],
            submit_by=row["submit_by_on"],
            submit_by_provisional=row["submit_by_provisional"],
            publish_until=row["publish_until_on"],
            repair_from=row["repair_from_on"],
            withdraw_by=row["withdraw_by_on"],
            late=row["late_at"] is not None or row["withdraw_late_at"] is not None,
            in_doubt_since=instant(row["in_doubt_since_at"]),
            doubt_reason=row["doubt_reason"],
            created_at=instant(row["created_at"]) or "",
            updated_at=instant(row["updated_at"]) or "",
            timeline=timeline,
        )


@router.post("", status_code=202, response_model=list[DisclosureView], responses=responses(400, 404, 409, 413))
async def publish(gateway: Gateway, who: Writer, ask: PublishRequest, once: OnceKey) -> list[DisclosureView]:
    """Publish a decision at the authority's targets. Each is followed on its own; webhooks tell what became of it."""
    own(who, ask.authority, "decision")
    await once.open(who, ask)
    if once.subject is None:
        await gateway.disclosures.request(
            ask.authority,
            ask.decision_number,
            targets=ask.targets,
            override_reason=ask.override_reason,
            remember=once.remember,
        )
        await once.finish(202)
    decision = await gateway.decisions.get(ask.authority, ask.decision_number)
    rows = await gateway.store.read(lambda conn: records.of_decision(conn, decision.id))
    return [DisclosureView.of(row) for row in rows if ask.targets is None or row["target"] in ask.targets]


@router.get("", response_model=Page[DisclosureView])
async def list_disclosures(
    gateway: Gateway,
    who: Reader,
    status: Status | None = None,
    target: Annotated[str | None, Query(max_length=60)] = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    late: bool | None = None,
    in_doubt: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DisclosureView]:
    """Disclosures, newest first."""
    rows = await gateway.store.read(
        lambda conn: records.search(
            conn,
            authorities=list(who.authorities),
            status=status.value if status else None,
            target=target,
            decision_number=decision_number,
            late=late,
            in_doubt=in_doubt,
            before=after(cursor),
            limit=limit,
        )
    )
    return Page(items=[DisclosureView.of(row) for row in rows], next=next_cursor(rows, limit))


@router.get("/{disclosure_id}", response_model=DisclosureView, responses=responses(404))
async def get_disclosure(gateway: Gateway, who: Reader, disclosure_id: str) -> DisclosureView:
    """One disclosure with its timeline."""
    await _owned(gateway, who, disclosure_id)
    return await _view(gateway, disclosure_id)


@router.post(
    "/{disclosure_id}/correction",
    status_code=202,
    response_model=DisclosureView,
    responses=responses(400, 404, 409, 413),
)
async def correct(
    gateway: Gateway, who: Writer, disclosure_id: str, ask: ReasonRequest, once: OnceKey, response: Response
) -> DisclosureView:
    """Replace what is shown by the decision's present facts 更正."""
    await _owned(gateway, who, disclosure_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.disclosures.correct(disclosure_id, ask.reason, remember=once.remember)
    return await _finish(gateway, disclosure_id, once, response)


@router.post(
    "/{disclosure_id}/withdrawal",
    status_code=202,
    response_model=DisclosureView,
    responses=responses(400, 404, 409, 413),
)
async def withdraw(
    gateway: Gateway, who: Writer, disclosure_id: str, ask: ReasonRequest, once: OnceKey, response: Response
) -> DisclosureView:
    """Take a publication back 撤回 with an explanation (行政处罚法 art. 48)."""
    await _owned(gateway, who, disclosure_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.disclosures.withdraw(disclosure_id, ask.reason, remember=once.remember)
    return await _finish(gateway, disclosure_id, once, response)


@router.post(
    "/{disclosure_id}/repair",
    status_code=202,
    response_model=DisclosureView,
    responses=responses(400, 404, 409, 413),
)
async def repair(
    gateway: Gateway, who: Writer, disclosure_id: str, ask: RepairRequest, once: OnceKey, response: Response
) -> DisclosureView:
    """End a publication early after repair 信用修复."""
    await _owned(gateway, who, disclosure_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.disclosures.repair(disclosure_id, ask.repair_number, remember=once.remember)
    return await _finish(gateway, disclosure_id, once, response)


async def _owned(gateway: App, who: Principal, disclosure_id: str) -> None:
    row = await gateway.disclosures.get(disclosure_id)
    own(who, row["authority"], "disclosure")


async def _finish(gateway: App, disclosure_id: str, once: Once, response: Response) -> DisclosureView:
    if once.status is None:
        once.status = 202
        await once.finish(202)
    response.status_code = once.status
    return await _view(gateway, disclosure_id)


async def _view(gateway: App, disclosure_id: str) -> DisclosureView:
    def query(conn: Connection) -> DisclosureView:
        row: Any = records.fetch(conn, disclosure_id)
        return DisclosureView.of(row, [EventView.of(one) for one in records.timeline(conn, disclosure_id)])

    return await gateway.store.read(query)

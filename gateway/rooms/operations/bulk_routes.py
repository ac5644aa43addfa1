"""Parked work sent on in bulk, over HTTP: what it would come to, the proposal, a second person's word, each result."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.delivery.operation_records import Parked, ParkedKind
from gateway.foundation.delivery.states import ParkedFor
from gateway.foundation.http.authorization import may
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, encode_cursor, instant
from gateway.rooms.operations.bulk import BulkRetries, BulkSight
from gateway.rooms.operations.bulk_records import BulkRetry, Item, Result, Standing
from gateway.rooms.operations.service import Operations, ParkedWork
from gateway.words.clock import to_micros
from gateway.words.days import Instant
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["operations"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("operations:read"))]
Writer = Annotated[Principal, Depends(may("operations:write"))]
Ledger = Annotated[Operations, Depends(service(Operations))]
TheRetries = Annotated[BulkRetries, Depends(service(BulkRetries))]


class BulkAsk(Ask):
    """Which parked operations are sent on, chosen by what is given, and why, for the record.

    ``parked_since`` and ``parked_until``: parked from then on, and before then.
    """

    channel: str | None = Field(default=None, max_length=60)
    action: str | None = Field(default=None, max_length=40)
    parked_for: ParkedFor | None = None
    parked_since: Instant | None = None
    parked_until: Instant | None = None
    reason: str = Field(min_length=1, max_length=500)


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


class BulkHeadView(View):
    """A bulk retry in a list."""

    id: str
    state: Standing
    channel: str | None
    action: str | None
    parked_for: str | None
    parked_since: str | None
    parked_until: str | None
    reason: str
    number: int
    two_persons: bool
    proposed_by: str
    proposed_at: str
    confirmed_by: str | None
    begun_at: str | None
    ended_at: str | None

    @classmethod
    def of(cls, bulk: BulkRetry) -> BulkHeadView:
        """From its record."""
        return cls(
            state=bulk.standing,
            **{
                name: getattr(bulk, name)
                for name in ("id", "channel", "action", "parked_for", "reason", "number", "two_persons")
            },
            parked_since=instant(bulk.since_at),
            parked_until=instant(bulk.until_at),
            proposed_by=bulk.proposed_name,
            proposed_at=instant(bulk.proposed_at),
            confirmed_by=bulk.confirmed_name,
            begun_at=instant(bulk.begun_at),
            ended_at=instant(bulk.ended_at),
        )


class BulkView(BulkHeadView):
    """A bulk retry with how far it has come. ``seen`` stands for the list: the confirmation sends it back."""

    sent_on: int
    not_applicable: int
    left: int
    first: list[str]
    seen: str | None

    @classmethod
    def of_sight(cls, sight: BulkSight) -> BulkView:
        """From what people see."""
        return cls(
            **BulkHeadView.of(sight.bulk).model_dump(),
            sent_on=sight.results.get("sent_on", 0),
            not_applicable=sight.results.get("not_applicable", 0),
            left=sight.results.get(None, 0),
            first=list(sight.first),
            seen=sight.seen,
        )


class ItemView(View):
    """What became of one operation. ``why``: the reason where it could not be sent on."""

    operation: str
    result: Result | None
    why: str | None

    @classmethod
    def of(cls, item: Item) -> ItemView:
        """From its record."""
        return cls(operation=item.operation_id, result=item.result, why=item.why)


@router.get("/parked-operations", response_model=ParkedView)
async def list_parked_operations(
    operations: Ledger,
    who: Reader,
    channel: Annotated[str | None, Query(max_length=60)] = None,
    action: Annotated[str | None, Query(max_length=40)] = None,
    parked_for: ParkedFor | None = None,
    parked_since: Instant | None = None,
    parked_until: Instant | None = None,
) -> ParkedView:
    """What is parked, by channel, action and reason: what a bulk retry with this choice would send on."""
    chosen = _chosen(who, channel, action, parked_for, parked_since, parked_until)
    return ParkedView.of(await operations.parked(chosen))


@router.post(
    "/bulk-retries",
    status_code=201,
    response_model=BulkView,
    responses=responses(400, 404, 409, 413),
)
async def propose_bulk_retry(
    retries: TheRetries, who: Writer, ask: BulkAsk, key: KeyedRequest, response: Response
) -> BulkView:
    """Send parked operations on. Effects about which people decide in pairs wait for a second operator's word."""
    chosen = _chosen(who, ask.channel, ask.action, ask.parked_for, ask.parked_since, ask.parked_until)
    bulk_id = await key.once(who, ask, lambda once: retries.propose(chosen, ask.reason, by=person(who), once=once))
    response.headers["Location"] = f"/v1/bulk-retries/{bulk_id}"
    return BulkView.of_sight(await retries.of(bulk_id))


@router.get("/bulk-retries", response_model=Page[BulkHeadView])
async def list_bulk_retries(
    retries: TheRetries, who: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[BulkHeadView]:
    """Bulk retries of operations that are all yours, newest first."""
    found = await retries.find(list(who.authorities), after(cursor), limit)
    return Page(items=[BulkHeadView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/bulk-retries/{bulk_id}", response_model=BulkView, responses=responses(404))
async def get_bulk_retry(retries: TheRetries, who: Reader, bulk_id: str) -> BulkView:
    """One bulk retry, and how far it has come."""
    return BulkView.of_sight(await _own(retries, who, bulk_id))


@router.get("/bulk-retries/{bulk_id}/operations", response_model=Page[ItemView], responses=responses(404))
async def list_bulk_retry_operations(
    retries: TheRetries, who: Reader, bulk_id: str, cursor: Cursor = None, limit: Limit = 50
) -> Page[ItemView]:
    """Its operations with their results, the oldest first."""
    await _own(retries, who, bulk_id)
    found = await retries.items(bulk_id, after(cursor), limit)
    last = None if len(found) < limit else encode_cursor(found[-1].operation_id)
    return Page(items=[ItemView.of(one) for one in found], next=last)


@router.post("/bulk-retries/{bulk_id}/confirmation", response_model=BulkView, responses=responses(400, 404, 409, 413))
async def confirm_bulk_retry(
    retries: TheRetries, who: Writer, bulk_id: str, ask: Confirmation, key: KeyedRequest
) -> BulkView:
    """Confirm what another operator has chosen, as you saw it; then it is sent on."""
    await _own(retries, who, bulk_id)
    await key.once(who, ask, lambda once: retries.confirm(bulk_id, by=person(who), seen=ask.seen, once=once))
    return BulkView.of_sight(await retries.of(bulk_id))


@router.delete("/bulk-retries/{bulk_id}", status_code=204, responses=responses(404))
async def withdraw_bulk_retry(retries: TheRetries, who: Writer, bulk_id: str) -> Response:
    """Take it back before it counts."""
    await _own(retries, who, bulk_id)
    await retries.withdraw(bulk_id, by=person(who))
    return Response(status_code=204)


def _chosen(
    who: Principal,
    channel: str | None,
    action: str | None,
    parked_for: ParkedFor | None,
    since: Instant | None,
    until: Instant | None,
) -> Parked:
    from_, to = (None if one is None else to_micros(one) for one in (since, until))
    return Parked(channel, action, parked_for, from_, to, list(who.authorities))


async def _own(retries: BulkRetries, who: Principal, bulk_id: str) -> BulkSight:
    """A bulk retry whose operations are all the caller's; another one looks as if there were none."""
    sight = await retries.of(bulk_id)
    if not set(sight.bulk.authorities) <= set(who.authorities):
        raise NotFoundProblem(say("operations.bulk_no_record"))
    return sight

"""Operations over HTTP: list them, look at one, send a parked one on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.delivery import limits
from gateway.foundation.delivery.operation_records import AttemptRecord, OperationRecord
from gateway.foundation.delivery.refused_records import Refused
from gateway.foundation.delivery.states import State
from gateway.foundation.delivery.unreadable_records import Unreadable
from gateway.foundation.drift import Drifted
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import in_words, spoken
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.foundation.once import Once
from gateway.foundation.renewal import Renewed
from gateway.rooms.operations.reloading import reload
from gateway.rooms.operations.resuming import resume, stop
from gateway.rooms.operations.service import Operations
from gateway.words.clock import rfc3339
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["operations"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("operations:read"))]
OperatorReader = Annotated[Principal, Depends(operator("operations:read"))]
Writer = Annotated[Principal, Depends(may("operations:write"))]
Operator = Annotated[Principal, Depends(operator("operations:write"))]
Supervisor = Annotated[Principal, Depends(operator("channels:write"))]
Ledger = Annotated[Operations, Depends(service(Operations))]

StateWord = Literal["queued", "sending", "done", "rejected", "uncertain", "pending", "parked"]


class AttemptView(View):
    """One attempt, with the exchanges that it made."""

    number: int
    kind: Literal["call", "find"]
    outcome: str
    reason: str | None
    exchanges: list[str]
    started_at: str
    ended_at: str

    @classmethod
    def of(cls, made: AttemptRecord) -> AttemptView:
        """From its record."""
        return cls.showing(made, started_at=instant(made.started_at), ended_at=instant(made.ended_at))


class OperationView(View):
    """One intended effect 外呼任务 and where it stands."""

    id: str
    action: str
    channel: str
    authority: str
    subject: str
    reference: str | None
    state: StateWord
    reason: str | None
    code: str | None
    due_at: str
    doubt_since: str | None
    pending_since: str | None
    created_at: str
    updated_at: str
    attempts: list[AttemptView] | None = None

    @classmethod
    def of(cls, found: OperationRecord, attempts: Sequence[AttemptRecord] | None = None) -> OperationView:
        """From its record."""
        return cls.showing(
            found,
            due_at=instant(found.due_at),
            doubt_since=instant(found.doubt_since_at),
            pending_since=instant(found.pending_since_at),
            created_at=instant(found.created_at),
            updated_at=instant(found.updated_at),
            attempts=None if attempts is None else [AttemptView.of(one) for one in attempts],
        )


class DriftView(View):
    """One element or member that a platform sends and its contract does not have: passed over, and noted."""

    channel: str
    action: str
    element: str
    first_seen: str
    last_seen: str
    seen: int

    @classmethod
    def of(cls, found: Drifted) -> DriftView:
        """From its record."""
        return cls.showing(found, first_seen=instant(found.first_seen_at), last_seen=instant(found.last_seen_at))


class UnreadableView(View):
    """An authentic message that could not be read. ``about``: the record that was asked about because of it."""

    exchange: str
    channel: str
    authority: str | None
    about: str | None
    reason: str
    received_at: str

    @classmethod
    def of(cls, found: Unreadable) -> UnreadableView:
        """From its record."""
        return cls.showing(
            found, exchange=found.exchange_id, about=found.subject, received_at=instant(found.received_at)
        )


class RefusedView(View):
    """A message that was not authentic, as far as it was kept. ``beginning``: of its first 4 KiB, masked."""

    id: str
    channel: str
    source: str
    reason: str
    digest: str = Field(description="SM3 of all of it, hex")
    length: int = Field(description="bytes")
    beginning: str
    received_at: str

    @classmethod
    def of(cls, found: Refused, beginning: str) -> RefusedView:
        """From its record."""
        return cls.showing(
            found, digest=found.digest.hex(), beginning=beginning, received_at=instant(found.received_at)
        )


class CheckedView(View):
    """What came of a harmless call. ``cure``: what to do where the channel does not work."""

    channel: str
    ok: bool
    detail: str
    cure: str | None


class StopRequest(Ask):
    """Why nothing may leave over a channel for now."""

    reason: str = Field(min_length=1, max_length=500)


class StoppedView(View):
    """A channel over which nothing leaves, and why."""

    channel: str
    reason: str


class ResumeRequest(Ask):
    """Why a stopped channel may go again."""

    reason: str = Field(min_length=1, max_length=500)


class ResumedView(View):
    """A channel that goes again."""

    channel: str
    resumed: bool


class ReloadRequest(Ask):
    """Why a channel's secrets are read anew. Not ``ask``: the other side is not asked whether it takes them."""

    ask: bool = True
    reason: str = Field(min_length=1, max_length=500)


class ReloadedView(View):
    """A channel with the secrets that its settings name now, on one node.

    ``answer``: the other side's words to them. ``old_until``: until when messages under the old ones are taken; null
    with ``old`` true: until the block is taken out of the settings.
    """

    channel: str
    node: str
    answer: str | None
    old: bool
    old_until: str | None


class RetryRequest(Ask):
    """Send a parked operation on its way. ``ask``: ask the other side first; a must when the outcome is unknown."""

    ask: bool = True
    reason: str = Field(min_length=1, max_length=500)


@router.get("/operations", response_model=Page[OperationView])
async def list_operations(
    operations: Ledger,
    who: Reader,
    state: StateWord | None = None,
    channel: Annotated[str | None, Query(max_length=60)] = None,
    subject: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OperationView]:
    """Operations, newest first."""
    wanted = None if state is None else State(state)
    found = await operations.find(
        list(who.authorities), state=wanted, channel=channel, subject=subject, before=after(cursor), limit=limit
    )
    return Page(items=[OperationView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/channels/drift", response_model=Page[DriftView])
async def list_drift(
    base: Base, operations: Ledger, who: Reader, channel: Annotated[str | None, Query(max_length=60)] = None
) -> Page[DriftView]:
    """What the channels that serve you send beyond their contracts, by channel, the newest first."""
    mine = [one.name for one in base.channels.all() if base.channels.served(one.name, who.authorities)]
    wanted = [name for name in mine if channel in (None, name)]
    return Page(items=[DriftView.of(one) for one in await operations.drift(wanted)], next=None)


@router.post("/channels/{channel}/check", response_model=CheckedView, responses=responses(404))
async def check_channel(base: Base, who: Operator, channel: str) -> CheckedView:
    """Prove with a harmless call that a channel works, from the node that answers. A question without effect."""
    _there(base, who, channel)
    found = await base.channels.check(channel)
    cure = found.cure_in(spoken())
    return CheckedView(channel=channel, ok=found.ok, detail=in_words(found.said), cure=cure)


@router.post("/channels/{channel}/stop", response_model=StoppedView, responses=responses(400, 404, 409, 413))
async def stop_channel(base: Base, who: Supervisor, channel: str, ask: StopRequest, key: KeyedRequest) -> StoppedView:
    """Stop a channel by hand: nothing leaves over it until it is resumed. Calls under way end by themselves."""
    _there(base, who, channel)
    by = person(who, alone=True)
    await key.once(who, ask, lambda once: stop(base, channel, ask.reason, by=by, once=once))
    stopped = await base.store.read(limits.stopped_channels)
    return StoppedView(channel=channel, reason=stopped.get(channel, ask.reason))


@router.post("/channels/{channel}/resume", response_model=ResumedView, responses=responses(400, 404, 409, 413))
async def resume_channel(base: Base, who: Writer, channel: str, ask: ResumeRequest, key: KeyedRequest) -> ResumedView:
    """Let a channel go again that was stopped, since the other side refused our credentials. An operator's word."""
    _there(base, who, channel)
    await key.once(who, ask, lambda once: resume(base, channel, ask.reason, by=person(who, alone=True), once=once))
    return ResumedView(channel=channel, resumed=True)


@router.post("/channels/{channel}/reload", response_model=ReloadedView, responses=responses(400, 404, 409, 413))
async def reload_channel(base: Base, who: Writer, channel: str, ask: ReloadRequest, key: KeyedRequest) -> ReloadedView:
    """Read a channel's secrets anew and use them from now on, on the node that answers. An operator's word."""
    _there(base, who, channel)
    told: list[Renewed] = []

    async def renew(once: Once) -> None:
        told.append(await reload(base, channel, ask.reason, by=person(who, alone=True), ask=ask.ask, once=once))

    await key.once(who, ask, renew)
    old = base.channels.get(channel).old
    return ReloadedView(
        channel=channel,
        node=base.settings.delivery.node,
        answer=told[0].answer if told else None,
        old=old is not None,
        old_until=None if old is None or old.until is None else rfc3339(old.until),
    )


@router.get("/callbacks/unreadable", response_model=Page[UnreadableView])
async def list_unreadable_callbacks(
    base: Base, operations: Ledger, who: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[UnreadableView]:
    """Authentic messages of external systems that could not be read, newest first; each is kept as evidence."""
    mine = [one.name for one in base.channels.all() if base.channels.served(one.name, who.authorities)]
    found = await operations.unreadable(list(who.authorities), mine, before=after(cursor), limit=limit)
    return Page(items=[UnreadableView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/callbacks/refused", response_model=Page[RefusedView])
async def list_refused_callbacks(
    base: Base,
    _who: OperatorReader,
    channel: Annotated[str | None, Query(max_length=60)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RefusedView]:
    """What came without being authentic, newest first, for operators. Kept beside the evidence, so many a day."""
    found = await base.callbacks.refused(channel=channel, before=after(cursor), limit=limit)
    return Page(
        items=[RefusedView.of(one, beginning) for one, beginning in found],
        next=cursor_after([one for one, _ in found], limit),
    )


@router.get("/operations/{operation_id}", response_model=OperationView, responses=responses(404))
async def get_operation(operations: Ledger, who: Reader, operation_id: str) -> OperationView:
    """One operation with its attempts."""
    story = await operations.view(operation_id)
    require_authority(who, story.operation.authority, "operation")
    return OperationView.of(story.operation, story.attempts)


@router.post(
    "/operations/{operation_id}/retry",
    response_model=OperationView,
    responses=responses(400, 404, 409, 413),
)
async def retry_operation(
    base: Base, operations: Ledger, who: Writer, operation_id: str, ask: RetryRequest, key: KeyedRequest
) -> OperationView:
    """Send a parked operation on its way again. What is in doubt is asked about, never sent again."""
    require_authority(who, (await operations.held(operation_id)).authority, "operation")
    reason = f"{who.name}: {ask.reason}"
    await key.once(
        who, ask, lambda once: base.delivery.waiting.send_on(operation_id, ask=ask.ask, reason=reason, once=once)
    )
    story = await operations.view(operation_id)
    return OperationView.of(story.operation, story.attempts)


def _there(base: Foundation, who: Principal, channel: str) -> None:
    """Raises NotFoundProblem for a channel that is not configured, or does nothing for whom a key works."""
    known = channel in {one.name for one in base.channels.all()}
    if not known or not (who.kind == "operator" or base.channels.served(channel, who.authorities)):
        raise NotFoundProblem(say("channels.none", name=channel))

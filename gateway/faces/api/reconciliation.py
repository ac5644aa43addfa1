"""Reconciliation over HTTP: run a day, read its breaks, explain one."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from gateway.access import Principal
from gateway.app import App
from gateway.errors import NotFoundProblem
from gateway.faces.api.access import Gateway, may, operator, own
from gateway.faces.api.once import OnceKey
from gateway.faces.api.problems import responses
from gateway.faces.api.views import Ask, Cursor, Limit, Page, View, after, encode_cursor, instant
from gateway.money import YuanOut
from gateway.reconciliation import CHINESE, Break, BreakKind, Run, Side

router = APIRouter(prefix="/v1", tags=["reconciliation"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("reconciliation:read"))]
Writer = Annotated[Principal, Depends(may("reconciliation:write"))]
ChannelName = Annotated[str | None, Query(max_length=60)]
BreakState = Literal["open", "healed", "cleared", "resolved"]


Person = Annotated[Principal, Depends(operator("reconciliation:write"))]


class RunRequest(Ask):
    """Which day of which channel. A day is the platform's: it ends at the channel's cut-off 日切."""

    channel: str = Field(min_length=1, max_length=60)
    day: date


class ResolutionRequest(Ask):
    """What explains the difference."""

    reason: str = Field(min_length=1, max_length=2000)


class BatchRequest(Ask):
    """What explains several differences at once: all are resolved, or none."""

    breaks: list[str] = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=2000)


class AssignmentRequest(Ask):
    """Who looks into it; null: nobody."""

    assignee: str | None = Field(min_length=1, max_length=80)


class ProposalRequest(Ask):
    """What moves money: give it back, or say which payment it is for. Another person confirms."""

    action: Literal["refund", "attribute"]
    payment: str | None = Field(default=None, max_length=40)
    reason: str = Field(min_length=1, max_length=2000)


class ProposalView(View):
    """A proposal that waits for a second person 复核."""

    id: str
    break_id: str
    action: str


class ExplanationView(View):
    """The story of a break in plain words, and the exchanges that prove it."""

    id: str
    age_days: int
    cause: str
    proposal: str
    story: list[str]
    exchanges: list[str]


class RunView(View):
    """One reconciliation 对账 as it ended."""

    id: str
    channel: str
    day: date
    state: str
    reason: str | None
    provisional: bool
    matched: int
    matched_amount: YuanOut
    healed: int
    waiting: int
    breaks: int
    ran_by: str
    ran_at: str

    @classmethod
    def of(cls, run: Run) -> RunView:
        """From the room's value."""
        return cls(
            id=run.id,
            channel=run.channel,
            day=run.day,
            state=run.state,
            reason=run.reason,
            provisional=run.provisional,
            matched=run.matched,
            matched_amount=run.matched_amount,
            healed=run.healed,
            waiting=run.waiting,
            breaks=run.breaks,
            ran_by=run.ran_by,
            ran_at=instant(run.ran_at) or "",
        )


class BreakView(View):
    """One difference 差错 that somebody must explain. ``ours`` and ``theirs``: the amounts on both sides."""

    id: str
    channel: str
    side: Side
    day: date
    kind: BreakKind
    kind_zh: str
    code: str
    bank_serial: str
    authority: str
    payment: str | None
    ours: YuanOut | None
    theirs: YuanOut | None
    state: str
    reason: str | None
    opened_at: str
    closed_at: str | None
    closed_by: str | None
    assignee: str | None

    @classmethod
    def of(cls, one: Break) -> BreakView:
        """From the room's value."""
        return cls(
            id=one.id,
            channel=one.channel,
            side=one.side,
            day=one.day,
            kind=one.kind,
            kind_zh=CHINESE[one.kind],
            code=one.code,
            bank_serial=one.bank_serial,
            authority=one.authority,
            payment=one.payment_id,
            ours=one.ours,
            theirs=one.theirs,
            state=one.state,
            reason=one.reason,
            opened_at=instant(one.opened_at) or "",
            closed_at=instant(one.closed_at),
            closed_by=one.closed_by,
            assignee=one.assignee,
        )


@router.post("/reconciliations", status_code=201, response_model=RunView, responses=responses(400, 404, 409, 413))
async def reconcile(gateway: Gateway, who: Writer, ask: RunRequest, once: OnceKey) -> RunView:
    """Fetch the platform's statement of a day and match it against our books, both ways."""
    await _serves(gateway, who, ask.channel)
    await once.open(who, ask)
    if once.subject is None:
        run = await gateway.reconciliation.run(ask.channel, ask.day, by=who.name, remember=once.remember)
        await once.finish(201)
    else:
        run = await gateway.reconciliation.get_run(once.subject)
    return RunView.of(run)


@router.get("/reconciliations", response_model=Page[RunView], responses=responses(404))
async def list_runs(
    gateway: Gateway,
    who: Reader,
    channel: ChannelName = None,
    day: date | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RunView]:
    """Runs, newest first."""
    if channel is not None:
        await _serves(gateway, who, channel)
    found = await gateway.reconciliation.runs(channel=channel, day=day, before=after(cursor), limit=limit)
    seen = await _channels(gateway, who)
    mine = [RunView.of(run) for run in found if run.channel in seen]
    return Page(items=mine, next=encode_cursor(found[-1].id) if len(found) == limit else None)


@router.get("/breaks", response_model=Page[BreakView])
async def list_breaks(
    gateway: Gateway,
    who: Reader,
    channel: ChannelName = None,
    day: date | None = None,
    kind: BreakKind | None = None,
    state: BreakState | None = None,
    side: Side | None = None,
    assignee: Annotated[str | None, Query(max_length=80)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[BreakView]:
    """Breaks, newest first. Operators also see those that nobody owns yet."""
    found = await gateway.reconciliation.breaks(
        authorities=None if who.kind == "operator" else who.authorities,
        channel=channel,
        day=day,
        kind=kind,
        state=state,
        side=side,
        assignee=assignee,
        before=after(cursor),
        limit=limit,
    )
    return Page(
        items=[BreakView.of(one) for one in found], next=encode_cursor(found[-1].id) if len(found) == limit else None
    )


@router.post("/breaks/{break_id}/resolution", response_model=BreakView, responses=responses(400, 404, 409, 413))
async def resolve_break(
    gateway: Gateway, who: Writer, break_id: str, ask: ResolutionRequest, once: OnceKey
) -> BreakView:
    """Explain a break. It moves no money, and stays resolved while its figures stay what they are."""
    found = await gateway.reconciliation.get_break(break_id)
    if who.kind != "operator":
        own(who, found.authority, "break")
    await once.open(who, ask)
    if once.subject is None:
        found = await gateway.reconciliation.resolve(break_id, ask.reason, by=who.name, remember=once.remember)
        await once.finish(200)
    return BreakView.of(found)


@router.get("/breaks/{break_id}/explanation", response_model=ExplanationView, responses=responses(404))
async def explain_break(gateway: Gateway, who: Reader, break_id: str) -> ExplanationView:
    """Why there is a difference: both sides, likely cause, what happened, what to do."""
    await _mine(gateway, who, break_id)
    found = await gateway.reconciliation.explain(break_id)
    return ExplanationView(
        id=break_id,
        age_days=found.age,
        cause=found.cause,
        proposal=found.proposal,
        story=list(found.story),
        exchanges=list(found.exchanges),
    )


@router.put("/breaks/{break_id}/assignee", response_model=BreakView, responses=responses(404, 409))
async def assign_break(gateway: Gateway, who: Writer, break_id: str, ask: AssignmentRequest) -> BreakView:
    """Say who looks into a break."""
    await _mine(gateway, who, break_id)
    return BreakView.of(await gateway.reconciliation.assign(break_id, ask.assignee, by=who.name))


@router.post("/break-resolutions", response_model=list[BreakView], responses=responses(400, 404, 409, 413))
async def resolve_breaks(gateway: Gateway, who: Writer, ask: BatchRequest, once: OnceKey) -> list[BreakView]:
    """Explain several breaks at once: all of them, or none."""
    for break_id in ask.breaks:
        await _mine(gateway, who, break_id)
    await once.open(who, ask)
    room = gateway.reconciliation
    if once.subject is None:
        done = await room.resolve_many(ask.breaks, ask.reason, by=who.name, remember=once.remember)
        await once.finish(200)
    else:
        done = [await room.get_break(break_id) for break_id in ask.breaks]
    return [BreakView.of(one) for one in done]


@router.post(
    "/breaks/{break_id}/proposals", status_code=201, response_model=ProposalView, responses=responses(400, 404, 409)
)
async def propose(gateway: Gateway, who: Person, break_id: str, ask: ProposalRequest, once: OnceKey) -> ProposalView:
    """Propose what moves money. At most one proposal waits for each break."""
    await once.open(who, ask)
    id = once.subject
    if id is None:
        id = await gateway.reconciliation.propose(
            break_id, ask.action, ask.reason, by=who.name, payment_id=ask.payment, remember=once.remember
        )
        await once.finish(201)
    return ProposalView(id=id, break_id=break_id, action=ask.action)


@router.post("/break-proposals/{proposal_id}/confirmation", response_model=BreakView, responses=responses(404, 409))
async def confirm_proposal(gateway: Gateway, who: Person, proposal_id: str, once: OnceKey) -> BreakView:
    """Confirm as a second person 复核; the one who proposed it is refused."""
    await once.open(who, None)
    if once.subject is not None:
        return BreakView.of(await gateway.reconciliation.get_break(once.subject))
    done = await gateway.reconciliation.confirm(proposal_id, by=who.name, remember=once.remember)
    await once.finish(200)
    return BreakView.of(done)


async def _mine(gateway: App, who: Principal, break_id: str) -> None:
    found = await gateway.reconciliation.get_break(break_id)
    if who.kind != "operator":
        own(who, found.authority, "break")


async def _channels(gateway: App, who: Principal) -> set[str]:
    """Channels whose sums the caller may see: of every authority that pays there, or an operator's all."""
    mine: set[str] = set()
    others: set[str] = set()
    for authority in await gateway.access.authorities():
        group = mine if authority.code in who.authorities else others
        group |= {one.name for one in gateway.channels.route(authority.code, "payments")}
    return mine - others


async def _serves(gateway: App, who: Principal, channel: str) -> None:
    if channel not in await _channels(gateway, who):
        raise NotFoundProblem(
            f"no payment channel {channel} of yours alone",
            field="channel",
            cure="A channel that other authorities share is reconciled by operators.",
        )

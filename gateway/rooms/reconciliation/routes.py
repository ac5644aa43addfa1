"""Reconciliation over HTTP: run a day, from the platform or from a file, read its breaks, explain and settle them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import in_words
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.foundation.once import Once
from gateway.foundation.two_persons import require_operator
from gateway.rooms.reconciliation import (
    CHINESE,
    Break,
    BreakFilter,
    BreakKind,
    Breaks,
    Proposals,
    Reconciliation,
    Run,
    RunFilter,
    Side,
    proposals,
    states,
)
from gateway.rooms.reconciliation import StatementFile as FileOfSide
from gateway.rooms.reconciliation.profiles import Profiles
from gateway.rooms.reconciliation.proposal_records import Action, Proposed
from gateway.rooms.reconciliation.totals import TYPED
from gateway.rooms.reconciliation.whose import channels_of, serves
from gateway.rooms.refunds.proposals import DocumentInput, Payee
from gateway.words.days import Day
from gateway.words.errors import NotFoundProblem
from gateway.words.money import YuanOut, format_sum
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["reconciliation"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("reconciliation:read"))]
Writer = Annotated[Principal, Depends(may("reconciliation:write"))]
Operator = Annotated[Principal, Depends(operator("reconciliation:write"))]
Runs = Annotated[Reconciliation, Depends(service(Reconciliation))]
TheBreaks = Annotated[Breaks, Depends(service(Breaks))]
TheProposals = Annotated[Proposals, Depends(service(Proposals))]
TheProfiles = Annotated[Profiles, Depends(service(Profiles))]
ChannelName = Annotated[str, Query(min_length=1, max_length=60)]
BreakState = Literal["open", "healed", "cleared", "resolved"]

FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class RunRequest(Ask):
    """Which day of which channel. A day is the platform's: it ends at the channel's cut-off 日切."""

    channel: str = Field(min_length=1, max_length=60)
    day: Day


class FileQuery(BaseModel):
    """What a statement file is about, and how it is read."""

    channel: ChannelName
    day: Day
    profile: str = Field(min_length=1, max_length=60, description="a block `[statements.NAME]`")
    name: str = Field(default="statement", max_length=200, description="the file's name, for the record")
    count: str | None = Field(
        default=None,
        max_length=20,
        description="of a file without totals: its lines, as told by the other side",
    )
    paid: str | None = Field(default=None, max_length=20, description="what was paid, in yuan, told likewise")
    refunded: str | None = Field(default=None, max_length=20, description="what was refunded, in yuan, told likewise")

    @property
    def typed(self) -> dict[str, str] | None:
        """What the other side has told; None where nothing was typed."""
        told = {name: value for name in TYPED if (value := getattr(self, name)) is not None}
        return told or None


class StatementFile(Ask):
    """What a file is about, and which file it is: for the Idempotency-Key."""

    channel: str
    day: Day
    profile: str
    digest: str


class BreakQuery(BaseModel):
    """Which breaks are looked for."""

    channel: ChannelName | None = None
    day: Day | None = None
    kind: BreakKind | None = None
    state: BreakState | None = None
    side: Side | None = None
    assignee: str | None = Field(default=None, max_length=80)
    payment: str | None = Field(default=None, max_length=40)
    cursor: Cursor = None
    limit: Limit = 50


class ResolutionRequest(Ask):
    """What explains the difference."""

    reason: str = Field(min_length=1, max_length=2000)


class BatchRequest(Ask):
    """What explains several differences at once: all are resolved, or none."""

    breaks: list[str] = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=2000)


class ProposalRequest(Ask):
    """What moves money: give it back, or say which payment it is for. Another person confirms.

    ``payment`` belongs to attribute. ``payee`` and ``documents`` belong to refund and may follow at the refund itself,
    but nobody can confirm it without them.
    """

    action: Action
    payment: str | None = Field(default=None, max_length=40)
    reason: str = Field(min_length=1, max_length=2000)
    payee: Payee | None = None
    documents: list[DocumentInput] = Field(default=[], max_length=20)


class ProposalView(View):
    """What one person proposed about a break, and whether another has confirmed it 复核.

    ``refund`` is what goes back, at ``/v1/refunds/{refund}``, with its own state. ``code``, ``ours`` and ``theirs`` are
    those of the break. ``seen``: what the second person sends back; null once the proposal has ended.
    """

    id: str
    break_id: str
    code: str
    ours: YuanOut | None
    theirs: YuanOut | None
    action: Action
    payment: str | None
    refund: str | None
    refund_status: str | None
    reason: str
    state: Literal["proposed", "confirmed", "withdrawn"]
    proposed_by: str
    proposed_at: str
    confirmed_by: str | None
    confirmed_at: str | None
    seen: str | None

    @classmethod
    def of(cls, shown: Proposed) -> ProposalView:
        """From the room's value."""
        one = shown.proposal
        return cls(
            id=one.id,
            break_id=one.break_id,
            code=shown.about.code,
            ours=shown.about.ours,
            theirs=shown.about.theirs,
            action=one.action,
            payment=one.payment_id,
            refund=one.refund_id,
            refund_status=one.refund_status,
            reason=one.reason,
            state=one.state.value,
            proposed_by=one.proposed_name,
            proposed_at=instant(one.proposed_at),
            confirmed_by=one.confirmed_name,
            confirmed_at=instant(one.confirmed_at),
            seen=shown.seen,
        )


class ExplanationView(View):
    """The story of a break in plain words, in the language of the request, and the exchanges that prove it."""

    id: str
    age_days: int
    cause: str
    proposal: str
    story: list[str]
    exchanges: list[str]


class RunView(View):
    """One reconciliation 对账 as it ended. ``side``: whose statement the books were held against.

    Of a file: ``passed_over`` lines without money or of kinds that do not count, ``not_ours`` lines of other business
    and what they come to, and ``remarks`` about it, in the language of the request.
    """

    id: str
    channel: str
    side: Side
    day: date
    state: Literal["done", "refused", "failed"]
    reason: str | None
    provisional: bool
    matched: int
    matched_amount: YuanOut
    healed: int
    waiting: int
    breaks: int
    passed_over: int
    not_ours: int
    not_ours_amount: str
    remarks: list[str]
    ran_by: str
    ran_at: str

    @classmethod
    def of(cls, run: Run) -> RunView:
        """From the room's value."""
        return cls(
            id=run.id,
            channel=run.channel,
            side=run.side,
            day=run.day_on,
            state=run.state.value,
            reason=run.reason,
            provisional=run.provisional,
            matched=run.matched,
            matched_amount=run.matched_amount,
            healed=run.healed,
            waiting=run.waiting,
            breaks=run.breaks,
            passed_over=run.passed_over,
            not_ours=run.not_ours,
            not_ours_amount=format_sum(run.not_ours_amount),
            remarks=[in_words(one.sentence) for one in run.remarks],
            ran_by=run.ran_by,
            ran_at=instant(run.ran_at),
        )


class ProfileView(View):
    """A format of statement files, as the settings describe it in ``[statements.NAME]``."""

    name: str
    side: Side
    shape: Literal["delimited", "fixed", "workbook"]
    encoding: str
    delimiter: str
    header: bool


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
    state: BreakState
    reason: str | None
    opened_at: str
    age_days: int
    closed_at: str | None
    closed_by: str | None
    assignee: str | None

    @classmethod
    def of(cls, one: Break, now: datetime) -> BreakView:
        """From the room's value; its age runs until ``now`` while it is open."""
        return cls(
            id=one.id,
            channel=one.channel,
            side=one.side,
            day=one.day_on,
            kind=one.kind,
            kind_zh=CHINESE[one.kind],
            code=one.code,
            bank_serial=one.bank_serial,
            authority=one.authority,
            payment=one.payment_id,
            ours=one.ours,
            theirs=one.theirs,
            state=one.state.value,
            reason=one.reason,
            opened_at=instant(one.opened_at),
            age_days=one.age_in_days(now),
            closed_at=instant(one.closed_at),
            closed_by=one.closed_by,
            assignee=one.assignee,
        )


class WholeBreakView(View):
    """A break with all that was proposed about it, oldest first."""

    difference: BreakView
    proposals: list[ProposalView]


# --- runs -----------------------------------------------------------------------------------------------------------


@router.post("/reconciliations", status_code=201, response_model=RunView, responses=responses(400, 404, 409, 413))
async def reconcile_day(
    base: Base, runs: Runs, who: Writer, ask: RunRequest, key: KeyedRequest, response: Response
) -> RunView:
    """Fetch the platform's statement of a day and match it against our books, both ways."""
    await serves(base, who, ask.channel)
    run_id = await key.once(who, ask, lambda once: runs.run(ask.channel, ask.day, by=who.name, once=once))
    response.headers["Location"] = f"/v1/reconciliations/{run_id}"
    return RunView.of(await runs.held(run_id))


@router.get("/reconciliations", response_model=Page[RunView], responses=responses(404))
async def list_reconciliation_runs(
    base: Base,
    runs: Runs,
    who: Reader,
    channel: ChannelName | None = None,
    day: Day | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RunView]:
    """Runs, newest first."""
    if channel is not None:
        await serves(base, who, channel)
    mine = await channels_of(base, who)
    wanted = RunFilter(channels=mine, channel=channel, day_on=day)
    found = await runs.find(wanted, before=after(cursor), limit=limit)
    return Page(items=[RunView.of(run) for run in found], next=cursor_after(found, limit))


@router.get("/reconciliations/{run_id}", response_model=RunView, responses=responses(404))
async def get_reconciliation_run(base: Base, runs: Runs, who: Reader, run_id: str) -> RunView:
    """One run."""
    run = await runs.held(run_id)
    if run.channel not in await channels_of(base, who):
        raise NotFoundProblem(say("reconciliation.none"))
    return RunView.of(run)


@router.get("/statement-profiles", response_model=list[ProfileView])
async def list_statement_profiles(profiles: TheProfiles, _who: Reader) -> list[ProfileView]:
    """The formats of statement files that the settings know."""
    names = ("side", "shape", "encoding", "delimiter", "header")
    return [ProfileView(name=name, **{field: getattr(one, field) for field in names}) for name, one in profiles.items()]


@router.post(
    "/statement-files",
    status_code=201,
    response_model=RunView,
    responses=responses(400, 404, 409, 413),
    openapi_extra={"requestBody": {"required": True, "content": FILE}},
)
async def take_statement_file(
    base: Base,
    runs: Runs,
    profiles: TheProfiles,
    who: Writer,
    request: Request,
    key: KeyedRequest,
    response: Response,
    about: Annotated[FileQuery, Query()],
) -> RunView:
    """Match a day against a statement, clearing or treasury file: the body, byte for byte as it was handed out.

    It is believed as a whole or not at all: a file that contradicts itself is 409 ``statement-refused``, with the line.
    One without totals is 409 ``statement-unconfirmed``, until an operator types what the other side told.
    """
    if about.typed is not None:
        require_operator(person(who, alone=True), in_words(say("files.confirming")))
    await serves(base, who, about.channel)
    if about.profile not in profiles:
        raise NotFoundProblem(say("reconciliation.no_profile", profile=about.profile), field="profile")
    body = await request.body()

    async def match(once: Once) -> None:
        with tempfile.TemporaryDirectory(prefix="statement-") as folder:
            file = Path(folder, "body")
            await asyncio.to_thread(file.write_bytes, body)
            handed_in = FileOfSide(file, profiles[about.profile], Path(about.name).name, about.typed)
            await runs.run_file(about.channel, about.day, handed_in, by=who.name, once=once)

    digest = sha256(body).hexdigest()
    ask = StatementFile(channel=about.channel, day=about.day, profile=about.profile, digest=digest)
    run_id = await key.once(who, ask, match)
    response.headers["Location"] = f"/v1/reconciliations/{run_id}"
    return RunView.of(await runs.held(run_id))


# --- breaks ---------------------------------------------------------------------------------------------------------


@router.get("/breaks", response_model=Page[BreakView])
async def list_breaks(
    base: Base, breaks: TheBreaks, who: Reader, asked: Annotated[BreakQuery, Query()]
) -> Page[BreakView]:
    """Breaks, newest first. Operators also see those that nobody owns yet."""
    wanted = BreakFilter(
        authorities=None if who.kind == "operator" else who.authorities,
        channel=asked.channel,
        side=asked.side,
        day_on=asked.day,
        kind=asked.kind,
        state=None if asked.state is None else states.BreakState(asked.state),
        payment_id=asked.payment,
        assignee=asked.assignee,
    )
    found = await breaks.find(wanted, before=after(asked.cursor), limit=asked.limit)
    return Page(items=_views(base, found), next=cursor_after(found, asked.limit))


@router.get("/breaks/{break_id}", response_model=WholeBreakView, responses=responses(404))
async def get_break(
    base: Base, breaks: TheBreaks, proposed: TheProposals, who: Reader, break_id: str
) -> WholeBreakView:
    """One break, and what was proposed about it."""
    found = await _mine(breaks, who, break_id)
    about = await proposed.of_break(break_id)
    return WholeBreakView(difference=_view(base, found), proposals=[ProposalView.of(one) for one in about])


@router.get("/breaks/{break_id}/explanation", response_model=ExplanationView, responses=responses(404))
async def explain_break(breaks: TheBreaks, who: Reader, break_id: str) -> ExplanationView:
    """Why there is a difference: both sides, likely cause, what happened, what to do."""
    await _mine(breaks, who, break_id)
    found = await breaks.explain(break_id)
    return ExplanationView(
        id=break_id,
        age_days=found.age,
        cause=in_words(found.cause),
        proposal=in_words(found.proposal),
        story=[in_words(one) for one in found.story],
        exchanges=list(found.exchanges),
    )


@router.post("/breaks/{break_id}/resolution", response_model=BreakView, responses=responses(400, 404, 409, 413))
async def resolve_break(
    base: Base, breaks: TheBreaks, who: Operator, break_id: str, ask: ResolutionRequest, key: KeyedRequest
) -> BreakView:
    """Explain a break. It moves no money, and stays resolved while its figures stay what they are; operators only."""
    await key.once(who, ask, lambda once: breaks.resolve(break_id, ask.reason, by=person(who), once=once))
    return _view(base, await breaks.held(break_id))


@router.post("/break-resolutions", response_model=list[BreakView], responses=responses(400, 404, 409, 413))
async def resolve_breaks(
    base: Base, breaks: TheBreaks, who: Operator, ask: BatchRequest, key: KeyedRequest
) -> list[BreakView]:
    """Explain several breaks at once: all of them, or none; operators only."""
    await key.once(who, ask, lambda once: breaks.resolve_many(ask.breaks, ask.reason, by=person(who), once=once))
    return _views(base, [await breaks.held(break_id) for break_id in dict.fromkeys(ask.breaks)])


# --- what moves money -----------------------------------------------------------------------------------------------


@router.post(
    "/breaks/{break_id}/proposals",
    status_code=201,
    response_model=ProposalView,
    responses=responses(400, 404, 409, 413),
)
async def propose_break_outcome(
    proposed: TheProposals, who: Operator, break_id: str, ask: ProposalRequest, key: KeyedRequest, response: Response
) -> ProposalView:
    """Propose what moves money. At most one proposal waits for each break; operators only."""
    wanted = proposals.Ask(ask.action, ask.reason, ask.payment, ask.payee, ask.documents)
    proposal_id = await key.once(who, ask, lambda once: proposed.propose(break_id, wanted, by=person(who), once=once))
    response.headers["Location"] = f"/v1/break-proposals/{proposal_id}"
    return ProposalView.of(await proposed.view(proposal_id))


@router.get("/break-proposals/{proposal_id}", response_model=ProposalView, responses=responses(404))
async def get_break_proposal(breaks: TheBreaks, proposed: TheProposals, who: Reader, proposal_id: str) -> ProposalView:
    """One proposal, and where its refund stands."""
    found = await proposed.view(proposal_id)
    await _mine(breaks, who, found.break_id)
    return ProposalView.of(found)


@router.post(
    "/break-proposals/{proposal_id}/confirmation", response_model=BreakView, responses=responses(400, 404, 409, 413)
)
async def confirm_break_proposal(
    base: Base, proposed: TheProposals, who: Operator, proposal_id: str, ask: Confirmation, key: KeyedRequest
) -> BreakView:
    """Confirm what was seen, as a second person 复核; who proposed it is refused. A refund is filed with that."""
    await key.once(who, ask, lambda once: proposed.confirm(proposal_id, by=person(who), seen=ask.seen, once=once))
    return _view(base, (await proposed.view(proposal_id)).about)  # 200 whatever has become of the refund by now


@router.delete("/break-proposals/{proposal_id}", status_code=204, responses=responses(404, 409))
async def withdraw_break_proposal(proposed: TheProposals, who: Operator, proposal_id: str) -> Response:
    """Take a proposal back before it is confirmed; its refund is dismissed."""
    await proposed.withdraw(proposal_id, by=person(who))
    return Response(status_code=204)


# --- whose ----------------------------------------------------------------------------------------------------------


async def _mine(breaks: Breaks, who: Principal, break_id: str) -> Break:
    found = await breaks.held(break_id)
    if who.kind != "operator":
        require_authority(who, found.authority, "break")
    return found


def _view(base: Foundation, one: Break) -> BreakView:
    return BreakView.of(one, base.clock.now())


def _views(base: Foundation, those: Sequence[Break]) -> list[BreakView]:
    return [_view(base, one) for one in those]

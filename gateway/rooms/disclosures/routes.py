"""Disclosures over HTTP: publish at every target, correct, withdraw, repair, mark, shield, end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.dry_runs import DRY, DryRunAsked, rehearsed
from gateway.foundation.http.idempotency import Keyed, KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, after, cursor_after
from gateway.foundation.once import Once
from gateway.rooms.disclosures import DisclosureFilter, Disclosures, Status
from gateway.rooms.disclosures.marks import Marks, Of
from gateway.rooms.disclosures.planning import Relied, Told
from gateway.rooms.disclosures.rules import Ground
from gateway.rooms.disclosures.views import DisclosureView

Route = TypeVar("Route", bound=Callable[..., Any])

router = APIRouter(prefix="/v1/disclosures", tags=["disclosures"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
Writer = Annotated[Principal, Depends(may("disclosures:write"))]
TheDisclosures = Annotated[Disclosures, Depends(service(Disclosures))]
TheMarks = Annotated[Marks, Depends(service(Marks))]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class BasisAsk(Ask):
    """Upon what a publication relies 公示依据: social impact (行政处罚法 art. 48), a special statute, or a local rule.

    ``citation``: where that stands. ``targets``: at which it holds; none: at all others.
    """

    ground: Ground
    citation: Annotated[str, Field(min_length=1, max_length=300)]
    targets: list[Annotated[str, Field(max_length=60)]] = Field(default_factory=list, max_length=20)


class PublishRequest(Ask):
    """Publish a decision. Without ``targets``: at all of the authority's.

    ``bases`` says upon what it relies where the rules name no basis, or another one. ``override_reason``: why it is
    shown although in principle such decisions are not.
    """

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str = Field(min_length=1, max_length=128)
    targets: list[Annotated[str, Field(max_length=60)]] | None = Field(default=None, min_length=1, max_length=20)
    override_reason: Reason | None = None
    bases: list[BasisAsk] = Field(default_factory=list, max_length=20)
    draft: bool = Field(default=False, description="nothing leaves before somebody has looked at it and released it")

    def told(self) -> Told:
        """What it says beside the decision."""
        bases = {target: Relied(one.ground, one.citation) for one in self.bases for target in (one.targets or [""])}
        return Told(self.override_reason, bases, self.draft)


class ReasonRequest(Ask):
    """Why; the public reads it where the target shows explanations."""

    reason: Reason


class SettleRequest(ReasonRequest):
    """How the objection was answered, and in which words. Upheld: correct or withdraw besides."""

    outcome: Literal["upheld", "dismissed"]


class RepairRequest(Ask):
    """The number of the repair's decision 信用修复决定."""

    repair_number: str = Field(min_length=1, max_length=128)
    performed: Reason | None = Field(default=None, description="proof of performance, where money did not come here")


@router.post(
    "", status_code=202, response_model=list[DisclosureView], responses={**DRY, **responses(400, 404, 409, 413)}
)
async def publish_decision(
    base: Base,
    disclosures: TheDisclosures,
    who: Writer,
    ask: PublishRequest,
    key: KeyedRequest,
    response: Response,
    dry_run: DryRunAsked = False,
) -> list[DisclosureView] | Response:
    """Publish a decision at the authority's targets. Each is followed on its own; webhooks tell what became of it."""
    require_authority(who, ask.authority, "decision")

    async def effect(once: Once) -> None:
        more: Any = {"targets": ask.targets, "told": ask.told(), "once": once}
        await disclosures.request(ask.authority, ask.decision_number, **more)

    look = disclosures.looking(ask.targets)
    if dry_run:
        return await rehearsed(
            base,
            effect,
            look,
            lambda found: [DisclosureView.of(one) for one in found],
            lambda _, found: (one.id for one in found),
        )
    found = await key.shows(who, ask, effect, look)
    response.status_code = key.status
    return [DisclosureView.of(one) for one in found]


@router.get("", response_model=Page[DisclosureView])
async def list_disclosures(
    disclosures: TheDisclosures,
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
    wanted = DisclosureFilter(
        authorities=who.authorities,
        status=status,
        target=target,
        decision_number=decision_number,
        late=late,
        in_doubt=in_doubt,
        before=after(cursor),
        limit=limit,
    )
    found = await disclosures.find(wanted)
    return Page(items=[DisclosureView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/{disclosure_id}", response_model=DisclosureView, responses=responses(404))
async def get_disclosure(disclosures: TheDisclosures, who: Reader, disclosure_id: str) -> DisclosureView:
    """One disclosure with its timeline."""
    disclosure, timeline = await disclosures.view(disclosure_id)
    require_authority(who, disclosure.authority, "disclosure")
    return DisclosureView.of(disclosure, timeline)


@dataclass(frozen=True)
class Act:
    """One change of one disclosure, under its key. ``of``: the authorities whose disclosures the asker may change."""

    disclosures: Disclosures
    who: Principal
    key: Keyed
    response: Response

    @property
    def of(self) -> Of:
        """Whose disclosures may be changed."""
        return self.who.authorities

    async def shows(self, ask: Ask | None, effect: Callable[[Once], Awaitable[object]]) -> DisclosureView:
        """Have the effect once, and answer with the disclosure as it then is."""
        found = await self.key.shows(self.who, ask, effect, self.disclosures.look)
        self.response.status_code = self.key.status
        return DisclosureView.of(*found)


async def _acting(disclosures: TheDisclosures, who: Writer, key: KeyedRequest, response: Response) -> Act:
    return Act(disclosures, who, key, response)


Acting = Annotated[Act, Depends(_acting)]


def _act(path: str) -> Callable[[Route], Route]:
    """A route that changes one disclosure, and answers with it as it then is."""
    return router.post(path, status_code=202, response_model=DisclosureView, responses=responses(400, 404, 409, 413))


@_act("/{disclosure_id}/correction")
async def correct_disclosure(
    disclosures: TheDisclosures, act: Acting, disclosure_id: str, ask: ReasonRequest
) -> DisclosureView:
    """Replace what is shown by the decision's present facts 更正."""
    return await act.shows(ask, lambda once: disclosures.correct(disclosure_id, ask.reason, of=act.of, once=once))


@_act("/{disclosure_id}/withdrawal")
async def withdraw_disclosure(
    disclosures: TheDisclosures, act: Acting, disclosure_id: str, ask: ReasonRequest
) -> DisclosureView:
    """Take a publication back 撤回 with an explanation (行政处罚法 art. 48)."""
    return await act.shows(ask, lambda once: disclosures.withdraw(disclosure_id, ask.reason, of=act.of, once=once))


@_act("/{disclosure_id}/repair")
async def repair_disclosure(
    disclosures: TheDisclosures, act: Acting, disclosure_id: str, ask: RepairRequest
) -> DisclosureView:
    """End a publication early after repair 信用修复."""
    return await act.shows(
        ask,
        lambda once: disclosures.repair(
            disclosure_id, ask.repair_number, performed=ask.performed, of=act.of, once=once
        ),
    )


@_act("/{disclosure_id}/objection")
async def object_to_disclosure(marks: TheMarks, act: Acting, disclosure_id: str, ask: ReasonRequest) -> DisclosureView:
    """Somebody objects to what is shown 异议: it is marked at the target as soon as that can be told."""
    return await act.shows(ask, lambda once: marks.object(disclosure_id, ask.reason, of=act.of, once=once))


@_act("/{disclosure_id}/objection/settlement")
async def settle_objection(marks: TheMarks, act: Acting, disclosure_id: str, ask: SettleRequest) -> DisclosureView:
    """The objection was answered: the mark goes."""
    return await act.shows(ask, lambda once: marks.settle(disclosure_id, ask.outcome, ask.reason, of=act.of, once=once))


@_act("/{disclosure_id}/shielding")
async def shield_disclosure(marks: TheMarks, act: Acting, disclosure_id: str, ask: ReasonRequest) -> DisclosureView:
    """Hide what is shown for a time 暂时屏蔽, on a ruling that ``reason`` names."""
    return await act.shows(ask, lambda once: marks.shield(disclosure_id, ask.reason, of=act.of, once=once))


@_act("/{disclosure_id}/shielding/end")
async def unshield_disclosure(marks: TheMarks, act: Acting, disclosure_id: str, ask: ReasonRequest) -> DisclosureView:
    """Show again what was hidden."""
    return await act.shows(ask, lambda once: marks.unshield(disclosure_id, ask.reason, of=act.of, once=once))


@_act("/{disclosure_id}/end")
async def end_disclosure(
    disclosures: TheDisclosures, act: Acting, disclosure_id: str, ask: ReasonRequest
) -> DisclosureView:
    """End what is over although its duties are not performed: an operator's word, where no rule says so."""
    return await act.shows(
        ask, lambda once: disclosures.end(disclosure_id, ask.reason, by=person(act.who), of=act.of, once=once)
    )


@_act("/{disclosure_id}/release")
async def release_disclosure(disclosures: TheDisclosures, act: Acting, disclosure_id: str) -> DisclosureView:
    """Have a draft sent to its target, as it is kept: somebody has looked at it."""
    return await act.shows(None, lambda once: disclosures.release(disclosure_id, of=act.of, once=once))

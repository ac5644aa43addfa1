"""A decision's publication explained over HTTP: why, until when, who must act next, and by which rule."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.language import in_words, spoken
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import View
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.explanation import AtTarget, ClockName, Explanation, Who, said
from gateway.rooms.disclosures.rules import Ground, Seriousness

router = APIRouter(prefix="/v1/disclosures", tags=["disclosures"], responses=responses(401, 403, 404, 409, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
OfAuthority = Annotated[str, Query(min_length=1, max_length=40)]
DecisionNumber = Annotated[str, Query(min_length=1, max_length=128)]
TheDisclosures = Annotated[Disclosures, Depends(service(Disclosures))]


class ClockView(View):
    """One clock. ``state``: ``running``, ``kept``, ``late`` or ``over``; ``provisional``: days off may move it."""

    name: ClockName
    day: date
    provisional: bool
    state: str
    citation: str


class NextView(View):
    """Who must act next, what is to be done, and by which day; null where there is none."""

    who: Who
    what: str
    by: date | None


class AtTargetView(View):
    """A decision at one target. ``disclosure`` is null where nothing was asked for yet.

    ``citation``: the rule behind ``why``. ``class_because``: how its class 失信程度 came about. ``basis``: upon what
    the publication relies; ``basis_confirm``: what is to be confirmed about that.
    """

    target: str
    disclosure: str | None
    status: str | None
    public: bool
    why: str
    citation: str
    seriousness: Seriousness | None
    class_because: str | None
    regime: str | None
    basis: Ground | None
    basis_citation: str | None
    basis_confirm: str | None
    until: date | None
    clocks: list[ClockView]
    next: NextView

    @classmethod
    def of(cls, one: AtTarget, whole: Explanation) -> AtTargetView:
        """From the room's value."""
        known, basis, degree = one.disclosure, one.basis, one.degree
        return cls(
            target=one.target,
            disclosure=None if known is None else known.id,
            status=None if known is None else known.status.value,
            public=one.public,
            why=in_words(one.why),
            citation=one.citation,
            seriousness=None if degree is None else degree.word,
            class_because=None if degree is None else in_words(said(degree, whole.decision)),
            regime=one.regime,
            basis=None if basis is None else basis.ground,
            basis_citation=None if basis is None else basis.citation,
            basis_confirm=None if basis is None or basis.confirm is None else basis.confirm.in_(spoken()),
            until=one.until,
            clocks=[ClockView.showing(clock) for clock in one.clocks],
            next=NextView(who=one.next.who, what=in_words(one.next.what), by=one.next.by),
        )


class PublicationView(View):
    """A decision's publication on a day, at each target of its authority."""

    authority: str
    number: str
    on: date
    targets: list[AtTargetView]

    @classmethod
    def of(cls, found: Explanation) -> PublicationView:
        """From the room's value."""
        known = found.decision
        targets = [AtTargetView.of(one, found) for one in found.targets]
        return cls(authority=known.authority, number=known.number, on=found.on, targets=targets)


@router.get("/explanation", response_model=PublicationView)
async def explain_disclosures(
    disclosures: TheDisclosures,
    who: Reader,
    authority: OfAuthority,
    decision_number: DecisionNumber,
) -> PublicationView:
    """Why a decision is public at each target or is not, until when, who must act next, and by which rule."""
    require_authority(who, authority, "decision")
    return PublicationView.of(await disclosures.explanations.of(authority, decision_number))


@router.get(
    "/repair-notice.{kind}",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}, "application/ofd": {}}, "description": "信用修复告知书 on A4"},
    },
)
async def get_repair_notice(
    disclosures: TheDisclosures,
    who: Reader,
    kind: Literal["pdf", "ofd"],
    authority: OfAuthority,
    decision_number: DecisionNumber,
) -> Response:
    """The notice of credit repair 信用修复告知书 that is served on the party with the decision 两书同达."""
    require_authority(who, authority, "decision")
    made = await disclosures.notices.of(authority, decision_number, kind)
    return Response(
        made,
        media_type=f"application/{kind}",
        headers={
            "Content-Disposition": f'inline; filename="repair-notice.{kind}"',
            "X-Content-Type-Options": "nosniff",
        },
    )

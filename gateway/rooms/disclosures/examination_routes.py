"""What publishing a decision would come to at each target, over HTTP: asked before anything is sent."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.language import in_words
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import View
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.judging import Refusal, Wanting
from gateway.rooms.disclosures.planning import Intent, Told, relied_on
from gateway.rooms.disclosures.rules import Ground

router = APIRouter(prefix="/v1/disclosures", tags=["disclosures"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
TheDisclosures = Annotated[Disclosures, Depends(service(Disclosures))]


class ObjectionView(View):
    """One thing without which a target is not told. ``place``: whether decision, organ or channel put it right."""

    field: str
    place: str
    wire: str = Field(description="the field's name at the target; empty where a rule asks for it")
    title: str = Field(description="and its Chinese name there")
    reason: str
    source: str

    @classmethod
    def all_of(cls, found: Wanting) -> list[ObjectionView]:
        """Those of a judgement, in order."""
        told = {one.field: one.told() for one in found.objections}
        return [
            cls(
                field=field,
                place=told.get(field, {}).get("in", "decision"),
                wire=told.get(field, {}).get("wire", ""),
                title=told.get(field, {}).get("title", ""),
                reason=in_words(words),
                source=told.get(field, {}).get("rule", found.citation),
            )
            for field, words in found.fields.items()
        ]


class ExaminationView(View):
    """What publishing a decision at one target would come to. ``reason``: why the rules forbid it."""

    target: str
    publishable: bool
    reason: str | None = None
    overridable: bool = False
    citation: str
    submit_by: date | None = None
    publish_until: date | None = None
    repair_from: date | None = None
    basis: Ground | None = Field(default=None, description="upon what the publication would rely")
    basis_citation: str | None = None
    objections: list[ObjectionView] = Field(default_factory=list)

    @classmethod
    def of(cls, intent: Intent) -> ExaminationView:
        """From what the rules and the target say."""
        found = intent.found
        told: dict[str, Any] = {"target": intent.target, "citation": found.citation, "publishable": False}
        if intent.basis is not None:
            told |= {"basis": intent.basis.ground, "basis_citation": intent.basis.citation}
        match found:
            case Refusal():
                told |= {"reason": found.reason, "overridable": found.overridable}
            case Wanting():
                told |= {"objections": ObjectionView.all_of(found)}
            case _:
                days = {"submit_by": found.by.on, "publish_until": found.until, "repair_from": found.repair_from}
                told |= {"publishable": True, **days}
        return cls(**told)


@router.get("/examination", response_model=list[ExaminationView], responses=responses(404, 409))
async def examine_disclosures(
    disclosures: TheDisclosures,
    who: Reader,
    authority: Annotated[str, Query(min_length=1, max_length=40)],
    decision_number: Annotated[str, Query(min_length=1, max_length=128)],
    target: Annotated[list[str] | None, Query(max_length=20)] = None,
    override_reason: Annotated[str | None, Query(max_length=500)] = None,
    basis: Annotated[
        list[str] | None, Query(max_length=20, description="GROUND:CITATION, GROUND@TARGET:CITATION")
    ] = None,
) -> list[ExaminationView]:
    """What publishing a decision would come to at each target, with all that each would refuse. Nothing is sent.

    ``override_reason`` and ``basis`` are those that the request would name.
    """
    require_authority(who, authority, "decision")
    told = Told(override_reason, relied_on(basis or ()))
    found = await disclosures.examine(authority, decision_number, targets=target, told=told)
    return [ExaminationView.of(one) for one in found]

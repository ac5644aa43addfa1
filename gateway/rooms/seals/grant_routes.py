"""Grants over HTTP: a supervisor gives and ends them, whoever reads seals reads them."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field, model_validator

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.views import Ask, View, instant
from gateway.rooms.seals.grants import SealGrant, SealGrants
from gateway.words.days import Day
from gateway.words.identifiers import clean_text
from gateway.words.wrong import shaped

router = APIRouter(prefix="/v1", tags=["seals"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("seals:read"))]
Supervisor = Annotated[Principal, Depends(operator("seals:grant"))]
TheGrants = Annotated[SealGrants, Depends(service(SealGrants))]


class GrantAsk(Ask):
    """Which seal, to whom (number of the certificate 执法证号), and its first and last day."""

    authority: str = Field(min_length=1, max_length=40)
    seal_id: str = Field(pattern=shaped(r"^[0-9A-Za-z-]{1,32}$", "shapes.seal_id"))
    officer: Annotated[str, Field(min_length=3, max_length=40), AfterValidator(clean_text)]
    first_on: Day
    last_on: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_on < self.first_on:
            raise ValueError("last_on lies before first_on")
        return self


class GrantEnd(Ask):
    """Why a grant ends before its last day."""

    reason: str = Field(min_length=1, max_length=200)


class GrantView(View):
    """One grant."""

    id: str
    authority: str
    seal_id: str
    officer: str = Field(description="the last four characters of the certificate's number")
    first_on: str
    last_on: str
    granted_by: str
    granted_at: str
    ended_by: str | None
    ended_at: str | None
    reason: str | None

    @classmethod
    def of(cls, grant: SealGrant, officer: str) -> GrantView:
        """From its record and the officer's number."""
        return cls(
            id=grant.id,
            authority=grant.authority,
            seal_id=grant.seal_id,
            officer=f"…{officer[-4:]}" if len(officer) > 6 else "…",
            first_on=grant.first_on.isoformat(),
            last_on=grant.last_on.isoformat(),
            granted_by=grant.granted_name,
            granted_at=instant(grant.granted_at),
            ended_by=grant.ended_name,
            ended_at=instant(grant.ended_at),
            reason=grant.reason,
        )


@router.post("/seal-grants", status_code=201, response_model=GrantView, responses=responses(400, 404, 409))
async def grant_seal(
    base: Base, grants: TheGrants, who: Supervisor, ask: GrantAsk, key: KeyedRequest, response: Response
) -> GrantView:
    """Let an officer use a seal from one day to another 用印授权. From the first grant on the seal needs one."""
    require_authority(who, ask.authority, "authority")
    days = (ask.first_on, ask.last_on)
    grant = grants.drawn_up(ask.authority, ask.seal_id, ask.officer, days, granted_name=who.name)
    grant_id = await key.once(who, ask, lambda once: grants.give(grant, once=once))
    response.status_code = key.status
    return GrantView.of(found := await grants.held(grant_id), found.officer(base.envelope))


@router.post("/seal-grants/{grant_id}/end", response_model=GrantView, responses=responses(404, 409))
async def end_seal_grant(base: Base, grants: TheGrants, who: Supervisor, grant_id: str, ask: GrantEnd) -> GrantView:
    """End a grant now. A seal whose grants have all ended is used by nobody."""
    require_authority(who, (await grants.held(grant_id)).authority, "grant")
    ended = await grants.end(grant_id, reason=ask.reason, ended_name=who.name)
    return GrantView.of(ended, ended.officer(base.envelope))


@router.get("/seal-grants", response_model=list[GrantView], responses=responses(404))
async def list_seal_grants(
    base: Base,
    grants: TheGrants,
    who: Reader,
    authority: Annotated[str, Query(min_length=1, max_length=40)],
    seal_id: Annotated[str | None, Query(max_length=32)] = None,
) -> list[GrantView]:
    """Grants of an authority's seals, newest first, those that ended too."""
    require_authority(who, authority, "authority")
    return [GrantView.of(one, one.officer(base.envelope)) for one in await grants.of(authority, seal_id)]

"""Registration records over HTTP: by code, by name, by licence QR, and what changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.persons import Plainly
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, encode_cursor
from gateway.ports.registry import EntityChange, EntitySummary, RegistrationRecord
from gateway.rooms.entities import Entities, EntityView, RecordedChange
from gateway.words.clock import SHANGHAI, rfc3339
from gateway.words.masking import mask_address

router = APIRouter(prefix="/v1", tags=["entities"], responses=responses(401, 403, 404, 409, 422, 503))

Reader = Annotated[Principal, Depends(may("entities:read"))]
TheEntities = Annotated[Entities, Depends(service(Entities))]
Authority = Annotated[str, Query(min_length=1, max_length=40, description="for which authority this is asked")]


class EntityDocument(View):
    """Registration facts with their dates. ``stale``: the registry could not be asked, and this is an old answer."""

    record: RegistrationRecord
    channel: str
    version: int
    confirmed_at: str
    stale: bool

    @classmethod
    def of(cls, view: EntityView, plainly: bool) -> EntityDocument:
        """From what the room answers. The address of a trader may be a home: masked unless ``plainly``."""
        shown: dict[str, Any] = {"as_of": view.record.as_of.astimezone(SHANGHAI)}
        if not plainly and view.record.category == "individual_business":
            known = {name: getattr(view.record, name) for name in ("address", "service_address")}
            shown |= {name: mask_address(text) for name, text in known.items() if text is not None}
        return cls(
            record=view.record.model_copy(update=shown),
            channel=view.channel,
            version=view.version,
            confirmed_at=rfc3339(view.confirmed_at),
            stale=view.stale,
        )


class ChangeDocument(View):
    """One change of registration. ``alert`` names what matters for a case: deregistered, revoked, moved, …"""

    id: str
    change: EntityChange
    alert: str | None
    source: str
    recorded_at: str

    @classmethod
    def of(cls, found: RecordedChange) -> ChangeDocument:
        """From what the room has recorded."""
        return cls(
            id=found.id,
            change=found.change,
            alert=found.alert,
            source=found.source,
            recorded_at=rfc3339(found.recorded_at),
        )


class LicenceScan(Ask):
    """The text of a licence QR as the scanner read it. It is parsed, never followed."""

    authority: str = Field(min_length=1, max_length=40)
    text: str = Field(min_length=1, max_length=4000)
    allow_stale: bool = False


@router.get("/entities/{uscc}", response_model=EntityDocument)
async def get_entity(
    entities: TheEntities,
    who: Reader,
    plainly: Plainly,
    uscc: str,
    authority: Authority,
    max_age_hours: Annotated[float, Query(ge=0, le=24 * 365, description="0 asks the registry in any case")] = 24,
    allow_stale: bool = False,
) -> EntityDocument:
    """The record for a unified social credit code."""
    require_authority(who, authority, "authority")
    age = timedelta(hours=max_age_hours)
    return EntityDocument.of(await entities.by_code(authority, uscc, max_age=age, allow_stale=allow_stale), plainly)


@router.get("/entities", response_model=list[EntitySummary])
async def find_entities(
    entities: TheEntities, who: Reader, authority: Authority, name: Annotated[str, Query(min_length=2, max_length=200)]
) -> list[EntitySummary]:
    """Businesses whose name contains the text."""
    require_authority(who, authority, "authority")
    return list(await entities.by_name(authority, name))


@router.post("/licence-scans", response_model=EntityDocument, responses=responses(413))
async def scan_licence(entities: TheEntities, who: Reader, plainly: Plainly, scan: LicenceScan) -> EntityDocument:
    """The record behind a licence QR, asked for anew."""
    require_authority(who, scan.authority, "authority")
    return EntityDocument.of(await entities.scan(scan.authority, scan.text, allow_stale=scan.allow_stale), plainly)


@router.get("/entities/{uscc}/changes", response_model=Page[ChangeDocument])
async def list_entity_changes(
    entities: TheEntities, who: Reader, uscc: str, authority: Authority, cursor: Cursor = None, limit: Limit = 50
) -> Page[ChangeDocument]:
    """Changes recorded since the entity was first looked up, oldest first."""
    require_authority(who, authority, "authority")
    found = await entities.changes(authority, uscc, after=after(cursor) or "", limit=limit)
    return Page(
        items=[ChangeDocument.of(one) for one in found],
        next=encode_cursor(found[-1].id) if len(found) == limit else None,
    )

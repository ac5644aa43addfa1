"""The gateway's own keys over HTTP: what each is for and how far its change is, and changing one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import operator
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import Page, View, instant
from gateway.foundation.rotation.standing import KeyStanding

router = APIRouter(prefix="/v1", tags=["keys"], responses=responses(401, 403, 422, 503))

Writer = Annotated[Principal, Depends(operator("keys:write"))]


class OwnKeyView(View):
    """One number of a key of the gateway. ``moved`` of ``total`` rows lie under it instead of the one before.

    ``waits_for``: nodes that have not got it, or do not use it yet. ``where``: file, token, or empty where it is not
    on this node.
    """

    key: str
    name: str
    number: int
    state: str
    made_at: str | None
    used_at: str | None
    retired_at: str | None
    moved: int
    total: int
    waits_for: list[str]
    where: str

    @classmethod
    def of(cls, one: KeyStanding) -> OwnKeyView:
        """From what stands of it."""
        times = {name: instant(getattr(one, name)) for name in ("made_at", "used_at", "retired_at")}
        return cls.showing(one, state=one.state.value, waits_for=list(one.waits_for), **times)


@router.get("/own-keys", response_model=Page[OwnKeyView])
async def list_own_keys(base: Base, _: Writer) -> Page[OwnKeyView]:
    """The gateway's own keys, by name and number."""
    return Page(items=[OwnKeyView.of(one) for one in await base.rotation.standings()], next=None)


@router.post(
    "/own-keys/{name}/rotation",
    response_model=Page[OwnKeyView],
    status_code=202,
    responses=responses(400, 404, 409),
)
async def rotate_key(base: Base, who: Writer, name: str, key: KeyedRequest) -> Page[OwnKeyView]:
    """Make the next key of a name. It is used when every node has it; rows are moved to it while the gateway serves."""
    await key.once(who, None, lambda once: base.rotation.rotate(name, who.name, once=once))
    items = [OwnKeyView.of(one) for one in await base.rotation.standings() if one.name == name]
    return Page(items=items, next=None)

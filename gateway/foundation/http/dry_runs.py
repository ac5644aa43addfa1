"""``?dry_run=true``: what a request would do, told by the request itself, of which nothing is kept or sent."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.dry_run import DryRun, UndoneError
from gateway.foundation.evidence.redaction import redact_text
from gateway.foundation.http.views import View, instant
from gateway.foundation.once import Once
from gateway.words.clock import to_micros

_PERSONAL: Final = frozenset({"payer_phone", "approval"})
"""What of a port's request is a person's, beside what its channel hides in evidence."""
DryRunAsked = Annotated[
    bool,
    Query(
        alias="dry_run",
        description="Say only what this request would do: every check is made, nothing is kept, nothing is sent.",
    ),
]


class WouldSendView(View):
    """One call that would be made: by which action of which port, over which channel, with what; persons are masked.

    ``not_before``: where it would wait, until when.
    """

    action: str
    channel: str
    adapter: str
    not_before: str | None
    request: dict[str, Any]


class DryRunView(View):
    """What a request would do. ``record``: what it would show, with ids that no record has; ``would_send``: each call
    that would leave."""

    dry_run: Literal[True]
    record: Any
    would_send: list[WouldSendView]


DRY: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": DryRunView, "description": "With dry_run=true: what would be done"}
}
"""The OpenAPI declaration of the answer of a dry run."""


async def rehearsed(
    base: Foundation,
    effect: Callable[[Once], Awaitable[object]],
    look: Callable[[Connection, str], Any],
    shown: Callable[[Any], Any],
    records: Callable[[str, Any], Iterable[str]] = lambda subject, _: (subject,),
) -> JSONResponse:
    """Carry an effect out, and undo it. ``look`` and ``shown``: as the request itself is answered; ``records``: which
    records the operations are of, from the subject and what was seen. Raises what the effect raises."""
    trying = DryRun.of(look, records)
    try:
        await effect(trying)
    except UndoneError:
        pass
    else:
        raise AssertionError("an effect that a dry run cannot undo")
    would_send = [_told(base, one) for one in trying.would_send]
    told = DryRunView(dry_run=True, record=shown(trying.seen), would_send=would_send)
    return JSONResponse(told.model_dump(mode="json", by_alias=True))


def _told(base: Foundation, one: OperationRecord) -> WouldSendView:
    later = one.due_at if one.due_at > to_micros(base.clock.now()) else None
    info = base.channels.get(one.channel).info
    request = base.delivery.request_of(one).model_dump_json()
    return WouldSendView(
        action=one.action,
        channel=one.channel,
        adapter=info.name,
        not_before=instant(later),
        request=json.loads(redact_text(request, info.sensitive | _PERSONAL)),
    )

"""Kinds of jobs: what each one's rows are, frozen as whoever proposes it sees them at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.operation_records import Parked
from gateway.foundation.delivery.states import ParkedFor
from gateway.ports.nontax import KIND
from gateway.rooms.jobs.import_files import IMPORT_SCOPES
from gateway.rooms.jobs.service import MOST, Plan, Request
from gateway.rooms.reconciliation import Reconciliation
from gateway.words.clock import day_of, from_micros, rfc3339, to_micros
from gateway.words.days import Day, Instant
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import say
from gateway.words.text import Ask, readable

Kind = Literal["reconcile", "retry", "webhooks", "export"]
SCOPES: Final[Mapping[str, str]] = {
    "reconcile": "reconciliation:write",
    "retry": "operations:write",
    "webhooks": "webhooks:write",
    "export": "exports:make",
    "breaks": "reconciliation:write",
    **IMPORT_SCOPES,
}
"""What whoever proposes a job of a kind must be allowed: the right of its rows."""
ASKS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "reconcile": ("first", "last", "channels"),
    "retry": ("channel", "action", "parked_for", "since", "until"),
    "webhooks": ("since", "until", "endpoints"),
    "export": ("list", "filter", "form"),
}
"""What each kind is about: members of ``JobAsk``, of which forms and commands are made."""
_DAYS: Final = 400


class JobAsk(Ask):
    """A job, and what it is about.

    ``reconcile``: each day from ``first`` to ``last`` of ``channels``, all that take payments if none. ``retry``: what
    is parked now, of one ``channel``, one ``action``, or for one reason (``parked_for``), parked ``since`` an instant
    and before ``until``. ``webhooks``: events of such a time, to ``endpoints``, all if none. ``export``: a ``list`` by
    a ``filter`` as ``form``.
    """

    kind: Kind
    reason: str = Field(min_length=1, max_length=500)
    first: Day | None = None
    last: Day | None = None
    channels: tuple[Annotated[str, Field(max_length=60)], ...] = Field(default=(), max_length=50)
    channel: str | None = Field(default=None, max_length=60)
    action: str | None = Field(default=None, max_length=40)
    parked_for: ParkedFor | None = None
    since: Instant | None = None
    until: Instant | None = None
    endpoints: tuple[Annotated[str, Field(max_length=40)], ...] = Field(default=(), max_length=200)
    list: Literal["payments", "breaks", "disclosures", "refunds", "exceptions"] | None = None
    filter: Annotated[
        dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=200)]], BeforeValidator(readable)
    ] = Field(default={}, max_length=12)
    form: Literal["xlsx", "csv"] = "xlsx"


class Planning:
    """Makes plans of what is asked for."""

    def __init__(self, base: Foundation, reconciliation: Reconciliation) -> None:
        self._base = base
        self._reconciliation = reconciliation
        self._made: Mapping[str, Callable[[JobAsk, Principal], AsyncIterator[Request]]] = {
            "reconcile": self._days,
            "retry": self._parked,
            "webhooks": self._endpoints,
            "export": self._export,
        }

    async def plan(self, ask: JobAsk, who: Principal) -> Plan:
        """The rows of a job. Raises InvalidProblem for what it lacks, NotFoundProblem."""
        rows = [one async for one in self._made[ask.kind](ask, who)]
        return Plan(ask.kind, ask.reason, rows, two_persons=any(one.pairs for one in rows))

    async def _days(self, ask: JobAsk, who: Principal) -> AsyncIterator[Request]:
        if ask.first is None:
            raise InvalidProblem(say("jobs.needs_first"), field="first")
        last = ask.last or day_of(self._base.clock.now()) - timedelta(days=1)
        if not timedelta() <= last - ask.first < timedelta(days=_DAYS):
            raise InvalidProblem(say("jobs.days", most=_DAYS), field="last")
        every = [one.name for one in self._base.channels.all() if one.info.kind == KIND]
        if strange := sorted(set(ask.channels) - set(every)):
            raise NotFoundProblem(say("jobs.no_channel", channel=strange[0]), field="channels")
        served = [one for one in ask.channels or every if self._base.channels.served(one, who.authorities)]
        began = {one: await self._reconciliation.began(one) for one in served}
        for number in range((last - ask.first).days + 1):
            day: date = ask.first + timedelta(days=number)
            for channel in served:
                begin = began[channel]
                why = say("jobs.before", first=begin) if begin is not None and day < begin else None
                body = {"channel": channel, "day": day.isoformat()}
                yield Request(f"{day} {channel}", path="/v1/reconciliations", body=body, why=why)

    async def _parked(self, ask: JobAsk, who: Principal) -> AsyncIterator[Request]:
        """What is parked now by this choice, the oldest first; what has moved on since is not sent on."""
        if (ask.channel, ask.action, ask.parked_for) == (None, None, None):
            raise InvalidProblem(say("jobs.needs_choice"), field="channel")
        since, until = (None if one is None else to_micros(one) for one in (ask.since, ask.until))
        chosen = Parked(ask.channel, ask.action, ask.parked_for, since, until, list(who.authorities))
        for one in await self._base.store.read(partial(operation_records.parked, chosen=chosen, limit=MOST)):
            yield Request(
                one.id,
                path=f"/v1/operations/{one.id}/retry",
                body={"reason": ask.reason},
                look=f"/v1/operations/{one.id}",
                known={"state": "parked", "updated_at": rfc3339(from_micros(one.updated_at))},
                pairs=one.effectful and one.two_persons,
            )

    async def _endpoints(self, ask: JobAsk, who: Principal) -> AsyncIterator[Request]:
        if ask.since is None:
            raise InvalidProblem(say("jobs.needs_since"), field="since")
        body = {"since": rfc3339(ask.since)} | ({} if ask.until is None else {"until": rfc3339(ask.until)})
        for one in await self._base.webhooks.endpoints.find(list(who.authorities)):
            if not ask.endpoints or one.id in ask.endpoints:
                yield Request(f"{one.id} {one.url}", path=f"/v1/webhook-endpoints/{quote(one.id)}/resend", body=body)

    async def _export(self, ask: JobAsk, who: Principal) -> AsyncIterator[Request]:  # noqa: ARG002
        if ask.list is None:
            raise InvalidProblem(say("jobs.needs_list"), field="list")
        body = {"list": ask.list, "filter": ask.filter, "form": ask.form}
        yield Request(ask.list, path="/v1/exports", body=body)

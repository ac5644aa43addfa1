"""Channels as people see them: how each stands, what went out over it lately, what failed, how old its secrets are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.channels import Channel
from gateway.foundation.credentials import Credential, credentials
from gateway.foundation.delivery import limits, operation_records
from gateway.foundation.delivery.limits import Condition, closed_until
from gateway.foundation.delivery.states import State
from gateway.foundation.drift import Drifted
from gateway.foundation.drift import records as drift_records
from gateway.foundation.drift.records import DRIFT_IS_NEWS
from gateway.foundation.evidence import traffic
from gateway.foundation.evidence.traffic import Failure, Hour
from gateway.words.clock import to_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

_FAILURES: Final = 10


class Standing(StrEnum):
    """How a channel stands: stopped by people or by a refusal, without an answer, closed at this hour, or well."""

    STOPPED = "STOPPED"
    CIRCUIT = "CIRCUIT"
    QUIET = "QUIET"
    WORKING = "WORKING"


@dataclass(frozen=True)
class ChannelSight:
    """One channel. ``unfinished``: operations that have not ended, by state.

    ``drift``: what it sends beyond its contract, ``news``: how much of that was first seen lately. ``ending``: how
    many of its certificates end soon.
    """

    channel: Channel
    condition: Condition
    closed_until: datetime | None
    unfinished: Mapping[State, int] = field(default_factory=dict)
    drift: Sequence[Drifted] = ()
    news: int = 0
    credentials: Sequence[Credential] = ()
    ending: int = 0

    @property
    def standing(self) -> Standing:
        """The worst that is the case."""
        if self.condition.stopped is not None:
            return Standing.STOPPED
        if self.condition.open_until is not None:
            return Standing.CIRCUIT
        return Standing.QUIET if self.closed_until is not None else Standing.WORKING

    @property
    def tried_in(self) -> int:
        """Seconds until the next call may try a channel that does not answer."""
        until = self.condition.open_until
        return 0 if until is None else max(0, until - self.condition.read_at) // limits.SECOND


@dataclass(frozen=True)
class Lately:
    """What went out in the last 24 hours, and what failed of it, each with the reason that its attempt had."""

    hours: Sequence[Hour]
    failures: Sequence[tuple[Failure, str | None]]


class ChannelSights:
    """Reads how channels stand. Nothing here changes anything, or calls anybody."""

    def __init__(self, base: Foundation) -> None:
        self._base = base

    async def all(self, *, counted: bool = True) -> list[ChannelSight]:
        """Every channel, in the order of the settings; unless ``counted``, without what has not ended."""
        base, now = self._base, self._base.clock.now()
        lately = to_micros(now - DRIFT_IS_NEWS)

        def read(conn: Connection) -> list[ChannelSight]:
            known, numbers = limits.conditions(conn), operation_records.counts(conn) if counted else {}
            drifted = drift_records.all_of(conn)
            return [
                self._sight(channel, known.get(channel.name, Condition()), numbers, drifted, lately, now)
                for channel in base.channels.all()
            ]

        found = await base.store.read(read)
        return await asyncio.to_thread(lambda: [self._with_credentials(one, now) for one in found])

    async def held(self, name: str) -> ChannelSight:
        """One of them. Raises NotFoundProblem."""
        for one in await self.all():
            if one.channel.name == name:
                return one
        raise NotFoundProblem(say("channels.none", name=name))

    async def lately(self, name: str, authorities: frozenset[str]) -> Lately:
        """The last 24 hours of a channel. ``authorities``: whose failures are shown, beside those of nobody's."""
        now = to_micros(self._base.clock.now())

        def read(conn: Connection) -> Lately:
            failed = traffic.failures(conn, name, authorities, now, _FAILURES)
            return Lately(traffic.by_hour(conn, name, now), [(one, _reason(conn, one)) for one in failed])

        return await self._base.store.read(read)

    @staticmethod
    def _sight(
        channel: Channel,
        condition: Condition,
        counted: Mapping[tuple[str, str], int],
        drifted: Sequence[Drifted],
        lately: int,
        now: datetime,
    ) -> ChannelSight:
        drift = [one for one in drifted if one.channel == channel.name]
        return ChannelSight(
            channel=channel,
            condition=condition,
            closed_until=closed_until(channel.keys.quiet, now),
            unfinished={State(state): number for (name, state), number in counted.items() if name == channel.name},
            drift=drift,
            news=sum(one.first_seen_at >= lately for one in drift),
        )

    def _with_credentials(self, one: ChannelSight, now: datetime) -> ChannelSight:
        settings = self._base.settings.channels.get(one.channel.name)
        found = [] if settings is None else credentials(settings)
        return replace(one, credentials=found, ending=sum(each.ends_soon(now) for each in found))


def _reason(conn: Connection, failure: Failure) -> str | None:
    """What the attempt says that made the exchange."""
    if failure.operation_id is None:
        return None
    made = operation_records.attempts_of(conn, failure.operation_id)
    return next((one.reason for one in made if failure.exchange_id in one.exchanges), None)

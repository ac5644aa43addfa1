"""What is asked of a seal service while a case system waits: its seals, and whether one may be used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.store import Store
from gateway.foundation.unanswered import Unanswered
from gateway.ports.seal import SealInfo
from gateway.rooms.seals import records
from gateway.rooms.seals.ses import Seal, SesError, read_seal
from gateway.words.errors import ConflictProblem, ExchangeError, InvalidProblem, NotFoundProblem, UnavailableProblem
from gateway.words.saying import say

T = TypeVar("T")

_UNANSWERED = Unanswered(
    system=say("seals.system"),
    rejected="rejected-by-seal-service",
    busy="seal-service-busy",
    broken="seal-service-answer-broken",
    unreachable="seal-service-unreachable",
    later=say("seals.later"),
)


class Catalogue:
    """The seals of authorities, as their seal services have them now."""

    def __init__(self, store: Store, channels: Channels) -> None:
        self._store = store
        self._channels = channels

    def channel_of(self, authority: str) -> Channel:
        """The channel that seals for an authority. Raises ConflictProblem."""
        channels = self._channels.route(authority, "seals")
        if not channels:
            raise ConflictProblem(
                say("seals.no_channel", authority=authority),
                type="no-channel",
            )
        return channels[0]

    async def all_of(self, authority: str) -> tuple[SealInfo, ...]:
        """The seals of an authority, whatever their status. Raises ConflictProblem, UnavailableProblem."""
        channel = self.channel_of(authority)
        owner = await self._owner(authority)
        return await _asked(channel, lambda service: service.list_seals(owner))

    async def usable(self, channel: Channel, authority: str, seal_id: str) -> tuple[SealInfo, Seal]:
        """The seal as the service knows it, and as its SESeal describes it.

        Raises InvalidProblem where the authority has no such seal, ConflictProblem where it is not active, and
        UnavailableProblem.
        """
        info = await _asked(channel, lambda service: service.seal_status(seal_id))
        if info is None or info.owner_code != await self._owner(authority):
            raise InvalidProblem(
                say("seals.unknown_seal"),
                field="seal_id",
                type="unknown-seal",
            )
        if info.status != "active" or info.eseal is None:
            raise ConflictProblem(say(f"seals.seal_{info.status}"), type="seal-not-usable", seal_status=info.status)
        try:
            seal = read_seal(info.eseal)
        except SesError as error:
            raise UnavailableProblem(
                say("seals.seal_unreadable", error=error),
                type="seal-service-answer-broken",
            ) from error
        if seal.seal_id != info.seal_id:
            raise UnavailableProblem(
                say("seals.another_seal"),
                type="seal-service-answer-broken",
            )
        return info, seal

    async def _owner(self, authority: str) -> str:
        code = await self._store.read(lambda conn: records.owner_code(conn, authority))
        if code is None:
            raise NotFoundProblem(say("seals.no_authority"))
        return code


async def _asked(channel: Channel, question: Callable[[Any], Awaitable[T]]) -> T:
    """A question that a request waits for. Raises Problems only."""
    try:
        return await question(channel.adapter)
    except ExchangeError as error:
        raise _UNANSWERED.problem(error) from error

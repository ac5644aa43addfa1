"""Other secrets for a channel while the gateway runs: read anew, tried with a harmless call, and put in place.

A second channel is built beside the one that serves. Only when the other side has answered it does it take its place,
for whatever begins from then on; the former lets go of its connections once nothing has gone over them for a while.
Whatever goes wrong before changes nothing.

Each node does this by itself, since secrets lie on each: in its files and its environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.wire import FrameWire
from gateway.settings import Settings
from gateway.words.errors import ConflictProblem, ExchangeError, GatewayError, NotFoundProblem, SettingsError
from gateway.words.saying import Both, Language, said_of, say

log = structlog.get_logger(__name__)

QUIET: Final = 5.0
"""Seconds without an exchange after which nobody is taken to be in the middle of several."""
_LOOKS: Final = 10
"""So often a channel is looked at in that time."""


@dataclass(frozen=True)
class Renewed:
    """A channel that has its secrets from now on. ``answer``: what the other side said to them, None if unasked."""

    channel: str
    answer: str | None
    old_until: datetime | None


class Renewal:
    """Renews the secrets of channels. ``quiet``: see ``QUIET``."""

    def __init__(self, channels: Channels, settings: Settings, *, quiet: float = QUIET) -> None:
        self._channels = channels
        self._settings = settings
        self._quiet = quiet
        self._turn = asyncio.Lock()
        self._leaving: dict[asyncio.Task[None], Channel] = {}

    async def renew(self, name: str, *, ask: bool = True) -> Renewed:
        """Read the settings and secrets of a channel anew and use them. Not ``ask``: without trying them first.

        Raises NotFoundProblem, and ConflictProblem where they cannot be used or the other side does not answer to
        them: then nothing has changed.
        """
        if not any(one.name == name for one in self._channels.all()):
            raise NotFoundProblem(say("channels.none", name=name))
        async with self._turn:
            try:
                settings = await asyncio.to_thread(self._settings.again)
                if name not in settings.channels:
                    raise SettingsError(f"channels.{name}", say("channels.none", name=name))
                made = self._channels.again(name, settings.channels[name])
            except SettingsError as wrong:
                reason = say("doctor.setting", key=wrong.key, reason=wrong.said)
                cure = Both(wrong.cure_in(Language.CHINESE), wrong.cure_in(Language.ENGLISH))
                told = say("channels.not_renewed", name=name, reason=reason, cure=cure)
                raise ConflictProblem(told) from wrong
            try:
                answer = await made.adapter.check() if ask else None
            except BaseException as refused:
                await made.close()
                if not isinstance(refused, ExchangeError):
                    raise
                told = say("channels.not_answered", name=name, reason=said_of(refused))
                raise ConflictProblem(told) from refused
            self._replace(made)
        until = made.old.until if made.old is not None else None
        log.info("a channel has its secrets anew", channel=name, old_too=made.old is not None, old_until=until)
        return Renewed(name, answer, until)

    async def renew_all(self) -> Mapping[str, Renewed | GatewayError]:
        """Renew every channel: what became of each. One that cannot be renewed goes on as it was, and is logged."""
        told: dict[str, Renewed | GatewayError] = {}
        for channel in self._channels.all():
            try:
                told[channel.name] = await self.renew(channel.name)
            except GatewayError as problem:
                log.error("a channel goes on with the secrets it had", channel=channel.name, reason=str(problem))
                told[channel.name] = problem
        return told

    async def close(self) -> None:
        """Let go at once of what was replaced."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _replace(self, made: Channel) -> None:
        before = self._channels.put(made)
        if isinstance(made.wire, FrameWire) and isinstance(before.wire, FrameWire):
            made.wire.unasked = before.wire.unasked
        task = asyncio.create_task(self._leave(before), name=f"channel {before.name} leaves")
        self._leaving[task] = before
        task.add_done_callback(self._leaving.pop)

    async def _leave(self, channel: Channel) -> None:
        """Close a channel once its exchanges have ended and no further one has begun for a while."""
        still = 0
        try:
            while still < _LOOKS:
                await asyncio.sleep(self._quiet / _LOOKS)
                still = 0 if channel.wire.busy else still + 1
        finally:
            await channel.close()

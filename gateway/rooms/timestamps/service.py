"""Having digests stamped, by the service that an authority's channel leads to."""

from __future__ import annotations

import secrets
from typing import Literal

from gateway.foundation.channels import Channels
from gateway.ports.timestamp import StampRequest, TimeStamp, TimeStampService
from gateway.words.errors import ExchangeError, NotSentError


class TimeStamps:
    """Time stamps for authorities, by ``[[routes]] capability = "timestamps"``."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def served(self, authority: str) -> bool:
        """Whether a channel stamps for this authority; "*": for all that have none of their own."""
        return bool(self._channels.route(authority, "timestamps"))

    async def stamp(self, authority: str, digest: bytes, algorithm: Literal["sha256", "sm3"] = "sha256") -> TimeStamp:
        """A token over a digest, from the first channel that gives one; its signature is for the caller to judge.

        Raises the ExchangeError of the first channel where none gives one, NotSentError where there is no channel.
        """
        refused: ExchangeError = NotSentError(f"no channel stamps for authority {authority}")
        for index, channel in enumerate(self._channels.route(authority, "timestamps")):
            service: TimeStampService = channel.adapter
            asked = StampRequest(algorithm=algorithm, digest=digest, nonce=secrets.randbits(63) | 1)
            try:
                return await service.stamp(asked)
            except ExchangeError as error:
                refused = refused if index else error
        raise refused

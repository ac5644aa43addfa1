"""The room of time stamps: who stamps for an authority, and what is said when nobody does."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.foundation.channels import Channels
from gateway.ports.timestamp import StampRequest, TimeStamp
from gateway.rooms.timestamps import TimeStamps
from gateway.words.errors import ExchangeError, NotSentError, OutcomeUnknownError, RejectedError

NOW = datetime(2026, 11, 3, tzinfo=UTC)


class Service:
    """Stamps, or fails as told."""

    def __init__(self, token: bytes = b"", error: ExchangeError | None = None) -> None:
        self.token, self.error = token, error
        self.asked: list[StampRequest] = []

    async def stamp(self, request: StampRequest) -> TimeStamp:
        self.asked.append(request)
        if self.error:
            raise self.error
        return TimeStamp(token=self.token, at=NOW)


def served(**services: Service) -> TimeStamps:
    channels: dict[str, Any] = {name: SimpleNamespace(name=name, adapter=one) for name, one in services.items()}
    return TimeStamps(Channels(channels, {("A1", "timestamps"): tuple(services)}))


async def test_the_next_service_is_asked_where_the_first_gives_no_stamp():
    first, second = Service(error=OutcomeUnknownError("silence")), Service(b"token")
    stamps = served(one=first, two=second)
    assert (await stamps.stamp("A1", b"d" * 32)).token == b"token"
    assert first.asked[0].digest == second.asked[0].digest == b"d" * 32
    assert first.asked[0].nonce != second.asked[0].nonce


async def test_the_first_refusal_is_told_where_nobody_stamps():
    stamps = served(one=Service(error=RejectedError("no", "badAlg")), two=Service(error=NotSentError("down")))
    with pytest.raises(RejectedError, match="no"):
        await stamps.stamp("A1", b"d" * 32)


async def test_an_authority_without_a_channel_gets_no_stamp():
    stamps = served(one=Service(b"token"))
    assert (stamps.served("A1"), stamps.served("A2")) == (True, False)
    with pytest.raises(NotSentError, match="A2"):
        await stamps.stamp("A2", b"d" * 32)

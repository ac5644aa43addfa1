"""Operations of rooms that are not installed any more: nobody here knows how to carry them out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.delivery import operation_records
from gateway.foundation.findings import Finding
from gateway.settings import Settings
from gateway.words.saying import Sentence, say


def strange(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> list[Sentence]:
    """One sentence for each kind of operation that nobody here knows. Opens the gateway if anything has not ended."""
    from gateway.app import App

    async def told() -> list[Sentence]:
        async with App.open(settings) as gateway:
            return await gateway.base.delivery.waiting.strange()

    return asyncio.run(told()) if read(operation_records.counts) else []


def look(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:
    """What ``gateway doctor`` says of them."""
    for said in strange(settings, read):
        yield Finding(say("operations.of_no_room"), "fail", said)

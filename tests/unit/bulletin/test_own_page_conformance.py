"""The gateway's own page keeps the promises of its port: those about a wire, which it has none of, are not declared."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from published_records import record
from sqlalchemy import func, select

from gateway.foundation.store import Store
from gateway.ports.credit import DisclosedParty, DisclosureRecord
from gateway.rooms.bulletin import Bulletin
from gateway.rooms.bulletin.tables import bulletin_effect
from gateway.rooms.bulletin.target import OwnPage
from gateway.testing.conformance import NoWire
from gateway.testing.credit import DisclosureBench, DisclosureConformance
from gateway.words.clock import ManualClock


class OwnPageBench(NoWire, DisclosureBench):
    """The page over a store; its other side is the table that the public reads."""

    secrets = personal = ()

    def __init__(self, store: Store) -> None:
        wire: Any = SimpleNamespace(base_url="https://gongshi.example/public")
        self.clock = ManualClock(datetime(2026, 9, 15, 2, 0, tzinfo=UTC))
        self.adapter = OwnPage(OwnPage.Settings(), wire, self.clock)
        self.adapter.show_on(Bulletin(store, self.clock), "own")
        self._store = store
        self._numbers = itertools.count(101)

    def record(self) -> DisclosureRecord:
        person = DisclosedParty(category="natural_person", name="岑某某")
        return record(decision_number=f"安望市监罚决〔2026〕{next(self._numbers)}号", party=person)

    async def decide(self, reference: str) -> None:
        """It is decided at once."""

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def effects(self, reference: str) -> int:
        counted = select(func.count()).where(bulletin_effect.c.reference == reference)
        return await self._store.read(lambda conn: conn.execute(counted).scalar_one())


class TestOwnPage(DisclosureConformance):
    @pytest.fixture
    def bench(self, one_store: Store) -> OwnPageBench:
        return OwnPageBench(one_store)

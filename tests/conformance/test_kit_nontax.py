"""``nontax.soap`` and ``nontax.cnnontax`` keep the promises of their port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from benches import CnNonTaxBench, SoapNonTaxBench

from gateway.adapters.nontax.soap import SoapNonTax
from gateway.ports.base import Pending
from gateway.ports.nontax import Bill, FindRequest, IssueRequest
from gateway.testing.nontax import NonTaxConformance
from gateway.words.errors import UnsupportedError
from simulators.testing import Simulation

pytestmark = pytest.mark.cases_by_day(2)


class TestSoapNonTax(NonTaxConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[SoapNonTaxBench]:
        made = SoapNonTaxBench(simulators)
        yield made
        await made.close()


class Later(SoapNonTax):
    """An honest adapter of a platform that gives codes later, and that is asked by our number alone."""

    info = replace(SoapNonTax.info, find=replace(SoapNonTax.info.find, by=frozenset({"reference"})))

    def __init__(self, settings: Any, wire: Any, clock: Any) -> None:
        super().__init__(settings, wire, clock)
        self._clock, self._ready = clock, datetime.min.replace(tzinfo=UTC)

    async def issue(self, request: IssueRequest) -> Pending:  # type: ignore[override]
        """Taken; the code comes with ``find``, which is asked within the call too, and that is no second sending."""
        await super().issue(request)
        await self.find(FindRequest(reference=request.reference))
        await self.find(FindRequest(reference=request.reference))
        self._ready = self._clock.now() + timedelta(seconds=60)
        return Pending(ask_after=30)

    async def find(self, request: FindRequest) -> Bill | Pending | None:  # type: ignore[override]
        """Only by reference; nothing is ready before its time."""
        if request.reference is None:
            raise UnsupportedError("ask by reference")
        found = await super().find(request)
        return Pending(ask_after=30) if found is not None and self._clock.now() < self._ready else found


@pytest.mark.cases_by_day(1)
class TestLater(NonTaxConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[SoapNonTaxBench]:
        made = SoapNonTaxBench(simulators, Later)
        yield made
        await made.close()


class TestCnNonTax(NonTaxConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[CnNonTaxBench]:
        made = CnNonTaxBench(simulators)
        yield made
        await made.close()


@pytest.mark.cases_by_day(1)
class TestPublishedFrames(NonTaxConformance):
    """The dialect that a province published, with all that its platforms add: no promise hangs on how we write."""

    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[CnNonTaxBench]:
        spoken = {"dialect": "published", "heartbeats": 1, "stale": True, "more": True, "reordered": True}
        made = CnNonTaxBench(simulators, dialect="published", left_out=("SetYear",))
        simulators.ask("POST", "/cnnontax/settings", spoken)
        yield made
        await made.close()

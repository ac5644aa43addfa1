"""The adapters of Credit China, portals, GSXT and a folder keep the promises of their port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import CreditChinaBench, CreditFolderBench, GsxtBench, LinduBench, PortalBench, ShuoyangBench

from gateway.testing.credit import DisclosureConformance
from simulators.testing import Simulation

pytestmark = pytest.mark.cases_by_day(2)


class TestCreditChina(DisclosureConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[CreditChinaBench]:
        made = CreditChinaBench(simulators)
        yield made
        await made.close()


class TestPortal(DisclosureConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[PortalBench]:
        made = PortalBench(simulators)
        yield made
        await made.close()


@pytest.mark.cases_by_day(1)
class TestLindu(DisclosureConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[LinduBench]:
        made = LinduBench(simulators)
        yield made
        await made.close()


@pytest.mark.cases_by_day(1)
class TestShuoyang(DisclosureConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[ShuoyangBench]:
        made = ShuoyangBench(simulators)
        yield made
        await made.close()


class TestGsxt(DisclosureConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[GsxtBench]:
        made = GsxtBench(simulators)
        yield made
        await made.close()


class TestCreditFolder(DisclosureConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[CreditFolderBench]:
        made = CreditFolderBench(simulators)
        yield made
        await made.close()

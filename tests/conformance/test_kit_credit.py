"""``credit.creditchina`` and ``credit.portal`` keep the promises of their port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import CreditChinaBench, PortalBench

from gateway.testing.credit import DisclosureConformance
from simulators.testing import Simulation


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

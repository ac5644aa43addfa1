"""``registry.sharing`` keeps the promises of its port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import SharingRegistryBench

from gateway.testing.registry import RegistryConformance
from simulators.testing import Simulation

pytestmark = pytest.mark.cases_by_day(2)


class TestSharingRegistry(RegistryConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[SharingRegistryBench]:
        made = SharingRegistryBench(simulators)
        yield made
        await made.close()

"""``seal.rest`` keeps the promises of its port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import RestSealBench

from gateway.testing.seal import SealConformance
from simulators.testing import Simulation

pytestmark = pytest.mark.cases_by_day(2)


class TestRestSealService(SealConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[RestSealBench]:
        made = RestSealBench(simulators)
        yield made
        await made.close()

"""``nontax.soap`` keeps the promises of its port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import SoapNonTaxBench

from gateway.testing.nontax import NonTaxConformance
from simulators.testing import Simulation


class TestSoapNonTax(NonTaxConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[SoapNonTaxBench]:
        made = SoapNonTaxBench(simulators)
        yield made
        await made.close()

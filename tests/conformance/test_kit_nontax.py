"""``nontax.soap`` and ``nontax.cnnontax`` keep the promises of their port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import CnNonTaxBench, SoapNonTaxBench

from gateway.testing.nontax import NonTaxConformance
from simulators.testing import Simulation


class TestSoapNonTax(NonTaxConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[SoapNonTaxBench]:
        made = SoapNonTaxBench(simulators)
        yield made
        await made.close()


class TestCnNonTax(NonTaxConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[CnNonTaxBench]:
        made = CnNonTaxBench(simulators)
        yield made
        await made.close()

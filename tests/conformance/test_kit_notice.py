"""``notice.rest`` keeps the promises of its port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from benches import RestMessengerBench

from gateway.testing.notice import NoticeConformance
from simulators.testing import Simulation

pytestmark = pytest.mark.cases_by_day(2)


class TestRestMessenger(NoticeConformance):
    @pytest.fixture
    async def bench(self, simulators: Simulation) -> AsyncIterator[RestMessengerBench]:
        made = RestMessengerBench(simulators)
        yield made
        await made.close()

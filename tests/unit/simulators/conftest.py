"""Fixtures of the simulators' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from collecting_unit import Inbox, Unit

from simulators.testing import Simulation


@pytest.fixture
def unit(simulators: Simulation) -> Iterator[Unit]:
    """A collecting unit."""
    made = Unit(simulators)
    yield made
    made.client.close()


@pytest.fixture
def inbox(simulators: Simulation) -> Iterator[Inbox]:
    """Where the callbacks of ``nontax`` go."""
    made = Inbox()
    simulators.callbacks_to("nontax", made.url)
    yield made
    made.close()

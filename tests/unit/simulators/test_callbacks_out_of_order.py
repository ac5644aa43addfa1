"""A callback that a fault holds back arrives behind a later one, and is never held back for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting_unit import Inbox, Unit

from simulators.testing import Simulation

REORDERED = {"system": "nontax", "kind": "callback_reordered"}


@pytest.fixture
def own_simulators(tmp_path: Path) -> Iterator[Simulation]:
    """A process that a test may end as it likes."""
    simulation = Simulation(tmp_path, only="nontax")
    simulation.start()
    yield simulation
    if simulation.running:
        simulation.stop()


def held(simulators: Simulation) -> list[str]:
    """The codes of which nobody was told yet."""
    return [one["key"] for one in simulators.ask("GET", "/callbacks")["callbacks"] if one["state"] == "pending"]


def test_without_a_later_callback_it_leaves_when_its_seconds_have_passed(unit: Unit, inbox: Inbox) -> None:
    unit.simulators.faults({**REORDERED, "seconds": 0.3})
    code = unit.paid()
    assert inbox.next() == code
    told = unit.simulators.journal(operation="PaymentConfirm", wait=5)
    assert [entry["fault"] for entry in told] == ["callback_reordered"]


def test_planted_for_ever_it_swaps_each_callback_with_the_next(unit: Unit, inbox: Inbox) -> None:
    unit.simulators.faults({**REORDERED, "times": 0})
    for _ in range(2):
        first, second = unit.paid(), unit.paid()
        assert [inbox.next(), inbox.next()] == [second, first]


def test_a_lost_callback_overtakes_nothing(unit: Unit, inbox: Inbox) -> None:
    unit.simulators.faults(REORDERED, {"system": "nontax", "kind": "callback_lost"})
    first, lost = unit.paid(), unit.paid()
    assert held(unit.simulators) == [first]
    last = unit.paid()
    assert [inbox.next(), inbox.next()] == [last, first]
    assert lost not in held(unit.simulators)
    assert inbox.messages.empty()


def test_a_callback_of_another_system_overtakes_nothing(unit: Unit, inbox: Inbox) -> None:
    unit.simulators.faults(REORDERED)
    unit.simulators.ask("POST", "/credit/settings", {"callbacks": True})
    first = unit.paid()
    assert held(unit.simulators) == [first]


@pytest.mark.parametrize("means", ["flush", "time travel"])
@pytest.mark.cases_by_day(1)
def test_flush_and_time_travel_end_the_wait(unit: Unit, inbox: Inbox, means: str) -> None:
    unit.simulators.faults({**REORDERED, "seconds": 600})
    code = unit.paid()
    assert (held(unit.simulators), inbox.messages.empty()) == ([code], True)
    if means == "flush":
        unit.simulators.ask("POST", "/callbacks/flush")
    else:
        unit.simulators.clock(advance_seconds=1)
    assert inbox.next() == code


@pytest.mark.parametrize("means", ["flush", "time travel", "a new address"])
@pytest.mark.cases_by_day(1)
def test_what_waits_together_leaves_in_the_wrong_order(unit: Unit, inbox: Inbox, means: str) -> None:
    unit.simulators.callbacks_to("nontax", None)
    unit.simulators.faults({**REORDERED, "seconds": 600})
    first, second = unit.paid(), unit.paid()
    if means == "time travel":
        unit.simulators.clock(advance_seconds=1)
    unit.simulators.callbacks_to("nontax", inbox.url)
    if means == "flush":
        unit.simulators.ask("POST", "/callbacks/flush")
    assert [inbox.next(), inbox.next()] == [second, first]


def test_a_killed_process_still_holds_it_back_afterwards(own_simulators: Simulation) -> None:
    inbox, unit = Inbox(), Unit(own_simulators)
    own_simulators.callbacks_to("nontax", inbox.url)
    own_simulators.faults({**REORDERED, "seconds": 600})
    first = unit.paid()
    own_simulators.kill()
    own_simulators.start()
    assert (held(own_simulators), inbox.messages.empty()) == ([first], True)
    second = unit.paid()
    assert [inbox.next(), inbox.next()] == [second, first]
    inbox.close()
    unit.client.close()


def test_one_that_is_not_acknowledged_goes_again_when_it_is_told_to(unit: Unit) -> None:
    simulators = unit.simulators
    simulators.callbacks_to("nontax", "http://127.0.0.1:9/callbacks", again_after=3600)  # nobody listens there
    code = unit.paid()
    simulators.journal(operation="PaymentConfirm", wait=20)
    time.sleep(0.6)  # else it goes again after 0.2 and 0.5 seconds
    (told,) = [one for one in simulators.ask("GET", "/callbacks")["callbacks"] if one["key"] == code]
    assert (told["attempts"], told["state"]) == (1, "pending")

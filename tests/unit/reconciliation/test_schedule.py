"""What comes round by the clock goes over every channel with statements, whatever becomes of one of them."""

from __future__ import annotations

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.rooms.reconciliation import StatementSchedule, states
from gateway.rooms.reconciliation.service import NotMadeYetProblem
from gateway.words.clock import SHANGHAI
from gateway.words.errors import UnavailableProblem

SLOT = datetime(2026, 9, 17, 6, 30, tzinfo=SHANGHAI)


class Reconciliation:
    """Notes what it is asked for; one channel's statement is not to be had."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.trouble: Exception | None = UnavailableProblem("no statement could be had", type="statement-unavailable")

    async def run(self, channel: str, day: date, *, by: str) -> None:
        self.asked.append((channel, day, by))
        if channel == "down" and self.trouble is not None:
            raise self.trouble

    async def catch_up(self, channel: str, *, by: str) -> None:
        self.asked.append((channel, by))


def schedule(room: Reconciliation) -> StatementSchedule:
    offered = {"down": {"statement"}, "mute": {"issue"}, "nontax": {"statement", "issue"}}
    channels = [SimpleNamespace(name=name, info=SimpleNamespace(capabilities=can)) for name, can in offered.items()]
    return StatementSchedule(room, SimpleNamespace(all=lambda: channels))  # type: ignore[arg-type]


async def test_each_channel_with_statements_has_its_turn_for_the_day_before() -> None:
    room = Reconciliation()
    with pytest.raises(UnavailableProblem):
        await schedule(room).day_before(SLOT)
    assert room.asked == [("down", date(2026, 9, 16), "schedule"), ("nontax", date(2026, 9, 16), "schedule")]


async def test_a_statement_that_is_not_made_yet_does_not_fail_the_duty() -> None:
    """Else every channel's day would be run again half an hour later, for one platform that is merely slow."""
    room = Reconciliation()
    room.trouble = NotMadeYetProblem("no statement yet")
    await schedule(room).day_before(SLOT)
    assert [one[0] for one in room.asked] == ["down", "nontax"]


async def test_what_was_late_is_caught_up_for_each_of_them() -> None:
    room = Reconciliation()
    await schedule(room).catch_up(SLOT)
    assert room.asked == [("down", "schedule"), ("nontax", "schedule")]


@pytest.mark.parametrize("edges", [states.BREAK_EDGES, states.PROPOSAL_EDGES, states.MONTH_EDGES])
def test_a_life_begins_reaches_each_of_its_states_and_has_no_step_twice(edges: tuple[Any, ...]) -> None:
    steps = [(one.start, one.end) for one in edges]
    assert len(set(steps)) == len(steps)
    assert any(start is None for start, _ in steps)
    assert {end for _, end in steps} == set(type(edges[0].end))

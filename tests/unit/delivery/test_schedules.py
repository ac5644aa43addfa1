"""What comes round happens once, whatever was down, slept, failed, died or had its clock set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.foundation.delivery import schedules as module
from gateway.foundation.delivery.schedules import Schedules
from gateway.foundation.delivery.tables import (
    schedule_run,
)
from gateway.words.clock import SHANGHAI, ManualClock, SystemClock, from_micros, to_micros

NOON = datetime(2026, 9, 16, 12, 0, tzinfo=SHANGHAI)
DAILY = "30 6 * * *"


def at(day: int, hour: int = 6, minute: int = 30) -> datetime:
    return datetime(2026, 9, day, hour, minute, tzinfo=SHANGHAI)


class Nodes:
    """Nodes over one store, and what was done by which."""

    def __init__(self, store: Any) -> None:
        self.store, self.clock = store, ManualClock(NOON)
        self.done: list[tuple[str, datetime]] = []
        self.meets: Callable[[], Awaitable[None]] | None = None
        self.started: list[Schedules] = []
        self.known: list[Schedules] = []
        self.begun = asyncio.Event()

    def make(self, name: str = "node-1", crontab: str = DAILY, each: bool = False, clock: Any = None) -> Schedules:
        made = Schedules(self.store, clock or self.clock, name)
        self.known.append(made)

        async def duty(slot: datetime) -> None:
            self.begun.set()
            if self.meets is not None:
                await self.meets()
            self.done.append((name, slot.astimezone(SHANGHAI)))

        made.every("statements", crontab, duty, each=each)
        return made

    async def start(self, *arguments: Any, **more: Any) -> Schedules:
        made = self.make(*arguments, **more)
        await made.start()
        self.started.append(made)
        return made

    async def ran(self, slot: datetime, done: bool = True, node: str = "node-1", at: datetime | None = None) -> None:
        """A run of the past."""
        moment = to_micros(at or slot)
        row = {"name": "statements", "slot_at": to_micros(slot), "node": node, "ran_at": moment}
        await self.store.write(
            lambda conn: conn.execute(schedule_run.insert(), {**row, "done_at": moment if done else None}).rowcount
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.01)

    async def rest(self) -> None:
        """Wait until whatever any node has begun is over."""
        await self.until(lambda: not any(one._running for one in self.known))

    async def unfinished(self) -> list[datetime]:
        query = select(schedule_run.c.slot_at).where(schedule_run.c.done_at.is_(None))
        rows = await self.store.read(lambda conn: conn.execute(query).scalars().all())
        return [from_micros(row).astimezone(SHANGHAI) for row in rows]


@pytest.fixture
async def nodes(store):
    made = Nodes(store)
    yield made
    for one in made.started:
        await one.stop()


async def test_on_a_first_start_nothing_was_missed(nodes):
    await nodes.start()
    await nodes.rest()
    assert nodes.done == []


async def test_the_latest_missed_slot_is_caught_up_at_start_by_one_node(nodes):
    await nodes.ran(at(13))
    for name in ("node-1", "node-2", "node-3"):
        await nodes.start(name)
    await nodes.until(lambda: len(nodes.done) == 1)
    await nodes.rest()
    assert [slot for _, slot in nodes.done] == [at(16)]


async def test_where_each_slot_counts_every_missed_one_is_caught_up(nodes):
    await nodes.ran(at(13))
    await nodes.start(each=True)
    await nodes.until(lambda: len(nodes.done) == 3)
    assert sorted(slot for _, slot in nodes.done) == [at(14), at(15), at(16)]


async def test_of_years_of_silence_a_month_is_caught_up_and_a_weekly_duty_is_not_forgotten(nodes):
    await nodes.ran(at(16) - timedelta(days=800))
    await nodes.start(each=True)
    await nodes.until(lambda: len(nodes.done) == module.MOST_SLOTS)
    other = nodes.make(crontab="0 3 * * mon")
    await nodes.store.write(lambda conn: conn.execute(schedule_run.delete()).rowcount)
    await nodes.ran(at(1))
    assert len(await other._missed(other._schedules["statements"])) == 1


async def test_a_run_that_some_clock_put_into_the_future_hides_nothing_that_was_missed(nodes):
    await nodes.ran(at(15))
    await nodes.ran(at(16) + timedelta(days=400))
    await nodes.start()
    await nodes.until(lambda: [slot for _, slot in nodes.done] == [at(16)])


async def tick(schedules: Schedules, at: datetime) -> None:
    schedules._scheduler.get_job("statements").modify(next_run_time=at)


async def test_a_tick_on_every_node_is_done_by_one(nodes):
    now = SystemClock().now()
    for name in ("node-1", "node-2"):
        await tick(await nodes.start(name, clock=SystemClock()), now)
    jobs = [one._scheduler.get_job("statements") for one in nodes.started]
    await nodes.until(lambda: all(job.next_run_time > now for job in jobs) and len(nodes.done) == 1)
    await nodes.rest()
    assert len(nodes.done) == 1


async def test_a_node_that_slept_through_a_tick_does_it_when_it_wakes(nodes):
    """APScheduler's default drops a job that is more than a second late, and says so to nobody."""
    long_ago = SystemClock().now() - timedelta(hours=30)
    await tick(await nodes.start(clock=SystemClock()), long_ago)
    await nodes.until(lambda: len(nodes.done) == 1)


async def test_a_clock_set_back_does_not_silence_a_schedule(nodes):
    schedules = await nodes.start(clock=SystemClock(), crontab="* * * * *")
    await tick(schedules, SystemClock().now() + timedelta(days=365))
    schedules.look_at_the_clock()
    left = schedules._scheduler.get_job("statements").next_run_time - SystemClock().now()
    assert left <= timedelta(minutes=1)


async def test_a_duty_that_failed_is_done_again_later_by_any_node(nodes):
    async def fail() -> None:
        raise RuntimeError("no statement yet")

    nodes.meets = fail
    first = nodes.make()
    assert await first.run("statements", at(16)) is False
    assert await nodes.unfinished() == [at(16)]
    nodes.meets = None
    second = nodes.make("node-2")
    await second._take_again()
    await nodes.rest()
    assert nodes.done == []  # not yet: it may still be under way
    nodes.clock.advance(timedelta(seconds=module.AGAIN_SECONDS + 1))
    await second._take_again()
    await nodes.until(lambda: nodes.done == [("node-2", at(16))])
    await nodes.rest()
    assert await nodes.unfinished() == []
    await second._take_again()
    await nodes.rest()
    assert len(nodes.done) == 1


@pytest.mark.both_databases
async def test_two_nodes_that_look_at_once_take_a_failed_duty_once(nodes):
    await nodes.ran(at(16), done=False, node="node-9")
    await nodes.store.write(lambda conn: conn.execute(update(schedule_run).values(ran_at=to_micros(at(16)))).rowcount)
    nodes.clock.advance(timedelta(hours=1))
    both = [nodes.make("node-1"), nodes.make("node-2")]
    await asyncio.gather(*(one._take_again() for one in both))
    await nodes.until(lambda: len(nodes.done) == 1)
    await nodes.rest()
    assert len(nodes.done) == 1


@pytest.mark.both_databases
async def test_a_duty_cut_by_a_stop_or_a_death_is_done_by_the_next_life_of_the_node(nodes):
    held = asyncio.Event()
    nodes.meets = held.wait
    first = nodes.make()
    running = asyncio.create_task(first.run("statements", at(16)))
    await nodes.until(nodes.begun.is_set)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await nodes.unfinished() == [at(16)]
    nodes.meets = None
    await nodes.start()
    await nodes.until(lambda: nodes.done == [("node-1", at(16))])


async def test_a_duty_under_way_is_not_begun_a_second_time_here(nodes):
    held = asyncio.Event()
    nodes.meets = held.wait
    schedules = await nodes.start()
    schedules._begin("statements", at(16))
    await nodes.until(nodes.begun.is_set)
    nodes.clock.advance(timedelta(hours=2))
    await schedules._take_again()
    held.set()
    await nodes.until(lambda: len(nodes.done) == 1)
    await nodes.rest()
    assert len(nodes.done) == 1

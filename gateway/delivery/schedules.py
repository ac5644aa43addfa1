"""What happens by the clock: APScheduler ticks on every node, a row decides which acts, missed slots are caught up.

The slot is the tick's scheduled time, taken from the trigger and not from the clock, so that nodes whose clocks differ
agree about it. Triggers are cron-like with an explicit zone: an interval would start from each node's own start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Connection, func, select

from gateway.clock import SHANGHAI, Clock, from_micros, to_micros
from gateway.store import Store
from gateway.store.inserting import insert_new
from gateway.store.tables.delivery import schedule_run

log = structlog.get_logger(__name__)

Duty = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class _Schedule:
    name: str
    trigger: CronTrigger
    duty: Duty


class Schedules:
    """Duties that come round. ``every`` at assembly, then ``start``."""

    def __init__(self, store: Store, clock: Clock, node: str) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._schedules: dict[str, _Schedule] = {}
        self._scheduler = AsyncIOScheduler(timezone=SHANGHAI, job_defaults={"misfire_grace_time": 3600})
        self._running: set[asyncio.Task[None]] = set()

    def every(self, name: str, crontab: str, duty: Duty) -> None:
        """Run ``duty`` at each slot of a five-field crontab in Asia/Shanghai. A duty is safe to run again."""
        self._schedules[name] = _Schedule(name, CronTrigger.from_crontab(crontab, timezone=SHANGHAI), duty)

    async def start(self) -> None:
        """Begin to tick, and catch up once on what was missed since the last run anywhere."""
        for schedule in self._schedules.values():
            self._scheduler.add_job(lambda: None, schedule.trigger, id=schedule.name, coalesce=True)
        self._scheduler.add_listener(self._ticked, EVENT_JOB_SUBMITTED)
        self._scheduler.start()
        for schedule in self._schedules.values():
            missed = await self._missed(schedule)
            if missed is not None:
                self._begin(schedule, missed)

    async def stop(self) -> None:
        """Tick no more; duties under way are cut, and their slots stay taken."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def run(self, name: str, slot: datetime) -> bool:
        """Do a duty for a slot unless some node has taken it; whether it was done here."""
        schedule = self._schedules[name]
        at, now = to_micros(slot), to_micros(self._clock.now())

        def take(conn: Connection) -> bool:
            return insert_new(conn, schedule_run, name=name, slot_at=at, node=self._node, ran_at=now)

        if not await self._store.write(take):
            return False
        try:
            await schedule.duty()
        except Exception:
            log.exception("a scheduled duty failed; its next slot will try again", schedule=name)
        return True

    def _ticked(self, event: JobSubmissionEvent) -> None:
        schedule = self._schedules[event.job_id]
        for slot in event.scheduled_run_times[-1:]:
            self._begin(schedule, slot)

    def _begin(self, schedule: _Schedule, slot: datetime) -> None:
        task = asyncio.get_running_loop().create_task(self._run_logged(schedule.name, slot))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run_logged(self, name: str, slot: datetime) -> None:
        try:
            await self.run(name, slot)
        except Exception:
            log.exception("a scheduled duty could not be begun", schedule=name)

    async def _missed(self, schedule: _Schedule) -> datetime | None:
        """The latest slot before now that nobody ran, if any was due since the last run; None on a first start."""
        query = select(func.max(schedule_run.c.slot_at)).where(schedule_run.c.name == schedule.name)
        last = await self._store.read(lambda conn: conn.execute(query).scalar_one_or_none())
        if last is None:
            return None
        now = self._clock.now()
        missed: datetime | None = None
        slot = schedule.trigger.get_next_fire_time(None, from_micros(last) + timedelta(microseconds=1))
        # A long pause of a frequent schedule: begin close to now, only the latest slot counts.
        if slot is not None and now - slot > timedelta(days=2):
            slot = schedule.trigger.get_next_fire_time(None, now - timedelta(days=1, hours=1)) or slot
        while slot is not None and slot <= now:
            missed = slot
            slot = schedule.trigger.get_next_fire_time(slot, slot + timedelta(microseconds=1))
        return missed

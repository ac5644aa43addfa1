"""What happens by the clock: APScheduler ticks on every node, a row decides which acts, missed slots are caught up.

The slot is the tick's scheduled time, taken from the trigger and not from the clock, so that nodes whose clocks differ
agree about it. Triggers are cron-like with an explicit zone: an interval would start from each node's own start. A row
whose duty failed, or died with its node, says so by having no end, and is taken again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from gateway.foundation.delivery import schedule_records
from gateway.foundation.delivery.schedule_records import ScheduleRun
from gateway.foundation.store import Store
from gateway.words.clock import SHANGHAI, Clock, SystemClock, from_micros, to_micros

log = structlog.get_logger(__name__)

Duty = Callable[[datetime], Awaitable[object]]

MOST_SLOTS = 31
"""How many missed slots are caught up where each counts: a month of days."""
WATCH_SECONDS = 20.0
AGAIN_SECONDS = 1800.0
"""How long after its begin a duty that has not ended is taken again, by whichever node looks first."""
_FORGOTTEN = timedelta(days=MOST_SLOTS)
_HOPEFUL = timedelta(days=3)
"""A duty whose slot is older fails for good: what it left undone is for a person, or for the next start."""


@dataclass(frozen=True)
class _Schedule:
    name: str
    trigger: CronTrigger
    duty: Duty
    each: bool


class Schedules:
    """Duties that come round. ``every`` at assembly, then ``start``."""

    def __init__(self, store: Store, clock: Clock, node: str) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._schedules: dict[str, _Schedule] = {}
        # No grace: a node that slept through a tick does it when it wakes, if no other has.
        self._scheduler = AsyncIOScheduler(timezone=SHANGHAI, job_defaults={"misfire_grace_time": None})
        self._running: dict[tuple[str, datetime], asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None

    def every(self, name: str, crontab: str, duty: Duty, *, each: bool = False) -> None:
        """Run ``duty(slot)`` at each slot of a five-field crontab in Asia/Shanghai. A duty is safe to run again.

        ``each``: of slots that were missed, every one is caught up (at most ``MOST_SLOTS``), not only the latest.
        Raises ValueError for what is no crontab, and for a name that another duty has.
        """
        if name in self._schedules:
            raise ValueError(f'two duties are called "{name}"')
        self._schedules[name] = _Schedule(name, CronTrigger.from_crontab(crontab, timezone=SHANGHAI), duty, each)

    @property
    def names(self) -> tuple[str, ...]:
        """Every duty that comes round."""
        return tuple(self._schedules)

    async def start(self) -> None:
        """Begin to tick, and catch up on what was missed since the last run anywhere, and on what died under way."""
        for schedule in self._schedules.values():
            self._scheduler.add_job(lambda: None, schedule.trigger, id=schedule.name, coalesce=not schedule.each)
        self._scheduler.add_listener(self._ticked, EVENT_JOB_SUBMITTED)
        self._scheduler.start()
        for schedule in self._schedules.values():
            for slot in await self._missed(schedule):
                self._begin(schedule.name, slot)
        await self._take_again(of_mine=True)
        self._watching = asyncio.create_task(self._watch(), name="schedules")

    async def stop(self) -> None:
        """Tick no more; duties under way are cut, and taken again by the next start or another node."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        tasks = [*self._running.values(), *([self._watching] if self._watching is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, name: str, slot: datetime) -> bool:
        """Do a duty for a slot unless some node has taken it; whether it was done here."""
        at, now = to_micros(slot), to_micros(self._clock.now())
        mine = await self._store.write_beside(
            lambda conn: schedule_records.take(conn, name=name, slot=at, node=self._node, now=now)
        )
        return mine and await self._do(name, slot)

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _do(self, name: str, slot: datetime) -> bool:
        """The duty of a slot that is ours, and its end in the books; False when it failed."""
        try:
            await self._schedules[name].duty(slot)
        except Exception:
            log.exception("a scheduled duty failed; it is tried again", schedule=name, slot=str(slot))
            return False
        at, now = to_micros(slot), to_micros(self._clock.now())
        await self._store.write_beside(lambda conn: schedule_records.end(conn, name, at, now))
        return True

    def _ticked(self, event: JobSubmissionEvent) -> None:
        slots: Sequence[datetime] = event.scheduled_run_times
        for slot in slots if self._schedules[event.job_id].each else slots[-1:]:
            self._begin(event.job_id, slot)

    def _begin(self, name: str, slot: datetime, seen: ScheduleRun | None = None) -> None:
        key = (name, slot)
        if key in self._running:
            return
        task = asyncio.get_running_loop().create_task(self._run_logged(name, slot, seen))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _run_logged(self, name: str, slot: datetime, seen: ScheduleRun | None) -> None:
        try:
            if seen is None:
                await self.run(name, slot)
            elif await self._retake(seen):
                await self._do(name, slot)
        except Exception:
            log.exception("a scheduled duty could not be begun", schedule=name)

    async def _retake(self, seen: ScheduleRun) -> bool:
        """Take a slot that somebody else has begun and not ended, unless a third one was faster."""
        now = to_micros(self._clock.now())
        return await self._store.write_beside(lambda conn: schedule_records.retake(conn, seen, self._node, now))

    async def _take_again(self, *, of_mine: bool = False) -> None:
        """Begin again what has begun and not ended: long ago, or (``of_mine``) in an earlier life of this node."""
        now = self._clock.now()
        since = to_micros(now - (_FORGOTTEN if of_mine else _HOPEFUL))
        late = to_micros(now - timedelta(seconds=AGAIN_SECONDS))
        unfinished = await self._store.read(lambda conn: schedule_records.unfinished(conn, since))
        newest = {run.name: run.slot_at for run in sorted(unfinished, key=lambda run: run.slot_at)}
        for run in unfinished:
            schedule = self._schedules.get(run.name)
            if schedule is None or not (schedule.each or newest[run.name] == run.slot_at):
                continue
            if run.ran_at < late or run.ran_at > to_micros(now) or (of_mine and run.node == self._node):
                self._begin(run.name, from_micros(run.slot_at), run)

    async def _watch(self) -> None:
        """Look after duties that did not end, and after ticks that a clock set back has put far ahead."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                self.look_at_the_clock()
                await self._take_again()
            except Exception as problem:
                log.warning("schedules could not be looked after", reason=str(problem))

    def look_at_the_clock(self) -> None:
        """The machine's clock was set back: tick when it is time by the clock as it is now."""
        now = SystemClock().now()
        for schedule in self._schedules.values():
            job = self._scheduler.get_job(schedule.name)
            due = schedule.trigger.get_next_fire_time(None, now)
            if job is not None and due is not None and job.next_run_time > due:
                log.warning("the clock was set back: a schedule moves along", schedule=schedule.name, to=str(due))
                job.modify(next_run_time=due)

    async def _missed(self, schedule: _Schedule) -> list[datetime]:
        """The slots before now that nobody ran since the last run: the latest, or where each counts all of them.

        None on a first start. A run in the future is a mistake of some clock and does not count.
        """
        now = self._clock.now()
        last = await self._store.read(lambda conn: schedule_records.last_slot(conn, schedule.name, to_micros(now)))
        if last is None:
            return []
        first = schedule.trigger.get_next_fire_time(None, from_micros(last) + timedelta(microseconds=1))
        if first is None or first > now:
            return []
        # A long pause: begin close to now, so that few slots of a frequent schedule are walked through.
        near = now - (_FORGOTTEN if schedule.each else timedelta(days=1, hours=1))
        missed: list[datetime] = []
        slot = first if first > near else schedule.trigger.get_next_fire_time(None, near)
        while slot is not None and slot <= now:
            missed.append(slot)
            slot = schedule.trigger.get_next_fire_time(slot, slot + timedelta(microseconds=1))
        return (missed or [first])[-MOST_SLOTS if schedule.each else -1 :]

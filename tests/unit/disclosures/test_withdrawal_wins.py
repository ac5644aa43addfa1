"""Whatever targets answer, in whatever order and however late: what was withdrawn is not public in the end.

The target is unruly: it takes at once or later, refuses, does and says nothing, says nothing and does it days later.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from by_day import examples
from disclosure_room import ACCEPTED, ORGAN, PENDING, REJECTED, Room, Target
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.foundation.delivery.states import FINAL
from gateway.foundation.delivery.tables import operation
from gateway.foundation.store import Store
from gateway.ports.credit import Submission
from gateway.rooms.disclosures import Status
from gateway.rooms.disclosures.questions import EffectRequest
from gateway.rooms.disclosures.states import SHOWN
from gateway.words.errors import ConflictProblem, InvalidProblem, OutcomeUnknownError

MOODS = ("takes", "judges later", "refuses", "does and is silent", "is silent", "is silent and does it late")
STEPS = (
    "withdraw", "correct", "object", "shield", "unshield",
    "a late copy arrives", "it decides", "time", "a day", *MOODS,
)  # fmt: skip


_OPEN = select(func.count()).select_from(operation).where(operation.c.state.not_in([one.value for one in FINAL]))


class Unruly(Target):
    """Does with a request what its mood says; keeps what arrives late, and sends it again at will."""

    def __init__(self) -> None:
        super().__init__()
        self.mood = "takes"
        self.late: list[tuple[str, EffectRequest]] = []
        self.pending: list[tuple[str, EffectRequest]] = []

    def _take(self, effect: str, request: EffectRequest) -> Submission:
        self.asked.append((effect, request))
        match self.mood:
            case "judges later":
                self.pending.append((effect, request))
                return self.decide(effect, request, PENDING)
            case "refuses":
                return self.decide(effect, request, REJECTED)
            case "does and is silent":
                self.decide(effect, request, ACCEPTED)
                raise OutcomeUnknownError("no answer")
            case "is silent":
                raise OutcomeUnknownError("no answer")
            case "is silent and does it late":
                self.late.append((effect, request))
                raise OutcomeUnknownError("no answer")
        return self.decide(effect, request, ACCEPTED)

    def arrives(self) -> None:
        """What was under way arrives at last."""
        for effect, request in (*self.late, *self.pending):
            self.decide(effect, request, ACCEPTED)
        self.late, self.pending = [], []


async def told(room: Room, one: str, steps: Sequence[str]) -> None:
    """Live through these steps; then the target is orderly again, and the inspection goes round for some days."""
    target: Unruly = room.city  # type: ignore[assignment]
    wanted = False
    for step in steps:
        if step in MOODS:
            target.mood = step
        with contextlib.suppress(ConflictProblem, InvalidProblem):
            wanted = await taken(room, target, one, step) or wanted
    target.mood = "takes"
    target.arrives()
    for _ in range(4):
        await quiet(room, one)
        room.clock.advance(timedelta(days=1))
        await room.disclosures.inspection.sweep()
    await quiet(room, one)
    found = await room.disclosures.held(one)
    public = target.page is not None and target.page.state == "published"
    if wanted:
        assert found.status in (Status.WITHDRAWN, Status.REJECTED)
        assert not public, "it was withdrawn, and the public sees it"
    else:
        assert public == (found.status in SHOWN), found.status


async def taken(room: Room, target: Unruly, one: str, step: str) -> bool:
    """One step; whether a withdrawal was taken with it."""
    do = room.disclosures
    match step:
        case "withdraw":
            await do.withdraw(one, "撤回")
            return True
        case "correct":
            facts: dict[str, Any] = {"content": f"罚款{len(target.asked) + 1}元"}
            await room.decide(**facts)
            await do.correct(one, "更正")
        case "object":
            await do.marks.object(one, "异议")
        case "shield":
            await do.marks.shield(one, "裁定")
        case "unshield":
            await do.marks.unshield(one, "恢复")
        case "a late copy arrives" | "it decides":
            target.arrives()
        case "a day":
            room.clock.advance(timedelta(days=1))
            await do.inspection.sweep()
        case "time":
            await quiet(room, one, 3)
    return False


async def quiet(room: Room, one: str, most: int = 200) -> None:
    """Let answers come until nothing is under way and every look has ended."""
    for _ in range(most):
        room.clock.advance(timedelta(seconds=2))
        room.delivery.wake()
        await asyncio.sleep(0.005)
        found = await room.disclosures.held(one)
        if found.effect is None and not await unanswered(room):
            return


async def unanswered(room: Room) -> bool:
    """Whether an operation has not ended."""
    return bool(await room.store.read(lambda conn: conn.execute(_OPEN).scalar_one()))


async def live(folder: Path, steps: Sequence[str]) -> None:
    store = Store.open(f"sqlite:///{folder / 'gateway.db'}")
    room = Room(store, folder, "mark", city=Unruly())
    await room.organs.set("A1", ORGAN, date(2020, 1, 1))
    await room.delivery.start()
    try:
        async with asyncio.timeout(600):
            one = await room.publish()
            await told(room, one, steps)
    finally:
        await room.delivery.stop()
        await room.evidence.close()
        store.close()


@given(steps=st.lists(st.sampled_from(STEPS), max_size=12))
@example(steps=["time", "withdraw"])
@example(steps=["is silent and does it late", "time", "withdraw", "time", "a late copy arrives"])
@example(steps=["judges later", "time", "withdraw", "a day", "it decides"])
@example(steps=["time", "is silent", "shield", "withdraw", "does and is silent", "time"])
@settings(max_examples=examples(3, 6), deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_withdrawn_is_not_public_in_the_end(sqlite_url: str, steps: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(sqlite_url.removeprefix("sqlite:///"), Path(folder) / "gateway.db")
        asyncio.run(live(Path(folder), steps))

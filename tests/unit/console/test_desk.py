"""What a person has at hand: a file that was looked at is theirs alone and for a day, views of lists by name."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.foundation.access.desk import LARGEST, MOST, of_person
from gateway.foundation.base import Foundation
from gateway.foundation.store import Store
from gateway.words.clock import SHANGHAI, ManualClock
from gateway.words.errors import InvalidProblem, NotFoundProblem
from tests.foundation import foundation


async def two(base: Foundation) -> tuple[str, str]:
    made = [await base.access.create_operator(one, one, "operator", "long enough a password") for one in ("lin", "gao")]
    return made[0].id, made[1].id


async def test_a_file_is_kept_for_its_person_and_for_a_day(one_store: Store, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 7, 1, 9, 0, tzinfo=SHANGHAI))
    desk = (base := foundation(one_store, tmp_path, clock)).desk
    lin, gao = await two(base)
    kept = await desk.keep(lin, "a.txt", b"a|1.00")
    assert await desk.kept(lin, kept) == ("a.txt", b"a|1.00")
    with pytest.raises(NotFoundProblem):
        await desk.kept(gao, kept)
    await desk.let_go(gao, kept)
    await desk.kept(lin, kept)
    clock.advance(timedelta(days=1, minutes=1))
    await desk.keep(gao, "b.txt", b"")
    with pytest.raises(NotFoundProblem):
        await desk.kept(lin, kept)
    with pytest.raises(InvalidProblem):
        await desk.keep(lin, "c.txt", b"0" * (LARGEST + 1))


async def test_a_record_is_in_one_pair_of_hands(one_store: Store, tmp_path: Path) -> None:
    desk = (base := foundation(one_store, tmp_path, ManualClock(datetime(2026, 7, 1, 9, 0, tzinfo=SHANGHAI)))).desk
    lin, gao = await two(base)
    await desk.assign("opn_1", lin)
    await desk.assign("opn_1", gao)
    held = await one_store.read(lambda conn: [conn.execute(of_person(who)).scalars().all() for who in (lin, gao)])
    assert (held, await desk.holder("opn_1")) == ([[], ["opn_1"]], "gao")
    await desk.assign("opn_1", None)
    assert await desk.holder("opn_1") is None


async def test_views_are_a_persons_own_and_few(one_store: Store, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 7, 1, 9, 0, tzinfo=SHANGHAI))
    desk = (base := foundation(one_store, tmp_path, clock)).desk
    lin, gao = await two(base)
    for number in range(MOST):
        await desk.save_view(lin, "breaks", f"v{number:02}", f"age={number}")
    await desk.save_view(lin, "breaks", "v00", "state=open")
    with pytest.raises(InvalidProblem):
        await desk.save_view(lin, "breaks", "one more", "age=3")
    first, second, *_ = await desk.views(lin, "breaks")
    assert (first.name, first.query, await desk.views(gao, "breaks")) == ("v00", "state=open", [])
    with pytest.raises(NotFoundProblem):
        await desk.change_view(gao, first.id, None)
    await desk.change_view(lin, first.id, "v01")
    assert second.id not in {one.id for one in await desk.views(lin, "breaks")}, "one name, one view"
    await desk.change_view(lin, first.id, None)
    assert len(await desk.views(lin, "breaks")) == MOST - 2

"""What people watch of publications: each count leads to exactly what it counts, and last days are said by who owes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from disclosure_room import NOW, NUMBER, ORGAN, PENDING, REJECTED, Room

from gateway.foundation.access import Principal, roles
from gateway.foundation.rooms import Services
from gateway.foundation.screens import Look, Table, Wanted
from gateway.foundation.store import Store
from gateway.ports.credit import FieldError
from gateway.rooms.disclosures import Status
from gateway.rooms.disclosures.full_text import FullTexts
from gateway.rooms.disclosures.screens import DAYS, SCREEN, waiting
from gateway.rooms.disclosures.seeking import Seeking

WHO = Principal("opr_gong", "operator", roles()["supervisor"], frozenset({"A1"}), "公示岗", role="supervisor")


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path, "mark")
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


def looking(room: Room, **asked: Any) -> Look:
    services = Services()
    marks, inspection = room.disclosures.marks, room.disclosures.inspection
    texts = FullTexts(room.base, room.decisions)
    for one in (room.disclosures, marks, inspection, texts, Seeking(room.base)):
        services.add(one)
    return Look(WHO, room.base, services, asked)


async def counts(room: Room) -> dict[str, int]:
    """What waits, by the filter that it leads to; each list holds as many."""
    found = {}
    for one in await waiting(looking(room)):
        assert one.to is not None
        assert SCREEN.lists is not None
        listed = await SCREEN.lists.find(looking(room, **one.to.asked), Wanted())
        assert (one.to.screen, listed.total, len(listed.rows)) == ("disclosures", one.number, one.number), one.to
        if one.number:
            found["=".join(*one.to.asked.items())] = one.number
    return found


async def test_each_count_leads_to_exactly_the_list_that_it_counts(room: Room) -> None:
    """As days go by one publication comes near, is late, is sent again; another is refused; a third is objected to."""
    await room.base.access.create_authority("A1", "望川区市场监督管理局", ORGAN.code)
    room.city.says, room.portal.says = PENDING, REJECTED
    room.portal.errors = (FieldError(field="CF_NR", code="F01", message="过短", title="处罚内容", fact="content"),)
    await room.decide()
    near, refused = await room.disclosures.request("A1", NUMBER)
    await room.when(near, lambda now: now.status is Status.SUBMITTED)
    assert (await room.until(refused, Status.REJECTED)).reason
    assert await counts(room) == {"only=refused": 1}
    room.clock.advance(NOW + timedelta(days=4) - room.clock.now())
    assert await counts(room) == {"only=refused": 1, "only=near": 2}, "three working days before"
    room.clock.advance(timedelta(days=4))
    assert await counts(room) == {"only=refused": 1, "only=late": 2}
    told = {one.to.asked.get("only"): one.due for one in await waiting(looking(room)) if one.to is not None}
    assert told["late"] == (await Seeking(room.base).held(near)).disclosure.submit_by_on, "the first of their last days"
    assert DAYS.page is not None
    assert "only" in str((await DAYS.page(looking(room))).blocks[0])

    assert SCREEN.one is not None
    page = await SCREEN.one(looking(room), refused)
    tables = [one for one in page.blocks if isinstance(one, Table)]
    assert "处罚内容" in str(tables[0].rows)
    assert "submit" in page.acts
    assert "withdraw" not in page.acts
    room.city.decide("submit", room.city.asked[0][1], REJECTED)
    await room.when(near, lambda now: now.status is Status.REJECTED, step=60)
    (again,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    assert again != near
    assert (await counts(room))["only=refused"] == 1, "what was sent again waits for nobody"

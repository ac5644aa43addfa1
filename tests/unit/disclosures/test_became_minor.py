"""What turns out to be minor by an amendment of its facts, on the way to the public or before its eyes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from disclosure_room import NUMBER, ORGAN, Room

from gateway.foundation.store import Store
from gateway.rooms.disclosures import Status
from gateway.rooms.disclosures.options import DisclosureOptions
from gateway.rooms.disclosures.planning import Told

NECESSARY = Told(override_reason="本领域确有必要公示")


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


def shortens(room: Room) -> None:
    room.disclosures._planning._reading = DisclosureOptions(became_minor="shorten").reading


async def shown(room: Room, told: Told) -> str:
    """A decision of the general class that the public sees."""
    await room.decide()
    (one,) = await room.disclosures.request("A1", NUMBER, targets=["city"], told=told)
    await room.until(one, Status.PUBLISHED)
    return one


async def test_what_is_public_and_becomes_minor_is_withdrawn_and_shown_anew_only_with_a_reason(room: Room) -> None:
    one = await shown(room, Told())
    await room.decide(seriousness="minor")
    held = await room.disclosures.held(one)
    assert (held.withdraw_reason_on, held.withdraw_by_on) == (date(2026, 9, 15), date(2026, 9, 18))
    assert "轻微失信信息" in str(held.withdraw_reason), "the public reads why"
    await room.until(one, Status.WITHDRAWN)
    assert room.city.page is None
    (refused,) = await room.disclosures.request("A1", NUMBER, targets=["city"])
    assert (await room.disclosures.held(refused)).status is Status.NOT_PUBLISHABLE
    (anew,) = await room.disclosures.request("A1", NUMBER, targets=["city"], told=NECESSARY)
    assert (await room.until(anew, Status.PUBLISHED)).publish_until_on == date(2026, 12, 14)


async def test_an_office_may_let_its_period_shrink_instead(room: Room) -> None:
    shortens(room)
    one = await shown(room, Told())
    await room.decide(seriousness="minor")
    held = await room.disclosures.held(one)
    assert (held.withdraw_wanted_at, held.publish_until_on) == (None, date(2026, 12, 14))
    assert "deadline" in await room.told(one)


async def test_a_setting_that_changes_reaches_what_is_public(room: Room) -> None:
    shortens(room)
    one = await shown(room, Told())
    await room.decide(seriousness="minor")
    room.disclosures._planning._reading = DisclosureOptions().reading
    assert await room.disclosures.following.sweep() > 0
    assert (await room.disclosures.held(one)).withdraw_wanted_at is not None


async def test_what_was_shown_for_a_recorded_reason_stays_for_the_period_of_minor_ones(room: Room) -> None:
    one = await shown(room, NECESSARY)
    await room.decide(seriousness="minor")
    held = await room.disclosures.held(one)
    assert (held.withdraw_wanted_at, held.publish_until_on) == (None, date(2026, 12, 14))


@pytest.mark.parametrize("setting", ["withdraw", "shorten"])
async def test_what_has_not_left_never_will(room: Room, setting: str) -> None:
    if setting == "shorten":
        shortens(room)
    await room.delivery.stop()
    one = await room.publish()
    await room.decide(seriousness="minor")
    assert (await room.disclosures.held(one)).status is Status.WITHDRAWN
    assert room.city.asked == []

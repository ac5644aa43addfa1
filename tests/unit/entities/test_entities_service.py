"""The entities room on a real store; the registry is a script held in the test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation
from sqlalchemy import func, select

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.delivery.events import EVERY
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo
from gateway.ports.registry import ChangePage, EntityChange, EntitySummary, RegistrationRecord, SetAside
from gateway.rooms.entities import Alert, Entities, EntityView
from gateway.rooms.entities.records import Source
from gateway.rooms.entities.tables import entity_snapshot
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    BusyError,
    ConflictProblem,
    ContractError,
    DeniedError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    NotSentError,
    RejectedError,
    UnavailableProblem,
    UnsupportedError,
)

pytestmark = pytest.mark.both_databases

COMPANY = "91990102MA0HD1233R"
NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
RECORD = RegistrationRecord(
    uscc=COMPANY,
    name="恒筑建设有限公司",
    status="operating",
    raw_status="存续",
    entity_type="有限责任公司",
    category="organisation",
    legal_representative="齐远山",
    as_of=NOW - timedelta(days=1),
)
REVOKED = EntityChange(uscc=COMPANY, item="登记状态变更", before="存续", after="吊销", changed_on=date(2026, 9, 15))


class Registry:
    """A registry that answers what it is told to: a value, or an error to raise."""

    def __init__(self) -> None:
        self.record: RegistrationRecord | ExchangeError | None = RECORD
        self.names: tuple[EntitySummary, ...] | ExchangeError = ()
        self.pages: list[ChangePage | ExchangeError] = []
        self.asked: list[str] = []

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        return self._say("by_code", self.record)

    async def by_name(self, name: str) -> tuple[EntitySummary, ...]:
        return self._say("by_name", self.names)

    async def resolve_licence(self, token: str) -> RegistrationRecord | None:
        return self._say("resolve_licence", self.record)

    async def changes(self, cursor: str) -> ChangePage:
        return self._say(f"changes from {cursor or 'the beginning'}", self.pages.pop(0))

    def _say(self, question: str, answer: Any) -> Any:
        self.asked.append(question)
        if isinstance(answer, ExchangeError):
            raise answer
        return answer


class Room:
    """Entities over a store, with two registries of one authority."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        info = AdapterInfo("registry", "registry.script", "v1", frozenset({"by_code", "by_name", "changes"}))
        self.city, self.province = Registry(), Registry()
        made = {"city": self.city, "province": self.province}
        channels = {
            name: Channel(name, adapter, info, info.find, "http://x", None)  # type: ignore[arg-type]
            for name, adapter in made.items()
        }
        routes = {("both", "entities"): ("city", "province"), ("one", "entities"): ("city",)}
        base = foundation(store, folder, self.clock, Channels(channels, routes))
        self.store, self.events = store, base.events
        self.told: list[tuple[str, str]] = []
        self.events.subscribe(EVERY, lambda conn, event: self.told.append((event.type, event.authority)))
        self.entities = Entities(base)

    async def anew(self, authority: str, **more: Any) -> EntityView:
        """Look the company up a minute later, and take nothing older."""
        self.clock.advance(timedelta(minutes=1))
        return await self.entities.by_code(authority, COMPANY, max_age=timedelta(0), **more)

    async def versions(self) -> int:
        query = select(func.count()).select_from(entity_snapshot)
        return await self.store.read(lambda conn: conn.execute(query).scalar_one())


@pytest.fixture
def room(one_store: Store, tmp_path: Path) -> Iterator[Room]:
    return Room(one_store, tmp_path)


async def test_a_snapshot_answers_until_it_is_older_than_the_caller_wants(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    room.clock.advance(timedelta(hours=23))
    assert not (await room.entities.by_code("one", COMPANY)).asked
    room.clock.advance(timedelta(hours=2))
    again = await room.entities.by_code("one", COMPANY)
    assert (again.asked, again.version, again.confirmed_at) == (True, 1, room.clock.now())
    assert room.city.asked == ["by_code"] * 2


async def test_who_takes_nothing_older_is_answered_by_the_registry_even_at_the_same_instant(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    assert (await room.entities.by_code("one", COMPANY, max_age=timedelta(0))).asked
    assert room.city.asked == ["by_code"] * 2


async def test_an_old_snapshot_is_served_only_when_that_is_allowed_and_is_marked(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    room.city.record = NotSentError("no route")
    with pytest.raises(UnavailableProblem):
        await room.anew("one")
    served = await room.anew("one", allow_stale=True)
    assert (served.stale, served.asked, served.record) == (True, False, RECORD)


async def test_an_answer_older_than_what_is_known_changes_nothing(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    room.city.record = RECORD.model_copy(update={"name": "旧名", "as_of": RECORD.as_of - timedelta(days=2)})
    view = await room.anew("one")
    assert room.city.asked == ["by_code"] * 2
    assert (view.record.name, view.version, await room.versions()) == (RECORD.name, 1, 1)


async def test_the_next_registry_is_asked_where_one_knows_nothing_or_cannot_be_asked(room: Room) -> None:
    for first in (None, NotSentError("no route")):
        room.city.record = first
        found = await room.anew("both")
        assert found.channel == "province"


async def test_not_found_is_said_only_when_every_registry_could_be_asked(room: Room) -> None:
    room.city.record, room.province.record = NotSentError("no route"), None
    with pytest.raises(UnavailableProblem):
        await room.entities.by_code("both", COMPANY)
    room.city.record = None
    with pytest.raises(NotFoundProblem):
        await room.entities.by_code("both", COMPANY)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RejectedError("该证照已过期", "E7"), 422, "rejected-by-registry"),
        (BusyError("slow down", retry_after=7.2), 503, "registry-busy"),
        (DeniedError("bad key"), 503, "registry-denied"),
        (UnsupportedError("no"), 503, "not-offered"),
        (ContractError("nonsense"), 503, "registry-answer-broken"),
        (NotSentError("no route"), 503, "registry-unreachable"),
    ],
)
@pytest.mark.cases_by_day(4)
async def test_what_a_caller_is_told_of_each_failure(room: Room, error: ExchangeError, status: int, kind: str) -> None:
    room.city.record = error
    with pytest.raises((InvalidProblem, UnavailableProblem)) as told:
        await room.entities.by_code("one", COMPANY)
    assert (told.value.status, told.value.type) == (status, kind)


async def test_a_record_without_any_number_is_not_believed(room: Room) -> None:
    room.city.record = RECORD.model_copy(update={"uscc": None})
    with pytest.raises(UnavailableProblem) as told:
        await room.entities.by_code("one", COMPANY)
    assert (told.value.type, await room.versions()) == ("registry-answer-broken", 0)


async def test_the_names_of_all_registries_are_given_once_each(room: Room) -> None:
    both = EntitySummary(uscc=COMPANY, name="恒筑建设有限公司", status="operating")
    other = EntitySummary(uscc=None, name="恒筑建材店", status="operating")
    room.city.names, room.province.names = (both,), (both, other)
    assert await room.entities.by_name("both", "恒筑") == (both, other)
    room.city.names = NotSentError("no route")
    assert await room.entities.by_name("both", "恒筑") == (both, other)
    room.province.names = ()
    with pytest.raises(UnavailableProblem):
        await room.entities.by_name("both", "恒筑")


async def test_a_feed_is_taken_in_page_by_page_from_where_it_stood(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    room.city.pages = [
        ChangePage(changes=(), next_cursor="7", more=True),
        ChangePage(changes=(REVOKED,), next_cursor="8", more=False),
        ChangePage(changes=(), next_cursor="8", more=False),
    ]
    assert await room.entities.pull_changes("city") == 1
    assert await room.entities.pull_changes("city") == 0
    assert room.city.asked[1:] == ["changes from the beginning", "changes from 7", "changes from 8"]
    assert room.told == [(f"entity.{Alert.REVOKED}", "one")]
    (kept,) = await room.entities.changes("one", COMPANY)
    assert (kept.change, kept.alert, kept.source) == (REVOKED, Alert.REVOKED, Source.FEED)


async def test_an_entry_set_aside_is_told_and_the_feed_goes_on(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    aside = (SetAside(place=1, members=("uniscId",)),)
    room.city.pages = [
        ChangePage(changes=(REVOKED,), next_cursor="7", more=False, set_aside=aside),
        ChangePage(changes=(), next_cursor="7", more=False),
    ]
    assert await room.entities.pull_changes("city") == 1
    assert await room.entities.pull_changes("city") == 0
    assert room.city.asked[-1] == "changes from 7"
    assert room.told == [(f"entity.{Alert.REVOKED}", "one"), ("entity.entry_set_aside", "one")]


async def test_one_registry_that_fails_does_not_keep_the_others_from_their_turn(room: Room) -> None:
    room.city.pages = [NotSentError("no route")]
    room.province.pages = [ChangePage(changes=(), next_cursor="1", more=False)]
    with pytest.raises(UnavailableProblem):
        await room.entities.pull_every_feed()
    assert room.province.asked == ["changes from the beginning"]


@pytest.mark.both_databases
async def test_changes_are_kept_for_whoever_looked_and_for_nobody_else(room: Room) -> None:
    await room.entities.by_code("one", COMPANY)
    assert await room.entities.changes("one", COMPANY) == []
    with pytest.raises(NotFoundProblem):
        await room.entities.changes("both", COMPANY)
    for code, after in (("91", ""), (COMPANY, "nonsense")):
        with pytest.raises(InvalidProblem):
            await room.entities.changes("one", code, after=after)
    with pytest.raises(ConflictProblem):
        await room.entities.changes("nobody", COMPANY)

"""The room of notices on a real store: who is told what, once, and what becomes of it. The messenger is a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts
from foundation import foundation, wire

from gateway.foundation.access import Access
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.delivery import Event
from gateway.foundation.rooms import Services
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.notice import (
    DeliveredNotice,
    OfficerKey,
    ReadNotice,
    RecallRequest,
    Recipient,
    SendRequest,
    SentMessage,
)
from gateway.rooms.decisions import Decisions
from gateway.rooms.notices import Notice, NoticeFilter, Notices, Status
from gateway.rooms.notices.assembly import open_room
from gateway.rooms.notices.case_files import of_case
from gateway.rooms.notices.occasions import OCCASIONS, heard, occasion_of
from gateway.rooms.notices.options import NoticeOptions
from gateway.settings import Settings
from gateway.words.clock import ManualClock, to_micros
from gateway.words.errors import (
    ConflictProblem,
    ExchangeError,
    NotFoundProblem,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
)
from gateway.words.masking import mask_document

NOON = datetime(2026, 9, 14, 4, 0, tzinfo=UTC)
NUMBER = "望综执罚决〔2026〕118号"
ONE, TWO = "99010200118", "99010200125"
PARTY = {"kind": "natural_person", "name": "岑立秋", "id_type": "护照号", "id_number": "E90102198"}
OFFICERS = [{"name": "周映川", "number": ONE}, {"name": "沈知白", "number": TWO}]
BLOCK = {"digest_minutes": 10, "quiet": ["20:00-08:00"], "tell": {"*": [*OCCASIONS]}, "on_duty": {"*": [ONE]}}


class Messenger:
    """A messenger that answers what it is told to; ``messages`` are what it knows by our reference."""

    def __init__(self) -> None:
        self.state: str | ExchangeError = "sent"
        self.silently: str | None = None
        self.recalls: str | ExchangeError = "recalled"
        self.knows: Recipient | ExchangeError | str | None = "everybody"
        self.messages: dict[str, SentMessage] = {}
        self.requests: list[SendRequest] = []
        self.asked: list[str | None] = []

    async def resolve_user(self, officer: OfficerKey) -> Recipient | None:
        self.asked.append(officer.certificate)
        if isinstance(self.knows, ExchangeError):
            raise self.knows
        if isinstance(self.knows, str):
            return Recipient(user_id=f"u-{officer.certificate}", active=True)
        return self.knows

    async def send(self, request: SendRequest) -> SentMessage:
        self.requests.append(request)
        if self.silently is not None:
            self.keep(request, self.silently)
        if isinstance(self.state, ExchangeError):
            raise self.state
        return self.keep(request, self.state)

    def keep(self, request: SendRequest, state: str) -> SentMessage:
        """What becomes of a message, now or later."""
        more: dict[str, Any] = {"reason": "接收人关闭了消息"} if state == "failed" else {}
        if state == "held":
            more = {"held_until": NOON + timedelta(hours=8)}
        if state in ("delivered", "read"):
            more = {"delivered_at": NOON, "read_at": NOON if state == "read" else None}
        made = SentMessage(reference=request.reference, message_id="M1", user_id=request.user_id, state=state, **more)
        self.messages[request.reference] = made
        return made

    async def find(self, reference: str) -> SentMessage | None:
        return self.messages.get(reference)

    async def recall(self, request: RecallRequest) -> SentMessage:
        if isinstance(self.recalls, ExchangeError):
            raise self.recalls
        known = self.messages[request.message]
        made = known.model_copy(update={"state": "recalled", "recall": request.reference})
        self.messages[request.message] = made
        return made


class Room:
    """Notices over a store, with one channel to the script for the authority A1."""

    def __init__(self, store: Store, folder: Path, **block: Any) -> None:
        self.store, self.clock, self.messenger = store, ManualClock(NOON), Messenger()
        capabilities = frozenset({"send", "find", "recall", "resolve_user"})
        info = AdapterInfo("notice", "notice.script", "v1", capabilities, find=FindGuarantee(consistent=True))
        channel = Channel("phone", self.messenger, info, info.find, "http://x", None)  # type: ignore[arg-type]
        channels = Channels({"phone": channel}, {("A1", "notices"): ("phone",)})
        settings = Settings(rooms={"notices": {**BLOCK, **block}})
        self.base = foundation(store, folder, self.clock, channels, settings=settings)
        self.decisions = Decisions(self.base)
        services = Services()
        services.add(self.decisions)
        opened = open_room(self.base, services)
        wire(self.base, opened)
        (self.notices,) = opened.services
        assert isinstance(self.notices, Notices)
        self.duty = opened.comes_round[0].do
        self.notes = opened.notes

    async def happen(self, type: str, subject: str = "pay_1", authority: str = "A1", **data: Any) -> None:
        """An event of another room, as its subscribers hear it."""
        data = {"decision_number": NUMBER, **data}
        event = Event("evt_1", type, authority, subject, data, to_micros(self.clock.now()))
        planner = self.notices.planner
        acts = planner.end if type in ("payment.cancelled", "break.closed") else planner.hear
        await self.store.write(lambda conn: acts(conn, event))

    async def all(self, **wanted: Any) -> list[Notice]:
        return await self.notices.find(NoticeFilter(**wanted))

    async def one(self) -> Notice:
        (found,) = await self.all()
        return found

    async def sweep(self, minutes: int = 11) -> None:
        self.clock.advance(timedelta(minutes=minutes))
        await self.duty(self.clock.now())
        async with asyncio.timeout(60):
            while any(one.status is Status.SENDING and one.in_doubt_since_at is None for one in await self.all()):
                await asyncio.sleep(0.01)

    async def reaches(self, status: Status, holds: Callable[[Notice], bool] = lambda _: True) -> Notice:
        """The one notice, once it is so; the clock moves on each time that we look."""
        async with asyncio.timeout(60):
            while not ((found := await self.one()).status is status and holds(found)):
                self.clock.advance(timedelta(milliseconds=100))
                self.base.delivery.wake()
                await asyncio.sleep(0.02)
        return found

    async def sent(self, **data: Any) -> Notice:
        """A notice to one officer that the messenger took."""
        await self.happen("break.opened", "brk_1", decision_number=None, **data)
        await self.sweep()
        return await self.reaches(Status.SENT)

    async def told(self, notice: Notice) -> list[str]:
        _, _, timeline = await self.notices.view(notice.id)
        return [one.type for one in timeline]

    async def callback(self, told: DeliveredNotice | ReadNotice) -> None:
        await self.store.write(lambda conn: self.notices.take_notice(conn, "phone", told, "xch"))


@pytest.fixture
async def open_it(one_store: Store, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    made: list[Room] = []

    async def make(**block: Any) -> Room:
        room = Room(one_store, tmp_path, **block)
        made.append(room)
        await Access(one_store, room.clock).create_authority("A1", "望川区综合行政执法局", "11990102MB0000011Q")
        await room.decisions.put("A1", NUMBER, facts(party=PARTY, officers=OFFICERS), by="t")
        await room.base.delivery.start()
        return room

    yield make
    for room in made:
        await room.base.delivery.stop()
        await room.base.evidence.close()


@pytest.fixture
async def room(open_it: Callable[..., Any]) -> Room:
    return await open_it()


# --- who is told, and how often -------------------------------------------------------------------------------------


async def test_each_officer_of_the_decision_is_told_once_however_often_the_event_comes(room: Room) -> None:
    for _ in range(3):
        await room.happen("payment.overdue")
    await room.sweep()
    await room.happen("payment.overdue")
    await room.sweep()
    assert sorted(request.user_id for request in room.messenger.requests) == [f"u-{ONE}", f"u-{TWO}"]
    assert {one.items for one in await room.all()} == {1}


async def test_what_comes_near_is_told_for_each_of_its_days(room: Room) -> None:
    for on, days in (("2026-09-29", 3), ("2026-09-29", 1), ("2026-09-29", 3), ("2026-10-15", 3)):
        await room.happen("payment.due_soon", due_on=on, days_left=days)
        await room.sweep()
    for over in (1, 2):
        await room.happen("payment.overdue", due_on="2026-10-15", days_over=over)
        await room.sweep()
    assert len(room.messenger.requests) == (3 + 1) * 2


async def test_several_events_within_the_window_are_one_message_that_counts_them(room: Room) -> None:
    await room.happen("payment.overdue", "pay_1")
    await room.happen("disclosure.late", "dsc_1")
    await room.sweep(5)
    assert room.messenger.requests == []
    await room.sweep(6)
    assert [(one.template, one.parameters) for one in room.messenger.requests] == [("digest", {"count": "2"})] * 2
    await room.happen("payment.paid", "pay_1")
    await room.sweep()
    assert {one.template for one in room.messenger.requests[2:]} == {"payment_paid"}


async def test_without_a_window_each_event_is_a_message_of_its_own(open_it: Callable[..., Any]) -> None:
    room = await open_it(digest_minutes=0)
    for subject in ("brk_1", "brk_2", "brk_1"):
        await room.happen("break.opened", subject, decision_number=None)
    await room.sweep(0)
    assert [one.template for one in room.messenger.requests] == ["break_opened"] * 2


async def test_at_night_nothing_leaves_and_in_the_morning_everything_does(room: Room) -> None:
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep(8 * 60)  # 20:00
    await room.sweep(11 * 60 + 59)  # 07:59
    assert room.messenger.requests == []
    assert room.messenger.asked == []
    await room.sweep(1)
    assert len(room.messenger.requests) == 1


async def test_where_no_officer_is_concerned_those_on_duty_are_told(open_it: Callable[..., Any]) -> None:
    room = await open_it(on_duty={"A1": [TWO], "*": [ONE]})
    await room.happen("payment.parked", "pay_9", decision_number="没有这个文号")
    await room.sweep()
    assert [(one.user_id, one.template) for one in room.messenger.requests] == [(f"u-{TWO}", "operation_parked")]


@pytest.mark.parametrize(
    "block",
    [{"tell": {"*": ["payment.paid"]}}, {"tell": {"A1": [], "*": ["payment.overdue"]}}, {"tell": {}}],
)
async def test_what_the_settings_do_not_name_is_not_told(open_it: Callable[..., Any], block: dict[str, Any]) -> None:
    room = await open_it(**block)
    await room.happen("payment.overdue")
    assert await room.all() == []


async def test_an_authority_without_a_messenger_and_one_without_anybody_plan_nothing(
    open_it: Callable[..., Any],
) -> None:
    room = await open_it(on_duty={})
    await room.happen("payment.overdue", authority="B2")
    await room.happen("break.opened", "brk_1", decision_number=None)
    assert await room.all() == []


async def test_by_default_what_somebody_has_to_do_is_told_and_that_all_is_well_is_not() -> None:
    options = NoticeOptions()
    assert [word for word in OCCASIONS if not options.tells("A1", word)] == ["payment.paid"]
    with pytest.raises(ValueError, match="no occasion"):
        NoticeOptions(tell={"*": ("payment.lost",)})
    with pytest.raises(ValueError, match="hours of the form"):
        NoticeOptions.model_validate({"quiet": ["20-8"]})


def test_notices_tell_of_no_notices_and_of_nothing_that_is_no_occasion() -> None:
    emitted = ("notice.parked", "payment.parked", "payment.issued", "break.opened")
    assert heard(emitted) == ("break.opened", "payment.parked")
    assert occasion_of("notice.parked") is None


# --- what it says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("numbers", "said"), [(False, "见办案系统"), (True, NUMBER)])
async def test_a_text_holds_no_case_and_a_number_only_where_it_may(
    open_it: Callable[..., Any], numbers: bool, said: str
) -> None:
    room = await open_it(numbers=numbers, link="https://case.example/todo")
    await room.happen("payment.overdue")
    await room.sweep()
    request = room.messenger.requests[0]
    assert (request.parameters, request.link) == ({"number": said}, "https://case.example/todo")
    assert not any(word in request.model_dump_json() for word in ("岑立秋", "周映川", "占道"))


# --- nothing to tell any more ---------------------------------------------------------------------------------------


async def test_what_is_settled_before_it_was_sent_is_not_told_any_more(room: Room) -> None:
    await room.happen("payment.overdue", "pay_1")
    await room.happen("disclosure.late", "dsc_1")
    await room.happen("payment.cancelled", "pay_1")
    assert {(one.items, one.template) for one in await room.all()} == {(1, "disclosure_late")}
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep()
    assert {one.template for one in room.messenger.requests} == {"digest", "disclosure_late"}


async def test_a_notice_that_has_nothing_to_tell_is_dropped(room: Room) -> None:
    await room.happen("payment.overdue")
    await room.happen("payment.cancelled")
    await room.sweep()
    assert room.messenger.requests == []
    assert {one.status for one in await room.all()} == {Status.DROPPED}


# --- what becomes of it ---------------------------------------------------------------------------------------------


async def test_from_sent_to_read(room: Room) -> None:
    notice = await room.sent()
    assert notice.reference is not None
    await room.callback(DeliveredNotice(reference=notice.reference, at=NOON))
    await room.callback(ReadNotice(reference=notice.reference, at=NOON + timedelta(minutes=1)))
    await room.callback(DeliveredNotice(reference=notice.reference, at=NOON))  # late, and told again
    found = await room.one()
    assert (found.status, found.delivered_at, found.read_at) == (
        Status.READ,
        to_micros(NOON),
        to_micros(NOON + timedelta(minutes=1)),
    )
    assert await room.told(notice) == ["notice.sent", "notice.delivered", "notice.read"]
    await room.callback(ReadNotice(reference="somebody-elses", at=NOON))


async def test_a_callback_that_comes_before_the_answer_is_kept(room: Room) -> None:
    room.messenger.state, room.messenger.silently = OutcomeUnknownError("read timeout"), "read"
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep()
    notice = await room.one()
    assert notice.in_doubt_since_at is not None
    assert notice.reference is not None
    await room.callback(ReadNotice(reference=notice.reference, at=NOON))
    found = await room.one()
    assert (found.status, found.in_doubt_since_at) == (Status.READ, None)
    room.clock.advance(timedelta(minutes=1))
    room.base.delivery.wake()
    await asyncio.sleep(0.3)
    found = await room.one()
    assert (found.status, found.message_id) == (Status.READ, "M1")


async def test_silence_is_doubt_and_asking_ends_it_without_a_second_message(room: Room) -> None:
    room.messenger.state, room.messenger.silently = OutcomeUnknownError("read timeout"), "delivered"
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep()
    found = await room.reaches(Status.DELIVERED)
    assert (found.in_doubt_since_at, len(room.messenger.requests)) == (None, 1)
    assert await room.told(found) == ["notice.in_doubt", "notice.sent", "notice.delivered"]


async def test_a_message_that_the_messenger_holds_says_until_when(room: Room) -> None:
    room.messenger.state = "held"
    assert (await room.sent()).held_until_at == to_micros(NOON + timedelta(hours=8))


@pytest.mark.parametrize("answer", ["failed", RejectedError("接收人关闭了消息", "N1404")])
async def test_what_the_messenger_refuses_failed_in_its_words_and_can_be_sent_again(
    room: Room, answer: str | ExchangeError
) -> None:
    room.messenger.state = answer
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep()
    failed = await room.reaches(Status.FAILED)
    assert failed.reason == "接收人关闭了消息"
    assert room.notes is not None
    assert await room.notes() == ["1 notices to officers have failed since yesterday: gateway notices list"]
    room.messenger.state = "sent"
    await room.notices.resend(failed.id)
    with pytest.raises(ConflictProblem, match="PLANNED"):
        await room.notices.resend(failed.id)
    await room.sweep(0)
    await room.reaches(Status.SENT)
    first, second = room.messenger.requests
    assert first.reference != second.reference
    assert await room.notes() == []


@pytest.mark.parametrize("knows", [None, Recipient(user_id="u", active=False), RejectedError("不开放查询", "N0400")])
async def test_an_officer_whom_the_messenger_does_not_know_is_a_failure_that_shows(
    room: Room, knows: Recipient | ExchangeError | None
) -> None:
    room.messenger.knows = knows
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep()
    assert (await room.one()).status is Status.FAILED
    assert room.messenger.requests == []


async def test_a_messenger_that_cannot_be_asked_is_asked_again(room: Room) -> None:
    room.messenger.knows = NotSentError("refused")
    await room.happen("break.opened", "brk_1", decision_number=None)
    await room.sweep()
    assert (await room.one()).status is Status.PLANNED
    room.messenger.knows = "everybody"
    await room.sweep(1)
    await room.reaches(Status.SENT)


# --- taking back ----------------------------------------------------------------------------------------------------


async def test_what_was_not_sent_yet_is_dropped(room: Room) -> None:
    await room.happen("break.opened", "brk_1", decision_number=None)
    notice = await room.one()
    await room.notices.recall(notice.id, "已办结")
    await room.sweep()
    assert (await room.one()).status is Status.DROPPED
    assert room.messenger.requests == []
    with pytest.raises(NotFoundProblem):
        await room.notices.recall("ntc_0", "已办结")


async def test_what_was_sent_is_taken_back_at_the_messenger(room: Room) -> None:
    notice = await room.sent()
    await room.notices.recall(notice.id, "已办结")
    found = await room.one()
    assert (found.status, found.reason, found.recalling) == (Status.RECALLED, "已办结", None)
    assert await room.told(notice) == ["notice.sent", "notice.recalled"]
    with pytest.raises(ConflictProblem, match="RECALLED"):
        await room.notices.recall(notice.id, "已办结")


async def test_a_recall_that_was_only_written_down_is_carried_out_by_whoever_sends(room: Room) -> None:
    notice = await room.sent()
    await room.notices.recall_later(notice.id, "已办结")
    await room.reaches(Status.RECALLED)


async def test_a_recall_that_is_refused_leaves_the_notice_where_it_was(room: Room) -> None:
    notice = await room.sent()
    room.messenger.recalls = RejectedError("消息已读", "N1423")
    await room.notices.recall(notice.id, "已办结")
    found = await room.one()
    assert (found.status, found.reason, found.recalling) == (Status.SENT, "not recalled: 消息已读", None)


async def test_a_recall_in_doubt_is_asked_about_and_nobody_begins_another(room: Room) -> None:
    notice = await room.sent()
    room.messenger.recalls = OutcomeUnknownError("read timeout")
    await room.notices.recall(notice.id, "已办结", wait=0.2)
    with pytest.raises(ConflictProblem, match="already"):
        await room.notices.recall(notice.id, "已办结")
    known = room.messenger.messages[notice.reference or ""]
    room.messenger.messages[known.reference] = known.model_copy(update={"state": "recalled", "recall": "R"})
    found = await room.reaches(Status.RECALLED)
    assert (found.in_doubt_since_at, found.recalling) == (None, None)


async def test_a_bundle_has_what_was_told_of_its_case_and_of_no_other(room: Room) -> None:
    await room.decisions.put("A1", "另案1号", facts(party=PARTY, officers=OFFICERS[:1]), by="t")
    await room.happen("payment.overdue", "pay_1")
    await room.happen("payment.overdue", "pay_2", decision_number="另案1号")
    await room.sweep()
    this, other = [(await room.decisions.get("A1", number)).id for number in (NUMBER, "另案1号")]
    nothing: Any = None
    part = await of_case(room.base, nothing, this, False)
    known = [json.loads(file.content) for file in part.files]
    assert sorted(one["officer"] for one in known) == sorted([mask_document(ONE), mask_document(TWO)])
    assert [one["events"] for one in known] == [["payment.overdue"]] * 2
    (alone,) = part.subjects
    assert [one.id for one in await room.all() if one.items == 1] == [alone], "a message about both cases is not of one"
    assert "另案" not in str(known)
    plain = await of_case(room.base, nothing, other, True)
    assert [json.loads(file.content)["officer"] for file in plain.files] == [ONE]

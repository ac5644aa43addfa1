"""Webhooks out: both secrets in rotation, order by record, attempts seen, sent again, given up with an alarm."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery import event_records, webhook_records, webhooks
from gateway.foundation.delivery.events import Events
from gateway.foundation.delivery.states import DeliveryState
from gateway.foundation.delivery.tables import (
    event as event_table,
)
from gateway.foundation.delivery.webhooks import SCHEDULE, Webhooks
from gateway.foundation.store.engine import open_engine
from gateway.rooms.webhooks.doctor import look
from gateway.settings import Settings
from gateway.words.clock import ManualClock, to_micros
from gateway.words.errors import ExchangeError, InvalidProblem, NotFoundProblem, NotSentError


class Wire:
    """A case system's endpoint as a script; never the network."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.answer_once: dict[str, int] = {}
        self.default = 200
        self.fails: ExchangeError | None = None
        self.got: list[tuple[dict[str, str], bytes]] = []

    def check(self, url: str) -> None:
        """Any address."""

    async def post(self, action: str, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        self.got.append((headers, body))
        if self.fails is not None:
            raise self.fails
        if (status := self.answer_once.pop(headers["webhook-id"], None)) is not None:
            return httpx.Response(status)
        return httpx.Response(self.answers.pop(0) if self.answers else self.default)

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def out(store, tmp_path):
    clock = ManualClock(datetime.now(UTC))
    events, wire, envelope = Events(clock), Wire(), Envelope(FileKeys(tmp_path))
    made = SimpleNamespace(store=store, clock=clock, events=events, wire=wire, envelope=envelope)
    made.webhooks = Webhooks(store, events, envelope, clock, wire)  # type: ignore[arg-type]
    return made


async def emit(out, subject: str = "pay_1", type: str = "payment.paid") -> str:
    event = await out.store.write(
        lambda conn: out.events.emit(conn, type=type, subject=subject, authority="a", data={"n": 1})
    )
    return event.id


async def send_all(out, rounds: int = 50) -> None:
    for _ in range(rounds):
        if not await out.webhooks.sender.send_due():
            return


def names(out) -> list[str]:
    return [headers["webhook-id"] for headers, _ in out.wire.got]


async def test_what_an_endpoint_is_told_of_a_failed_delivery_names_no_address_inside(out):
    endpoint, _ = await out.webhooks.add_endpoint("c", "a", "https://x")
    out.wire.fails = NotSentError("ConnectError: Cannot connect to host x:443 ssl:default [('10.0.0.5', 443)]")
    await emit(out)
    await send_all(out)
    (story,) = await out.webhooks.endpoints.deliveries(endpoint)
    assert {one.error for one in story.tries} == {"not reached"}


async def test_in_rotation_a_receiver_is_satisfied_with_either_secret_and_then_only_with_the_new_one(out):
    endpoint, old = await out.webhooks.add_endpoint("c", "a", "https://x")
    new = await out.webhooks.rotate_secret(endpoint, overlap=3600)
    await emit(out)
    await send_all(out)
    headers, body = out.wire.got[-1]
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
    out.clock.advance(timedelta(hours=2))
    await emit(out)
    await send_all(out)
    headers, body = out.wire.got[-1]
    assert headers["webhook-signature"].count("v1,") == 1


@pytest.mark.both_databases
async def test_events_of_a_record_arrive_in_order_where_that_is_asked_and_others_do_not_wait(out):
    await out.webhooks.add_endpoint("c", "a", "https://x", ordered=True)
    first, second, other = await emit(out), await emit(out), await emit(out, "pay_2")
    out.wire.answer_once = {first: 500}  # those of two records leave at the same time, in either order
    await send_all(out)
    assert sorted(names(out)) == sorted([first, other])
    out.clock.advance(timedelta(seconds=10))
    await send_all(out)
    assert names(out)[2:] == [first, second]


async def test_every_attempt_is_seen_with_what_was_answered(out):
    endpoint, _ = await out.webhooks.add_endpoint("c", "a", "https://x")
    out.wire.answers = [503, 200]
    await emit(out)
    await send_all(out)
    out.clock.advance(timedelta(minutes=1))
    await send_all(out)
    (story,) = await out.webhooks.endpoints.deliveries(endpoint)
    assert story.delivery.state == "delivered"
    assert [(one.status, one.error) for one in story.tries] == [(503, "answered 503"), (200, None)]


async def test_pauses_between_attempts_widen_and_are_not_the_same_for_all(out):
    """Receivers that come back are not met by everything at once."""
    endpoint, _ = await out.webhooks.add_endpoint("c", "a", "https://x")
    out.wire.default = 503
    for number in range(5):
        await emit(out, f"pay_{number}")
    for wait in SCHEDULE:
        now = to_micros(out.clock.now())
        await send_all(out)
        waiting = await out.webhooks.endpoints.deliveries(endpoint, state=DeliveryState.QUEUED)
        pauses = [(one.delivery.due_at - now) / 1_000_000 for one in waiting]
        assert len(pauses) == 5
        assert all(wait <= pause <= wait * 1.1 for pause in pauses)
        assert len(set(pauses)) > 1
        out.clock.advance(timedelta(seconds=wait * 1.1 + 1))


async def test_what_a_clock_far_ahead_put_off_is_sent_once_the_clock_is_right(out):
    right = out.clock.now()
    out.clock.set(right + timedelta(days=300))
    await out.webhooks.add_endpoint("c", "a", "https://x")
    event = await emit(out)
    out.clock.set(right)
    await send_all(out)
    assert names(out) == []
    await out.webhooks.sender.bring_back()
    await send_all(out)
    assert names(out) == [event]


async def test_a_sender_that_starts_after_the_clock_was_put_right_brings_back_what_was_put_off(out):
    right = out.clock.now()
    out.clock.set(right + timedelta(days=300))
    await out.webhooks.add_endpoint("c", "a", "https://x")
    event = await emit(out)
    out.clock.set(right)
    await out.webhooks.sender.start()
    try:
        async with asyncio.timeout(60):
            while names(out) != [event]:
                await asyncio.sleep(0.01)
    finally:
        await out.webhooks.sender.stop()


async def test_what_was_given_up_one_event_and_a_range_can_be_sent_again(out):
    endpoint, _ = await out.webhooks.add_endpoint("c", "a", "https://x")
    out.wire.default = 400
    began = to_micros(out.clock.now())
    event = await emit(out)
    for wait in (*SCHEDULE, 0):
        await send_all(out)
        out.clock.advance(timedelta(seconds=wait * 1.2 + 1))
    (story,) = await out.webhooks.endpoints.deliveries(endpoint, state=DeliveryState.FAILED)
    assert story.delivery.attempts == len(SCHEDULE) + 1
    out.wire.default = 200
    assert await out.webhooks.resend(endpoint, failed=True) == 1
    await send_all(out)
    assert await out.webhooks.endpoints.deliveries(endpoint, state=DeliveryState.FAILED) == []
    assert await out.webhooks.resend(endpoint, event=event) == 1
    assert await out.webhooks.resend(endpoint, since=began, until=began + 1) == 1
    assert await out.webhooks.resend(endpoint, since=began + 1) == 0
    before = len(out.wire.got)
    await send_all(out)
    assert names(out)[before:] == [event]
    with pytest.raises(InvalidProblem):
        await out.webhooks.resend(endpoint, event=event, failed=True)


async def test_an_endpoint_that_takes_nothing_for_days_is_disabled_with_an_alarm_and_can_be_enabled(out):
    dead, _ = await out.webhooks.add_endpoint("c", "a", "https://dead", ["payment.paid"])
    out.wire.default = 500
    for _ in range(7):
        await emit(out)
        await send_all(out)
        out.clock.advance(timedelta(days=1))
    (found,) = await out.webhooks.endpoints.find(["a"])
    assert "for 5 days" in found.disabled_reason
    told = await out.store.read(
        lambda conn: conn.execute(select(event_table.c.subject).where(event_table.c.type == "webhook.disabled")).all()
    )
    assert [one.subject for one in told] == [dead]
    before = len(out.wire.got)
    await send_all(out)
    assert len(out.wire.got) == before
    out.wire.default = 200
    await out.webhooks.enable(dead)
    await send_all(out)
    assert len(out.wire.got) > before


async def dies(out, endpoint: str, waiting: int) -> None:
    """An endpoint is disabled, and so many deliveries wait for it."""
    for number in range(waiting):
        await emit(out, f"pay_{number}")
    now = to_micros(out.clock.now())
    await out.store.write(lambda conn: webhook_records.disable(conn, endpoint, "nothing arrived", now))


async def told_of(out, type: str) -> list[tuple[str, dict]]:
    query = select(event_table.c.subject, event_table.c.data).where(event_table.c.type == type)
    return [tuple(one) for one in await out.store.read(lambda conn: conn.execute(query).all())]


async def test_what_waits_for_an_endpoint_that_stays_disabled_is_given_up_in_time_and_told_of(out, monkeypatch):
    """Else one receiver that is gone would keep every later event in the database for ever."""
    monkeypatch.setattr(webhooks, "_AT_ONCE", 2)
    dead, _ = await out.webhooks.add_endpoint("c", "a", "https://dead", ["payment.paid"])
    await dies(out, dead, waiting=5)
    out.clock.advance(timedelta(days=89))
    assert await out.webhooks.give_up_waiting(90) == 0
    (finding,) = look(Settings(), out.store.read_sync)
    assert (finding.state, dead in finding.detail, "5 events" in finding.detail) == ("warn", True, True)
    out.clock.advance(timedelta(days=1))
    assert await out.webhooks.give_up_waiting(90) == 5
    assert await told_of(out, "webhook.given_up") == [
        (dead, {"deliveries": 5, "reason": "the endpoint was disabled for 90 days"})
    ]
    assert await out.webhooks.give_up_waiting(90) == 0, "and it is told once"
    failed = await out.webhooks.endpoints.deliveries(dead, state=DeliveryState.FAILED)
    assert {one.delivery.last_error for one in failed} == {"the endpoint was disabled for 90 days"}
    await out.webhooks.enable(dead)
    assert await out.webhooks.resend(dead, failed=True) == 5
    await send_all(out)
    assert len(out.wire.got) == 5


async def test_an_endpoint_that_was_disabled_can_be_removed_and_what_went_to_each_is_counted(out):
    """Whoever is told that a receiver is gone for good takes it away; the others keep what they have."""
    dead, _ = await out.webhooks.add_endpoint("c", "a", "https://dead")
    other, _ = await out.webhooks.add_endpoint("c", "a", "https://other")
    await dies(out, dead, waiting=2)
    counts = await out.webhooks.endpoints.tallies([dead, other, "whe_none"])
    assert (counts[dead].queued, counts[dead].failed, counts["whe_none"]) == (2, 0, webhook_records.Tally())
    assert counts[other].delivered_at is None or counts[other].queued < 2
    await out.webhooks.remove_endpoint(dead)
    assert [one.id for one in await out.webhooks.endpoints.find()] == [other]
    assert await out.webhooks.give_up_waiting(90) == 2
    assert (await out.webhooks.endpoints.tallies([dead]))[dead].failed == 2
    with pytest.raises(NotFoundProblem):
        await out.webhooks.remove_endpoint(dead)


async def test_what_waited_for_an_endpoint_that_was_removed_is_given_up_and_for_one_that_was_enabled_it_is_not(out):
    gone, _ = await out.webhooks.add_endpoint("c", "a", "https://gone")
    back, _ = await out.webhooks.add_endpoint("c", "a", "https://back")
    await emit(out)
    await out.webhooks.remove_endpoint(gone)
    await dies(out, back, waiting=2)
    await out.webhooks.enable(back)
    out.clock.advance(timedelta(days=100))
    assert await out.webhooks.give_up_waiting(90) == 1
    assert await told_of(out, "webhook.given_up") == [], "whoever removed it knows"
    await send_all(out)
    assert len(out.wire.got) == 3


@pytest.mark.both_databases
async def test_two_nodes_do_not_send_one_delivery_twice(out):
    await out.webhooks.add_endpoint("c", "a", "https://x")
    other = Webhooks(out.store, Events(out.clock), out.envelope, out.clock, out.wire, "node-2")  # type: ignore[arg-type]
    sent = [await emit(out, f"pay_{number}") for number in range(30)]
    await asyncio.gather(*(one.sender.send_due() for one in (out.webhooks, other) * 4))
    await send_all(out)
    assert sorted(names(out)) == sorted(sent)


async def test_replay_by_cursor_misses_nothing_when_transactions_commit_out_of_order(postgresql_url, tmp_path):
    engine, events = open_engine(postgresql_url, connections=3), Events(ManualClock(datetime.now(UTC)))

    def write(conn, subject: str) -> None:
        events.emit(conn, type="t", subject=subject, authority="a", data={})

    def seen(after: str | None) -> tuple[list[str], str | None]:
        with engine.begin() as conn:
            rows = event_records.find(conn, ["a"], subject=None, after=after, limit=10)
        return [one.subject for one in rows], rows[-1].place if rows else after

    with engine.connect() as slow, engine.connect() as quick:
        began = slow.begin()
        write(slow, "early number, late commit")
        with quick.begin():
            write(quick, "late number, early commit")
        shown, cursor = seen(None)
        began.commit()
    async with asyncio.timeout(60):  # other databases of this server may hold transactions open for a moment
        while len(shown) < 2:
            more, cursor = seen(cursor)
            shown += more
            await asyncio.sleep(0.02)
    assert sorted(shown) == ["early number, late commit", "late number, early commit"]
    engine.dispose()

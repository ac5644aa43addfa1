"""Incoming messages: kept whoever sent them, applied once, and never believed unless authenticated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select

from gateway.foundation.channels import Channel, Old
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import refused_records, unreadable_records
from gateway.foundation.delivery.callbacks import Callbacks, Concerned
from gateway.foundation.delivery.events import Events, timeline
from gateway.foundation.delivery.refused_records import Refused
from gateway.foundation.delivery.tables import callback_nonce
from gateway.foundation.evidence import Evidence, Exchange
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.meters import Meters
from gateway.ports.base import Incoming, Notice, OpenedCallback, Reply, UnreadableCallbackError
from gateway.words.clock import ManualClock
from gateway.words.errors import ContractError, ForgedCallbackError, NotFoundProblem, UnavailableProblem

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
THANKS = Reply(200, b"SUCCESS", "text/plain")
AGAIN = Reply(503, b"LATER", "text/plain")


class Arrived(Notice):
    """Something that a system tells."""

    kind: str = "arrived"
    what: str


class Unheard(Notice):
    """Something that no room takes."""

    kind: str = "unheard"


class Opener:
    """An adapter that reads what the test has put there."""

    def __init__(self) -> None:
        self.says: Any = OpenedCallback(Arrived(what="pay_1"), "key_1", "nonce_1", THANKS, AGAIN)

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says  # type: ignore[no-any-return]


class Desk:
    """The door over a store, with one room behind it."""

    def __init__(self, store: Any, folder: Any) -> None:
        clock, keys = ManualClock(NOW), FileKeys(folder / "keys")
        envelope = Envelope(keys)
        self.store, self.adapter, self.folder = store, Opener(), folder
        self.info = SimpleNamespace(capabilities=frozenset({"open_callback"}), sensitive=frozenset())
        self.evidence = Evidence(store, keys, envelope, clock, node="node-1", heads=folder / "heads")
        self.old: Old | None = None
        self.woken: list[str] = []
        self.applied: list[tuple[str, str]] = []
        self.about: Concerned | None = Concerned("anlan", "pay_1")
        self.fault: Exception | None = None
        delivery = SimpleNamespace(wake=self.woken.append, events=Events(clock), node=SimpleNamespace(meters=Meters()))
        self.door = Callbacks(store, self, self.evidence, delivery, envelope, clock)  # type: ignore[arg-type]
        self.door.on(Arrived, self.room)

    def get(self, name: str) -> Any:
        """The channels, of which there is one."""
        info: Any = self.info
        nothing: Any = None
        return {"nontax": Channel("nontax", self.adapter, info, nothing, "", nothing, old=self.old)}[name]

    def served(self, _name: str, _codes: Any) -> list[str]:
        """The authorities for which the channel does anything."""
        return ["anlan", "wangchuan"]

    def room(self, conn: Any, channel: str, notice: Arrived, exchange_id: str) -> Concerned | None:
        if self.fault is not None:
            raise self.fault
        self.applied.append((notice.what, exchange_id))
        return self.about

    async def take(self, body: bytes = b"<paid/>", channel: str = "nontax", source: str = "192.0.2.1") -> Reply:
        headers = {"content-type": "text/xml"}
        return await self.door.take(channel, Incoming(headers, body, NOW, "/callbacks/nontax", source))

    async def refused(self) -> list[tuple[Refused, str]]:
        return await self.door.refused(channel="nontax", before=None, limit=1000)

    async def kept(self) -> list[Exchange]:
        ids = await self.store.read(
            lambda conn: conn.execute(select(exchange.c.id).order_by(exchange.c.seq)).scalars().all()
        )
        return [await self.evidence.held(one) for one in ids]

    async def listed(self) -> list[unreadable_records.Unreadable]:
        return await self.store.read(lambda conn: unreadable_records.find(conn))

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        found = await self.store.read(lambda conn: timeline(conn, "nontax"))
        return [(one.authority, one.data) for one in found if one.type == "channel.unreadable_callback"]

    async def nonces(self) -> list[str]:
        return list(await self.store.read(lambda conn: conn.execute(select(callback_nonce.c.nonce)).scalars().all()))


@pytest.fixture
async def desk(store, tmp_path):
    return Desk(store, tmp_path)


async def test_a_message_is_applied_kept_as_evidence_of_its_record_and_acknowledged(desk):
    assert await desk.take() == THANKS
    (kept,) = await desk.kept()
    assert desk.applied == [("pay_1", kept.id)]
    assert (kept.direction, kept.subject, kept.authority, kept.outcome) == ("in", "pay_1", "anlan", "answered")
    assert await desk.nonces() == ["nonce_1"]
    assert desk.woken == ["nontax"]


async def test_what_was_encrypted_in_a_message_is_evidence_beside_its_bytes(desk):
    desk.info.sensitive = frozenset({"payerName"})
    text = '{"payerName": "王小明", "amount": "5.00"}'.encode()
    desk.adapter.says = replace(desk.adapter.says, decrypted=text)
    await desk.take(b"ciphertext")
    (kept,) = await desk.kept()
    assert "ciphertext" in kept.request
    assert '"amount": "5.00"' in kept.request
    assert "王小明" not in kept.request
    exact = (await desk.store.read(lambda conn: desk.evidence.open(conn, kept.id))).exact
    assert (exact.request_body, exact.decrypted) == (b"ciphertext", text)


async def test_what_was_decrypted_and_cannot_be_read_or_applied_is_evidence_all_the_same(desk):
    desk.info.sensitive = frozenset({"payerName"})
    text = '{"payerName": "王小明", "amount": "5,00"}'.encode()
    says, desk.adapter.says = desk.adapter.says, UnreadableCallbackError("an amount", decrypted=text)
    with pytest.raises(ContractError):
        await desk.take(b"ciphertext")
    desk.adapter.says, desk.fault = replace(says, decrypted=text), RuntimeError("a room fails")
    await desk.take(b"ciphertext too")
    for kept in await desk.kept():
        assert '"amount": "5,00"' in kept.request
        assert "王小明" not in kept.request


async def test_a_message_that_concerns_nothing_known_is_kept_under_its_own_key(desk):
    desk.about = None
    await desk.take()
    (kept,) = await desk.kept()
    assert (kept.subject, kept.authority) == ("key_1", None)


async def test_the_same_message_again_is_kept_and_acknowledged_again_and_the_room_compares(desk):
    assert await desk.take() == await desk.take() == THANKS
    assert [what for what, _ in desk.applied] == ["pay_1", "pay_1"]
    assert len(await desk.kept()) == 2
    assert await desk.nonces() == ["nonce_1"]


async def test_a_known_nonce_with_another_body_is_a_forgery_and_changes_nothing(desk):
    await desk.take()
    with pytest.raises(ForgedCallbackError, match="nonce"):
        await desk.take(b"<paid twice/>")
    assert len(desk.applied) == 1
    assert [one.outcome.partition(":")[0] for one in await desk.kept()] == ["answered", "forged"]
    assert desk.woken == ["nontax"]


async def test_what_cannot_be_read_is_evidence_and_neither_applied_nor_remembered_by_its_nonce(desk):
    desk.adapter.says = ContractError("no such element")
    with pytest.raises(ContractError):
        await desk.take()
    (kept,) = await desk.kept()
    assert kept.outcome == "unreadable: no such element"
    assert (desk.applied, desk.woken, await desk.nonces()) == ([], [], [])


async def test_of_what_is_not_authentic_digest_length_and_beginning_are_kept_beside_the_evidence(desk):
    desk.adapter.says = ForgedCallbackError("bad signature of 11010519491231002X")
    body = b"<paid>11010519491231002X" + b"x" * 100_000
    with pytest.raises(ForgedCallbackError):
        await desk.take(body)
    ((kept, beginning),) = await desk.refused()
    assert (kept.digest, kept.length, kept.source) == (sm3(body), len(body), "192.0.2.1")
    assert beginning.startswith("<paid>")
    assert len(beginning) <= 4096
    assert "1949" not in kept.reason + beginning, "persons are masked"
    assert (await desk.kept(), desk.applied, desk.woken, await desk.nonces()) == ([], [], [], [])


async def test_no_source_and_no_day_keeps_more_than_its_bound_and_all_are_counted(desk, monkeypatch):
    monkeypatch.setattr(refused_records, "MOST_OF_SOURCE", 3)
    monkeypatch.setattr(refused_records, "MOST_IN_ALL", 5)
    desk.adapter.says = ForgedCallbackError("bad signature")
    senders = ["192.0.2.1"] * 5 + [f"2001:db8::{one}" for one in range(1, 6)] + ["198.51.100.9", "no address"]
    for source in senders:
        with pytest.raises(ForgedCallbackError):
            await desk.take(source=source)
    kept = [one.source for one, _ in reversed(await desk.refused())]
    assert kept == ["192.0.2.1"] * 3 + ["2001:db8::/64"] * 2, "an IPv6 customer is one source, however many addresses"
    found = await desk.store.read(lambda conn: refused_records.tallies(conn, NOW.date()))
    assert {one.source: (one.seen, one.kept) for one in found} == {
        "*": (12, 5),
        "192.0.2.1": (5, 3),
        "2001:db8::/64": (2, 2),
    }, "beyond the bound of all there is not even a row for a source"


@pytest.mark.both_databases
async def test_the_bound_is_one_for_all_nodes_and_anew_each_day(desk, monkeypatch):
    monkeypatch.setattr(refused_records, "MOST_OF_SOURCE", 1)
    other = Desk(desk.store, desk.folder / "other")
    for node in (desk, other):
        node.adapter.says = ForgedCallbackError("bad signature")
        with pytest.raises(ForgedCallbackError):
            await node.take()
    assert len(await desk.refused()) == 1
    assert await desk.store.write(lambda conn: refused_records.may_keep(conn, "192.0.2.1", NOW + timedelta(days=1)))


async def test_what_was_refused_is_forgotten_with_its_numbers(desk):
    desk.adapter.says = ForgedCallbackError("bad signature")
    with pytest.raises(ForgedCallbackError):
        await desk.take()
    assert await desk.store.write(lambda conn: refused_records.forget(conn, NOW)) == 0
    assert await desk.store.write(lambda conn: refused_records.forget(conn, NOW + timedelta(days=1))) == 1
    assert await desk.store.read(lambda conn: refused_records.tallies(conn, NOW.date())) == []


async def test_an_adapter_that_fails_before_it_knows_the_sender_fills_nothing_either(desk, monkeypatch):
    monkeypatch.setattr(refused_records, "MOST_OF_SOURCE", 2)
    desk.adapter.says = ValueError("2OO")
    for _ in range(4):
        with pytest.raises(ContractError):
            await desk.take()
    assert len(await desk.kept()) == 2


@pytest.mark.both_databases
async def test_when_the_room_fails_what_it_did_is_undone_the_message_is_kept_and_asked_for_again(desk):
    desk.fault = RuntimeError("a fault of the room")
    assert await desk.take() == AGAIN
    (kept,) = await desk.kept()
    assert (kept.outcome, kept.status, kept.subject) == ("failed: not applied", 503, "key_1")
    assert (await desk.nonces(), desk.woken, desk.applied) == ([], [], [])
    desk.fault = None
    assert await desk.take() == THANKS
    assert len(desk.applied) == 1


async def test_without_a_database_nothing_is_answered_in_the_contracts_words(desk):
    desk.fault = UnavailableProblem("no database")
    with pytest.raises(UnavailableProblem):
        await desk.take()


@pytest.mark.parametrize("fault", [ValueError("2OO"), KeyError("Amt"), RecursionError(), AttributeError("text")])
@pytest.mark.cases_by_day(3)
async def test_whatever_an_adapter_raises_the_message_is_kept_and_nothing_of_the_fault_is_told(desk, fault):
    desk.adapter.says = fault
    with pytest.raises(ContractError) as told:
        await desk.take()
    assert "2OO" not in str(told.value)
    assert [one.outcome.partition(":")[0] for one in await desk.kept()] == ["unreadable"]
    assert [(one.channel, one.subject) for one in await desk.listed()] == [("nontax", None)]


async def test_an_unreadable_message_is_listed_once_and_told_to_all_whom_the_channel_serves(desk):
    desk.adapter.says = ContractError("no such element")
    for body in (b"<a/>", b"<a/>", b"<b/>"):
        with pytest.raises(ContractError):
            await desk.take(body)
    kept, listed = await desk.kept(), await desk.listed()
    assert len(kept) == 3, "each is kept"
    assert [one.exchange_id for one in listed] == [kept[2].id, kept[0].id]
    assert [one.reason for one in listed] == ["no such element"] * 2
    first = {"exchange": kept[0].id, "about": None}
    assert (await desk.told())[:2] == [("anlan", first), ("wangchuan", first)]
    assert len(await desk.told()) == 4


async def test_what_an_unreadable_message_seems_to_be_about_is_asked_for_and_it_is_acknowledged(desk):
    desk.adapter.says = UnreadableCallbackError("no sum", about=Arrived(what="pay_1"), acknowledge=THANKS)
    assert await desk.take() == THANKS
    (kept,), (listed,) = await desk.kept(), await desk.listed()
    assert desk.applied == [("pay_1", kept.id)]
    assert (kept.outcome, kept.status, kept.subject, kept.authority) == ("unreadable: no sum", 200, "pay_1", "anlan")
    assert (listed.exchange_id, listed.subject, listed.authority) == (kept.id, "pay_1", "anlan")
    assert await desk.told() == [("anlan", {"exchange": kept.id, "about": "pay_1"})]
    assert desk.woken == ["nontax"]


@pytest.mark.parametrize(
    ("about", "thanks", "ours"),
    [
        (None, THANKS, True),
        (Unheard(), THANKS, True),
        (Arrived(what="x"), THANKS, False),
        (Arrived(what="x"), None, True),
    ],
    ids=["nothing could be read", "nobody takes it", "not ours", "the contract has no words"],
)
@pytest.mark.cases_by_day(3)
async def test_an_unreadable_message_that_leads_nowhere_is_not_acknowledged(desk, about, thanks, ours):
    desk.about = Concerned("anlan", "pay_1") if ours else None
    desk.adapter.says = UnreadableCallbackError("no sum", about=about, acknowledge=thanks)
    with pytest.raises(ContractError, match="no sum"):
        await desk.take()
    (kept,), (listed,) = await desk.kept(), await desk.listed()
    assert (kept.outcome, kept.status, listed.exchange_id) == ("unreadable: no sum", None, kept.id)


async def test_a_platform_that_sends_nothing_readable_does_not_fill_the_list(desk, monkeypatch):
    monkeypatch.setattr("gateway.foundation.delivery.callbacks.MOST_LISTED", 3)
    desk.adapter.says = ContractError("no such element")
    for number in range(5):
        with pytest.raises(ContractError):
            await desk.take(b"<a%d/>" % number)
    assert (len(await desk.kept()), len(await desk.listed())) == (5, 3)


async def test_who_takes_no_callbacks_is_not_found(desk):
    with pytest.raises(NotFoundProblem, match="no channel elsewhere"):
        await desk.take(channel="elsewhere")
    desk.adapter.says = replace(desk.adapter.says, notice=Unheard())
    with pytest.raises(NotFoundProblem, match="unheard"):
        await desk.take()
    desk.info.capabilities = frozenset()
    with pytest.raises(NotFoundProblem, match="takes no callbacks"):
        await desk.take()
    assert await desk.kept() == []


@pytest.mark.parametrize(
    ("current", "former", "hours", "meets"),
    [
        ("forged", "good", None, "taken"),
        ("forged", "good", 1, "taken"),
        ("forged", "good", 0, "forged"),
        ("forged", "forged", None, "forged"),
        ("good", "forged", None, "taken"),
        ("unreadable", "good", None, "taken"),  # signed as ever, encrypted under the old key
        ("unreadable", "forged", None, "unreadable"),
        ("forged", "unreadable", None, "unreadable"),
    ],
)
@pytest.mark.cases_by_day(4)
async def test_while_secrets_are_changed_a_message_is_taken_under_either(desk, current, former, hours, meets):
    says = {"good": desk.adapter.says, "forged": ForgedCallbackError("mac"), "unreadable": ContractError("what?")}
    elder, nothing = Opener(), cast("Any", None)
    desk.adapter.says, elder.says = says[current], says[former]
    until = None if hours is None else NOW + timedelta(hours=hours)
    desk.old = Old(Channel("nontax", elder, desk.info, nothing, "", nothing), until)
    if meets == "taken":
        assert await desk.take() == THANKS
    else:
        with pytest.raises(ForgedCallbackError if meets == "forged" else ContractError):
            await desk.take()
    assert len(desk.applied) == (meets == "taken")


async def test_no_two_rooms_take_one_kind_of_notice(desk):
    with pytest.raises(ValueError, match="two rooms"):
        desk.door.on(Arrived, desk.room)

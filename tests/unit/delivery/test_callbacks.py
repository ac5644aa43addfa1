"""Incoming messages: kept whoever sent them, applied once, and never believed unless authenticated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery.callbacks import Callbacks, Concerned
from gateway.foundation.delivery.tables import callback_nonce
from gateway.foundation.evidence import Evidence, Exchange
from gateway.foundation.evidence.tables import exchange
from gateway.ports.base import Incoming, Notice, OpenedCallback, Reply
from gateway.words.clock import ManualClock
from gateway.words.errors import ContractError, ForgedCallbackError, NotFoundProblem

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
THANKS = Reply(200, b"SUCCESS", "text/plain")


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
        self.says: Any = OpenedCallback(Arrived(what="pay_1"), "key_1", "nonce_1", THANKS, THANKS)

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says  # type: ignore[no-any-return]


class Desk:
    """The door over a store, with one room behind it."""

    def __init__(self, store: Any, folder: Any) -> None:
        clock, keys = ManualClock(NOW), FileKeys(folder / "keys")
        self.store, self.adapter = store, Opener()
        self.info = SimpleNamespace(capabilities=frozenset({"open_callback"}), sensitive=frozenset())
        self.evidence = Evidence(store, keys, Envelope(keys), clock, node="node-1", heads=folder / "heads")
        self.woken: list[str] = []
        self.applied: list[tuple[str, str]] = []
        self.about: Concerned | None = Concerned("anlan", "pay_1")
        self.fault: Exception | None = None
        delivery = SimpleNamespace(wake=self.woken.append)
        self.door = Callbacks(store, self, self.evidence, delivery, clock)  # type: ignore[arg-type]
        self.door.on(Arrived, self.room)

    def get(self, name: str) -> Any:
        """The channels, of which there is one."""
        return {"nontax": SimpleNamespace(adapter=self.adapter, info=self.info)}[name]

    def room(self, conn: Any, channel: str, notice: Arrived, exchange_id: str) -> Concerned | None:
        if self.fault is not None:
            raise self.fault
        self.applied.append((notice.what, exchange_id))
        return self.about

    async def take(self, body: bytes = b"<paid/>", channel: str = "nontax") -> Reply:
        return await self.door.take(channel, Incoming({"content-type": "text/xml"}, body, NOW, "/callbacks/nontax"))

    async def kept(self) -> list[Exchange]:
        ids = await self.store.read(
            lambda conn: conn.execute(select(exchange.c.id).order_by(exchange.c.seq)).scalars().all()
        )
        return [await self.evidence.held(one) for one in ids]

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


@pytest.mark.parametrize(
    ("refusal", "label"),
    [(ForgedCallbackError("bad signature"), "forged"), (ContractError("no such element"), "unreadable")],
)
async def test_what_is_refused_is_kept_and_neither_applied_nor_remembered_by_its_nonce(desk, refusal, label):
    desk.adapter.says = refusal
    with pytest.raises(type(refusal)):
        await desk.take()
    (kept,) = await desk.kept()
    assert kept.outcome.startswith(f"{label}: ")
    assert (desk.applied, desk.woken, await desk.nonces()) == ([], [], [])


async def test_when_the_room_fails_nothing_stays_so_that_the_other_side_sends_it_again(desk):
    desk.fault = RuntimeError("a fault of the room")
    with pytest.raises(RuntimeError):
        await desk.take()
    assert (await desk.kept(), await desk.nonces(), desk.woken) == ([], [], [])
    desk.fault = None
    assert await desk.take() == THANKS
    assert len(desk.applied) == 1


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


async def test_no_two_rooms_take_one_kind_of_notice(desk):
    with pytest.raises(ValueError, match="two rooms"):
        desk.door.on(Arrived, desk.room)

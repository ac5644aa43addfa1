"""One access token for all nodes: fetched once, sealed, given up with the account, and never stuck with a dead node."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery.tables import access_token
from gateway.foundation.delivery.tokens import Tokens
from gateway.foundation.store import Store
from gateway.foundation.wire.tokens import AccessToken, TokenRefusedError
from gateway.words.clock import ManualClock
from gateway.words.errors import DeniedError, NotSentError, OutcomeUnknownError, UnavailableProblem

ACCOUNT = ["https://pay.anlan.example", {"secret": "development-secret"}]


class Platform:
    """Gives tokens; the newest ends the one before, as many platforms have it."""

    def __init__(self, store: Store, folder: Any) -> None:
        self.clock = ManualClock(datetime(2026, 11, 29, 1, tzinfo=UTC))
        self.store, self.envelope = store, Envelope(FileKeys(folder / "keys"))
        self.issued = 0
        self.life = timedelta(hours=2)
        self.held: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.error: Exception | None = None

    async def fetch(self) -> tuple[str, timedelta]:
        self.asked.set()
        if self.held is not None:
            await self.held.wait()
        if self.error is not None:
            raise self.error
        self.issued += 1
        return f"token-{self.issued}", self.life

    def node(self, account: Any = ACCOUNT, patience: float = 30.0) -> AccessToken:
        """The token as another node has it, or another start."""
        shelf = Tokens(self.store, self.envelope).shelf("city", account)
        return AccessToken(self.fetch, self.clock, shelf, patience=patience)

    async def call(self, token: str) -> str:
        if token != f"token-{self.issued}":
            raise TokenRefusedError("A0402")
        return token

    async def row(self) -> Any:
        return await self.store.read(lambda conn: conn.execute(select(access_token)).mappings().one())


@pytest.fixture
async def platform(store: Store, tmp_path: Any) -> Platform:
    return Platform(store, tmp_path)


@pytest.mark.both_databases
async def test_nodes_that_start_at_once_fetch_one_token(platform: Platform) -> None:
    nodes = [platform.node() for _ in range(6)]
    assert await asyncio.gather(*(node.get() for node in nodes for _ in range(5))) == ["token-1"] * 30
    assert await platform.node().get() == "token-1", "a restart finds it"
    assert platform.issued == 1


async def test_it_is_renewed_before_its_end_and_meanwhile_the_old_one_is_used(platform: Platform) -> None:
    one, other = platform.node(), platform.node()
    assert [await one.get(), await other.get()] == ["token-1", "token-1"]
    platform.clock.advance(platform.life - timedelta(seconds=20))
    platform.held = asyncio.Event()
    platform.asked.clear()
    renewing = asyncio.create_task(one.get())
    await platform.asked.wait()
    assert await other.get() == "token-1", "who cannot renew it uses what still lasts"
    platform.held.set()
    assert await renewing == "token-2"
    assert await platform.node().get() == "token-2"


@pytest.mark.both_databases
async def test_who_has_nothing_waits_for_the_node_that_fetches(platform: Platform) -> None:
    platform.held = asyncio.Event()
    one = asyncio.create_task(platform.node().get())
    await platform.asked.wait()
    with pytest.raises(NotSentError, match="another node"):
        await platform.node(patience=0.05).get()
    other = asyncio.create_task(platform.node().get())
    await asyncio.sleep(0)
    platform.held.set()
    assert [await one, await other] == ["token-1", "token-1"]


async def test_a_refused_token_is_renewed_once_for_all(platform: Platform) -> None:
    nodes = [platform.node() for _ in range(3)]
    for node in nodes:
        await node.get()
    platform.issued += 1  # somebody else had the platform give a new one
    assert await asyncio.gather(*(node.use(platform.call) for node in nodes)) == ["token-3"] * 3
    assert platform.issued == 3

    async def never(_: str) -> None:
        raise TokenRefusedError("A0402")

    with pytest.raises(DeniedError, match="just issued"):
        await nodes[0].use(never)


async def test_check_fetches_anew_whatever_lies_on_the_shelf(platform: Platform) -> None:
    node = platform.node()
    await platform.node().get()
    node.forget()
    assert await node.get() == "token-2"
    assert await node.get() == "token-2"


async def test_a_token_of_another_account_is_none(platform: Platform) -> None:
    await platform.node().get()
    assert await platform.node([ACCOUNT[0], {"secret": "another"}]).get() == "token-2"
    assert await platform.node().get() == "token-3"


async def test_it_lies_sealed_and_the_account_is_not_to_be_read(platform: Platform) -> None:
    await platform.node().get()
    row = await platform.row()
    assert b"token-1" not in bytes(row["token_sealed"])
    assert b"development-secret" not in bytes(row["account"])
    stranger = Tokens(platform.store, platform.envelope).shelf("county", ACCOUNT)
    assert await stranger.read() is None


async def test_a_node_that_died_while_it_fetched_holds_nobody_up_for_ever(platform: Platform) -> None:
    shelf = Tokens(platform.store, platform.envelope).shelf("city", ACCOUNT)
    dead = await shelf.lease()
    assert dead is not None
    assert await shelf.lease() is None
    await platform.store.write(lambda conn: conn.execute(update(access_token).values(lease_until_at=1)).rowcount)
    assert await platform.node().get() == "token-1"
    kept = await shelf.read()
    assert kept is not None
    assert not await shelf.keep(dead, kept), "what comes back late is not put over the newer one"


@pytest.mark.parametrize("error", [OutcomeUnknownError("cut"), asyncio.CancelledError()])
async def test_a_fetch_that_fails_lets_the_next_one_try(platform: Platform, error: Any) -> None:
    platform.error = error
    with pytest.raises((NotSentError, asyncio.CancelledError)):
        await platform.node().get()
    platform.error = None
    assert (await platform.row())["lease_until_at"] is None
    assert await platform.node(patience=0.05).get() == "token-1"


async def test_without_the_database_nothing_is_sent(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: Any) -> Any:
        raise UnavailableProblem("the database cannot be reached")

    node = platform.node()
    monkeypatch.setattr(platform.store, "read", gone)
    with pytest.raises(NotSentError, match="database"):
        await node.get()

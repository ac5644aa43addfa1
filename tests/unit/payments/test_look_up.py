"""Who guesses at the look-up of the payer's page learns nothing, and locks nobody out."""

from __future__ import annotations

from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gateway.rooms.payments import look_up, records
from gateway.rooms.payments.look_up import OF_ALL, OF_CODE, OF_SOURCE, Found, LookUp, network
from gateway.rooms.payments.tables import look_up_budget

CODE, NUMBER, NAME = "99010226300000000001", "102", "望川区味安副食店"
RIGHT = (CODE, NUMBER)


@pytest.fixture
def payment(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one payment that there is."""
    made = SimpleNamespace(
        decision_number="望市监罚决字〔2026〕第102号", bill=lambda _envelope: SimpleNamespace(payer_name=NAME)
    )
    monkeypatch.setattr(records, "search", lambda _conn, narrow: [made] if narrow.code == CODE else [])
    return made


@pytest.fixture
def nodes(store: Any) -> tuple[LookUp, LookUp]:
    """Two nodes over one database."""
    envelope = SimpleNamespace(blind_index=lambda text, purpose: sha256(f"{purpose} {text}".encode()).digest())
    base: Any = SimpleNamespace(store=store, envelope=envelope)
    return LookUp(base), LookUp(base)


async def wrong(node: LookUp, times: int, *, code: str = CODE, source: str = "198.51.100.{}") -> list[bool]:
    """Wrong tries; whether the name was asked after each."""
    return [(await node.find(code, "999", "", source.format(one))).name_too for one in range(times)]


async def pass_(store: Any, seconds: int) -> None:
    """So much time goes by."""
    unit = update(look_up_budget).values(full_at=look_up_budget.c.full_at - seconds * 1_000_000)
    await store.write(lambda conn: conn.execute(unit))


async def test_guesses_of_others_ask_the_party_for_a_name_and_lock_it_out_never(nodes: Any, payment: Any) -> None:
    first, other = nodes
    assert await wrong(first, OF_CODE.tries + 2) == [False] * OF_CODE.tries + [True] * 2
    assert await other.find(*RIGHT, "", "192.0.2.1") == Found(None, True), "nodes share the budget"
    assert await other.find(*RIGHT, "别人", "192.0.2.1") == Found(None, True), "right and wrong are answered alike"
    assert (await other.find(*RIGHT, " 望川区味安副食店 ", "192.0.2.1")).payment is payment
    assert await other.find(CODE, "103", NAME, "192.0.2.1") == Found(None, True)


async def test_a_budget_fills_again_and_guessing_on_puts_that_off_by_no_more_than_all_of_it(
    nodes: Any, payment: Any, store: Any
) -> None:
    node, _ = nodes
    await wrong(node, OF_CODE.tries * 4)
    await pass_(store, OF_CODE.seconds)
    assert (await node.find(*RIGHT, "", "192.0.2.1")).payment is payment
    assert await wrong(node, 2, source="192.0.2.{}") == [False, True]
    await pass_(store, OF_CODE.seconds * OF_CODE.tries)
    assert await wrong(node, OF_CODE.tries + 1, source="203.0.113.{}") == [False] * OF_CODE.tries + [True]


async def test_one_source_that_tries_codes_is_asked_for_names_of_all_of_them(nodes: Any, payment: Any) -> None:
    node, _ = nodes
    for number in range(OF_SOURCE.tries):
        assert await wrong(node, 1, code=f"{number:020}", source="2001:db8:1:2::1") == [False]
    assert await node.find(*RIGHT, "", "2001:db8:1:2::9") == Found(None, True), "its whole network"
    assert (await node.find(*RIGHT, NAME, "2001:db8:1:2::9")).payment is payment
    assert (await node.find(*RIGHT, "", "2001:db8:1:3::9")).payment is payment


async def test_many_sources_that_try_many_codes_use_up_the_budget_of_all(
    nodes: Any, payment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(look_up._BUDGETS, "all", look_up.Budget(4, OF_ALL.seconds))
    node, _ = nodes
    for number in range(4):
        assert await wrong(node, 1, code=f"{number:020}", source=f"198.51.100.{number}") == [False]
    assert await node.find(*RIGHT, "", "192.0.2.1") == Found(None, True)
    assert (await node.find(*RIGHT, NAME, "192.0.2.1")).payment is payment


@pytest.mark.both_databases
async def test_a_flood_of_sources_and_codes_does_not_fill_the_database(
    nodes: Any, payment: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_up, "ROWS", 4)
    node, _ = nodes
    for number in range(40):
        await wrong(node, 1, code=f"{number:020}", source=f"198.51.100.{number}")
    rows = await store.read(lambda conn: conn.execute(select(func.count()).select_from(look_up_budget)).scalar())
    assert rows == 4 + 4 + 1


async def test_a_code_that_nobody_has_is_answered_as_one_that_somebody_has(nodes: Any, payment: Any) -> None:
    node, _ = nodes
    assert await wrong(node, 7, code="1" * 20) == await wrong(node, 7, source="203.0.113.{}")


async def test_digits_count_however_they_are_typed_and_nothing_else_finds_a_payment(nodes: Any, payment: Any) -> None:
    node, _ = nodes
    for code, digits in ((f" {CODE[:4]} {CODE[4:]}", "第１０２号"), (CODE, "0102")):
        assert (await node.find(code, digits, "", "192.0.2.1")).payment is payment
    for code, digits in ((CODE, ""), (CODE, "02"), ("", NUMBER), ("x", NUMBER)):
        assert (await node.find(code, digits, "", "192.0.2.1")).payment is None


def test_one_subscriber_of_ipv6_is_one_source() -> None:
    assert network("2001:db8:1:2::5") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::5")
    assert network("192.0.2.1") == "192.0.2.1"
    assert network("") == ""

"""Authorities, clients, keys and operators by the command line."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.foundation.access import Access
from gateway.foundation.store import DatabaseLock, Store
from gateway.rooms.disclosures import Organ, Organs
from gateway.rooms.payments import IncomeItem, LineKind, records
from gateway.words.clock import SystemClock

Call = Callable[..., Any]
USCC = "11990102002100216D"


@pytest.fixture
def authority(call: Call) -> str:
    """One authority in a migrated database."""
    assert call("migrate").code == 0
    assert call("authorities", "create", "990102-cg", "望川区城市管理局", USCC, "--unit-code", "101001").code == 0
    return "990102-cg"


def test_a_key_is_shown_once_and_works_until_revoked(call: Call, authority: str, site: Path) -> None:
    client = call("keys", "client", "案件系统", "--authority", authority, "--json").json
    issued = call("keys", "issue", "案件系统", "--scope", "payments:read", "--json").json

    def owner() -> Any:
        store = Store.open(f"sqlite:///{site}/gateway.sqlite")
        try:
            return asyncio.run(Access(store, SystemClock()).sign_in.by_key(issued["key"]))
        finally:
            store.close()

    principal = owner()
    assert (principal.client_id, principal.scopes) == (client["id"], {"payments:read"})
    (listed,) = call("keys", "list", "--owner", client["id"], "--json").json["keys"]
    assert listed["id"] == issued["id"]
    assert issued["key"] not in call("keys", "list", "--json").out
    assert call("keys", "revoke", issued["id"]).code == 0
    assert owner() is None


def test_the_secret_of_a_key_is_not_in_the_database(call: Call, authority: str, site: Path) -> None:
    call("keys", "client", "案件系统", "--authority", authority)
    key = call("keys", "issue", "案件系统", "--json").json["key"]
    dump = "\n".join(sqlite3.connect(site / "gateway.sqlite").iterdump())
    assert "access_key" in dump
    assert key.rpartition("_")[2] not in dump


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "issue", "案件系统2"], '"案件系统"'),
        (["keys", "issue", "案件系统", "--scope", "payments:all"], "payments:read"),
        (["keys", "issue", "案件系统", "--expires", "2020-01-01"], "in the past"),
        (["keys", "issue", "案件系统", "--expires", "soon"], "yyyy-MM-dd"),
        (["keys", "revoke", "key_0"], "no key key_0"),
        (["keys", "client", "案件系统", "--authority", "990102-cg"], "exists already"),
        (["keys", "client", "另一系统", "--authority", "nobody"], "Create the authority first"),
        (["authorities", "create", "x", "某局", "11990102MB000000"], "Error:"),
        (["authorities", "unit", "nobody", "--region", "990102", "--item", "fine=1:a"], "no authority nobody"),
        (["authorities", "unit", "990102-cg", "--region", "990102", "--item", "fee=1:a"], "The kinds are fine"),
        (["authorities", "organ", "990102-cg", "--uscc", USCC[:-1] + "E"], "Error:"),
        (["operators", "disable", "nobody"], 'no operator "nobody"'),
    ],
)
@pytest.mark.cases_by_day(4)
def test_what_is_refused_is_refused_with_the_reason(
    call: Call, authority: str, arguments: list[str], said: str
) -> None:
    call("keys", "client", "案件系统", "--authority", authority)
    refused = call(*arguments)
    assert (refused.code, refused.out) == (4, "")
    assert said in refused.err


def test_an_authority_gets_its_collecting_unit_and_income_items(call: Call, authority: str, site: Path) -> None:
    items = ["--item", "fine=103050199:其他一般罚没收入", "--item", "surcharge=103050199:其他一般罚没收入"]
    call("authorities", "unit", authority, "--region", "990102", *items, "--from", "2026-01-01")
    store = Store.open(f"sqlite:///{site}/gateway.sqlite")
    try:
        unit = store.read_sync(lambda conn: records.unit_of(conn, authority, date(2026, 3, 1)))
        assert store.read_sync(lambda conn: records.unit_of(conn, authority, date(2025, 12, 31))) is None
    finally:
        store.close()
    assert unit is not None
    assert (unit.code, unit.name, unit.region) == ("101001", "望川区城市管理局", "990102")
    assert unit.items[LineKind.FINE] == IncomeItem("103050199", "其他一般罚没收入")
    assert LineKind.CONFISCATED not in unit.items


def test_an_authority_says_under_which_name_it_publishes(call: Call, authority: str, site: Path) -> None:
    assert call("authorities", "organ", authority, "--source-name", "望川区数据局", "--from", "2026-01-01").code == 0
    store = Store.open(f"sqlite:///{site}/gateway.sqlite")
    try:
        organ = asyncio.run(Organs(store).of(authority, date(2026, 3, 1)))
    finally:
        store.close()
    assert organ == Organ("望川区城市管理局", USCC, "望川区数据局", USCC)


def test_an_operator_has_a_password_that_is_never_an_argument(call: Call, authority: str, site: Path) -> None:
    def run(*arguments: str, typed: str) -> Any:
        return CliRunner().invoke(app, list(arguments), input=typed)

    assert run("operators", "create", "wang", "王敏", "--password-stdin", typed="春风十里不如你吗\n").exit_code == 4
    ended = run("operators", "create", "wang", "王敏", typed="long enough 1\nlong enough 2\n\n")
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (1, "Nothing was done.")
    made = run("operators", "create", "wang", "王敏", "--role", "supervisor", typed="long enough 1\nlong enough 1\n")
    assert made.exit_code == 0
    assert "long enough" not in made.output

    def login(password: str) -> Any:
        store = Store.open(f"sqlite:///{site}/gateway.sqlite")
        try:
            return asyncio.run(Access(store, SystemClock()).sign_in.by_password("wang", password))
        finally:
            store.close()

    assert login("long enough 1").role == "supervisor"
    assert run("operators", "password", "wang", "--password-stdin", typed="even longer 22\n").exit_code == 0
    assert login("long enough 1") is None
    assert login("even longer 22") is not None
    assert call("operators", "key", "wang", "--json").json["key"].startswith("gwo_")
    assert call("operators", "disable", "wang").code == 0
    assert login("even longer 22") is None
    assert call("operators", "list", "--json").json["operators"][0]["disabled_at"] is not None


def test_lists_can_be_read_while_another_command_works(call: Call, authority: str, site: Path) -> None:
    with DatabaseLock.take(site / "gateway.sqlite"):
        assert call("authorities", "list", "--json").json["authorities"][0]["code"] == authority
        assert call("keys", "client", "案件系统", "--authority", authority).code == 5

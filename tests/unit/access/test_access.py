"""Keys and passwords: shown once, kept hashed, bound to their tenant, refused as soon as they should be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from gateway.foundation.access import Access, keys, roles, scopes
from gateway.foundation.access.keys import check_password, hash_password, make_token, read_token
from gateway.foundation.access.tables import access_key, operator
from gateway.words.clock import ManualClock
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, UnavailableProblem
from gateway.words.identifiers import uscc_check_character

PASSWORD = "安澜市2026年的口令"


def uscc(number: int) -> str:
    """A right unified code of the fictional region."""
    body = f"11990100{number:08}0"
    return body + uscc_check_character(body)


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    """Hash passwords at a hundredth of the cost."""
    monkeypatch.setattr(keys, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def clock() -> ManualClock:
    """The civil clock of these tests."""
    return ManualClock(datetime(2026, 11, 3, 2, tzinfo=UTC))


@pytest.fixture
def access(store, clock) -> Access:
    """Access on each database."""
    return Access(store, clock)


@pytest.fixture
async def client(access):
    """A case system of one authority; another authority exists."""
    await access.create_authority(
        "wangchuan", "望川区市场监督管理局", uscc(1), unit_code="990102001", telephone="0990-12315"
    )
    await access.create_authority("anlan", "安澜市城市管理局", uscc(2))
    return await access.create_client("望川办案系统", ["wangchuan"])


async def test_a_key_opens_what_its_client_was_given_and_nothing_else(access, client):
    issued = await access.issue_key(client.id, ["payments:read", "payments:write"])
    who = await access.sign_in.by_key(issued.token)
    assert (who.client_id, who.kind, who.name, who.role) == (client.id, "client", client.name, None)
    assert who.scopes == {"payments:read", "payments:write"}
    assert who.authorities == {"wangchuan"}


async def test_a_key_is_kept_only_as_a_digest(access, client, store):
    issued = await access.issue_key(client.id, label="生产")
    kept = repr(await store.read(lambda conn: conn.execute(select(access_key)).mappings().all()))
    secret = issued.token.rpartition("_")[2]
    assert secret not in kept
    assert [(key.id, key.label, key.scopes) for key in await access.keys(client.id)] == [
        (issued.id, "生产", tuple(sorted(scopes())))
    ]


async def test_any_other_key_is_refused(access, client):
    issued = await access.issue_key(client.id)
    kind, key_id, secret = issued.token.split("_")
    other = await access.issue_key(client.id)
    for wrong in (
        "",
        "Bearer",
        issued.token[:-1],
        issued.token + "0",
        issued.token.upper(),
        f"gwo_{key_id}_{secret}",
        f"{kind}_{key_id}_{'0' * 48}",
        f"{kind}_{'0' * 32}_{secret}",
        f"{kind}_{key_id}_{other.token.split('_')[2]}",
        issued.token + "\n",
    ):
        assert await access.sign_in.by_key(wrong) is None
    assert await access.sign_in.by_key(issued.token) is not None


@given(garbage=st.text(max_size=100))
def test_garbage_is_no_token(garbage):
    assert read_token(garbage) is None


def test_a_token_is_read_as_it_was_made():
    token, digest = make_token("gwk", "key_" + "0a" * 16)
    found = read_token(token)
    assert (found.kind, found.key_id, found.digest) == ("gwk", "key_" + "0a" * 16, digest)


async def test_a_revoked_key_is_refused_at_once_here_and_soon_elsewhere(access, client, store, clock, monkeypatch):
    elsewhere = Access(store, clock)
    issued = await access.issue_key(client.id)
    now = [1000.0]
    monkeypatch.setattr("gateway.foundation.access.sign_in.time.monotonic", lambda: now[0])
    assert await access.sign_in.by_key(issued.token)
    assert await elsewhere.sign_in.by_key(issued.token)
    await access.revoke_key(issued.id)
    await access.revoke_key(issued.id)
    assert await access.sign_in.by_key(issued.token) is None
    now[0] += 2.1
    assert await elsewhere.sign_in.by_key(issued.token) is None


async def test_a_key_expires_to_the_second_even_while_remembered(access, client, clock):
    issued = await access.issue_key(client.id, expires_at=clock.now() + timedelta(seconds=30))
    assert await access.sign_in.by_key(issued.token)
    clock.advance(timedelta(seconds=30))
    assert await access.sign_in.by_key(issued.token) is None


async def test_the_last_use_is_noted_to_the_minute(access, client, clock, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("gateway.foundation.access.sign_in.time.monotonic", lambda: now[0])
    issued = await access.issue_key(client.id)
    used = []
    for _ in range(3):  # 0, 30 and 60 seconds after the first use
        now[0] += 10
        await access.sign_in.by_key(issued.token)
        used.append((await access.keys(client.id))[0].last_used_at)
        clock.advance(timedelta(seconds=30))
    assert used[0] == used[1] < used[2]


async def test_a_database_that_takes_nothing_locks_no_reader_out(access, client, store, monkeypatch):
    issued = await access.issue_key(client.id)

    async def full(unit):
        raise UnavailableProblem("disk full")

    monkeypatch.setattr(store, "write_beside", full)
    assert await access.sign_in.by_key(issued.token)


async def test_wrong_facts_are_refused_with_their_field(access, client):
    for field, attempt in (
        ("code", access.create_authority("望川", "x", uscc(3))),
        ("code", access.create_authority("a/b", "x", uscc(3))),
        ("uscc", access.create_authority("third", "x", "119901000000000000")),
        ("name", access.create_authority("third", "", uscc(3))),
        ("name", access.create_client("a\x00b", ["anlan"])),
        ("authorities", access.create_client("x", [])),
        ("scopes", access.issue_key(client.id, ["payments:steal"])),
        ("role", access.create_operator("zhou", "周", "king", PASSWORD)),
        ("password", access.create_operator("zhou", "周", "viewer", "short")),
        ("expires_at", access.issue_key(client.id, expires_at=datetime(2026, 1, 1, tzinfo=UTC))),
    ):
        with pytest.raises(InvalidProblem) as refused:
            await attempt
        assert refused.value.field == field


async def test_what_exists_is_not_made_twice_and_what_does_not_is_not_used(access, client):
    await access.create_operator("zhou", "周", "viewer", PASSWORD)
    for attempt in (
        access.create_authority("wangchuan", "x", uscc(9)),
        access.create_authority("fourth", "x", uscc(1)),
        access.create_client(client.name, ["anlan"]),
        access.create_operator("zhou", "另一位周", "viewer", PASSWORD),
    ):
        with pytest.raises(ConflictProblem):
            await attempt
    for attempt in (
        access.create_client("y", ["nowhere"]),
        access.issue_key("cli_none"),
        access.issue_operator_key("opr_none"),
        access.revoke_key("key_none"),
        access.authority("nowhere"),
        access.disable_operator("opr_none"),
    ):
        with pytest.raises(NotFoundProblem):
            await attempt
    assert [one.name for one in await access.clients()] == [client.name]


async def test_lists_show_what_was_recorded(access, client):
    assert [authority.code for authority in await access.authorities()] == ["anlan", "wangchuan"]
    found = await access.authority("wangchuan")
    assert (found.name, found.unit_code, found.telephone) == ("望川区市场监督管理局", "990102001", "0990-12315")
    assert await access.clients() == [client]


# --- operators


async def test_an_operator_signs_in_by_password_and_sees_every_authority(access, client):
    made = await access.create_operator("zhou", "周敏", "operator", PASSWORD)
    who = await access.sign_in.by_password("zhou", PASSWORD)
    assert (who.client_id, who.kind, who.role, who.name) == (made.id, "operator", "operator", "周敏")
    assert who.authorities == {"wangchuan", "anlan"}
    assert who.scopes == roles()["operator"]
    assert await access.sign_in.by_password("zhou", PASSWORD + "x") is None
    assert await access.sign_in.by_password("nobody", PASSWORD) is None
    assert [one.login for one in await access.operators()] == ["zhou"]


def test_roles_grow_from_viewer_to_supervisor_and_a_viewer_changes_nothing():
    assert roles()["viewer"] < roles()["operator"] < roles()["supervisor"]
    assert roles()["supervisor"] == set(scopes()) - {"accounts:people"}, "who confirms makes no second person"
    assert not [scope for scope in roles()["viewer"] if scope.endswith(":write")]


async def test_guessing_a_password_locks_the_login_for_a_minute(access, clock):
    made = await access.create_operator("zhou", "周敏", "viewer", PASSWORD)
    for _ in range(5):
        assert await access.sign_in.by_password("zhou", "wrong password") is None
    assert await access.sign_in.by_password("zhou", PASSWORD) is None
    clock.advance(timedelta(seconds=61))
    assert await access.sign_in.by_password("zhou", PASSWORD)
    for _ in range(4):
        await access.sign_in.by_password("zhou", "wrong password")
    assert await access.sign_in.by_password("zhou", PASSWORD)
    await access.set_password(made.id, "another password")
    assert await access.sign_in.by_password("zhou", PASSWORD) is None
    assert await access.sign_in.by_password("zhou", "another password")


@pytest.mark.both_databases
async def test_wrong_passwords_at_the_same_moment_are_all_counted(access, store):
    await access.create_operator("zhou", "周敏", "viewer", PASSWORD)
    await asyncio.gather(*(access.sign_in.by_password("zhou", "wrong password") for _ in range(4)))
    assert await store.read(lambda conn: conn.execute(select(operator.c.failures)).scalar_one()) == 4


async def test_an_operators_key_carries_the_role_of_today(access, client, store):
    made = await access.create_operator("zhou", "周敏", "viewer", PASSWORD)
    issued = await access.issue_operator_key(made.id)
    who = await access.sign_in.by_key(issued.token)
    assert issued.token.startswith("gwo_")
    assert (who.client_id, who.kind, who.role, who.scopes) == (made.id, "operator", "viewer", roles()["viewer"])
    assert await access.sign_in.by_key(issued.token.replace("gwo_", "gwk_")) is None
    await access.disable_operator(made.id)
    assert await access.sign_in.by_key(issued.token) is None
    assert await access.sign_in.by_password("zhou", PASSWORD) is None


def test_a_password_is_kept_salted_and_checked():
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first != second
    assert check_password(PASSWORD, first)
    assert not check_password("x", first)
    assert not check_password("\ud800", first)
    assert not check_password(PASSWORD, b"\x02" + first[1:])


@pytest.mark.both_databases
async def test_the_database_itself_refuses_a_key_of_nobody(store, client, access):
    issued = await access.issue_key(client.id)
    with pytest.raises(IntegrityError):
        await store.write(
            lambda conn: conn.execute(text("update access_key set client_id = null where id = :id"), {"id": issued.id})
        )


# --- sandboxes --------------------------------------------------------------------------------------------------------


async def test_a_test_key_opens_sandboxes_and_a_live_key_everything_else(access, client):
    made = await access.create_authority("test-wangchuan", "望川区市场监督管理局", uscc(3))
    assert made.name == "望川区市场监督管理局（测试）", "whoever reads its name sees what it is"
    both = await access.create_client("两用办案系统", ["wangchuan", "test-wangchuan"])
    test, live = await access.issue_key(both.id, test=True), await access.issue_key(both.id)
    assert (test.token[:4], live.token[:4]) == ("gwt_", "gwk_")
    tried, real = await access.sign_in.by_key(test.token), await access.sign_in.by_key(live.token)
    assert (tried.authorities, tried.test) == ({"test-wangchuan"}, True)
    assert (real.authorities, real.test) == ({"wangchuan"}, False)
    assert [key.test for key in await access.keys(both.id)] == [True, False]
    for other_kind in ("gwk_" + test.token[4:], "gwt_" + live.token[4:]):
        assert await access.sign_in.by_key(other_kind) is None, "a key is of one kind for good"


async def test_a_key_that_would_open_nothing_is_not_made(access, client):
    await access.create_authority("test-wangchuan", "测试机关", uscc(3))
    trying = await access.create_client("试用系统", ["test-wangchuan"])
    for owner, test in ((client, True), (trying, False)):
        with pytest.raises(InvalidProblem) as refused:
            await access.issue_key(owner.id, test=test)
        assert refused.value.field == "test"


async def test_an_operator_of_every_authority_sees_no_sandbox_and_one_of_a_sandbox_nothing_else(access, client):
    await access.create_authority("test-wangchuan", "测试机关", uscc(3))
    await access.create_operator("duizhang", "对账岗", "operator", PASSWORD)
    await access.create_operator("shiyong", "试用岗", "operator", PASSWORD, authorities=["test-wangchuan"])
    assert (await access.sign_in.by_password("duizhang", PASSWORD)).authorities == {"wangchuan", "anlan"}
    assert (await access.sign_in.by_password("shiyong", PASSWORD)).authorities == {"test-wangchuan"}

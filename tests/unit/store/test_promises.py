"""A PostgreSQL that breaks our promises is named, and refused at the start."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from gateway.foundation.store import promises
from gateway.words.errors import SettingsError


def named(url: str) -> set[str]:
    """Which promises are broken."""
    return {one.id.removeprefix("promises.") for one in promises.broken(url)}


def test_the_server_of_the_tests_forgets_and_breaks_nothing_else(postgresql_url: str, monkeypatch) -> None:
    monkeypatch.setattr(promises, "LATENCY", 60.0)
    assert named(postgresql_url) == {"forgets"}
    assert [one.given["name"] for one in promises.broken(postgresql_url)] == ["fsync", "synchronous_commit"]
    with pytest.raises(SettingsError, match="fsync is off"):
        promises.require(postgresql_url)


def test_a_server_that_is_full_or_far_is_named(postgresql_url: str, monkeypatch) -> None:
    monkeypatch.setattr(promises, "NODE_SESSIONS", 100_000)
    monkeypatch.setattr(promises, "LATENCY", 0.0)
    assert named(postgresql_url) == {"forgets", "connections", "far"}


def test_a_pooler_of_transactions_is_named(pooler) -> None:
    assert "pooled" in named(pooler.url)


def test_a_pooler_that_refuses_our_sessions_is_no_database_that_is_away(pooler) -> None:
    pooler.strict = True
    assert named(pooler.url) == {"pooled"}
    with pytest.raises(SettingsError, match="pooler"):
        promises.require(pooler.url)


def test_one_that_passes_what_a_session_asks_for_is_named_all_the_same(pooler, monkeypatch) -> None:
    monkeypatch.setattr(promises, "SESSION", {"lock_timeout": "0"})
    assert "pooled" in named(pooler.url)


def test_two_sessions_that_one_process_serves_are_pooled(postgresql_url: str, monkeypatch) -> None:
    monkeypatch.setattr(promises, "_pid", lambda _: 7)
    assert "pooled" in named(postgresql_url)


def test_a_session_that_did_not_get_what_it_asked_for_is_pooled(postgresql_server, postgresql_url, monkeypatch) -> None:
    database = make_url(postgresql_url).database
    monkeypatch.setattr(promises, "SESSION", {"lock_timeout": "3s"})
    assert "pooled" in named(postgresql_server.url(database))

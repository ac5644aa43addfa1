"""A small installation and a way to call the command line in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.foundation.access.records import Authority, add_authority
from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.foundation.delivery.tables import (
    attempt,
    operation,
)
from gateway.foundation.store import Store

SETTINGS = """
[store]
url = "sqlite:///gateway.sqlite"

[channels.register]
adapter = "registry.sharing"
url = "http://127.0.0.1:9/registry"
node = "N1"
secret = "env:REGISTER_SECRET"
connect_timeout = 2

[[routes]]
authority = "*"
capability = "entities"
channels = ["register"]
"""


AUTHORITIES = ("A1", "11990102", "a")
"""Whose records tests put in: whoever is at the terminal sees those of authorities that are there."""


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, which the environment does not change."""
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REGISTER_SECRET", "0123456789abcdef")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(site: Path) -> Call:
    """``call("channels", "--json")`` in that folder."""

    def call(*arguments: str, typed: str | None = None) -> Said:
        result = CliRunner().invoke(app, list(arguments), input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def installed(site: Path, call: Call) -> str:
    """The address of the installation's database, migrated, with the authorities of what tests put in."""
    assert call("migrate").code == 0
    url = f"sqlite:///{site}/gateway.sqlite"
    store = Store.open(url)
    for number, code in enumerate(AUTHORITIES):
        made = Authority(code, f"{code}局", f"{number:018}", None, None)
        store.write_sync(lambda conn, made=made: add_authority(conn, made, 0))
    store.close()
    return url


@pytest.fixture
def database(installed: str) -> Iterator[Store]:
    """The installation's database."""
    store = Store.open(installed)
    yield store
    store.close()


def add_operation(store: Store, envelope: Envelope, operation_id: str, state: str = "parked") -> None:
    """An operation with one attempt, as delivery would leave it."""
    row = {
        "id": operation_id,
        "action": "nontax.issue",
        "channel": "register",
        "authority": "11990102",
        "subject": "ent_1",
        "reference": f"REF{operation_id}",
        "effectful": False,
        "state": state,
        "request_sealed": envelope.seal(b"{}", f"operation.request|{operation_id}"),
        "attempt": 1,
        "due_at": 1_790_000_000_000_000,
        "reason": "gave up",
        "created_at": 1_790_000_000_000_000,
        "updated_at": 1_790_000_000_000_000,
    }
    tried = {
        "operation_id": operation_id,
        "number": 1,
        "kind": "call",
        "node": "node-1",
        "outcome": "not sent",
        "reason": "connection refused",
        "exchanges": ["xch_1"],
        "started_at": 1_790_000_000_000_000,
        "ended_at": 1_790_000_001_000_000,
    }
    store.write_sync(lambda conn: conn.execute(operation.insert(), row).rowcount)
    store.write_sync(lambda conn: conn.execute(attempt.insert(), tried).rowcount)


@pytest.fixture
def add(database: Store, site: Path) -> Callable[..., None]:
    """``add("opn_1", state="done")``: an operation in the ledger, sealed under the installation's keys."""
    envelope = Envelope(installed_keys(site / "keys", None))

    def add(operation_id: str, state: str = "parked") -> None:
        add_operation(database, envelope, operation_id, state)

    return add


@pytest.fixture
def parked(add: Callable[..., None]) -> str:
    """An operation that waits for a person."""
    add("opn_1")
    return "opn_1"

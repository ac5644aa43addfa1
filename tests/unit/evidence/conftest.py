"""An Evidence over a store, and exchanges to feed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.evidence import Evidence, verify
from gateway.foundation.store import Store
from gateway.ports.base import RawExchange
from gateway.words.clock import ManualClock

RAW = RawExchange(
    channel="nontax-city",
    direction="out",
    action="issue",
    method="POST",
    url="http://127.0.0.1:1/nontax?node=9901",
    request_headers=(("Content-Type", "text/xml; charset=utf-8"), ("X-Signature", "c2lnbmF0dXJl")),
    request_body="<CreateBill><PayerName>王小明</PayerName><Amount>500.00</Amount></CreateBill>".encode(),
    status=200,
    response_headers=(("Content-Type", "text/xml; charset=utf-8"),),
    response_body=b"<CreateBillResponse><Code>99010026000000012345</Code></CreateBillResponse>",
    outcome="answered",
    started_at=1_000_000,
    ended_at=2_000_000,
    sensitive=frozenset({"PayerName"}),
)


@dataclass
class Bench:
    """Evidence of one node with everything around it, and the short words the tests use."""

    store: Store
    keys: FileKeys
    folder: Path
    clock: ManualClock
    evidence: Evidence

    def node(self, name: str, **options: Any) -> Evidence:
        """The evidence of another node on the same store."""
        return Evidence(
            self.store, self.keys, Envelope(self.keys), self.clock, node=name, heads=self.folder / "heads", **options
        )

    async def keep(self, count: int, evidence: Evidence | None = None) -> list[str]:
        """Append exchanges in one unit; their ids."""
        keeper = evidence or self.evidence
        raws = [replace(RAW, started_at=number, ended_at=number + 1) for number in range(count)]
        return await self.store.write(lambda conn: [keeper.append(conn, raw, operation_id="op_1") for raw in raws])

    async def verify(self):
        """The report on what is stored now."""
        return await self.store.read(lambda conn: verify(conn, self.evidence.verifier()))


@pytest.fixture(scope="session")
def shared_keys(tmp_path_factory) -> FileKeys:
    """Keys for all of these tests."""
    return FileKeys(tmp_path_factory.mktemp("evidence-keys"))


@pytest.fixture
def raw() -> RawExchange:
    """One exchange."""
    return RAW


def _bench(store: Store, keys: FileKeys, folder: Path) -> Bench:
    clock = ManualClock(datetime(2026, 11, 3, 2, tzinfo=UTC))
    return Bench(
        store, keys, folder, clock, Evidence(store, keys, Envelope(keys), clock, node="n1", heads=folder / "heads")
    )


@pytest.fixture
def bench(one_store: Store, shared_keys: FileKeys, tmp_path: Path) -> Bench:
    """Evidence on SQLite."""
    return _bench(one_store, shared_keys, tmp_path)


@pytest.fixture
def both(store: Store, shared_keys: FileKeys, tmp_path: Path) -> Bench:
    """Evidence, once on SQLite and once on PostgreSQL."""
    return _bench(store, shared_keys, tmp_path)


@pytest.fixture
def rivals(postgresql_url: str, shared_keys: FileKeys, tmp_path: Path) -> Iterator[tuple[Bench, Bench]]:
    """Two processes on PostgreSQL that both write under the name of one node."""
    stores = Store.open(postgresql_url), Store.open(postgresql_url)
    yield _bench(stores[0], shared_keys, tmp_path), _bench(stores[1], shared_keys, tmp_path)
    for store in stores:
        store.close()

"""A key is changed while nodes run: all stays readable, it is used when all have it, and a kill costs nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from decision_facts import facts
from foundation import foundation
from sqlalchemy import LargeBinary, select
from tokens import softhsm, token

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import (
    EVIDENCE_KEY,
    HEAD_KEY,
    INDEX_KEY,
    WRAPPING_KEY,
    FileKeys,
    number_of,
    signer_of,
)
from gateway.foundation.crypto.rings import keys_of_installation, own_keys
from gateway.foundation.delivery import DeliverySettings
from gateway.foundation.evidence import Evidence, verify
from gateway.foundation.evidence.tables import exchange, exchange_body
from gateway.foundation.rotation import Rotation
from gateway.foundation.rotation.places import SEALED, Place, places_of_rooms
from gateway.foundation.rotation.records import KeyState, known_now
from gateway.foundation.store import Store
from gateway.foundation.store.all_tables import all_tables
from gateway.ports.base import RawExchange
from gateway.rooms.decisions import records as decisions
from gateway.rooms.decisions.tables import decision_version
from gateway.rooms.keys import doctor
from gateway.rooms.keys.doctor import look
from gateway.rooms.notices import records as notices
from gateway.rooms.notices.states import Status
from gateway.settings import Settings
from gateway.words.clock import ManualClock
from gateway.words.errors import ConflictProblem, NotFoundProblem, SettingsError

__all__ = ["softhsm", "token"]

NOW = datetime(2026, 11, 3, 2, tzinfo=UTC)
RAW = RawExchange(
    channel="nontax-city",
    direction="out",
    action="issue",
    method="POST",
    url="http://127.0.0.1:1/x",
    request_headers=(),
    request_body=b"<a/>",
    status=200,
    response_headers=(),
    response_body=b"<b/>",
    outcome="answered",
    started_at=1,
    ended_at=2,
)
MANY = 150
"""Rows of a table: more than two pages of the work."""


@pytest.fixture
def base(store, tmp_path):
    """A foundation on either database."""
    return foundation(store, tmp_path, ManualClock(NOW))


async def fill(base, many: int = MANY) -> None:
    """Rows under every kind of place: exact bytes, facts with their digests, an officer with notices."""

    def unit(conn) -> None:
        for number in range(many):
            base.evidence.append(conn, replace(RAW, started_at=number))
        for number in range(5):
            of = f"dec_{number}"
            decisions.add(conn, base.envelope, of, "a", f"罚〔2026〕{number}号", facts(), 1)
            decisions.add_version(conn, base.envelope, of, 1, facts(), "c", 1)
        index = notices.officer_index(base.envelope, "990102001")
        sealed = notices.seal_officer(base.envelope, "ntc_1", "990102001")
        planned = notices.Notice(
            id="ntc_1", authority="a", officer_index=index, officer_sealed=sealed, status=Status.PLANNED,
            template="t", items=1, due_at=1, created_at=1, updated_at=1, reason=None,
        )  # fmt: skip
        assert notices.add(conn, planned)
        told = notices.Item(
            event_key="payment.paid|pay_1", officer_index=index, notice_id="ntc_1", event="payment.paid",
            subject="pay_1", template="t", created_at=1, decision_id=None, number=None,
        )  # fmt: skip
        assert notices.add_item(conn, told)

    await base.store.write(unit)


async def unreadable(base) -> list[str]:
    """What does not open, or lies under a key that is not current."""
    wrong, kid = [], base.keys.current()
    for table in all_tables().sorted_tables:
        for column in (one for one in table.c if one.name.endswith(SEALED)):
            query = select(column).where(column.is_not(None))
            for value in await base.store.read(lambda conn, query=query: conn.execute(query).scalars().all()):
                if base.envelope.key_id(value) != kid or not Envelope(base.keys).has_key_of(value):
                    wrong.append(f"{table.name}.{column.name}")
    return wrong


async def steps(base) -> list[str]:
    """What the evidence says of keys."""
    found = await base.store.read(lambda conn: _ours(base, conn))
    return [f"{one['key']} {one['step']}" for one in found]


def _ours(base, conn):
    ids = conn.execute(select(exchange.c.id).where(exchange.c.channel == "(keys)").order_by(exchange.c.seq)).scalars()
    return [json.loads(base.evidence.open(conn, one).exact.request_body) for one in ids]


async def test_rows_are_moved_to_the_new_key_and_the_old_one_is_put_aside(base, tmp_path):
    await fill(base)
    assert await base.rotation.rotate(WRAPPING_KEY, "张管理") == 2
    await base.rotation.finish(WRAPPING_KEY)
    assert base.keys.current() == "kek-0002"
    assert await unreadable(base) == []
    assert sorted(one.name for one in (tmp_path / "keys").glob("kek-*")) == ["kek-0002.key"]
    assert await steps(base) == ["kek-0002 made", "kek-0002 current", "kek-0001 retired"]
    assert (await base.store.read(partial(verify, verifier=base.evidence.verifier()))).ok
    found = await base.store.read(lambda conn: decisions.fetch(conn, base.envelope, "dec_3"))
    assert found is not None
    assert found.facts == facts()


@pytest.mark.both_databases
async def test_indexes_are_made_again_and_what_was_told_stays_told(base):
    await fill(base)
    await base.rotation.rotate(INDEX_KEY, "张管理")
    await base.rotation.finish(INDEX_KEY)
    (current,) = notices.officer_indexes(base.envelope, "990102001")
    assert number_of(current) == 2

    def look(conn):
        digests = conn.execute(select(decision_version.c.digest)).scalars().all()
        collecting = notices.collecting(conn, "a", [current])
        return notices.is_told(conn, "payment.paid|pay_1", [current]), collecting, digests

    told, collecting, digests = await base.store.write(look)
    assert told
    assert collecting is not None
    assert collecting is not None
    assert {number_of(bytes(one)) for one in digests} == {2}


async def test_while_the_change_goes_on_what_lies_under_the_old_index_is_found(base):
    await fill(base, 1)
    await base.rotation.rotate(INDEX_KEY, "张管理")
    await base.rotation.learn()
    assert await base.store.read(
        lambda conn: notices.is_told(conn, "payment.paid|pay_1", notices.officer_indexes(base.envelope, "990102001"))
    )
    known = await base.rotation.learn()
    assert known.live(INDEX_KEY) in {(1, 2), (2, 1)}


async def test_killed_in_the_middle_the_work_goes_on_where_it_stood(base, monkeypatch):
    await fill(base)
    await base.rotation.rotate(WRAPPING_KEY, "张管理")
    written, write = [], Place.write

    def dies(self, conn, moves):
        if self.name == "exchange_body" and len(written) == 1:
            raise asyncio.CancelledError
        write(self, conn, moves)
        written.append(self.name) if self.name == "exchange_body" else None

    monkeypatch.setattr(Place, "write", dies)
    with pytest.raises(asyncio.CancelledError):
        await base.rotation.finish(WRAPPING_KEY)
    monkeypatch.setattr(Place, "write", write)
    held = FileKeys(base.keys._directory, create=False)
    again = Rotation(base.store, held, Envelope(held), base.evidence, base.clock, places_of_rooms, beat=0.05, grace=0)
    await again.open()
    assert held.current() == "kek-0002"
    known = await known_now(base.store)
    (stands,) = [one for one in known.sweeps if one.place == "exchange_body"]
    assert 0 < stands.moved < MANY
    assert stands.cursor is not None
    await again.finish(WRAPPING_KEY)
    known = await known_now(base.store)
    (ended,) = [one for one in known.sweeps if one.place == "exchange_body"]
    # Exact bytes of the change's own steps are sealed too; what was sealed before the change is moved once.
    assert MANY <= ended.moved <= MANY + 2
    base.keys.told({WRAPPING_KEY: (2,)})
    assert await unreadable(base) == []


async def test_a_key_that_signs_is_retired_at_once_and_what_it_signed_verifies(base):
    signed = base.keys.sign("report", b"month")
    await base.rotation.rotate("report", "张管理")
    await base.rotation.finish("report")
    assert base.keys.number("report") == 2
    assert signer_of(base.keys.publics("report"), b"month", signed) == base.keys.public("report", 1)
    await base.rotation.destroy("report", 1, "张管理")
    assert signer_of(base.keys.publics("report"), b"month", signed) == base.keys.public("report", 1)
    assert "report destroyed" in await steps(base)


async def test_one_change_after_another_and_none_of_what_is_not_there(base):
    await fill(base, 1)
    with pytest.raises(NotFoundProblem):
        await base.rotation.rotate("kex", "张管理")
    await base.rotation.rotate(WRAPPING_KEY, "张管理")
    with pytest.raises(ConflictProblem):
        await base.rotation.rotate(WRAPPING_KEY, "张管理")
    with pytest.raises(ConflictProblem):
        await base.rotation.destroy(WRAPPING_KEY, 1, "张管理")
    await base.rotation.finish(WRAPPING_KEY)
    assert await base.rotation.rotate(WRAPPING_KEY, "张管理") == 3
    await base.rotation.finish(WRAPPING_KEY)
    assert await unreadable(base) == []
    states = {one.number: (await base.rotation.learn()).state(one) for one in (await base.rotation.learn()).of("kek")}
    assert states == {1: KeyState.RETIRED, 2: KeyState.RETIRED, 3: KeyState.CURRENT}


async def test_a_key_is_destroyed_only_when_no_row_needs_it(base):
    await fill(base, 2)
    late = base.envelope.seal(b"late", "exchange_body.exact|xch_late")
    await base.rotation.rotate(WRAPPING_KEY, "张管理")
    await base.rotation.finish(WRAPPING_KEY)

    def stray(conn) -> None:
        one = conn.execute(select(exchange_body.c.exchange_id).limit(1)).scalar_one()
        conn.execute(exchange_body.update().where(exchange_body.c.exchange_id == one).values(exact_sealed=late))

    await base.store.write(stray)
    with pytest.raises(ConflictProblem, match="exchange_body"):
        await base.rotation.destroy(WRAPPING_KEY, 1, "张管理")


async def test_doctor_tells_how_far_a_change_is_and_warns_of_one_that_does_not_end(base, monkeypatch):
    def found() -> list[tuple[str, str]]:
        return [(one.state, one.detail) for one in look(Settings(), base.store.read_sync)]

    await fill(base, 3)
    assert found() == []
    await base.rotation.rotate(WRAPPING_KEY, "张管理")
    ((state, said),) = found()
    assert (state, "kek-0002 is not used yet" in said) == ("ok", True)
    while base.keys.current() != "kek-0002":
        await base.rotation.advance()
    ((state, said),) = found()
    assert (state, "kek-0002 is in use" in said) == ("ok", True)
    monkeypatch.setattr(doctor, "_STANDS", -1)
    ((state, said),) = found()
    assert (state, "has not ended" in said) == ("warn", True)
    await base.rotation.finish(WRAPPING_KEY)
    await base.rotation.rotate(EVIDENCE_KEY, "张管理")
    await base.rotation.finish(EVIDENCE_KEY)
    assert found() == [], "the evidence needs its old key for as long as it is kept"


@pytest.fixture
def nodes(postgresql_url, tmp_path):
    """Two nodes of one database, each with its own folder of the same keys."""
    FileKeys(tmp_path / "one" / "keys").secret(INDEX_KEY)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    stores = [Store.open(postgresql_url) for _ in range(2)]
    yield [
        foundation(one, tmp_path / name, ManualClock(NOW), delivery=DeliverySettings(node=f"node-{name}"))
        for one, name in zip(stores, ("one", "two"), strict=True)
    ]
    for one in stores:
        one.close()


async def test_a_key_is_used_only_when_every_node_has_it(nodes, tmp_path):
    one, two = nodes
    for node in nodes:
        await node.rotation.open()
    await one.rotation.rotate(INDEX_KEY, "张管理")
    for _ in range(4):
        await one.rotation.advance()
        await two.rotation.learn()
        await asyncio.sleep(0.05)
    assert one.keys.number(INDEX_KEY) == 1
    assert one.rotation.trouble == ["blind-index-0002: node-two has not got it"]
    assert two.rotation.trouble == ["blind-index-0002 is not among the keys of node-two"]
    new = tmp_path / "one" / "keys" / "blind-index-0002.key"
    (tmp_path / "two" / "keys" / new.name).write_bytes(new.read_bytes())
    (tmp_path / "two" / "keys" / new.name).chmod(0o600)
    await two.rotation.learn()
    for _ in range(200):
        await one.rotation.advance()
        if one.keys.number(INDEX_KEY) == 2:
            break
        await asyncio.sleep(0.02)
    # The other node has not heard of it yet: it still writes under the old one, and each finds what the other wrote.
    assert (two.keys.number(INDEX_KEY), one.keys.number(INDEX_KEY)) == (1, 2)
    assert two.envelope.blind_index("x", "p") in one.envelope.blind_indexes("x", "p")
    assert one.envelope.blind_index("x", "p") in two.envelope.blind_indexes("x", "p")
    known = await one.rotation.advance()
    assert known.current(INDEX_KEY).settled_at is None
    await two.rotation.learn()
    for _ in range(200):
        known = await one.rotation.advance()
        if not known.olds(INDEX_KEY):
            break
        await asyncio.sleep(0.02)
    assert known.live(INDEX_KEY) == (2,)
    await two.rotation.learn()
    assert not (tmp_path / "two" / "keys" / "blind-index.key").exists()  # each puts its own copy aside


async def test_a_node_without_a_key_that_is_used_does_not_start(base, tmp_path):
    await fill(base, 1)
    await base.rotation.rotate(WRAPPING_KEY, "张管理")
    while base.keys.current() != "kek-0002":
        await base.rotation.advance()
    (tmp_path / "keys" / "kek-0002.key").unlink()
    held = FileKeys(tmp_path / "keys", create=False)
    other = Rotation(base.store, held, Envelope(held), base.evidence, base.clock, places_of_rooms)
    with pytest.raises(SettingsError, match="kek-0002"):
        await other.open()


def test_every_index_and_every_sealed_column_has_its_place():
    """A column of a room that says nothing of its index would be lost under a new key."""
    known, tables = {place.name for place in places_of_rooms()}, all_tables().sorted_tables
    indexes = {
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.c
        if isinstance(column.type, LargeBinary) and ("index" in column.name or "blind index" in (column.comment or ""))
    }
    assert indexes - known == {"notice_item.officer_index"}, "it follows its notice"
    assert {table.name for table in tables if any(one.name.endswith(SEALED) for one in table.c)} <= known


async def test_evidence_goes_on_under_new_keys_and_what_was_kept_still_verifies(base):
    await fill(base, 3)
    await base.evidence.sign_head()
    for name in (EVIDENCE_KEY, HEAD_KEY):
        await base.rotation.rotate(name, "张管理")
        await base.rotation.finish(name)
    await fill_more(base, 3)
    await base.evidence.sign_head()
    report = await base.store.read(partial(verify, verifier=base.evidence.verifier()))
    assert (report.ok, report.first_problem, report.unsigned) == (True, None, 0)
    query = select(exchange.c.body_mac).order_by(exchange.c.seq)
    macs = await base.store.read(lambda conn: conn.execute(query).scalars().all())
    assert [number_of(bytes(one)) for one in macs[:3]] == [1, 1, 1]
    assert [number_of(bytes(one)) for one in macs[-3:]] == [2, 2, 2]
    known = await base.rotation.learn()
    assert known.state(known.of(EVIDENCE_KEY)[0]) is KeyState.OLD, "it is needed as long as the evidence"
    assert known.state(known.of(HEAD_KEY)[0]) is KeyState.RETIRED


async def test_an_old_key_cannot_go_on_where_a_new_one_has_signed(base, tmp_path):
    await fill(base, 2)
    await base.evidence.sign_head()
    await base.rotation.rotate(HEAD_KEY, "张管理")
    await base.rotation.finish(HEAD_KEY)
    await base.evidence.sign_head()
    await fill_more(base, 1)
    stolen = FileKeys(tmp_path / "keys", create=False)
    stolen.told({HEAD_KEY: (1,)})
    forger = Evidence(base.store, stolen, base.envelope, base.clock, node=base.evidence.node, heads=base.evidence.heads)
    await forger.sign_head()
    report = await base.store.read(partial(verify, verifier=base.evidence.verifier()))
    assert report.first_problem is not None
    assert "signature does not verify" in report.first_problem.detail


async def fill_more(base, many: int) -> None:
    """More exchanges."""
    await base.store.write(lambda conn: [base.evidence.append(conn, RAW) for _ in range(many)])


async def test_rows_are_moved_from_keys_in_files_to_keys_in_a_token(one_store, tmp_path, token):
    before = foundation(one_store, tmp_path, ManualClock(NOW))
    await fill(before)
    await before.evidence.sign_head()
    keys = keys_of_installation(token, before.envelope.seal(b"x", "c"))
    base = foundation(one_store, tmp_path, ManualClock(NOW), keys=keys)
    for name in sorted(keys.held()):
        await base.rotation.rotate(name, "张管理")
        await base.rotation.finish(name)
    assert await unreadable(base) == []
    await fill_more(base, 3)
    await base.evidence.sign_head()
    report = await base.store.read(partial(verify, verifier=base.evidence.verifier()))
    assert (report.ok, report.first_problem, report.unsigned) == (True, None, 0)
    where = {one.key: (one.state, one.where) for one in await base.rotation.standings()}
    assert where["kek-0001"] == (KeyState.RETIRED, "file")
    assert where["evidence-mac"] == (KeyState.OLD, "file"), "it is needed as long as the evidence"
    assert {key for key, (state, at) in where.items() if (state, at) == (KeyState.CURRENT, "token")} == {
        "kek-0002",
        "blind-index-0002",
        "evidence-mac-0002",
        "evidence-head-0002",
    }
    await base.rotation.destroy(WRAPPING_KEY, 1, "张管理")
    again = foundation(one_store, tmp_path, ManualClock(NOW), keys=own_keys(token))
    await again.rotation.open()
    assert await unreadable(again) == []
    assert (await again.store.read(partial(verify, verifier=again.evidence.verifier()))).ok

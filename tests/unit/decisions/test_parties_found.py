"""A party is found by its whole name or its number, under an index that says nothing of either."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from decision_facts import facts
from foundation import foundation
from payment_records import a_payment
from sqlalchemy import insert, select, update

from gateway.foundation.crypto.keys import INDEX_KEY
from gateway.foundation.store.rows import columns
from gateway.rooms.decisions import Decisions, records
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments import records as payments
from gateway.rooms.payments import searching
from gateway.rooms.payments.searching import Sought
from gateway.rooms.payments.tables import payment
from gateway.words.clock import ManualClock

ZHANG = {
    "kind": "natural_person",
    "name": "张三",
    "id_type": "身份证",
    "id_number": "11010519491231002X",
}
NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)


@pytest.fixture
def base(one_store, tmp_path):
    return foundation(one_store, tmp_path, ManualClock(NOW))


async def found(base, typed: str) -> list[str]:
    """The payments of a party as the list and as the interface find them."""
    under = records.party_indexes(base.envelope, typed)
    sought = Sought(frozenset({"A1"}), number=typed, party=under)
    listed = await base.store.read(lambda conn: searching.find(conn, sought, None, 9))
    asked = await base.store.read(lambda conn: payments.search(conn, payments.PaymentFilter(("A1",), party=under)))
    assert [one.id for one in listed] == [one.id for one in asked]
    return [one.id for one in listed]


async def of_zhang(base) -> str:
    made, _ = await Decisions(base).put("A1", "1号", facts(party=ZHANG), by="test")
    paid = a_payment(id="pay_1", decision_id=made.id, decision_number="1号", authority="A1")
    await base.store.write(lambda conn: conn.execute(insert(payment), columns(paid)))
    return made.id


@pytest.mark.parametrize("typed", ["张三", " 张 三", "11010519491231002X", "11010519491231002x"])
async def test_payments_are_found_by_the_whole_name_or_number_of_the_party(base, typed):
    await of_zhang(base)
    assert await found(base, typed) == ["pay_1"]


@pytest.mark.parametrize("typed", ["张", "三", "李四", "1101051949", " ", "％"])
async def test_a_part_of_a_name_or_number_finds_nobody(base, typed):
    await of_zhang(base)
    assert await found(base, typed) == []


async def test_nothing_of_a_party_stands_in_its_index(base):
    one = await of_zhang(base)
    row = await base.store.read(lambda conn: conn.execute(select(decision).where(decision.c.id == one)).one())
    assert row.party_index
    assert row.party_number_index not in (None, row.party_index)
    assert "张三".encode() not in row.party_index + row.party_number_index


async def test_an_amended_party_is_found_by_its_new_name_and_no_longer_by_the_old(base):
    await of_zhang(base)
    await Decisions(base).put("A1", "1号", facts(party=ZHANG | {"name": "李四"}), by="test")
    assert (await found(base, "李四"), await found(base, "张三")) == (["pay_1"], [])


async def test_parties_recorded_before_are_filled_in(base):
    await of_zhang(base)
    empty = update(decision).values(party_index=None, party_number_index=None)
    await base.store.write(lambda conn: conn.execute(empty))
    assert await found(base, "张三") == []
    assert [await Decisions(base).fill_parties() for _ in range(2)] == [1, 0]
    assert await found(base, "张三") == await found(base, ZHANG["id_number"]) == ["pay_1"]


async def test_a_party_is_found_under_a_new_key(base):
    await of_zhang(base)
    await base.rotation.rotate(INDEX_KEY, "李四")
    await base.rotation.finish(INDEX_KEY)
    row = await base.store.read(lambda conn: conn.execute(select(decision)).one())
    assert len(row.party_index) == len(row.party_number_index) == 34
    assert await found(base, "张三") == await found(base, ZHANG["id_number"]) == ["pay_1"]

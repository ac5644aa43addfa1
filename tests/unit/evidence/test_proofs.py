"""One record can be proved alone, by whoever has its proof and the public key; what differs in anything is no proof."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.crypto.keys import HEAD_KEY
from gateway.foundation.evidence import merkle
from gateway.foundation.evidence.chain import pack
from gateway.foundation.evidence.proofs import Proof, UnprovenError, refusal


async def proved(bench, ids):
    """The proofs of these exchanges, as they come out of a file."""
    made = await bench.store.read(lambda conn: bench.evidence.proofs(conn, ids))
    return [Proof.from_json(json.loads(json.dumps(one.as_json()))) for one in made]


@pytest.fixture
async def case(both):
    """Nine exchanges under three heads, of two nodes; the ids of a case among them, and the public key."""
    first = await both.keep(4)
    await both.evidence.sign_head()
    second = await both.keep(3)
    await both.evidence.sign_head()
    other = both.node("n2")
    third = await both.keep(2, other)
    await other.sign_head()
    return both, [first[0], first[3], second[1], third[1]], both.keys.public(HEAD_KEY)


async def test_each_exchange_of_a_case_is_proved_alone(case, raw):
    bench, ids, public = case
    proofs = await proved(bench, ids)
    assert [one.row["id"] for one in proofs] == ids
    for one in proofs:
        started = 3 if one.row["id"] == ids[1] else {ids[0]: 0, ids[2]: 1, ids[3]: 1}[one.row["id"]]
        container = pack(replace(raw, started_at=started, ended_at=started + 1))
        assert refusal(one, public, container) is None
        assert refusal(one, public) is None
        assert "exact bytes" in refusal(one, public, container + b"x")


async def test_a_proof_in_which_anything_differs_is_none(case):
    bench, ids, public = case
    one, another, *_ = await proved(bench, ids)
    for name, value in one.row.items():
        other = value + 1 if isinstance(value, int) else f"{value}x"
        assert refusal(replace(one, row=one.row | {name: other}), public), name
    head = json.loads(one.head)
    for change in ({"key": bytes(32)}, {"body_mac": bytes(32)}, {"previous": bytes(range(32))}, {"path": one.path[:-1]},
                   {"head": another.head.replace(head["root"], bytes(32).hex())}):  # fmt: skip
        assert refusal(replace(one, **change), public), change
    for name, value in head.items():
        other = value + 1 if isinstance(value, int) else value[:-2] + ("00" if value[-2:] != "00" else "11")
        assert refusal(replace(one, head=json.dumps(head | {name: other})), public), name


async def test_the_key_of_one_record_opens_no_other(case, raw):
    bench, ids, public = case
    one, another, *_ = await proved(bench, ids)
    assert refusal(replace(another, key=one.key), public)


async def test_what_no_head_has_signed_is_not_proved_but_named(bench):
    (exchange_id,) = await bench.keep(1)
    with pytest.raises(UnprovenError, match=exchange_id):
        await proved(bench, [exchange_id])


async def test_the_line_over_any_record_is_found_in_a_long_file(bench):
    ids = []
    for count in (1, 30, 2, 1, 1, 60, 3):
        ids += await bench.keep(count)
        await bench.evidence.sign_head()
    public = bench.keys.public(HEAD_KEY)
    assert [refusal(one, public) for one in await proved(bench, ids)] == [None] * 98


@given(st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=40), st.data())
def test_every_leaf_climbs_to_the_root_and_no_other_value_does(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    steps, top = merkle.path(values, place), merkle.root(values)
    assert merkle.climbed(values[place], steps) == top
    assert merkle.climbed(values[place] + b"x", steps) != top
    assert len(steps) <= len(values).bit_length()

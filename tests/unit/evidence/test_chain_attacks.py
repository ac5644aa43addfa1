"""Each way to tamper with the evidence is noticed, and the first record that was touched is named.

The strongest attacker here holds the database, the MAC key and the data keys, but neither the head signing key nor the
file of signed heads.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, select, text, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import EVIDENCE_KEY
from gateway.foundation.evidence.chain import FIELDS, GENESIS, body_mac, chain_value, pack, record_key
from gateway.foundation.evidence.records import sealed_exact
from gateway.foundation.evidence.tables import chain_head, exchange, exchange_body


async def change(bench, *statements):
    """What somebody with access to the database does."""
    await bench.store.write(lambda conn: [conn.execute(statement) for statement in statements] and None)


async def rehash(bench, node="n1"):
    """What somebody with the MAC key does next: make the whole chain consistent again, head and all."""
    key = bench.keys.secret(EVIDENCE_KEY)

    def unit(conn):
        chain, seq = GENESIS, 0
        rows = conn.execute(select(exchange).where(exchange.c.node == node).order_by(exchange.c.seq)).mappings().all()
        for row in rows:
            seq = row["seq"]
            chain = chain_value(record_key(key, row["id"]), chain, row, bytes(row["body_mac"]))
            conn.execute(update(exchange).where(exchange.c.id == row["id"]).values(chain=chain))
        conn.execute(update(chain_head).where(chain_head.c.node == node).values(seq=seq, chain=chain))

    await bench.store.write(unit)


def lines_of(bench):
    """The signed heads as they stand in the file."""
    return (bench.folder / "heads" / "n1.jsonl").read_bytes().splitlines(keepends=True)


def row_of(exchange_id):
    """An update of one record."""
    return update(exchange).where(exchange.c.id == exchange_id)


def found(report):
    """What the report names."""
    assert not report.ok
    problem = report.first_problem
    return problem.what, problem.seq, problem.exchange_id


@pytest.mark.both_databases
async def test_untouched_evidence_verifies_on_both_databases(both):
    await both.keep(5)
    await both.evidence.sign_head()
    await both.keep(2)
    await both.keep(3, both.node("n2"))
    report = await both.verify()
    assert (report.ok, report.exchanges, report.heads_checked, report.unsigned) == (True, 10, 1, 5)


@pytest.mark.parametrize(
    ("column", "value"),
    [(name, 7 if name in {"status", "started_at", "ended_at"} else {"direction": "in", "told": b"x"}.get(name, "x"))
     for name in FIELDS if name not in {"id", "node", "seq"}]
    + [("body_mac", bytes(32)), ("chain", bytes(32)), ("status", None), ("authority", "")],
)  # fmt: skip
@pytest.mark.cases_by_day(6)
async def test_a_change_of_any_column_names_the_record(bench, column, value):
    ids = await bench.keep(5)
    await change(bench, row_of(ids[2]).values({column: value}))
    assert found(await bench.verify()) == ("altered", 3, ids[2])


def test_every_column_is_under_the_chain():
    assert {*FIELDS, "body_mac", "chain"} == set(exchange.c.keys())


async def test_two_swapped_records_are_noticed(bench):
    ids = await bench.keep(4)
    await change(bench, row_of(ids[1]).values(seq=99), row_of(ids[2]).values(seq=2), row_of(ids[1]).values(seq=3))
    assert found(await bench.verify()) == ("altered", 2, ids[2])


@pytest.mark.parametrize("gone", [0, 2])
async def test_a_missing_record_is_named(bench, gone):
    ids = await bench.keep(5)
    await change(
        bench,
        delete(exchange_body).where(exchange_body.c.exchange_id == ids[gone]),
        delete(exchange).where(exchange.c.id == ids[gone]),
    )
    assert found(await bench.verify()) == ("missing", gone + 1, None)


async def test_a_record_altered_before_the_whole_chain_was_rehashed_is_named(both):
    ids = await both.keep(6)
    await both.evidence.sign_head()
    later = await both.keep(3)
    await both.evidence.sign_head()
    for victim, seq in ((later[1], 8), (ids[3], 4)):
        await change(both, row_of(victim).values(outcome="nothing happened"))
        await rehash(both)
        assert found(await both.verify()) == ("altered", seq, victim)


async def test_a_record_put_in_between_and_rehashed_is_named(bench):
    ids = await bench.keep(4)
    await bench.evidence.sign_head()
    forged = {"id": "xch_forged", "seq": 3}
    shift = [row_of(old).values(seq=seq) for old, seq in ((ids[3], 5), (ids[2], 4))]
    copied = await bench.store.read(
        lambda conn: dict(conn.execute(select(exchange).where(exchange.c.id == ids[2])).mappings().one())
    )
    body = sealed_exact(Envelope(bench.keys), "xch_forged", b"forged")
    forged_row = {
        **copied,
        **forged,
        "body_mac": body_mac(record_key(bench.keys.secret(EVIDENCE_KEY), "xch_forged"), b"forged"),
    }
    await change(
        bench,
        *shift,
        insert(exchange).values(forged_row),
        insert(exchange_body).values(exchange_id="xch_forged", exact_sealed=body),
    )
    await rehash(bench)
    assert found(await bench.verify()) == ("altered", 3, "xch_forged")


async def test_a_record_taken_out_renumbered_and_rehashed_is_noticed(bench):
    ids = await bench.keep(4)
    await bench.evidence.sign_head()
    await change(
        bench,
        delete(exchange_body).where(exchange_body.c.exchange_id == ids[1]),
        delete(exchange).where(exchange.c.id == ids[1]),
        row_of(ids[2]).values(seq=2),
        row_of(ids[3]).values(seq=3),
    )
    await rehash(bench)
    assert found(await bench.verify()) == ("altered", 2, ids[2])


@pytest.mark.parametrize("thorough", [False, True])
async def test_a_truncated_tail_is_named(bench, thorough):
    ids = await bench.keep(5)
    if thorough:
        await bench.evidence.sign_head()
    for cut in ids[3:]:
        await change(
            bench,
            delete(exchange_body).where(exchange_body.c.exchange_id == cut),
            delete(exchange).where(exchange.c.id == cut),
        )
    if thorough:
        await rehash(bench)
    assert found(await bench.verify()) == ("truncated", 4, None)


async def test_wiping_everything_of_a_node_is_noticed(bench):
    await bench.keep(3)
    await bench.evidence.sign_head()
    await change(bench, delete(exchange_body), delete(exchange), delete(chain_head))
    assert found(await bench.verify()) == ("truncated", 1, None)


async def test_a_missing_chain_head_is_noticed(bench):
    await bench.keep(2)
    await change(bench, delete(chain_head))
    assert found(await bench.verify()) == ("truncated", 3, None)


async def test_a_rewound_chain_head_is_noticed(bench):
    await bench.keep(2)
    await change(bench, update(chain_head).values(chain=GENESIS))
    assert found(await bench.verify())[:2] == ("altered", 2)


@pytest.mark.parametrize("place", [0, 40, -1])
async def test_altered_exact_bytes_are_named(bench, place):
    ids = await bench.keep(4)
    query = select(exchange_body.c.exact_sealed).where(exchange_body.c.exchange_id == ids[1])
    sealed = bytearray(await bench.store.read(lambda conn: conn.execute(query).scalar_one()))
    sealed[place] ^= 1
    await change(
        bench, update(exchange_body).where(exchange_body.c.exchange_id == ids[1]).values(exact_sealed=bytes(sealed))
    )
    assert found(await bench.verify()) == ("altered", 2, ids[1])


@pytest.mark.parametrize("with_mac", [False, True])
async def test_exact_bytes_sealed_anew_by_somebody_with_the_data_keys_are_named(bench, raw, with_mac):
    ids = await bench.keep(4)
    await bench.evidence.sign_head()
    other = pack(replace(raw, response_body=b"<other/>"))
    sealed = sealed_exact(Envelope(bench.keys), ids[2], other)
    await change(bench, update(exchange_body).where(exchange_body.c.exchange_id == ids[2]).values(exact_sealed=sealed))
    if with_mac:
        mac = body_mac(record_key(bench.keys.secret(EVIDENCE_KEY), ids[2]), other)
        await change(bench, row_of(ids[2]).values(body_mac=mac))
        await rehash(bench)
    assert found(await bench.verify()) == ("altered", 3, ids[2])


async def test_exact_bytes_of_another_record_do_not_pass(bench):
    ids = await bench.keep(2)
    bodies = await bench.store.read(
        lambda conn: dict(conn.execute(select(exchange_body.c.exchange_id, exchange_body.c.exact_sealed)).all())
    )
    await change(
        bench, update(exchange_body).where(exchange_body.c.exchange_id == ids[0]).values(exact_sealed=bodies[ids[1]])
    )
    assert found(await bench.verify()) == ("altered", 1, ids[0])


async def test_a_removed_body_row_is_noticed(bench):
    ids = await bench.keep(3)
    await change(bench, delete(exchange_body).where(exchange_body.c.exchange_id == ids[1]))
    assert found(await bench.verify()) == ("altered", 2, ids[1])


async def test_shredding_by_retention_keeps_the_chain_and_is_counted(both):
    ids = await both.keep(5)
    await both.evidence.sign_head()
    assert await both.evidence.forget(before=3) == 2
    assert await both.evidence.forget(before=3) == 0
    report = await both.verify()
    assert (report.ok, report.shredded) == (True, 2)
    opened = await both.store.read(lambda conn: both.evidence.open(conn, ids[0]))
    assert opened.exact is None
    assert opened.exchange.request


# --- the file of signed heads


@pytest.fixture
async def signed(bench):
    """Evidence with three signed heads."""
    for _ in range(3):
        await bench.keep(2)
        await bench.evidence.sign_head()
    return bench


@pytest.mark.parametrize("cut", [slice(0, 1), slice(1, 2), slice(2, 3), slice(0, 3), slice(1, 3)])
async def test_cut_lines_of_the_heads_file_are_noticed(signed, cut):
    lines = lines_of(signed)
    del lines[cut]
    (signed.folder / "heads" / "n1.jsonl").write_bytes(b"".join(lines))
    assert (await signed.verify()).first_problem.what == "heads"


async def test_a_removed_heads_file_is_noticed(signed):
    (signed.folder / "heads" / "n1.jsonl").unlink()
    assert (await signed.verify()).first_problem.what == "heads"


async def test_swapped_lines_are_noticed(signed):
    first, second, third = lines_of(signed)
    (signed.folder / "heads" / "n1.jsonl").write_bytes(second + first + third)
    assert (await signed.verify()).first_problem.what == "heads"


@pytest.mark.parametrize(
    "field", ["node", "first", "seq", "chain", "root", "marks", "marks_sm3", "at", "previous", "signature"]
)
@pytest.mark.cases_by_day(4)
async def test_an_altered_line_does_not_verify(signed, field):
    first, second, third = lines_of(signed)
    fields = json.loads(second)
    value = fields[field]
    fields[field] = value + 1 if isinstance(value, int) else value[:-2] + ("00" if value[-2:] != "00" else "11")
    (signed.folder / "heads" / "n1.jsonl").write_bytes(first + json.dumps(fields).encode() + b"\n" + third)
    report = await signed.verify()
    assert report.first_problem.what == "heads"
    assert f"line at byte {len(first)}" in report.first_problem.detail


async def test_heads_signed_by_another_key_do_not_count(signed, tmp_path):
    from gateway.foundation.crypto.keys import FileKeys
    from gateway.foundation.evidence.heads import HeadsWriter

    query = select(exchange.c.chain).order_by(exchange.c.seq)
    chains = await signed.store.read(lambda conn: [bytes(chain) for chain in conn.execute(query).scalars()])
    forger = HeadsWriter(tmp_path / "forged", "n1", FileKeys(tmp_path / "other"))
    forger.append(chains, signed.clock.now())
    (signed.folder / "heads" / "n1.jsonl").write_bytes((tmp_path / "forged" / "n1.jsonl").read_bytes())
    assert "signature does not verify" in (await signed.verify()).first_problem.detail


@pytest.mark.parametrize(
    "damage", ["chain = 'text'", "body_mac = 1.5", "started_at = 1.5", "action = x'ff'", "node = '../x'"]
)
async def test_values_of_a_wrong_type_are_altered_records_and_no_crash(bench, damage):
    if damage.endswith("1.5") and bench.store.dialect != "sqlite":
        pytest.skip("a column of PostgreSQL holds values of its own type alone")
    ids = await bench.keep(4)
    await change(bench, text(f"update exchange set {damage} where seq = 3"))
    report = await bench.verify()
    assert not report.ok
    assert report.first_problem.seq == (1 if "node" in damage else 3)
    assert report.first_problem.exchange_id in (None, ids[2])


async def test_the_report_says_in_words_what_is_wrong(bench):
    ids = await bench.keep(2)
    await change(bench, row_of(ids[1]).values(outcome="x"))
    assert str((await bench.verify()).first_problem) == (
        f"node n1, record 2 ({ids[1]}): altered: the row does not match its chain value"
    )

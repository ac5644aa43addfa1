"""What retention leaves can be proved as well as what was there before."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from sqlalchemy import delete, func, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.evidence import records, redact
from gateway.foundation.evidence.chain import pack
from gateway.foundation.evidence.compression import Dictionary, compressed
from gateway.foundation.evidence.keeping import _said
from gateway.foundation.evidence.records import OURS, digest, packed_copy, sealed_exact
from gateway.foundation.evidence.redaction import Redacted
from gateway.foundation.evidence.tables import (
    exchange,
    exchange_body,
    exchange_dictionary,
    exchange_shown,
)


async def change(bench, *statements):
    """What somebody with access to the database does."""
    await bench.store.write(lambda conn: [conn.execute(statement) for statement in statements] and None)


def found(report):
    """What the report names."""
    assert not report.ok
    return report.first_problem.seq, report.first_problem.exchange_id, report.first_problem.detail


# --- the readable copy is made before the exact bytes are shredded


@pytest.fixture
async def shredded(both):
    """Six exchanges, the first three shredded, all signed; their ids."""
    ids = await both.keep(6)
    await both.evidence.sign_head()
    assert await both.evidence.forget(before=4) == 3
    await both.evidence.sign_head()
    return both, ids


async def test_after_shredding_the_readable_copy_is_there_and_the_exact_bytes_are_not(shredded, raw):
    bench, ids = shredded
    for exchange_id in ids:
        opened = await bench.store.read(lambda conn, one=exchange_id: bench.evidence.open(conn, one))
        assert (opened.exact is None) == (exchange_id in ids[:3])
        assert (opened.exchange.request, opened.exchange.url) == (redact(raw).request, redact(raw).url)
    left = await bench.store.read(lambda conn: conn.execute(select(exchange_shown)).all())
    assert len(left) == 3
    assert "王小明" not in repr(left)
    report = await bench.verify()
    assert (report.ok, report.shredded, report.exchanges, report.unsigned) == (True, 3, 7, 0)


async def test_a_night_looks_at_what_came_since_the_night_before_and_not_at_all_there_ever_was(both, monkeypatch):
    began, bodies = [], records.bodies
    monkeypatch.setattr(records, "bodies", lambda conn, after: began.append(after) or bodies(conn, after))
    await both.keep(3)
    assert await both.evidence.forget(before=2) == 1
    began.clear()
    assert await both.evidence.forget(before=100) == 2
    days = (time.time_ns() // 1_000_000 - int(began[0].removeprefix("xch_"), 16)) / 86_400_000
    assert 2 <= days < 3


async def test_readable_copies_are_no_larger_than_the_bytes_that_went(both):
    """Else to forget exact bytes would make the store larger: a copy is the same text again, without signatures."""

    def total(column):
        return both.store.read(lambda conn: conn.execute(select(func.sum(func.length(column)))).scalar_one())

    await both.keep(6)
    exact = await total(exchange_body.c.exact_sealed)
    assert await both.evidence.forget(before=100) == 6
    assert await total(exchange_shown.c.copy) < exact


async def test_the_record_of_a_shredding_names_what_was_shredded_and_stays(shredded):
    bench, ids = shredded
    (record,) = await bench.store.read(
        lambda conn: conn.execute(select(exchange.c.id).where(exchange.c.channel == OURS)).scalars().all()
    )
    opened = await bench.store.read(lambda conn: bench.evidence.open(conn, record))
    assert sorted(json.loads(opened.exact.request_body)) == sorted(ids[:3])
    assert await bench.evidence.forget(before=2**62) == 3
    opened = await bench.store.read(lambda conn: bench.evidence.open(conn, record))
    assert opened.exact is not None
    assert (await bench.verify()).ok


def copy_of(exchange_id: str, shown: Redacted) -> dict:
    """A readable copy as it is kept."""
    return {"exchange_id": exchange_id, "copy": compressed(packed_copy(shown), None)}


KINDER = Redacted("u", "kinder", "words")


@pytest.mark.parametrize("part", ["url", "request", "response", "cut", "none"])
@pytest.mark.cases_by_day(3)
async def test_an_altered_readable_copy_is_named(shredded, raw, part):
    bench, ids = shredded
    other = copy_of(ids[1], replace(redact(raw), **{part: "kinder"}) if hasattr(KINDER, part) else KINDER)
    other["copy"] = {"cut": other["copy"][:-2], "none": b"\x03no copy"}.get(part, other["copy"])
    await change(bench, update(exchange_shown).where(exchange_shown.c.exchange_id == ids[1]).values(other))
    seq, exchange_id, detail = found(await bench.verify())
    assert (seq, exchange_id) == (2, ids[1])
    assert "readable copy" in detail


async def test_a_removed_readable_copy_is_named(shredded):
    bench, ids = shredded
    await change(bench, delete(exchange_shown).where(exchange_shown.c.exchange_id == ids[2]))
    assert found(await bench.verify())[:2] == (3, ids[2])


async def test_bytes_shredded_by_hand_with_a_copy_to_one_s_liking_are_named(shredded):
    bench, ids = shredded
    await change(
        bench,
        update(exchange_body)
        .where(exchange_body.c.exchange_id == ids[4])
        .values(exact_sealed=None, shredded_by="xch_x"),
        insert(exchange_shown).values(copy_of(ids[4], KINDER)),
    )
    assert found(await bench.verify())[:2] == (5, ids[4])


async def test_a_second_record_of_a_shredding_proves_nothing(shredded):
    """Who has all keys but the one that signs heads appends a record that fits an altered copy."""
    bench, ids = shredded
    altered = update(exchange_shown).where(exchange_shown.c.exchange_id == ids[0])
    await change(bench, altered.values(copy_of(ids[0], KINDER)))
    second = await bench.store.write(
        lambda conn: bench.evidence.append(conn, _said("shred", {ids[0]: digest(KINDER)}, 9))
    )
    assert found(await bench.verify())[:2] == (1, ids[0])
    await change(bench, update(exchange_body).where(exchange_body.c.exchange_id == ids[0]).values(shredded_by=second))
    seq, exchange_id, detail = found(await bench.verify())
    assert (seq, exchange_id) == (7, await record_of(bench, 7))
    assert "does not name it" in detail


async def record_of(bench, seq):
    """The id of a record by its number."""
    return await bench.store.read(
        lambda conn: conn.execute(select(exchange.c.id).where(exchange.c.seq == seq)).scalar()
    )


async def test_exact_bytes_that_vanish_otherwise_than_by_retention_are_named(shredded):
    """The database takes it, the chain does not, whichever record is named as the one of the shredding."""
    bench, ids = shredded
    for named in ("", "xch_none", ids[5], await record_of(bench, 7)):
        gone = update(exchange_body).where(exchange_body.c.exchange_id == ids[4])
        await change(bench, gone.values(exact_sealed=None, shredded_by=named))
        seq, exchange_id, detail = found(await bench.verify())
        assert (seq, exchange_id) == (5, ids[4])
        assert "no record in the chain says" in detail


async def test_a_readable_copy_beside_exact_bytes_is_named(shredded):
    bench, ids = shredded
    await change(bench, insert(exchange_shown).values(copy_of(ids[5], KINDER)))
    assert found(await bench.verify())[:2] == (6, ids[5])
    shown = await bench.evidence.held(ids[5])
    assert "kinder" not in shown.request, "what the exact bytes say is shown"


async def test_exact_bytes_that_were_altered_are_not_shredded_but_stay_as_a_proof(both, raw):
    ids = await both.keep(3)
    other = sealed_exact(Envelope(both.keys), ids[1], pack(replace(raw, response_body=b"<other/>")))
    await change(both, update(exchange_body).where(exchange_body.c.exchange_id == ids[1]).values(exact_sealed=other))
    assert await both.evidence.forget(before=100) == 2
    assert found(await both.verify())[:2] == (2, ids[1])


@pytest.mark.parametrize("harm", ["gone", "altered"])
async def test_a_dictionary_that_was_altered_or_removed_shows(both, raw, harm):
    both.evidence.record(raw)
    await both.evidence.flush()
    ids = await both.keep(3)
    assert (await both.verify()).ok
    if harm == "gone":
        await change(both, delete(exchange_dictionary))
    else:
        content = await both.store.read(
            lambda conn: bytes(conn.execute(select(exchange_dictionary.c.content)).scalar())
        )
        await change(both, update(exchange_dictionary).values(content=content.replace(b"CreateBill", b"CreateBull")))
    assert found(await both.verify())[:2] == (2, ids[0])
    assert "not readable" in (await both.evidence.held(ids[0])).request


# --- what was encrypted inside a message


NOTICE = '{"payerName": "王小明", "PayerName": "李大芳", "idCard": "11010519491231002X", "amount": "500.00"}'.encode()


async def test_a_decrypted_text_is_kept_exactly_and_shown_masked_before_and_after_shredding(both, raw):
    told = replace(raw, decrypted=NOTICE)
    exchange_id = await both.store.write(lambda conn: both.evidence.append(conn, told))
    opened = await both.store.read(lambda conn: both.evidence.open(conn, exchange_id))
    assert opened.exact.decrypted == NOTICE
    shown = (await both.evidence.held(exchange_id)).request
    assert "-- decrypted" in shown
    assert "500.00" in shown
    for hidden in ("李大芳", "11010519491231002X"):
        assert hidden not in shown
    assert (await both.verify()).ok
    await both.evidence.forget(told.ended_at + 1)
    assert (await both.evidence.held(exchange_id)).request == shown
    assert (await both.verify()).ok


async def test_an_altered_decrypted_text_is_an_altered_exchange(both, raw):
    exchange_id = await both.store.write(lambda conn: both.evidence.append(conn, replace(raw, decrypted=NOTICE)))
    changed = pack(replace(raw, decrypted=NOTICE.replace(b"500.00", b"600.00")))
    sealed = sealed_exact(Envelope(both.keys), exchange_id, changed)
    await change(both, update(exchange_body).values(exact_sealed=sealed))
    assert found(await both.verify())[1] == exchange_id


def test_a_dictionary_that_is_kept_for_ever_holds_no_decrypted_name(raw):
    content = Dictionary.of(replace(raw, decrypted=NOTICE)).content
    assert b"500.00" in content
    assert "李大芳".encode() not in content
    assert b"11010519491231002X" not in content

"""Exchanges are kept once each, in the unit they belong to or soon in their own, and heads are signed on time."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from sqlalchemy import select, text, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.evidence import EvidenceError, redact
from gateway.foundation.evidence.chain import KEPT_BYTES, pack, unpack
from gateway.foundation.evidence.records import sealed_exact
from gateway.foundation.evidence.tables import exchange, exchange_body, exchange_dictionary
from gateway.words.errors import NotFoundProblem, UnavailableProblem


async def rows(bench):
    """What is stored, in order."""
    return await bench.store.read(
        lambda conn: conn.execute(select(exchange).order_by(exchange.c.node, exchange.c.seq)).mappings().all()
    )


async def test_an_exchange_comes_back_exactly_as_it_crossed_the_wire(both, raw):
    raw = replace(raw, response_body=bytes(range(256)) * 300, response_headers=(("x", "é"), ("x", "2")), status=None)
    exchange_id = await both.store.write(lambda conn: both.evidence.append(conn, raw, "op_1", "pay_1", "anlan"))
    opened = await both.store.read(lambda conn: both.evidence.open(conn, exchange_id))
    exact = opened.exact
    assert (exact.method, exact.url, exact.status) == (raw.method, raw.url, None)
    assert (exact.request_headers, exact.request_body) == (raw.request_headers, raw.request_body)
    assert (exact.response_headers, exact.response_body) == (raw.response_headers, raw.response_body)
    assert (opened.exchange.operation_id, opened.exchange.subject, opened.exchange.authority) == (
        "op_1",
        "pay_1",
        "anlan",
    )


async def test_of_two_that_write_under_one_name_the_later_is_run_again_and_nothing_is_left_out(
    rivals, raw, monkeypatch
):
    """A node that hung and one that took its name meanwhile: their chain stays one."""
    hung, heir = rivals
    extended, go_on, extend = threading.Event(), threading.Event(), heir.evidence._extend

    def slowly(conn, new):
        extend(conn, new)
        extended.set()
        assert go_on.wait(30)

    await heir.keep(1)
    monkeypatch.setattr(heir.evidence, "_extend", slowly)
    first = asyncio.create_task(
        heir.store.write_beside(lambda conn: heir.evidence.append(conn, replace(raw, action="heir")))
    )
    await asyncio.to_thread(extended.wait, 30)
    tries = []

    def unit(conn):
        tries.append(1)
        return hung.evidence.append(conn, replace(raw, action="hung"))

    later = asyncio.create_task(hung.store.write_beside(unit))
    waits = text("select count(*) from pg_locks where not granted")
    async with asyncio.timeout(60):
        while not await heir.store.read(lambda conn: conn.execute(waits).scalar()):
            await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.gather(first, later)
    assert len(tries) == 2
    assert [(one["seq"], one["action"]) for one in await rows(heir)] == [(1, "issue"), (2, "heir"), (3, "hung")]
    assert (await heir.verify()).ok


async def test_of_an_answer_that_was_not_taken_the_beginning_is_kept_with_length_and_digest(both, raw):
    endless = b"<a>" * (KEPT_BYTES // 2)
    raw = replace(raw, response_body=endless, outcome="AnswerTooLargeError")
    (ready,) = await both.evidence.ready([raw])
    assert len(ready.exact_sealed) < KEPT_BYTES + 10_000
    exchange_id = await both.store.write(lambda conn: both.evidence.append(conn, ready))
    opened = await both.store.read(lambda conn: both.evidence.open(conn, exchange_id))
    assert opened.exact.response_body == endless[:KEPT_BYTES]
    assert opened.exact.read == (len(endless), sm3(endless).hex())
    assert f"{len(endless)} bytes, SM3 {sm3(endless).hex()}" in opened.exchange.response
    assert (await both.verify()).ok


async def test_an_answer_that_was_taken_is_kept_whole_however_large(both, raw):
    large = bytes(2 * KEPT_BYTES)
    exchange_id = await both.store.write(
        lambda conn: both.evidence.append(conn, replace(raw, response_body=large), "op_1")
    )
    opened = await both.store.read(lambda conn: both.evidence.open(conn, exchange_id))
    assert (opened.exact.response_body, opened.exact.read) == (large, None)


async def test_the_row_shows_no_secret_and_the_bytes_lie_sealed(both, raw):
    await both.store.write(
        lambda conn: both.evidence.append(conn, replace(raw, outcome="refused: idNumber 11010119900307013X"))
    )
    stored = repr(await rows(both))
    shown = repr(await both.evidence.held((await rows(both))[0]["id"]))
    for secret in ("王小明", "c2lnbmF0dXJl", "11010119900307013X"):
        assert secret not in stored
        assert secret not in shown
    assert "500.00" in shown
    assert "500.00" not in stored, "nothing is masked, and so nothing readable, while the exact bytes are there"


async def test_a_unit_that_runs_twice_leaves_one_record(bench, raw):
    runs = []

    def unit(conn):
        runs.append(bench.evidence.append(conn, raw))
        return runs[-1]

    def bad(conn):
        raise ValueError("a neighbour that fails")

    results = await asyncio.gather(
        *(bench.store.write(unit) for _ in range(10)), bench.store.write(bad), return_exceptions=True
    )
    assert isinstance(results.pop(), ValueError)
    assert [row["id"] for row in await rows(bench)] == results
    assert (await bench.verify()).ok


@pytest.mark.both_databases
async def test_units_that_share_a_commit_extend_the_chain_once(both, raw, monkeypatch):
    extended = []
    extend = both.evidence._extend

    def counting(conn, new):
        extended.append(len(new))
        extend(conn, new)

    monkeypatch.setattr(both.evidence, "_extend", counting)
    ids = await asyncio.gather(
        *(both.store.write(lambda conn: both.evidence.append(conn, raw, operation_id="op_1")) for _ in range(40))
    )
    assert sum(extended) == len(set(ids)) == 40
    assert len(extended) < 20, "units that wait while another commits share the next one"
    assert [row["seq"] for row in await rows(both)] == list(range(1, 41))
    assert (await both.verify()).ok


async def test_a_unit_that_fails_takes_its_exchange_with_it(bench, raw):
    def unit(conn):
        bench.evidence.append(conn, raw)
        raise ValueError("after the exchange")

    with pytest.raises(ValueError, match="after the exchange"):
        await bench.store.write(unit)
    await bench.keep(1)
    assert [row["seq"] for row in await rows(bench)] == [1]
    assert (await bench.verify()).ok


async def test_collected_exchanges_wait_for_the_unit_of_the_outcome(bench, raw):
    with bench.evidence.collecting() as batch:
        bench.evidence.record(raw)
        await asyncio.create_task(asyncio.sleep(0))
        await asyncio.create_task(_record(bench, raw))
    await bench.evidence.flush()
    assert await rows(bench) == []
    await bench.store.write(lambda conn: [bench.evidence.append(conn, one) for one in batch])
    assert len(await rows(bench)) == len(batch) == 2


async def _record(bench, raw):
    bench.evidence.record(raw)


async def test_tasks_collect_apart(bench, raw):
    async def collect(count):
        with bench.evidence.collecting() as batch:
            for _ in range(count):
                bench.evidence.record(raw)
                await asyncio.sleep(0)
        return len(batch)

    assert await asyncio.gather(collect(1), collect(3), collect(2)) == [1, 3, 2]


async def test_an_exchange_that_ends_after_its_collection_is_kept_on_its_own(bench, raw):
    late = asyncio.Event()

    async def slow():
        await late.wait()
        bench.evidence.record(raw)

    with bench.evidence.collecting() as batch:
        task = asyncio.create_task(slow())
    late.set()
    await task
    await bench.evidence.flush()
    assert len(batch) == 0
    assert len(await rows(bench)) == 1


async def test_exchanges_outside_a_collection_are_stored_in_order(both, raw):
    for number in range(120):
        both.evidence.record(replace(raw, started_at=number))
    await both.evidence.flush()
    assert [row["started_at"] for row in await rows(both)] == list(range(120))
    assert (await both.verify()).ok


async def test_exchanges_recorded_by_another_thread_are_stored(bench, raw):
    await bench.evidence.start()
    await asyncio.to_thread(bench.evidence.record, raw)
    await asyncio.sleep(0)
    await bench.evidence.flush()
    assert len(await rows(bench)) == 1
    await bench.evidence.close()


async def test_nothing_recorded_is_lost_or_doubled_while_the_database_is_away(bench, raw, monkeypatch):
    write, calls = bench.store.write_beside, []

    async def flaky(unit):
        calls.append(unit)
        if len(calls) == 1:
            raise UnavailableProblem("not now")
        result = await write(unit)
        if len(calls) == 2:
            raise UnavailableProblem("stored, but nobody knows")
        return result

    monkeypatch.setattr(bench.store, "write_beside", flaky)
    for number in range(3):
        bench.evidence.record(replace(raw, started_at=number))
    await bench.evidence.flush()
    assert [row["started_at"] for row in await rows(bench)] == [0, 1, 2]
    assert len(calls) == 4, "three for the exchanges, one for the dictionary of their kind"


async def test_two_processes_under_one_node_name_go_one_after_the_other(bench, raw):
    """The head moved between reading and writing: compare-and-set forks no chain, and the unit is run again."""
    runs = []
    await bench.keep(1)

    class Meddling:
        def __init__(self, conn, meddles=True):
            self.conn, self.reads, self.info = conn, 0 if meddles else 1, {}

        def execute(self, statement, *arguments):
            result = self.conn.execute(statement, *arguments)
            self.reads += 1
            if self.reads == 1:
                found = result.first()
                bench.evidence.append(Meddling(self.conn, meddles=False), raw)
                return type("Result", (), {"first": lambda _: found})()
            return result

    def unit(conn):
        runs.append(conn)
        bench.evidence.append(Meddling(conn, meddles=len(runs) == 1), raw)

    await bench.store.write_beside(unit)
    assert len(runs) == 2
    report = await bench.verify()
    assert (report.ok, report.exchanges) == (True, 2)


async def test_the_second_exchange_of_a_kind_is_compressed_with_what_is_shown_of_the_first(both, raw):
    await both.evidence.start()
    raw = replace(raw, request_body=raw.request_body * 3 + "<a>罚款</a>".encode())
    both.evidence.record(raw)
    await both.evidence.flush()
    both.evidence.record(replace(raw, request_body=raw.request_body.replace("王小明".encode(), "李大芳".encode())))
    await both.evidence.flush()
    again = both.node("n1")
    await again.start()
    third = await both.store.write(lambda conn: again.append(conn, raw))
    first, second, last = [row["id"] for row in await rows(both)]
    assert last == third
    sizes = dict(await both.store.read(lambda conn: conn.execute(text(
        "select exchange_id, length(exact_sealed) from exchange_body")).all()))  # fmt: skip
    assert sizes[first] - 100 > sizes[second]
    assert sizes[second] - 10 <= sizes[third] <= sizes[second] + 10, "another start knows the dictionary"
    for exchange_id, name in ((first, "王小明"), (second, "李大芳"), (third, "王小明")):
        opened = await both.store.read(lambda conn, one=exchange_id: both.evidence.open(conn, one))
        assert opened.exact.request_body.decode().count(name) == 3
        assert name not in opened.exchange.request
    dictionaries = await both.store.read(lambda conn: conn.execute(select(exchange_dictionary)).mappings().all())
    (dictionary,) = dictionaries
    content = bytes(dictionary["content"])
    assert "罚款".encode() in content
    assert "王小明".encode() not in content
    assert b"c2lnbmF0dXJl" not in content
    assert (await both.verify()).ok
    await again.close()
    await both.evidence.close()


async def test_what_failed_is_no_model_for_others(bench, raw):
    bench.evidence.record(replace(raw, outcome="ReadTimeout"))
    bench.evidence.record(replace(raw, status=500))
    await bench.evidence.flush()
    assert await bench.store.read(lambda conn: conn.execute(select(exchange_dictionary)).all()) == []


async def test_what_is_shown_is_what_was_masked_before_it_was_kept(both, raw):
    raw = replace(
        raw, response_headers=(("Content-Type", "application/json"),), response_body=b'{"token": "abcdef", "a": 1}'
    )
    exchange_id = await both.store.write(lambda conn: both.evidence.append(conn, raw, operation_id="op_1"))
    shown, before = await both.evidence.held(exchange_id), redact(raw)
    assert (shown.url, shown.request, shown.response) == (before.url, before.request, before.response)
    assert await both.store.read(lambda conn: both.evidence.of_operation(conn, "op_1")) == [shown]


async def test_altered_bytes_are_shown_as_such_and_as_nothing_else(bench, raw):
    exchange_id = await bench.store.write(lambda conn: bench.evidence.append(conn, raw))
    other = sealed_exact(Envelope(bench.keys), exchange_id, pack(replace(raw, response_body=b"<other/>")))
    await bench.store.write(lambda conn: conn.execute(update(exchange_body).values(exact_sealed=other)).rowcount)
    shown = await bench.evidence.held(exchange_id)
    assert "not readable" in shown.request
    assert "other" not in shown.response
    with pytest.raises(EvidenceError, match="altered"):
        await bench.store.read(lambda conn: bench.evidence.open(conn, exchange_id))


async def test_reading_what_is_not_there_says_so(bench):
    with pytest.raises(NotFoundProblem):
        await bench.store.read(lambda conn: bench.evidence.open(conn, "xch_none"))


def test_a_container_is_read_whole_or_not_at_all():
    for garbage in (b"", b"\x01", b"\x01" + bytes(11), b"\x04" + bytes(12), b"\x02" + bytes(12)):
        with pytest.raises(Exception):  # noqa: B017
            unpack(garbage)


# --- signing


async def heads(bench):
    """How many heads the file has."""
    file = bench.folder / "heads" / "n1.jsonl"
    return len(file.read_bytes().splitlines()) if file.exists() else 0


async def test_a_head_is_signed_once_for_what_is_new(bench):
    assert await bench.evidence.sign_head() == 0
    await bench.keep(3)
    assert await bench.evidence.sign_head() == 3
    assert await bench.evidence.sign_head() == 0
    assert await heads(bench) == 1
    assert (bench.folder / "heads" / "n1.jsonl").stat().st_mode & 0o777 == 0o600


async def test_many_records_are_signed_in_several_lines_that_join(bench):
    await bench.keep(1200)
    assert await bench.evidence.sign_head() == 1200
    report = await bench.verify()
    assert (report.ok, report.heads_checked, report.unsigned) == (True, 2, 0)


async def test_the_timer_has_the_head_signed(bench):
    evidence = bench.node("n1", sign_seconds=0.01)
    await evidence.start()
    await bench.keep(1, evidence)
    async with asyncio.timeout(60):
        while not await heads(bench):
            await asyncio.sleep(0.01)
    await evidence.close()


async def test_closing_stores_what_is_held_and_signs_it(bench, raw):
    await bench.evidence.start()
    bench.evidence.record(raw)
    await bench.evidence.close()
    report = await bench.verify()
    assert (report.ok, report.exchanges, report.unsigned) == (True, 1, 0)


async def test_signing_goes_on_after_a_restart_and_after_a_torn_line(bench):
    await bench.keep(2)
    await bench.evidence.sign_head()
    file = bench.folder / "heads" / "n1.jsonl"
    file.write_bytes(file.read_bytes() + b'{"node": "n1", "first": 3, "se')
    assert (await bench.verify()).ok
    again = bench.node("n1")
    await bench.keep(2, again)
    assert await again.sign_head() == 2
    report = await bench.verify()
    assert (report.ok, report.heads_checked, report.unsigned) == (True, 2, 0)


async def test_a_crash_between_file_and_database_leaves_no_false_alarm(bench, monkeypatch):
    await bench.keep(2)

    async def crash(unit):
        raise UnavailableProblem("gone")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "write_beside", crash)
        with pytest.raises(UnavailableProblem):
            await bench.evidence.sign_head()
    assert (await bench.verify()).ok
    again = bench.node("n1")
    await bench.keep(1, again)
    await again.sign_head()
    assert (await bench.verify()).ok


async def test_verifying_beside_a_running_gateway_raises_no_false_alarm(both):
    stop = asyncio.Event()

    async def work():
        while not stop.is_set():
            await both.keep(3)
            await both.evidence.sign_head()

    task = asyncio.create_task(work())
    reports = [await both.verify()]
    async with asyncio.timeout(30):
        while reports[-1].ok and reports[-1].exchanges < 60:
            reports.append(await both.verify())
    stop.set()
    await task
    assert [report.first_problem for report in reports if not report.ok] == []


async def test_exchanges_kept_in_units_have_their_dictionary_soon(bench, raw):
    await bench.evidence.start()
    await bench.store.write(lambda conn: bench.evidence.append(conn, raw))
    async with asyncio.timeout(30):
        while not await bench.store.read(lambda conn: conn.execute(select(exchange_dictionary)).all()):
            await asyncio.sleep(0.01)
    await bench.evidence.close()

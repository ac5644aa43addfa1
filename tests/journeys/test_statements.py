"""How much the database is asked for by the work of every day: counted, so that it does not grow unseen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from gateway.foundation.store.prepared import Plan

ISSUE, CANCEL = 29, 27
"""Statements of one request, evidence, events and the answer's view included; on PostgreSQL a cancel takes its turn."""


PUMPS = ("operation.due_at", "channel_condition", "webhook_delivery", "'gateway node '")

OURS = ("payment", "decision", "idempotency", "operation", "event", "collecting_unit", "refund", "disclosure")


class Asked:
    """What the database was asked for: ``written`` by the units, ``read`` beside them; ``commits``."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.read: list[str] = []
        self.made_anew: list[str] = []
        self.commits = 0
        self.open = False


@contextmanager
def asked(store: Any) -> Iterator[Asked]:
    """Everything that is asked meanwhile, but for what pumps and sweeps look at by themselves."""
    seen = Asked()

    def note(_conn: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        if statement.startswith("BEGIN") or any(table in statement for table in PUMPS):
            return
        writing = _conn.engine is store._writing
        seen.open = seen.open or writing
        (seen.written if writing else seen.read).append(statement)
        if not isinstance(context, Plan):
            seen.made_anew.append(statement)

    def committed(_conn: Any) -> None:
        seen.commits += seen.open
        seen.open = False

    for engine in (store._writing, store._reading):
        event.listen(engine, "before_cursor_execute", note)
    event.listen(store._writing, "commit", committed)
    yield seen
    event.remove(store._writing, "commit", committed)
    for engine in (store._writing, store._reading):
        event.remove(engine, "before_cursor_execute", note)


async def test_a_payment_is_two_units_and_no_read_beside_them(any_site) -> None:
    store = any_site.app.base.store
    numbers = [await any_site.decide(f"望市监罚决字〔2026〕第{number}号") for number in range(60, 64)]
    for number in numbers[:-1]:
        made = await any_site.post("/v1/payments", any_site.demand(number))
        assert made.status_code == 201, made.text
        assert (await any_site.post(f"/v1/payments/{made.json()['id']}/cancel", {"reason": "误开"})).status_code == 200
    await any_site.app.base.evidence.flush()  # the first exchange of a kind becomes the dictionary of the others
    with asked(store) as issuing:
        made = await any_site.post("/v1/payments", any_site.demand(numbers[-1]))
    assert made.status_code == 201
    with asked(store) as cancelling:
        ended = await any_site.post(f"/v1/payments/{made.json()['id']}/cancel", {"reason": "误开"})
    assert (ended.status_code, ended.json()["status"]) == (200, "CANCELLED")
    for seen, most in ((issuing, ISSUE), (cancelling, CANCEL)):
        told = "\n".join(one.replace("\n", " ")[:150] for one in seen.written)
        assert seen.commits == 2, told
        assert len(seen.written) <= most, told
        assert beside(seen) == []
    assert issuing.made_anew == []


@pytest.mark.both_databases
async def test_openings_that_share_a_commit_send_their_inserts_together(any_site) -> None:
    store, count = any_site.app.base.store, 6
    numbers = [await any_site.decide(f"望市监罚决字〔2026〕第{number}号") for number in range(60, 63 + count)]
    for number in numbers[:-count]:
        assert (await any_site.post("/v1/payments", any_site.demand(number))).status_code == 201
    begun, go = threading.Event(), threading.Event()
    busy = asyncio.create_task(store.write(lambda _conn: (begun.set(), go.wait(60))))
    await asyncio.to_thread(begun.wait, 60)
    asking = [asyncio.create_task(any_site.post("/v1/payments", any_site.demand(one))) for one in numbers[-count:]]
    while store._writer.waiting < count:
        await asyncio.sleep(0.01)
    with asked(store) as seen:
        go.set()
        made = await asyncio.gather(*asking)
    await busy
    assert [one.status_code for one in made] == [201] * count
    for table in ("operation", "payment_code"):
        sent = [one for one in seen.written if one.startswith(f"INSERT INTO {table} ")]
        assert 1 <= len(sent) <= 2, sent  # two where a pump looked at operations in between


def beside(seen: Asked) -> list[str]:
    """What was read of our own records outside the units of work."""
    return [one for one in seen.read if any(table in one for table in OURS)]


async def test_what_people_do_with_a_refund_reads_nothing_beside_its_units(any_site) -> None:
    site, store = any_site, any_site.app.base.store
    payment = await site.paid()
    await site.app.base.evidence.flush()
    proposal = {"reason": "wrong_payment", "explanation": "误缴", "officer": "陈立 33010001"}
    with asked(store) as proposing:
        refund = (await site.post(f"/v1/payments/{payment['id']}/refunds", proposal)).json()
    path = f"/v1/refunds/{refund['id']}"
    with asked(store) as naming:
        payee = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行"}
        named = await site.http.put(f"{path}/payee", json=payee)
    assert named.json()["payee"]["name"] == "罗**", named.text
    with asked(store) as adding:
        paper = {"kind": "opinion_letter", "reference": "望市监退〔2026〕3号", "digest": "00" * 32}
        added = await site.post(f"{path}/documents", paper)
    assert len(added.json()["documents"]) == 1, added.text
    with asked(store) as inquiring:
        assert (await site.http.post(f"{path}/inquiry")).status_code == 202
    for seen in (proposing, naming, adding, inquiring):
        assert (seen.commits, beside(seen)) == (1, [])


async def test_what_is_done_with_a_disclosure_reads_nothing_beside_its_units(any_site) -> None:
    site, store = any_site, any_site.app.base.store
    number = await site.decide()
    with asked(store) as publishing:
        answer = await site.post("/v1/disclosures", {**site.demand(number), "targets": ["creditchina"]})
    (made,) = answer.json()
    path = f"/v1/disclosures/{made['id']}"
    await site.until(path, lambda now: now["status"] == "PUBLISHED" and now["under_way"] is None)
    with asked(store) as correcting:
        refused = await site.post(f"{path}/correction", {"reason": "更正"})
    assert refused.json()["type"].endswith("nothing-to-correct"), refused.text
    with asked(store) as withdrawing:
        assert (await site.post(f"{path}/withdrawal", {"reason": "撤回"})).json()["under_way"] == "withdraw"
    for seen in (publishing, correcting, withdrawing):
        assert beside(seen) == []


async def test_a_callback_is_one_unit(any_site) -> None:
    site, store = any_site, any_site.app.base.store
    await site.paid()
    payment = await site.issued(await site.decide("望市监罚决字〔2026〕第2号"))
    await site.app.base.evidence.flush()
    with asked(store) as applying:
        await site.pay(payment["code"])
        assert not await site.simulators.flush_callbacks("nontax")
    assert (applying.commits, beside(applying)) == (1, [])
    assert (await site.get(f"/v1/payments/{payment['id']}"))["status"] == "PAID"

"""Duties of the clock in an assembled gateway: what was missed is caught up, and what is old enough is forgotten."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import partial

from sqlalchemy import select, update

from gateway.foundation.delivery.tables import (
    schedule_run,
)
from gateway.foundation.evidence import verify
from gateway.foundation.evidence.tables import exchange
from gateway.words.clock import SHANGHAI, SystemClock, day_of, to_micros

STATEMENTS, RETENTION, CHECK = "statements of the day before", "retention of evidence", "evidence check"


async def test_after_days_of_silence_every_days_statement_is_fetched_once(tmp_path, simulators, sqlite_url, make_site):
    today = day_of(SystemClock().now())
    last = datetime.combine(today - timedelta(days=4), time(6, 30), SHANGHAI)
    with make_site(tmp_path, simulators, sqlite_url) as site:
        async with site.running():
            await site.app.base.store.write(
                lambda conn: (
                    conn.execute(
                        schedule_run.insert(),
                        {"name": STATEMENTS, "slot_at": to_micros(last), "node": "n", "ran_at": 1, "done_at": 1},
                    ).rowcount
                )
            )
        async with site.running():
            now = SystemClock().now().astimezone(SHANGHAI)
            slots = 3 + (now.time() >= time(6, 30))
            wanted = [str((last + timedelta(days=1 + number)).date() - timedelta(days=1)) for number in range(slots)]
            page = await site.until("/v1/reconciliations?limit=50", lambda page: len(page["items"]) >= slots)
            assert sorted(one["day"] for one in page["items"]) == wanted
        async with site.running():
            assert len((await site.get("/v1/reconciliations?limit=50"))["items"]) == slots


async def test_exact_bytes_are_shredded_at_their_age_and_everything_can_still_be_proved(
    tmp_path, simulators, sqlite_url, make_site
):
    with make_site(tmp_path, simulators, sqlite_url) as site:
        async with site.running():
            payment = await site.issued()
            (operation,) = (await site.get(f"/v1/operations?subject={payment['id']}"))["items"]
            exchange = (await site.get(f"/v1/operations/{operation['id']}"))["attempts"][0]["exchanges"][0]
            assert not [name for name in site.app.base.schedules.names if name == RETENTION]  # nobody said how long
        block = site.settings.evidence.model_copy(update={"keep_days": 30})
        site.settings = site.settings.model_copy(update={"evidence": block})
        async with site.running():
            slot, base = site.clock.now(), site.app.base
            assert await base.schedules.run(RETENTION, slot + timedelta(days=1))
            assert (await base.store.read(partial(verify, verifier=base.evidence.verifier()))).shredded == 0
            site.clock.jump(timedelta(days=31))
            assert await base.schedules.run(RETENTION, slot + timedelta(days=31))
            assert not await base.schedules.run(RETENTION, slot + timedelta(days=31))  # this slot was done
            report = await base.store.read(partial(verify, verifier=base.evidence.verifier()))
            assert (report.ok, report.shredded) == (True, report.exchanges - 1), report  # not the record of just that
            assert "CreateBill" in (await site.get(f"/v1/evidence/{exchange}"))["request"]
            opened = await base.store.read(lambda conn: base.evidence.open(conn, exchange))
            assert opened.exact is None


async def test_each_night_verifies_what_is_new_and_readiness_says_what_was_found(site):
    base, heads = site.app.base, site.settings.evidence.heads
    await site.issued()
    await base.evidence.sign_head()
    slot = site.clock.now()
    assert await base.schedules.run(CHECK, slot)
    assert len((heads / "checkpoints").read_text().splitlines()) == 1
    assert (await site.app.readiness())[1] == []
    await site.issued(await site.decide("望市监罚决字〔2026〕第2号"))
    newest = select(exchange.c.id).order_by(exchange.c.seq.desc()).limit(1).scalar_subquery()
    await base.store.write(
        lambda conn: conn.execute(update(exchange).where(exchange.c.id == newest).values(outcome="x")).rowcount
    )
    assert await base.schedules.run(CHECK, slot + timedelta(days=1))
    assert "NOT as kept" in str((await site.app.readiness())[1])
    assert len((heads / "checkpoints").read_text().splitlines()) == 1

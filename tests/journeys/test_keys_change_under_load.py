"""Every key of the gateway is changed while case systems and payers work: nobody is refused, nothing is unreadable."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from sqlalchemy import select

from gateway.foundation.crypto.keys import INDEX_KEY, number_of
from gateway.foundation.evidence import verify
from gateway.foundation.rotation.places import SEALED
from gateway.foundation.store.all_tables import all_tables
from gateway.rooms.payments.tables import payment


@pytest.mark.nightly
async def test_every_key_is_changed_under_load_and_nobody_notices(any_site):
    rotation, numbers = any_site.app.base.rotation, itertools.count(100)
    rotation._beat, rotation._grace = 0.05, 300_000
    first = await any_site.issued()
    any_site.app.base.keys.sign("report", b"a month")
    answered: list[int] = []
    stop = asyncio.Event()

    async def case_system() -> None:
        while not stop.is_set():
            number, key = f"望市监罚决字〔2026〕第{next(numbers)}号", f"key-{next(numbers)}"
            await any_site.decide(number)
            asks = [await any_site.post("/v1/payments", any_site.demand(number), key) for _ in range(2)]
            answered.extend(one.status_code for one in asks)
            assert asks[0].json()["id"] == asks[1].json()["id"], "a repeat under its key, across a change of keys"

    async def payer() -> None:
        page = first["payer_page"]
        async with any_site.client(None) as http:
            while not stop.is_set():
                answered.append((await http.get(page)).status_code)
                await asyncio.sleep(0.02)

    working = [asyncio.create_task(case_system()), asyncio.create_task(payer())]
    names = sorted(any_site.app.base.keys.held())
    assert {"kek", "blind-index", "evidence-mac", "evidence-head", "report"} <= set(names)
    for name in names:
        await rotation.rotate(name, "张管理")
    async with asyncio.timeout(60):
        while (
            any(
                one.number == 1 and one.state.value in ("made", "current", "old")
                for one in await rotation.standings()
                if one.name != "evidence-mac"
            )
            or any_site.app.base.keys.number("evidence-mac") == 1
        ):
            assert not any(one.done() for one in working), "somebody was refused"
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*working)
    assert len(answered) > 5
    assert set(answered) <= {200, 201, 202}
    await any_site.app.base.evidence.flush()
    assert await any_site.read(lambda conn: left_under_old_keys(any_site, conn)) == []
    await any_site.app.base.evidence.sign_head()
    assert (await any_site.read(lambda conn: verify(conn, any_site.app.base.evidence.verifier()))).ok


def left_under_old_keys(site, conn) -> list[str]:
    """Sealed values and indexes that are not under the current key, or do not open."""
    envelope, keys = site.app.base.envelope, site.app.base.keys
    wrong = []
    for table in all_tables().sorted_tables:
        for column in (one for one in table.c if one.name.endswith(SEALED)):
            for value in conn.execute(select(column).where(column.is_not(None))).scalars():
                if envelope.key_id(bytes(value)) != keys.current() or not envelope.has_key_of(bytes(value)):
                    wrong.append(f"{table.name}.{column.name}")
    indexes = conn.execute(select(payment.c.token_index)).scalars()
    return wrong + ["payment" for one in indexes if number_of(bytes(one)) != keys.number(INDEX_KEY)]

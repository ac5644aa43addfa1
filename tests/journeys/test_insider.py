"""What somebody inside changes behind the evidence is found, and named: rows, events, bodies, heads, whole copies."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from refund_steps import LETTER, VOUCHER, colleagues, confirm, finance, paid_twice, propose

from gateway.rooms.evidence.commands import audited, evidence_of
from gateway.terminal.output import Session


async def story(site, ids: dict[str, str]) -> None:
    """A payment that waits, one that was voided, one paid twice of which a half goes back, and a publication."""
    twice = await paid_twice(site)
    refund = (await propose(site, twice, "paid_twice", LETTER, VOUCHER)).json()
    async with colleagues(site) as (first, second):
        await confirm(first, refund)
        await confirm(second, refund)
    await finance(site, refund, "approved")
    await finance(site, refund, "refunded")
    waits = await site.issued(await site.decide("望市监罚决字〔2026〕第2号"))
    void = await site.issued(await site.decide("望市监罚决字〔2026〕第3号"))
    await site.post(f"/v1/payments/{void['id']}/cancel", {"reason": "决定书文号有误"})
    await site.reaches(void, "CANCELLED")
    answer = await site.post("/v1/disclosures", site.demand("望市监罚决字〔2026〕第2号"))
    for one in answer.json():
        await site.until(f"/v1/disclosures/{one['id']}", lambda now: now["status"] == "PUBLISHED")
    ids.update(twice=twice["id"], waits=waits["id"], void=void["id"], refund=refund["id"], shown=answer.json()[0]["id"])


@pytest.fixture(scope="module")
def kept(tmp_path_factory, simulation_process, _migrated_sqlite, open_site) -> tuple[Path, dict[str, str]]:
    """The folder of an installation after the story, stopped, its heads signed; and the ids in it."""
    simulation_process.reset()
    folder = tmp_path_factory.mktemp("kept")
    ids: dict[str, str] = {}
    shutil.copyfile(_migrated_sqlite, folder / "gateway.db")

    async def run() -> None:
        async with open_site(folder, simulation_process, f"sqlite:///{folder}/gateway.db") as site:
            await story(site, ids)

    asyncio.run(run())
    return folder, ids


class Copy:
    """A copy of the installation that an insider works on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = Session(folder / "gateway.toml")

    def run(self, *statements: str, **values: Any) -> None:
        with closing(sqlite3.connect(self.folder / "gateway.db")) as conn, conn:
            for statement in statements:
                conn.execute(statement, values)

    def verified(self) -> Any:
        return self.session.read(evidence_of(self.session).verify)

    def wrong(self) -> dict[str, set[str]]:
        """What the audit says, by what it names."""
        found: dict[str, set[str]] = {}
        for one in audited(self.session)[1]:
            found.setdefault(one.subject, set()).add(one.said.id)
        return found


@pytest.fixture
def copy(kept, tmp_path) -> Copy:
    folder = tmp_path / "copy"
    shutil.copytree(kept[0], folder)
    file = folder / "gateway.toml"
    file.write_text(file.read_text().replace(str(kept[0]), str(folder)))
    return Copy(folder)


def test_what_nobody_touched_is_as_evidence_says(copy):
    assert copy.verified().ok
    made, wrong = audited(copy.session)
    assert wrong == []
    assert (made.unread, made.unproven) == (0, 0)
    assert made.checked > 15


_ROWS = {
    "a bill is made paid": ("update payment set status = 'PAID', paid_amount = amount where id = :waits",
                            "waits", {"books.state", "books.paid_by_nothing", "books.paid_told"}),
    "a voided bill is live again": ("update payment set status = 'ISSUED' where id = :void", "void", {"books.state"}),
    "a bill asks for less": ("update payment set amount = 1 where id = :waits",
                             "waits", {"books.lines", "books.amount"}),
    "a code is swapped": ("update payment_code set code = '99010226999999999999' where payment_id = :waits",
                          "waits", {"books.code"}),
    "money is made less": ("update collection set amount = 100 where payment_id = :twice and bank_serial = 'COUNTER1'",
                           "twice", {"books.money", "books.paid_by_nothing"}),
    "money is taken out of the books": (
        "delete from collection where payment_id = :twice and bank_serial = 'COUNTER1'",
        "twice", {"books.money_gone", "books.paid_by_nothing"}),
    "money that nobody told of": (
        "insert into collection select 'col_x', channel, code, 'FORGED', amount, paid_at, pay_mode, null, source, "
        "payment_id, received_at from collection where bank_serial = 'COUNTER1'",
        "twice", {"books.money_unproven"}),
    "an event is deleted": ("delete from event where subject = :twice and type = 'payment.paid'",
                            "twice", {"books.state", "books.paid_told"}),
    "an event tells another sum": (
        "update event set data = json_set(data, '$.amount', '1.00') where subject = :twice and type = 'payment.paid'",
        "twice", {"books.paid_told"}),
    "a refund is of more": ("update refund set amount = amount + 1 where id = :refund", "refund", {"books.amount"}),
    "a refund is of another state": ("update refund set status = 'APPROVED' where id = :refund",
                                     "refund", {"books.state"}),
    "a publication is withdrawn": ("update disclosure set status = 'WITHDRAWN' where id = :shown",
                                   "shown", {"books.state"}),
    "the public reads it elsewhere": ("update disclosure set url = 'http://x' where id = :shown",
                                      "shown", {"books.nobody_said"}),
}  # fmt: skip


@pytest.mark.parametrize("change", _ROWS)
def test_a_row_changed_behind_the_evidence_is_named(copy, kept, change):
    statement, whose, reasons = _ROWS[change]
    copy.run("pragma foreign_keys = off", statement.replace(f":{whose}", f"'{kept[1][whose]}'"))
    assert copy.verified().ok, "the evidence itself is untouched"
    assert reasons <= copy.wrong()[kept[1][whose]]

"""What somebody inside changes behind the evidence is found, and named: rows, events, bodies, heads, whole copies."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from refund_steps import LETTER, VOUCHER, colleagues, confirm, finance, paid_twice, propose
from sqlalchemy import Connection, select, update

from gateway.foundation.evidence.second import last_lines
from gateway.rooms.evidence.commands import audited
from gateway.rooms.evidence.verifying import Wanted, verified
from gateway.rooms.payments.tables import collection, payment_code
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.rooms.reconciliation.tables import statement
from gateway.terminal.output import Session
from gateway.words.clock import SystemClock, day_of


async def story(site, ids: dict[str, str]) -> None:
    """A payment that waits, one that was voided, one paid twice of which a half goes back, and a publication."""
    yesterday = day_of(SystemClock().now()) - timedelta(days=1)
    await site.travel(f"{yesterday} 09:00")
    lost = await site.issued(await site.decide("望市监罚决字〔2026〕第4号"))
    site.fault("callback_lost", "PaymentConfirm")
    await site.pay(lost["code"])
    run = await site.post("/v1/reconciliations", {"channel": "nontax", "day": str(yesterday)})
    assert run.json().get("healed") == 1, run.text
    await early(site)
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
    await others(site, ids)
    ids.update(lost=lost["id"], statement=await site.read(_statement))
    ids.update(twice=twice["id"], waits=waits["id"], void=void["id"], refund=refund["id"], shown=answer.json()[0]["id"])


async def others(site, ids: dict[str, str]) -> None:
    """A sealed document, a paid bill with its receipt, cash that was handed in, and money on a code of nobody's."""
    number = await site.decide("望市监罚决字〔2026〕第5号")
    key = {"Idempotency-Key": "seal"}
    asked = await site.http.post("/v1/sealed-documents", json=site.to_seal(number), headers=key, timeout=60)
    document = asked.json()
    await site.until(f"/v1/sealed-documents/{document['id']}", lambda now: now["status"] == "SEALED")
    paid = await site.issued(number)
    await site.pay(paid["code"])
    await site.reaches(paid, "PAID")
    await site.post(f"/v1/payments/{paid['id']}/receipt", None)
    await site.until(f"/v1/payments/{paid['id']}/receipt", lambda now: now["status"] == "ISSUED")
    today = str(day_of(site.clock.now()))
    small = {"fine": "60.00", "confiscated": None, "penalty_kinds": ["罚款"], "decided_on": today}
    taken = {"amount": "60.00", "ground": "small", "receipt_number": "R-1", "officer": "执法员乙", "taken_on": today}
    decision = await site.decide("望市监罚决字〔2026〕第7号", procedure="simple", **small)
    answer = await site.post("/v1/cash", site.demand(decision, **taken))
    assert answer.status_code == 201, answer.text
    cash = answer.json()
    await site.post(f"/v1/cash/{cash['id']}/hand-in", {"on": today})
    stray = await site.issued(await site.decide("望市监罚决字〔2026〕第6号"))

    def called(conn: Connection, old: str, new: str) -> None:
        conn.execute(update(payment_code).where(payment_code.c.code == old).values(code=new))

    await site.app.base.store.write(lambda conn: called(conn, stray["code"], "9" * 20))
    await site.pay(stray["code"], serial="STRAY1")
    async with asyncio.timeout(20):
        while not await site.read(lambda conn: conn.execute(_STRAY).first()):
            await asyncio.sleep(0.05)
    await site.app.base.store.write(lambda conn: called(conn, "9" * 20, stray["code"]))
    receipt = await site.read(lambda conn: conn.execute(select(fiscal_receipt.c.id)).scalar_one())
    ids.update(sealed=document["id"], receipt=receipt, cash=cash["id"], stray=f"{stray['code']}:STRAY1")


_STRAY = select(collection.c.id).where(collection.c.bank_serial == "STRAY1")


async def early(site) -> None:
    """A copy of database and heads as they are now: what an insider would like to go back to."""
    await site.app.base.evidence.flush()
    await site.app.base.evidence.sign_head()
    folder = site.settings_file.parent
    with closing(sqlite3.connect(folder / "gateway.db")) as now, closing(sqlite3.connect(folder / "early.db")) as then:
        now.backup(then)
    shutil.copytree(folder / "evidence-heads", folder / "early-heads")
    shutil.copytree(folder / "second", folder / "early-second")


def _statement(conn: Connection) -> str:
    return str(conn.execute(select(statement.c.id)).scalar_one())


@pytest.fixture(scope="module")
def kept(tmp_path_factory, simulation_process, _migrated_sqlite, make_site) -> tuple[Path, dict[str, str]]:
    """The folder of an installation after the story, stopped, its heads signed; and the ids in it."""
    simulation_process.reset()
    folder = tmp_path_factory.mktemp("kept")
    ids: dict[str, str] = {}
    shutil.copy(_migrated_sqlite, folder / "gateway.db")

    async def run() -> None:
        second = f'{IMPATIENT}\n[evidence]\nsecond = "{folder}/second"\n'
        with make_site(folder, simulation_process, f"sqlite:///{folder}/gateway.db", second) as site:
            async with site.running():
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

    def go_back(self, *folders: str) -> None:
        """Put the early copy of the database, and of these folders, in the place of the present one."""
        for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.copyfile(self.folder / "early.db", self.folder / "gateway.db")
        (self.folder / "gateway.db").chmod(0o600)
        for name, early in (("evidence-heads", "early-heads"), ("second", "early-second")):
            if name in folders:
                shutil.rmtree(self.folder / name)
                shutil.copytree(self.folder / early, self.folder / name)

    def verified(self, **wanted: Any) -> Any:
        return verified(self.session, Wanted(**wanted), lambda _done, _total: None)[0]

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


IMPATIENT = """
[delivery]
ask_after = 0.05
first = 0.05
longest = 0.2
"""
_LAST = "(select id from exchange order by seq desc limit 1)"
_EVIDENCE = {
    "an exchange is told otherwise": ("altered", "update exchange set outcome = 'x' where seq = 5"),
    "exact bytes vanish": ("altered", "update exchange_body set exact_sealed = null, shredded_by = 'xch_1' where "
                           "exchange_id = (select id from exchange where seq = 5)"),
    "exact bytes are those of another": (
        "altered", "update exchange_body set exact_sealed = (select exact_sealed from exchange_body limit 1) "
        "where exchange_id = (select id from exchange where seq = 5)"),
    "an exchange is taken out": ("missing", "delete from exchange_body where exchange_id = (select id from exchange "
                                 "where seq = 5)", "delete from exchange where seq = 5"),
    "the end of the chain is cut": (
        "truncated", f"delete from exchange_body where exchange_id = {_LAST}",
        f"delete from exchange where id = {_LAST}",
        "update chain_head set seq = (select max(seq) from exchange), chain = (select chain from exchange "
        "order by seq desc limit 1)"),
}  # fmt: skip


@pytest.mark.parametrize("change", _EVIDENCE)
@pytest.mark.cases_by_day(2)
def test_evidence_that_was_changed_is_named(copy, change):
    what, *statements = _EVIDENCE[change]
    copy.run("pragma foreign_keys = off", *statements)
    assert copy.verified().first_problem.what == what


def test_signed_heads_that_were_cut_are_named(copy):
    (file,) = (copy.folder / "evidence-heads").glob("*.jsonl")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert copy.verified().first_problem.what in ("rolled back", "heads")


def test_a_whole_copy_rolled_back_is_found_by_the_second_place(copy):
    """Database, heads and keys of an earlier hour fit each other; what was signed since stands elsewhere."""
    copy.go_back("evidence-heads")
    assert copy.verified().first_problem.what == "rolled back"


def test_a_whole_copy_rolled_back_with_its_second_place_is_found_by_who_else_kept_heads(copy):
    """Nothing that is here tells it: the one change of an insider that cannot be found without somebody else."""
    seen = copy.folder.parent / "seen.jsonl"
    seen.write_text("".join(json.dumps(asdict(one)) + "\n" for one in last_lines(copy.folder / "evidence-heads")))
    assert copy.verified(seen=seen).ok
    copy.go_back("evidence-heads", "second")
    assert copy.verified().ok
    assert copy.verified(seen=seen).first_problem.what == "rolled back"


def test_a_verification_begins_at_the_last_one_and_several_processes_find_the_same(copy):
    every = copy.verified()
    since = copy.verified(since=True)
    assert (since.ok, since.exchanges, since.heads_checked) == (True, every.unsigned, 0)
    assert copy.verified(jobs=2) == every
    copy.run("update exchange set outcome = 'x' where seq = 5")
    assert copy.verified(since=True).ok, "what was found good is not looked at again"
    assert copy.verified(jobs=2).first_problem.seq == 5
    checkpoints = copy.folder / "evidence-heads" / "checkpoints"
    checkpoints.write_text(checkpoints.read_text().replace('"at": "2', '"at": "3'))
    assert copy.verified(since=True).first_problem.what == "heads"


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
    "money that only a made-up statement line tells of": (
        "update collection set source = 'statement', amount = 100 where payment_id = :twice and bank_serial like 'W%'",
        "twice", {"books.money"}),
    "a line of a statement": ("update statement_line set amount = 1 where statement_id = :statement",
                              "statement", {"books.statement_lines"}),
    "an event is deleted": ("delete from event where subject = :twice and type = 'payment.paid'",
                            "twice", {"books.state", "books.paid_told"}),
    "an event tells another sum": (
        "update event set data = json_set(data, '$.amount', '1.00') where subject = :twice and type = 'payment.paid'",
        "twice", {"books.paid_told"}),
    "a refund is of more": ("update refund set amount = amount + 1 where id = :refund", "refund", {"books.amount"}),
    "a refund is of another state": ("update refund set status = 'APPROVED' where id = :refund",
                                     "refund", {"books.state"}),
    "cash is still with the officer": ("update cash_taken set status = 'TAKEN' where id = :cash",
                                       "cash", {"books.state"}),
    "less cash was taken": ("update cash_taken set amount = 100 where id = :cash", "cash", {"books.event_amount"}),
    "a receipt has another number": ("update fiscal_receipt set receipt_number = '9999999998' where id = :receipt",
                                     "receipt", {"books.other_answer"}),
    "a receipt was reversed": ("update fiscal_receipt set status = 'REVERSED', red_code = '1', red_number = '2', "
                               "red_by = 'x', red_at = 1 where id = :receipt", "receipt", {"books.state"}),
    "a receipt is taken out": ("delete from fiscal_receipt where id = :receipt", "receipt", {"books.gone"}),
    "a document has another signature": ("update sealed_document set signature = x'00' where id = :sealed",
                                         "sealed", {"books.other_answer"}),
    "another file was sealed": ("update sealed_document set digest = x'00' where id = :sealed",
                                "sealed", {"books.other_digest"}),
    "a sealing is voided": ("update sealed_document set status = 'VOIDED' where id = :sealed",
                            "sealed", {"books.state", "books.nobody_said"}),
    "money that no bill has is taken out of the books": ("delete from collection where bank_serial = 'STRAY1'",
                                                         "stray", {"books.money_gone"}),
    "a publication is withdrawn": ("update disclosure set status = 'WITHDRAWN' where id = :shown",
                                   "shown", {"books.state"}),
    "the public reads it elsewhere": ("update disclosure set url = 'http://x' where id = :shown",
                                      "shown", {"books.nobody_said"}),
}  # fmt: skip


@pytest.mark.parametrize("change", _ROWS)
@pytest.mark.cases_by_day(6)
def test_a_row_changed_behind_the_evidence_is_named(copy, kept, change):
    statement, whose, reasons = _ROWS[change]
    copy.run("pragma foreign_keys = off", statement.replace(f":{whose}", f"'{kept[1][whose]}'"))
    assert copy.verified().ok, "the evidence itself is untouched"
    assert reasons <= copy.wrong()[kept[1][whose]]

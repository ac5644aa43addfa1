"""The reconciler's day at a terminal, beside a gateway that runs: match, look, explain, report, close, reopen."""

from __future__ import annotations

import asyncio
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from gateway.cli import app
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.reconciliation import Reconciliation
from gateway.words.clock import day_of
from simulators import exchanges as recorded
from simulators import systems
from simulators.shadow import Shadow

STRAY = "99010226309999999901"


async def gateway(site, *words: str) -> Result:
    """One command with the site's settings, in a thread as another process would run."""
    arguments = ["--settings", str(site.settings_file), *words]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def key_of(site, login: str, name: str, folder: Path) -> str:
    """A file with this operator's key."""
    made = await site.app.base.access.create_operator(login, name, "operator", "long enough a password")
    file = folder / f"{login}.key"
    file.write_text((await site.app.base.access.issue_operator_key(made.id, label="journey")).token)
    return str(file)


async def test_a_day_is_matched_explained_and_reported_while_the_gateway_runs(site, tmp_path):
    payment = await site.paid()
    await site.pay(payment["code"], force=True)
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    day = day_of(site.clock.now())
    site.simulators.faults({"system": "nontax", "kind": "statement_extra", "key": f"{day:%Y%m%d}", "code": STRAY})
    done = await gateway(site, "reconcile", "--day", str(day))  # the running gateway does it, asked over its socket
    assert done.exit_code == 1, done.stderr
    for words in ("重复缴款", "待查收入", STRAY, "Why: gateway reconcile explain BREAK"):
        assert words in done.stdout, words
    listed = json.loads((await gateway(site, "reconcile", "breaks", "--json")).stdout)["breaks"]
    twice = next(one for one in listed if one["kind"] == "paid_twice")
    assert (twice["age_days"], twice["assignee"], twice["ours"]) == (0, None, "5036.50")
    told = (await gateway(site, "reconcile", "explain", twice["id"])).stdout
    for words in ("One fine was paid twice", "Refund what was paid too much", "through their notice", "(paid_twice)"):
        assert words in told, words
    exchanges = json.loads((await gateway(site, "reconcile", "explain", twice["id"], "--json")).stdout)["exchanges"]
    asked = [json.loads((await gateway(site, "evidence", "show", one, "--json")).stdout) for one in exchanges]
    assert any("Statement" in str(one) for one in asked)  # what the break rests on can be shown

    # The same exchanges, exported redacted, are held against the simulated platform; one change of it is found alone.
    exported = recorded.read((await gateway(site, "evidence", "export", "nontax")).stdout.splitlines())
    bills = [one for one in exported if "CreateBill" in one.request]
    assert bills
    assert [one.document() for one in await Shadow(systems.load(["nontax"]), {}).compare(exported)] == []
    changed = [replace(one, response=one.response.replace("PayStats>", "PayState>")) for one in exported]
    drift = await Shadow(systems.load(["nontax"]), {}).compare(changed)
    assert {(one.kind, one.path.rsplit(".", 1)[1]) for one in drift} == {("missing", "PayStats"), ("added", "PayState")}

    report = (await gateway(site, "reconcile", "report", "day", str(day))).stdout
    for words in (payment["code"], "待查收入", "合计", "缴款明细"):
        assert words in report, words
    book, csv = tmp_path / "day.xlsx", tmp_path / "day.csv"
    said = await gateway(site, "reconcile", "report", "day", str(day), "--out", str(book))
    assert sm3(book.read_bytes()).hex() in said.stdout
    assert zipfile.ZipFile(book).testzip() is None
    await gateway(site, "reconcile", "report", "day", str(day), "--out", str(csv))
    assert {one.name for one in tmp_path.glob("day*.csv")} == {"day.csv", "day-差错明细.csv", "day-缴款明细.csv"}
    shown = (await gateway(site, "payments", "show", payment["code"])).stdout
    assert "paid_twice" in shown
    assert (await gateway(site, "reconcile", "explain", "brk_none")).exit_code == 4


async def test_a_month_is_closed_and_opened_again_by_two_at_their_terminals(site, tmp_path):
    await site.travel("2026-09-16 10:00")
    await site.paid()
    await site.travel("2026-10-01 08:00")
    first, second = await key_of(site, "gao", "高远", tmp_path), await key_of(site, "lin", "林溪", tmp_path)

    async def said(*words: str) -> Any:
        return await gateway(site, "reconcile", *words)

    nobody = await said("close", "2026-09")
    assert (nobody.exit_code, "say who you are" in nobody.stderr) == (4, True)
    early = await said("close", "2026-09", "--key-file", first)
    assert (early.exit_code, "not reconciled: 2026-09-16" in early.stderr) == (4, True)
    file = tmp_path / "empty.txt"
    file.write_bytes("合计|0|0.00\n".encode("gbk"))
    for day in range(1, 31):
        await site.app.get(Reconciliation).run("nontax", date(2026, 9, day), by="schedule")
    handed = await said(
        "--day", "2026-09-19", "--channel", "nontax", "--file", str(file), "--profile", "bank", "--key-file", first
    )
    assert handed.exit_code == 1  # the bank has had its days, and not the money
    assert "短款" in handed.stdout
    closed = await said("close", "2026-09", "--key-file", first)
    assert closed.exit_code == 0, closed.stderr
    assert "closed and frozen" in closed.stdout
    assert "adjusted balance 5036.50 yuan, 0 items outstanding" in closed.stdout
    assert "已月结 高远" in (await said("report", "balance", "2026-09")).stdout
    assert (await said("reopen", "2026-09", "--key-file", second)).exit_code == 4  # neither reason nor confirmation
    early = await said("reopen", "2026-09", "--confirm", "--key-file", second)
    assert (early.exit_code, "not waiting to be reopened" in early.stderr) == (4, True)
    asked = await said("reopen", "2026-09", "--reason", "银行更正", "--key-file", first)
    assert "waits for a second person" in asked.stdout, asked.stderr
    blind = await said("reopen", "2026-09", "--confirm", "--key-file", second)
    assert (blind.exit_code, "say what you have seen" in blind.stderr) == (4, True)
    seen = blind.stderr.partition("--seen ")[2].split()[0]
    alone = await said("reopen", "2026-09", "--confirm", "--seen", seen, "--key-file", first)
    assert (alone.exit_code, "somebody else" in alone.stderr) == (4, True)
    opened = await said("reopen", "2026-09", "--confirm", "--seen", seen, "--key-file", second)
    assert (opened.exit_code, "open again" in opened.stdout) == (0, True)

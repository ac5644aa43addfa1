"""A working day by commands alone: each step of a person is a command with that person's key file, and no request.

Case systems, platforms and parties do their part as everywhere; the commands ask the gateway that runs.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gateway.cli import app
from gateway.words.clock import day_of

FOREIGN = "99010226309999999901"
PASSWORD = "long enough a password"
AUTHORITY = "wangchuan-scjg"
Told = dict[str, Any]


class Desk:
    """A person at a terminal with a key file of their own; the key stands in it as an editor may leave it."""

    def __init__(self, site: Any, file: Path) -> None:
        self._site, self.file = site, file

    async def say(self, *words: str, code: int = 0) -> str:
        """What a command says: results, or where it is refused, why."""
        given = ["--settings", str(self._site.settings_file), *words, "--key-file", str(self.file)]
        said = await asyncio.to_thread(CliRunner().invoke, app, given)
        assert said.exit_code == code, (words, said.output, said.exception)
        token = self.file.read_text(encoding="utf-8-sig").strip()
        assert not token or token not in said.output
        return said.stdout if code in (0, 1) else said.stderr

    async def ask(self, *words: str, code: int = 0) -> Any:
        """The same for a program."""
        return json.loads(await self.say(*words, "--json", code=code))

    async def waits(self, place: str) -> tuple[int, list[Told]]:
        """How many ``today`` counts at a place, and the records that the number before it lists; none is none."""
        waiting = (await self.ask("today"))["items"]
        for number, one in enumerate(waiting, 1):
            if one["list"] == place:
                return one["number"], (await self.ask("today", str(number)))["rows"]
        return 0, []


async def at_a_desk(site: Any, folder: Path, login: str, name: str, role: str = "supervisor") -> Desk:
    """Somebody with a key, made by the command that prints it alone."""
    await site.app.base.access.create_operator(login, name, role, PASSWORD)
    words = ["--settings", str(site.settings_file), "operators", "key", login, "--label", "walk"]
    made = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert made.exit_code == 0, made.output
    assert made.stdout.count("\n") == 1, "the token alone on stdout"
    file = folder / f"{login}.key"
    file.write_bytes(b"\xef\xbb\xbf" + made.stdout.strip().encode() + b"\r\n")
    return Desk(site, file)


async def test_a_reconcilers_morning(site, tmp_path):
    """Stories 4 and 7: paid twice, money of nobody, a lost answer; from what waits to a day that is matched."""
    await site.travel("2026-10-12 10:00")
    day = str(day_of(site.clock.now()))
    payment = await site.paid()
    await site.pay(payment["code"], force=True)
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    extra = {"system": "nontax", "kind": "statement_extra", "key": day.replace("-", ""), "code": FOREIGN}
    site.simulators.faults(extra)
    site.fault("apply_then_silence", "CreateBill", seconds=0.2)
    site.fault("answer_code", "QueryBill", times=0, code="18015")
    lost = (await site.ask_payment(await site.decide("望市监罚决字〔2026〕第7号"))).json()
    await site.until(f"/v1/operations?subject={lost['id']}&state=parked", lambda page: page["items"])
    site.simulators.clear_faults()
    site.simulators.faults(extra)
    await site.travel("2026-10-13 08:40")
    lin, gao = [await at_a_desk(site, tmp_path, *who) for who in (("lin", "林溪"), ("gao", "高远"))]

    matched = await lin.say("reconcile", "--day", day, code=1)
    assert "gateway reconcile explain" in matched
    number, breaks = await lin.waits("breaks?state=open")
    assert (number, len(breaks)) == (2, 2)
    odd = next(one["id"] for one in breaks if FOREIGN in one["cells"])
    listed = (await lin.ask("reconcile", "breaks", "--kind", "unknown_code"))["breaks"]
    assert [(one["id"], one["age_days"]) for one in listed] == [(odd, 0)]
    assert "88.00" in await lin.say("reconcile", "explain", odd)
    await lin.say("operators", "assign", odd, "--assignee", "lin")
    assert (await lin.waits("breaks?state=open&whose=mine"))[1][0]["id"] == odd
    why = ("--action", "attribute", "--reason", "当事人输错一位")
    assert "no such payment" in await lin.say("breaks", "propose", odd, *why, "--payment", "pay_none", code=4)
    made = await lin.ask("breaks", "propose", odd, *why, "--payment", payment["id"])
    assert (made["code"], made["theirs"], made["ours"]) == (FOREIGN, "88.00", None)
    word = ("breaks", "confirm", made["id"], "--seen", made["seen"])
    assert "somebody" in await lin.say(*word, code=4), "who proposed does not confirm"
    assert (await gao.waits("breaks?whose=second"))[1][0]["id"] == odd
    assert "--seen" in await gao.say(*word[:3], code=4), "a script says what it has seen"
    assert (await gao.ask(*word))["state"] == "resolved"

    number, unforeseen = await lin.waits("exceptions?state=open")
    assert number == len(unforeseen) == 2
    for one in unforeseen:
        keep = ("exceptions", "resolve", one["id"], "--way-out", "keep", "--reason", "当事人同意")
        kept = await lin.ask(*keep)
        assert kept["amount"] in ("88.00", "5036.50")
        assert (await gao.ask("exceptions", "confirm", one["id"], "--seen", kept["seen"]))["state"] == "resolved"

    _, doubt = await lin.waits("operations?state=parked")
    (operation,) = [one["id"] for one in doubt]
    sides = await lin.ask("operations", "resolution", operation)
    assert sides["known"] == {"reference": sides["reference"], "total": 503650}
    bills = (await site.simulators.aask("GET", "/state", system="nontax"))["nontax"]["bills"]
    code = next(one["code"] for one in bills.values() if one["code"] != payment["code"])
    happened = ("operations", "resolve", operation, "--happened", "--reason", "对方控制台可见")
    assert "differs from the bill's" in await lin.say(
        *happened, "--answer", f"code={code}", "--answer", "total=1", code=4
    )
    said = await lin.ask(*happened, "--answer", f"code={code}")
    assert (said["answer"]["code"], said["answer"]["total"]) == (code, 503650)
    assert (await gao.ask("operations", "confirm", operation, "--seen", said["seen"]))["applied"]
    assert (await lin.ask("payments", "show", lost["id"]))["code"] == code

    await lin.say("reconcile", "--day", day)
    left = {one["list"] for one in (await lin.ask("today"))["items"]}
    assert not left & {"breaks?state=open", "exceptions?state=open", "operations?state=parked"}
    report = tmp_path / "day.csv"
    await lin.say("reconcile", "report", "day", day, "--out", str(report))
    assert f"first={day}" in (told := report.read_text(encoding="utf-8-sig"))
    assert "导出人 by: 林溪" in told


async def test_a_payee_swapped_between_look_and_word_is_refused_with_the_difference(site, tmp_path):
    """Story 5: the money of a revoked decision goes back, to whom both have seen."""
    lin, gao = [await at_a_desk(site, tmp_path, *who) for who in (("lin", "林溪"), ("gao", "高远"))]
    number = await site.decide("望市监罚决字〔2026〕第5号")
    payment = await site.paid(number=number)
    why = ("--reason", "decision_revoked", "--explanation", "复议撤销", "--amount")
    early = await lin.say("refunds", "propose", payment["id"], *why, "5036.50", code=4)
    assert "revoked" in early
    today = str(day_of(site.clock.now()))
    revoked = ("--kind", "revoked", "--on", today, "--reason", "复议撤销")
    await lin.say("decisions", "event", AUTHORITY, number, *revoked)
    assert "yuan" in await lin.say("refunds", "propose", payment["id"], *why, "5036,5", code=4)
    refund = await lin.ask("refunds", "propose", payment["id"], *why, "5036.50")
    assert refund["amount"] == "5036.50"
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"%PDF-1")
    for kind in ("opinion_letter", "original_voucher", "legal_document"):
        await lin.say("refunds", "document", refund["id"], "--kind", kind, "--reference", kind, "--file", str(paper))
    payee = ("refunds", "payee", refund["id"], "--name", "张三", "--bank", "望川银行", "--account")
    await lin.say(*payee, "6222021001116245702")
    seen = (await gao.ask("refunds", "show", refund["id"]))["seen"]
    await lin.say(*payee, "6222021001119999999")
    word = ("refunds", "confirm", refund["id"], "--seen")
    assert "***********9999" in await gao.say(*word, seen, code=4), "what is so now"
    assert "no such refund" in await gao.say("refunds", "confirm", "rfd_none", "--seen", seen, code=4)
    await gao.say(*word, (await gao.ask("refunds", "show", refund["id"]))["seen"])
    await site.until(f"/v1/refunds/{refund['id']}", lambda now: now["status"] not in ("PROPOSED", "CONFIRMED"))


async def test_cash_from_the_ferry_is_handed_in_and_remitted(site, tmp_path):
    """Story 11: sums are typed in yuan; what is late waits at ``today`` until it is at the bank."""
    await site.travel("2026-09-16 09:00")
    he = await at_a_desk(site, tmp_path, "he", "何川", "operator")
    await site.decide("望综执当罚〔2026〕第11号", fine="200.00", confiscated=None, penalty_kinds=["罚款"])
    about = ("--authority", AUTHORITY, "--decision-number", "望综执当罚〔2026〕第11号", "--officer", "陈立 33010001")
    taken_on = ("--ground", "remote", "--on-water", "--taken-on", "2026-09-16", "--receipt-number", "0001")
    taken = await he.ask("cash", "take", *about, *taken_on, "--amount", "200.00", "--explanation", "渡船上收取")
    assert (taken["amount"], taken["status"]) == ("200.00", "TAKEN")
    assert "no such" in (await he.say("cash", "land", "csh_none", "--on", "2026-09-17", code=4)).lower()
    early = await he.say("cash", "land", taken["id"], "--on", "2026-09-17", code=4)
    assert "in the future" in early
    await site.travel("2026-09-23 09:00")
    await he.say("cash", "land", taken["id"], "--on", "2026-09-17")
    place = next(one["list"] for one in (await he.ask("today"))["items"] if (one["list"] or "").startswith("cash?"))
    assert [one["id"] for one in (await he.waits(place))[1]] == [taken["id"]]
    assert (await he.ask("cash", "hand-in", taken["id"], "--on", "2026-09-23"))["status"] == "HANDED_IN"
    await he.ask("cash", "remit", "--authority", AUTHORITY, "--cash", taken["id"])
    bill = (await he.ask("cash", "show", taken["id"]))["remittance"]
    await site.until(f"/v1/payments/{bill}", lambda now: now["status"] == "ISSUED")
    assert "200.00" in await he.say("cash", "remittance", bill)


async def test_a_wrong_day_is_corrected_and_followed(site, tmp_path):
    """What was typed wrong is said; the right day moves the last day to pay."""
    lin = await at_a_desk(site, tmp_path, "lin", "林溪")
    await site.travel("2026-09-28 09:00")
    number = await site.decide("望市监罚决字〔2026〕第71号")
    payment = await site.issued(number)
    served = ("--kind", "served", "--method", "direct", "--on")
    await lin.say("decisions", "event", AUTHORITY, number, *served, "2026-09-26")
    shown = await lin.ask("decisions", "show", AUTHORITY, number)
    assert shown["due"]["on"] == "2026-10-12"
    (event,) = [one["id"] for one in shown["events"]]
    correct = ("decisions", "correct", AUTHORITY, number, event, "--reason", "送达日误登", "--set")
    assert "2020-01-01" in await lin.say(*correct, "on=2020-01-01", code=4)
    await lin.say(*correct, "on=2026-09-16")
    assert (await lin.ask("payments", "show", payment["id"]))["due_on"] == "2026-10-08"
    assert "2026-10-08" in await lin.say("decisions", "explain", AUTHORITY, number)


async def test_a_month_is_closed_as_it_was_seen_and_opened_by_two(site, tmp_path):
    """Days before the installation are not asked for; the range is a job; each refusal names what is missing."""
    await site.travel("2026-09-29 10:00")
    await site.paid()
    await site.travel("2026-10-02 09:00")
    lin, gao = [await at_a_desk(site, tmp_path, *who) for who in (("lin", "林溪"), ("gao", "高远"))]
    assert "2026-09-29" in await lin.say("reconcile", "close", "2026-09", code=4)
    days = ("--from", "2026-09-28", "--until", "2026-09-30", "--channel", "nontax", "--reason", "补对账", "--wait")
    job = await lin.ask("jobs", "start", "reconcile", *days, code=1)  # not every row is done, and each says why
    shown = await lin.ask("jobs", "show", job["id"])
    results = {row["result"] for row in shown["rows"]}
    assert {"done", "not_applicable"} <= results, shown
    assert (await lin.waits("reconciliation?only=to-close"))[0] == 1
    closed = await lin.ask("reconcile", "close", "2026-09")
    assert (closed["state"], closed["balance"], closed["items"]) == ("closed", "5036.50", 0)
    assert "is closed" in await lin.say("reconcile", "--day", "2026-09-29", code=1)
    asked = await lin.ask("reconcile", "reopen", "2026-09", "--reason", "银行更正")
    assert (await gao.waits("reconciliation?only=second"))[0] == 1
    agree = ("reconcile", "reopen", "2026-09", "--confirm", "--seen", asked["seen"])
    await lin.say(*agree, code=4)
    assert (await gao.ask(*agree))["state"] == "reopened"


async def test_a_leaked_key_is_revoked_at_once(site, tmp_path):
    """The gateway that runs refuses it with the next command; what is no key is refused without being repeated."""
    guan = await at_a_desk(site, tmp_path, "guan", "管", "administrator")
    duan = await at_a_desk(site, tmp_path, "duan", "段", "operator")
    assert (await duan.ask("payments", "list"))["items"] == []
    owner = next(one["id"] for one in (await guan.ask("operators", "list"))["items"] if one["login"] == "duan")
    (leaked,) = (await guan.ask("keys", "list", "--owner", owner))["items"]
    assert "no key" in await guan.say("keys", "revoke", "key_none", code=4)
    await guan.say("keys", "revoke", leaked["id"])
    assert "key" in await duan.say("payments", "list", code=4)
    assert (await guan.ask("keys", "list", "--owner", owner))["items"][0]["revoked_at"] is not None
    await site.app.base.people.sign_in("duan", PASSWORD, "", "192.0.2.7")
    (session,) = (await guan.ask("operators", "sessions"))["items"]
    assert (session["login"], session["source"]) == ("duan", "192.0.2.7")
    await guan.say("operators", "end-session", session["id"])
    assert (await guan.ask("operators", "sessions"))["items"] == []
    for content in (b"", b"not a key at all\n", b"\xff\xfe"):
        duan.file.write_bytes(content)
        said = await asyncio.to_thread(
            CliRunner().invoke, app, ["--settings", str(site.settings_file), "today", "--key-file", str(duan.file)]
        )
        assert (said.exit_code, "at all" in said.output) == (4, False)
    duan.file.unlink()

"""What nobody could find out on the wire is said by one person, with the evidence beside it, and confirmed by another.

Over HTTP and through the command line, against a running gateway and the simulators.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner, Result

from gateway.app import App
from gateway.cli import app
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.seals import Seals
from gateway.words.clock import SystemClock, day_of

PASSWORD = "a long enough password"
PAYEE = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行望川支行"}


@pytest.fixture(autouse=True)
def _sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Seals.seal_document.__kwdefaults__, "wait", 0.5)


@dataclass
class Operator:
    """A person at work: with a key, over HTTP."""

    id: str
    login: str
    key: str
    http: httpx.AsyncClient = field(init=False, repr=False)
    shown: dict[str, str] = field(default_factory=dict, repr=False)

    async def look(self, operation: str) -> dict[str, Any]:
        return (await self.http.get(f"/v1/operations/{operation}/resolution")).raise_for_status().json()

    async def says(self, operation: str, outcome: str, answer: Any = None, key: str = "said") -> httpx.Response:
        body = {"outcome": outcome, "reason": "电话核实平台台账", "answer": answer}
        headers = {"Idempotency-Key": key}
        return await self.http.post(f"/v1/operations/{operation}/resolution", json=body, headers=headers)

    async def confirms(self, operation: str, key: str = "confirmed", seen: str | None = None) -> httpx.Response:
        """What is there now, or what was seen when this key was first used."""
        if seen is None and key + operation not in self.shown:
            self.shown[key + operation] = (await self.look(operation))["seen"] or "nothing"
        body = {"seen": seen or self.shown[key + operation]}
        headers = {"Idempotency-Key": key}
        return await self.http.post(f"/v1/operations/{operation}/confirmation", json=body, headers=headers)


async def hire(installation: App, *roles: str) -> list[Operator]:
    """Operators of these roles, each with a key; ``http`` is for whoever opens it."""
    hired = []
    for number, role in enumerate(roles, start=1):
        login = f"{role}-{number}"
        made = await installation.base.access.create_operator(login, f"{role} {number}号", role, PASSWORD)
        key = (await installation.base.access.issue_operator_key(made.id, label="journey")).token
        hired.append(Operator(made.id, login, key))
    return hired


@pytest.fixture
async def people():
    """``await people(site, "operator", "supervisor")``: operators of these roles at work."""
    async with AsyncExitStack() as stack:

        async def begin(site, *roles: str) -> list[Operator]:
            hired = await hire(site.app, *roles)
            for one in hired:
                one.http = await stack.enter_async_context(site.client(one.key))
            return hired

        yield begin


def kind(answer: httpx.Response) -> tuple[int, str]:
    """The status and the type of a problem."""
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


async def parked(site, subject: str, action: str = "") -> dict[str, Any]:
    """The operation about a record that waits for a person."""
    path = f"/v1/operations?subject={subject}&state=parked"
    page = await site.until(path, lambda page: any(one["action"].startswith(action) for one in page["items"]))
    site.simulators.clear_faults()
    return next(one for one in page["items"] if one["action"].startswith(action))


async def unanswered(site, fault: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A payment whose code was asked for under this fault, and whose platform contradicts itself when asked."""
    site.fault(fault, "CreateBill", seconds=0.2)
    site.fault("answer_code", "QueryBill", times=0, code="18015")  # "no": a contradiction
    answer = await site.ask_payment()
    assert answer.status_code == 202, answer.text
    payment = answer.json()
    return payment, await parked(site, payment["id"])


async def bills(site) -> list[dict[str, Any]]:
    """What the platform has."""
    state = await site.simulators.aask("GET", "/state", system="nontax")
    return list(state["nontax"]["bills"].values())


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
async def test_it_happened_says_one_with_the_answer_and_it_counts_when_another_confirms(any_site, people):
    site = any_site
    first, second, viewer = await people(site, "operator", "supervisor", "viewer")
    payment, operation = await unanswered(site, "apply_then_silence")
    assert "payment.parked" in await site.told(payment["id"], "payment.parked")

    seen = await first.look(operation["id"])
    assert (seen["state"], seen["two_persons"], seen["outcome"]) == ("parked", True, None)
    assert [(one["attempt"], one["kind"]) for one in seen["evidence"]] == [(1, "call"), (2, "find")]
    assert all(operation["reference"] in one["request"] for one in seen["evidence"])
    assert "罗巧云" not in json.dumps(seen, ensure_ascii=False)

    (bill,) = await bills(site)
    answer = {"code": bill["code"], "total": 503650}
    path = f"/v1/operations/{operation['id']}"
    machine = await site.post(f"{path}/resolution", {"outcome": "happened", "reason": "r", "answer": answer})
    assert kind(machine) == (403, "operator-needed")
    assert kind(await viewer.says(operation["id"], "happened", answer)) == (403, "scope-missing")
    assert kind(await first.confirms(operation["id"])) == (404, "not-found")
    for wrong in (
        None,
        {},
        {**answer, "total": 503651},
        {**answer, "code": bill["code"][:-1]},
        {"code": 1},
    ):
        refused = await first.says(operation["id"], "happened", wrong, key=f"wrong-{wrong}"[:40].replace(" ", ""))
        assert refused.status_code == 422, wrong
        assert refused.json()["field"].startswith("answer"), wrong

    said = (await first.says(operation["id"], "happened", answer)).raise_for_status().json()
    assert (said["applied"], said["state"], said["proposed_name"]) == (False, "parked", "operator 1号")
    again = (await first.says(operation["id"], "happened", answer)).raise_for_status().json()
    assert again == said
    assert kind(await second.says(operation["id"], "did_not_happen")) == (409, "resolution-exists")
    assert (await site.get(f"/v1/payments/{payment['id']}"))["status"] == "REQUESTED"
    assert kind(await first.confirms(operation["id"], "my-own")) == (409, "second-person-needed")
    await the_database_refuses_it_too(site, operation["id"], first.id)
    assert (await second.http.post(f"{path}/confirmation", headers={"Idempotency-Key": "blind"})).status_code == 422

    assert (await second.look(operation["id"]))["answer"]["code"] == bill["code"]
    counts = (await second.confirms(operation["id"])).raise_for_status().json()
    assert (counts["applied"], counts["state"], counts["confirmed_name"]) == (True, "done", "supervisor 2号")
    assert (await second.confirms(operation["id"])).raise_for_status().json() == counts
    view = await site.get(f"/v1/payments/{payment['id']}")
    assert (view["status"], view["code"], view["in_doubt_since"]) == ("ISSUED", bill["code"], None)
    await site.pay(bill["code"])
    await site.reaches(payment, "PAID")
    assert site.effects("CreateBill") == [1]


async def the_database_refuses_it_too(site, operation: str, by: str) -> None:
    """Around the gateway's own rule: one person's confirmation of their own word, and an end without any."""
    ways = (
        "update resolution set confirmed_by = :by, confirmed_at = 1, applied = true, applied_at = 1 "
        "where operation_id = :operation",
        "update resolution set applied = true, applied_at = 1 where operation_id = :operation",
        "update operation set state = 'done' where id = :operation",
        "update operation set state = 'done', resolution_applied = true, "
        "resolution_id = (select id from resolution where operation_id = :operation) where id = :operation",
    )
    for way in ways:
        with pytest.raises(IntegrityError):
            await site.app.base.store.write(
                lambda conn, way=way: conn.execute(text(way), {"operation": operation, "by": by}).rowcount
            )


async def test_it_did_not_happen_and_is_sent_again_as_a_new_operation_linked_to_the_old(any_site, people):
    site = any_site
    first, second = await people(site, "supervisor", "operator")
    payment, operation = await unanswered(site, "silence")
    assert kind(await first.says(operation["id"], "did_not_happen", {"code": "1"})) == (422, "invalid-value")
    assert not (await first.says(operation["id"], "did_not_happen", key="right")).raise_for_status().json()["applied"]
    counts = (await second.confirms(operation["id"])).raise_for_status().json()
    assert (counts["applied"], counts["state"], bool(counts["rerun"])) == (True, "rejected", True)
    view = await site.reaches(payment, "ISSUED")
    old, new = [await site.get(f"/v1/operations/{one}") for one in (operation["id"], counts["rerun"])]
    assert (old["code"], new["state"]) == ("did-not-happen", "done")
    assert new["reference"] != old["reference"]
    (bill,) = await bills(site)
    assert (bill["code"], new["reference"] in json.dumps(bill)) == (view["code"], True)
    retry = await site.post(f"/v1/operations/{operation['id']}/retry", {"reason": "r"})
    assert kind(retry) == (409, "operation-not-parked")


async def test_an_answer_that_another_payment_has_already_does_not_count(site, people):
    first, second = await people(site, "operator", "operator")
    other = await site.issued(await site.decide("望市监罚决字〔2026〕第9号"))
    payment, operation = await unanswered(site, "apply_then_silence")
    await first.says(operation["id"], "happened", {"code": other["code"], "total": 503650})
    assert kind(await second.confirms(operation["id"])) == (409, "resolution-contradicts")
    assert (await site.get(f"/v1/operations/{operation['id']}"))["state"] == "parked"
    assert (await first.http.delete(f"/v1/operations/{operation['id']}/resolution")).status_code == 204
    true = next(one["code"] for one in await bills(site) if one["code"] != other["code"])
    seen = (await first.look(operation["id"]))["seen"]
    await second.says(operation["id"], "happened", {"code": true, "total": 503650})
    assert kind(await first.confirms(operation["id"], "unseen", seen=second.shown["confirmed" + operation["id"]])) == (
        409,
        "changed-since-seen",
    )
    assert seen is None
    (await first.confirms(operation["id"], "right")).raise_for_status()
    assert (await site.reaches(payment, "ISSUED"))["code"] == true


async def test_what_was_said_can_be_taken_back_until_it_counts(site, people):
    first, second = await people(site, "operator", "operator")
    _, operation = await unanswered(site, "silence")
    await first.says(operation["id"], "did_not_happen")
    words = f"/v1/operations/{operation['id']}/resolution"
    assert kind(await second.http.delete(words)) == (403, "proposer-needed")
    assert (await first.http.delete(words)).status_code == 204
    assert kind(await second.confirms(operation["id"])) == (404, "not-found")
    assert (await first.look(operation["id"]))["outcome"] is None
    assert (await site.get(f"/v1/operations/{operation['id']}"))["state"] == "parked"


async def test_another_authoritys_doubt_is_nobodys_business(site, people):
    _, operation = await unanswered(site, "silence")
    await site.app.base.access.create_authority("other", "望川区城市管理局", "11990102002100216D")
    client = await site.app.base.access.create_client("其他系统", ["other"])
    key = await site.app.base.access.issue_key(client.id)
    async with site.client(key.token) as other:
        assert (await other.get(f"/v1/operations/{operation['id']}/resolution")).status_code == 404


# --- every kind of effect ---------------------------------------------------------------------------------------------


async def test_every_effect_that_is_registered_can_be_sent_again(site):
    effects = {name for name, action in site.app.base.delivery.node.actions.items() if action.effectful}
    assert effects == set(site.app.base.resolutions._renewals)
    assert len(effects) == 19


async def agree(people: list[Operator], operation: dict[str, Any]) -> dict[str, Any]:
    """Two operators agree that it did not happen."""
    (await people[0].says(operation["id"], "did_not_happen")).raise_for_status()
    return dict((await people[1].confirms(operation["id"])).raise_for_status().json())


async def test_a_void_is_asked_for_again_but_not_of_what_was_paid_meanwhile(site, people):
    both = await people(site, "operator", "operator")
    for paid in (False, True):
        payment = await site.issued(await site.decide(f"望市监罚决字〔2026〕第{int(paid) + 1}号"))
        site.fault("silence", "VoidBill", seconds=0.2)
        site.fault("answer_code", "QueryBill", times=0, code="18015")  # "no": a contradiction
        await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "文号有误"})
        operation = await parked(site, payment["id"], "nontax.cancel")
        if paid:
            await site.pay(payment["code"])
            await site.reaches(payment, "PAID")
        counts = await agree(both, operation)
        again = await site.until(
            f"/v1/operations/{counts['rerun']}", lambda now: now["state"] in ("done", "rejected", "parked")
        )
        assert (again["state"], again["code"]) == (("rejected", "cancelled") if paid else ("done", None))
        await site.reaches(payment, "PAID" if paid else "CANCELLED")
    assert site.effects("VoidBill") == [1]


@pytest.mark.parametrize("returned", [False, True])
async def test_a_refund_is_filed_again_but_not_when_its_money_has_gone_back_meanwhile(site, people, returned):
    both = await people(site, "operator", "operator")
    payment = await site.paid()
    await site.pay(payment["code"], serial="TWICE1", force=True)
    await site.until(f"/v1/payments/{payment['id']}", lambda now: len(now["collections"]) == 2)
    documents = [
        {"kind": name, "reference": name, "digest": sm3(name.encode()).hex()}
        for name in ("opinion_letter", "original_voucher")
    ]
    ask = {"reason": "paid_twice", "explanation": "多缴退还", "payee": PAYEE, "documents": documents}
    ask["officer"] = "陈立 33010001"
    refund = (await site.post(f"/v1/payments/{payment['id']}/refunds", ask)).json()
    site.fault("silence", "Refund", seconds=0.2)
    site.fault("answer_code", "QueryRefund", times=0, code="18033")
    for one in both:
        word = {"seen": refund["seen"]}
        path = f"/v1/refunds/{refund['id']}/confirmation"
        (await one.http.post(path, json=word, headers={"Idempotency-Key": "go"})).raise_for_status()
    operation = await parked(site, refund["id"], "nontax.refund")
    if returned:
        await the_platform_returns(site, payment["code"], "TWICE1")
    counts = await agree(both, operation)
    again = await site.until(
        f"/v1/operations/{counts['rerun']}", lambda now: now["state"] in ("done", "rejected", "parked")
    )
    assert (again["state"], again["code"]) == (("rejected", "cancelled") if returned else ("done", None))
    view = await site.get(f"/v1/refunds/{refund['id']}")
    assert view["status"] == ("REFUNDED" if returned else "FILED")
    assert site.effects("Refund") == ([] if returned else [1])


async def the_platform_returns(site, code: str, serial: str) -> None:
    """The platform gives money back by itself, and its statement says so."""
    line = await site.simulators.aask("POST", "/nontax/returns", {"code": code, "serial": serial})
    at = int(SystemClock().now().timestamp() * 1_000_000)
    told = await site.app.base.store.write(
        lambda conn: site.app.get(Refunds).returns.money_returned(
            conn, "nontax", line["code"], line["amount"], line["serial"], at
        )
    )
    assert told == "platform"


async def test_a_receipt_is_asked_for_again(site, people):
    both = await people(site, "operator", "operator")
    payment = await site.paid()
    site.fault("silence", "IssueReceipt", seconds=0.2)
    site.fault("answer_code", "IssueReceipt", times=0, code="18022")
    receipt = (await site.post(f"/v1/payments/{payment['id']}/receipt", None)).json()
    operation = await parked(site, receipt["id"], "nontax.receipt")
    await agree(both, operation)
    await site.until(f"/v1/payments/{payment['id']}/receipt", lambda now: now["status"] == "ISSUED")


@pytest.mark.parametrize("withdrawn", [False, True])
async def test_a_report_goes_again_but_never_after_its_withdrawal(site, people, withdrawn):
    (one,) = await people(site, "operator")
    await site.simulators.aask("POST", "/credit/settings", {"verdict_seconds": 0.05})
    site.fault("silence", "submit", "credit", seconds=0.2)
    site.fault("answer_code", "find", "credit", times=0, code="B0001")  # "no": a contradiction
    number = await site.decide()
    asked = await site.post("/v1/disclosures", {**site.demand(number), "targets": ["creditchina"]})
    (disclosure,) = asked.json()
    operation = await parked(site, disclosure["id"], "credit.submit")
    path = f"/v1/disclosures/{disclosure['id']}"
    if withdrawn:
        answer = await site.post(f"{path}/withdrawal", {"reason": "文书有误"})
        assert answer.status_code < 300, answer.text
        assert (await site.get(path))["status"] == "PLANNED"
    counts = (await one.says(operation["id"], "did_not_happen")).raise_for_status().json()
    assert (counts["two_persons"], counts["applied"]) == (False, True)
    await site.until(path, lambda now: now["status"] == ("WITHDRAWN" if withdrawn else "PUBLISHED"))
    again = await site.get(f"/v1/operations/{counts['rerun']}")
    assert again["state"] == ("rejected" if withdrawn else "done")
    assert site.effects("submit", "credit") == ([] if withdrawn else [1])


@pytest.mark.parametrize("revoked", [False, True])
async def test_a_seal_is_applied_again_but_not_for_a_decision_that_was_revoked(site, people, revoked):
    both = await people(site, "operator", "operator")
    number = await site.decide()
    site.fault("silence", "apply", "seal", seconds=0.2)
    site.fault("answer_code", "query", "seal", times=0, code="S1409")
    asked = await site.post("/v1/sealed-documents", site.to_seal(number))
    assert asked.status_code == 202, asked.text
    operation = await parked(site, asked.json()["id"], "seal.apply")
    if revoked:
        event = {"kind": "revoked", "on": str(day_of(SystemClock().now())), "reason": "复议撤销"}
        assert (await site.post(site.path(number) + "/events", event)).status_code < 300
    counts = await agree(both, operation)
    view = await site.until(f"/v1/sealed-documents/{asked.json()['id']}", lambda now: now["status"] != "REQUESTED")
    assert view["status"] == ("REFUSED" if revoked else "SEALED"), view
    assert (await site.get(f"/v1/operations/{counts['rerun']}"))["state"] == ("rejected" if revoked else "done")
    assert site.effects("apply", "seal") == ([] if revoked else [1])


# --- through the command line -----------------------------------------------------------------------------------------


async def gateway(site, *words: str, typed: str = "") -> Result:
    """A command beside the running gateway, which is another process."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["-s", str(site.settings_file), *words], input=typed)


def key_file(folder: Path, who: Operator) -> str:
    file = folder / f"{who.login}.key"
    file.write_text(who.key + "\n")
    return str(file)


async def test_the_command_line_has_the_running_gateway_end_a_doubt(tmp_path, simulators, sqlite_url, serve_apart):
    staff: list[Operator] = []

    async def prepare(installation: App) -> None:
        staff.extend(await hire(installation, "operator", "operator"))

    async with serve_apart(tmp_path, simulators, sqlite_url, prepare) as served:
        site, (first, second) = served.site, staff
        payment, operation = await unanswered(site, "apply_then_silence")
        shown = await gateway(site, "operations", "resolution", operation["id"])
        assert shown.exit_code == 0, shown.stderr
        told = (
            "nontax.issue",
            "attempt 1, call",
            "attempt 2, find",
            "we sent",
            "they answered",
            operation["reference"],
        )
        for words in told:
            assert words in shown.stdout, words
        (bill,) = await bills(site)
        answer = json.dumps({"code": bill["code"], "total": 503650})
        said = ("operations", "resolve", operation["id"], "--happened", "--reason", "电话核实", "--answer")
        nobody = await gateway(site, *said, answer)
        assert (nobody.exit_code, "say who you are" in nobody.stderr) == (4, True), nobody.stderr
        wrong = await gateway(site, *said, "{}", "--key-file", key_file(tmp_path, first))
        assert (wrong.exit_code, "Give " in wrong.stderr) == (4, True), wrong.stderr
        done = await gateway(site, *said, answer, "--key-file", key_file(tmp_path, first))
        assert done.exit_code == 0, done.stderr
        assert f"Another operator must confirm: gateway operations confirm {operation['id']}" in done.stdout
        taken = await gateway(site, "operations", "withdraw", operation["id"], "--key-file", key_file(tmp_path, first))
        assert (taken.exit_code, "Say what became of it" in taken.stdout) == (0, True), taken.stderr
        assert (await gateway(site, *said, answer, "--key-file", key_file(tmp_path, first))).exit_code == 0
        confirm = ("operations", "confirm", operation["id"], "--json", "--key-file")
        blind = await gateway(site, *confirm, key_file(tmp_path, second))
        assert (blind.exit_code, json.loads(blind.stderr)["field"]) == (4, "--seen")
        shown = json.loads((await gateway(site, "operations", "resolution", operation["id"], "--json")).stdout)
        confirm = (*confirm[:-1], "--seen", shown["seen"], "--key-file")
        mine = await gateway(site, *confirm, key_file(tmp_path, first))
        assert (mine.exit_code, json.loads(mine.stderr)["type"]) == (4, "second-person-needed")
        counts = await gateway(site, *confirm, key_file(tmp_path, second))
        assert (counts.exit_code, json.loads(counts.stdout)["applied"]) == (0, True), counts.stderr
        assert (await site.get(f"/v1/payments/{payment['id']}"))["code"] == bill["code"]
        assert site.effects("CreateBill") == [1]
        site.fault("apply_then_silence", "CreateBill", seconds=0.2)
        site.fault("answer_code", "QueryBill", times=0, code="18015")  # "no": a contradiction
        other = (await site.ask_payment(await site.decide("望市监罚决字〔2026〕第2号"))).json()
        retry = ("operations", "retry", (await parked(site, other["id"]))["id"], "--reason", "平台已恢复")
        again = await gateway(site, *retry, "--key-file", key_file(tmp_path, first))
        assert (again.exit_code, "the running gateway sends it" in again.stdout) == (0, True), again.stderr
        await site.reaches(other, "ISSUED")
        assert site.effects("CreateBill") == [1, 1]
        await served.stop()
        gone = await gateway(site, *confirm, key_file(tmp_path, second))
        assert (gone.exit_code, "--login" in json.loads(gone.stderr)["cure"]) == (6, True)


@pytest.mark.nightly
async def test_the_command_line_works_beside_the_gateway_on_postgresql(
    tmp_path, simulators, postgresql_url, serve_apart
):
    staff: list[Operator] = []

    async def prepare(installation: App) -> None:
        staff.extend(await hire(installation, "operator", "supervisor", "viewer"))

    async with serve_apart(tmp_path, simulators, postgresql_url, prepare) as served:
        site, (first, second, viewer) = served.site, staff
        payment, operation = await unanswered(site, "silence")
        name = operation["id"]
        said = ("resolve", name, "--did-not-happen", "--reason", "平台无此单", "--login", first.login)

        async def by(who: str, *words: str) -> Result:
            return await gateway(site, "operations", *words, "--password-stdin", typed=who + "\n")

        assert (await by("wrong", *said)).exit_code == 4
        done = await by(PASSWORD, *said)
        assert (done.exit_code, "it did not happen" in done.stdout) == (0, True), done.stderr
        seen = json.loads((await gateway(site, "operations", "resolution", name, "--json")).stdout)["seen"]
        looking = await by(PASSWORD, "confirm", name, "--seen", seen, "--login", viewer.login)
        assert (looking.exit_code, "the scope operations:write" in looking.stderr) == (4, True), looking.stderr
        done = await by(PASSWORD, "confirm", name, "--seen", seen, "--login", second.login, "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["rerun"]
        await site.reaches(payment, "ISSUED")
        assert site.effects("CreateBill") == [1]

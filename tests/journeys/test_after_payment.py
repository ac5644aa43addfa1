"""What follows payment, over sockets: money that goes back, the receipt, and cash that many decisions share."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from refund_steps import LETTER, PAYEE, VOUCHER, colleague, colleagues, confirm, finance, paid_twice, propose

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.refunds.service import Refunds
from gateway.words.clock import SystemClock, day_of

LEGAL = {"kind": "legal_document", "reference": "望市监撤〔2026〕1号", "digest": sm3(b"revocation").hex()}


async def test_story_4_what_was_paid_twice_across_the_cut_off_goes_back_once_after_two_people_said_so(any_site):
    site = any_site
    payment = await paid_twice(site)
    assert [one["kind"] for one in payment["exceptions"]] == ["paid_twice"]
    refund = (await propose(site, payment, "paid_twice", LETTER, VOUCHER)).json()
    assert (refund["status"], refund["amount"], refund["bank_serial"]) == ("PROPOSED", "5036.50", "WECHAT1")
    assert refund["payee"] == {"name": "罗**", "account": "***************5702", "bank": PAYEE["bank"]}
    more = await propose(site, payment, "paid_twice", LETTER, VOUCHER, amount="0.01")
    assert (more.status_code, more.json()["type"].rpartition(":")[2]) == (409, "refund-exceeds-paid")
    assert (await confirm(site.http, refund)).status_code == 403  # a case system is no second person
    nameless = await propose(site, payment, "paid_twice", officer=None)
    assert (nameless.status_code, nameless.json()["field"]) == (422, "officer")
    async with colleagues(site) as (first, second):
        agreed = (await confirm(first, refund)).json()
        assert (agreed["status"], agreed["confirmations"], agreed["officer"]) == ("PROPOSED", ["林溪"], "陈立 33010001")
        assert (await confirm(first, refund, "again")).json()["status"] == "PROPOSED"
        filed = (await confirm(second, refund)).json()
    assert filed["status"] == "FILED", filed
    assert (filed["confirmed_by"], filed["seen"]) == ("高远", None)
    assert (await finance(site, refund, "approved"))["status"] == "APPROVED"
    done = await finance(site, refund, "refunded")
    assert done["refunded_at"]
    assert site.effects("Refund") == [1]
    told = await site.told(payment["id"], "refund.refunded")
    assert [one for one in told if one.startswith("refund.")] == [
        "refund.proposed",
        "refund.confirmed",
        "refund.filed",
        "refund.approved",
        "refund.refunded",
    ]
    assert (await site.get(f"/v1/payments/{payment['id']}"))["status"] == "PAID"  # the first sum stays


async def test_a_refund_that_is_filed_later_is_filed_once_and_its_notice_ends_the_waiting(site):
    payment = await paid_twice(site)
    await site.simulators.aask("POST", "/nontax/settings", {"later": ["Refund"]})
    refund = (await propose(site, payment, "paid_twice", LETTER, VOUCHER)).json()
    async with colleagues(site) as both:
        for one in both:
            await confirm(one, refund)
    taken = await site.until(f"/v1/operations?subject={refund['id']}&state=pending", lambda page: page["items"])
    assert taken["items"][0]["doubt_since"] is None
    assert (await site.get(f"/v1/refunds/{refund['id']}"))["status"] == "CONFIRMED"
    await site.simulators.aask("POST", "/nontax/make", {})
    await site.until(f"/v1/refunds/{refund['id']}", lambda now: now["status"] == "FILED" and not now["in_doubt_since"])
    assert site.effects("Refund") == [1]
    assert "refund.in_doubt" not in await site.told(payment["id"], "refund.filed")


async def test_a_refund_whose_answer_is_lost_is_found_and_never_filed_twice(site):
    payment = await paid_twice(site)
    refund = (await propose(site, payment, "paid_twice", LETTER, VOUCHER)).json()
    site.fault("apply_then_silence", "Refund", nth=1)
    async with colleagues(site) as both:
        for one in both:
            await confirm(one, refund)
    await site.until(f"/v1/refunds/{refund['id']}", lambda now: now["status"] == "FILED" and not now["in_doubt_since"])
    assert site.effects("Refund") == [1]
    assert "refund.in_doubt" in await site.told(payment["id"], "refund.in_doubt")


async def test_what_the_platform_returned_by_itself_is_not_asked_for_again(site):
    payment = await paid_twice(site)
    refund = (await propose(site, payment, "paid_twice", LETTER, VOUCHER)).json()
    line = await site.simulators.aask("POST", "/nontax/returns", {"code": payment["code"], "serial": "WECHAT1"})
    now = int(datetime.fromisoformat(line["at"]).timestamp() * 1_000_000)

    def apply(conn: Any) -> str:
        room = site.app.get(Refunds).returns
        return str(room.money_returned(conn, "nontax", line["code"], line["amount"], line["serial"], now))

    assert [await site.app.base.store.write(apply) for _ in range(2)] == ["platform", "known"]
    view = await site.get(f"/v1/refunds/{refund['id']}")
    assert (view["status"], view["origin"]) == ("REFUNDED", "platform")
    async with await colleague(site) as second:
        assert (await confirm(second, refund)).status_code == 409
    again = await propose(site, payment, "paid_twice", LETTER, VOUCHER)
    assert again.json()["type"].rpartition(":")[2] == "refund-exceeds-paid"
    assert site.effects("Refund") == []


async def test_story_5_revoked_after_payment_the_money_goes_back_once_the_receipt_is_reversed(any_site):
    site = any_site
    payment = await site.paid()
    receipt = (await site.http.post(f"/v1/payments/{payment['id']}/receipt", headers={"Idempotency-Key": "r"})).json()
    assert receipt["status"] == "ISSUED", receipt
    early = await propose(site, payment, "decision_revoked", LETTER, VOUCHER, LEGAL)
    assert early.status_code == 422  # nothing was revoked yet
    event = {"kind": "revoked", "on": str(day_of(SystemClock().now())), "reason": "复议撤销"}
    assert (await site.post(site.path(payment["decision_number"]) + "/events", event)).status_code < 300
    refund = (await propose(site, payment, "decision_revoked", LETTER, VOUCHER)).json()
    async with colleagues(site) as (first, second):
        wanting = await confirm(second, refund)
        assert wanting.json()["type"].rpartition(":")[2] == "documents-missing"
        added = await site.post(f"/v1/refunds/{refund['id']}/documents", LEGAL)
        assert added.status_code == 200, added.text
        await confirm(first, refund)
        waiting = (await confirm(second, refund, "confirm-2")).json()
        assert (waiting["status"], waiting["waits_for"]) == ("CONFIRMED", "red_receipt")
        assert site.effects("Refund") == []
        red = {"red_code": receipt["receipt_code"], "red_number": "0000009999"}
        path = f"/v1/payments/{payment['id']}/receipt/reversal"
        reversed_ = await second.post(path, json=red, headers={"Idempotency-Key": "red"})
        assert reversed_.json()["status"] == "REVERSED"
    await site.until(f"/v1/refunds/{refund['id']}", lambda now: now["status"] == "FILED")
    done = await finance(site, refund, "refunded")
    assert (done["amount"], done["waits_for"]) == ("5036.50", None)


async def test_finance_may_refuse_and_then_the_money_may_be_asked_for_again(site):
    payment = await paid_twice(site)
    refund = (await propose(site, payment, "paid_twice", LETTER, VOUCHER)).json()
    async with colleagues(site) as both:
        for one in both:
            await confirm(one, refund)
        refused = await finance(site, refund, "refused", reason="账户有误")
        assert refused["refusal"] == "账户有误"
        again = await propose(site, payment, "paid_twice", LETTER, VOUCHER)
        assert again.status_code == 201


# --- receipts -------------------------------------------------------------------------------------------------------


async def test_the_receipt_is_issued_once_verified_and_offered_as_a_file(any_site):
    site = any_site
    payment = await site.paid()
    path = f"/v1/payments/{payment['id']}/receipt"
    for key in ("a", "a", "b"):
        answer = await site.http.post(path, headers={"Idempotency-Key": key})
        assert answer.status_code in (201, 202), answer.text
    first = await site.until(path, lambda now: now["status"] == "ISSUED")
    assert [one["role"] for one in first["signers"]] == ["issuer", "supervisor"]
    assert (first["amount"], len(first["receipt_number"]), len(first["check_code"])) == ("5036.50", 10, 6)
    file = await site.http.get(f"{path}/file")
    assert sm3(file.content).hex() == first["digest"]
    assert file.headers["content-disposition"].startswith("attachment")
    assert site.effects("IssueReceipt") == [1]


@pytest.mark.parametrize("who", ["none", "issuer", "supervisor", "forged"])
async def test_a_receipt_without_both_true_signatures_is_never_called_issued(site, who):
    payment = await site.paid()
    await site.simulators.aask("POST", "/nontax/settings", {"receipt_signatures": who})
    path = f"/v1/payments/{payment['id']}/receipt"
    await site.http.post(path, headers={"Idempotency-Key": "r"})
    view = await site.until(path, lambda now: now["doubt_reason"] is not None)
    assert (view["status"], view["file"]) == ("REQUESTED", None)
    assert (await site.http.get(f"{path}/file")).status_code == 404


async def test_a_receipt_over_another_amount_is_doubted(site):
    payment = await site.paid()
    site.fault("wrong_amount", "IssueReceipt", times=9)
    path = f"/v1/payments/{payment['id']}/receipt"
    await site.http.post(path, headers={"Idempotency-Key": "r"})
    assert (await site.until(path, lambda now: now["doubt_reason"] is not None))["status"] == "REQUESTED"


# --- cash -----------------------------------------------------------------------------------------------------------


def _workday(day: date, back: int) -> date:
    return day - timedelta(days=back)


async def test_story_11_cash_from_a_ferry_is_remitted_by_one_bill_and_reaches_each_decision(any_site):
    site = any_site
    today = day_of(SystemClock().now())
    fines = ["100.00", "35.50", "0.07"]
    taken = []
    for number, fine in enumerate(fines, start=1):
        decision = await site.decide(
            f"安交罚决字〔2026〕第{number}号",
            procedure="simple",
            fine=fine,
            confiscated=None,
            penalty_kinds=["罚款"],
            decided_on=str(_workday(today, 3)),
        )
        cash = {
            **site.demand(decision),
            "amount": fine,
            "ground": "remote",
            "explanation": "渡船上，当事人提出到银行缴款确有困难",
            "receipt_number": f"FERRY-{number}",
            "officer": "执法员甲",
            "taken_on": str(_workday(today, 2)),
            "on_water": True,
        }
        answer = await site.post("/v1/cash", cash)
        assert answer.status_code == 201, answer.text
        taken.append(answer.json())
        assert answer.json()["hand_in_due_on"] is None  # still on the water
        double = await site.ask_payment(decision)
        assert double.json()["type"].rpartition(":")[2] == "exceeds-decision"
    for one in taken:
        assert (await site.post(f"/v1/cash/{one['id']}/landing", {"on": str(_workday(today, 1))})).status_code == 200
        handed = (await site.post(f"/v1/cash/{one['id']}/hand-in", {"on": str(today)})).json()
        assert handed["bank_due_on"] > str(today)
    answer = await site.post("/v1/remittances", {"authority": taken[0]["authority"]})
    assert answer.status_code == 201, answer.text
    bill = answer.json()
    assert (bill["amount"], bill["status"], len(bill["parts"])) == ("135.57", "ISSUED", 3)
    assert site.effects("CreateBill") == [1]
    await site.pay(bill["code"], channel="counter")
    paid = await site.until(f"/v1/remittances/{bill['id']}", lambda now: now["status"] == "PAID")
    assert [(one["amount"], one["status"]) for one in paid["parts"]] == [(fine, "REMITTED") for fine in fines]
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": str(today)})).json()
    assert (run["matched"], run["breaks"]) == (1, 0), run
    for one in taken:
        assert (await site.told(one["id"], "cash.settlement"))[-1] == "cash.settlement"
    assert (await site.get(f"/v1/payments/{bill['id']}"))["settlement"] == "matched"


async def test_a_cancelled_remittance_gives_its_cash_back_to_wait_for_another(site):
    today = day_of(SystemClock().now())
    decision = await site.decide(
        procedure="simple", fine="60.00", confiscated=None, penalty_kinds=["罚款"], decided_on=str(today)
    )
    body = {
        **site.demand(decision),
        "amount": "60.00",
        "ground": "small",
        "receipt_number": "R-1",
        "officer": "执法员乙",
        "taken_on": str(today),
    }
    cash = (await site.post("/v1/cash", body)).json()
    await site.post(f"/v1/cash/{cash['id']}/hand-in", {"on": str(today)})
    bill = (await site.post("/v1/remittances", {"authority": cash["authority"], "cash": [cash["id"]]})).json()
    nothing = await site.post("/v1/remittances", {"authority": cash["authority"]})
    assert nothing.status_code == 409
    assert (await site.post(f"/v1/payments/{bill['id']}/cancel", {"reason": "填错"})).status_code == 200
    assert (await site.get(f"/v1/cash/{cash['id']}"))["status"] == "HANDED_IN"
    again = await site.post("/v1/remittances", {"authority": cash["authority"]})
    assert again.status_code == 201

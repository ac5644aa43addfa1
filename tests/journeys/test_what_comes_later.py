"""A platform that takes what it is asked and carries it out later, and that ends bills by itself, over sockets."""

from __future__ import annotations

import signal
from typing import Any

import pytest


async def make(site, *, tell: bool = True) -> int:
    """The platform carries out what it has taken."""
    return int((await site.simulators.aask("POST", "/nontax/make", {"tell": tell}))["made"])


async def later(site, *operations: str) -> None:
    """From now on the platform takes these and carries them out later."""
    await site.simulators.aask("POST", "/nontax/settings", {"later": list(operations)})


async def operation_of(site, subject: str, state: str) -> dict[str, Any]:
    """The operation for a record, once it is in this state."""
    page = await site.until(
        f"/v1/operations?subject={subject}", lambda page: page["items"] and page["items"][0]["state"] == state
    )
    return dict(page["items"][0])


async def page_of(site, payment: dict[str, Any]) -> str:
    """What the party sees behind the QR code."""
    path = "/pay/" + payment["payer_page"].rpartition("/pay/")[2]
    answer = await site.http.get(path)
    assert answer.status_code == 200
    return str(answer.text)


@pytest.mark.parametrize("tell", [True, False])
async def test_a_code_that_comes_later_by_notice_or_by_question_was_never_in_doubt(site, tell):
    await later(site, "CreateBill")
    asked = await site.ask_payment()
    assert (asked.status_code, asked.json()["status"], asked.json()["in_doubt_since"]) == (202, "REQUESTED", None)
    payment = asked.json()
    waiting = await operation_of(site, payment["id"], "pending")
    assert waiting["pending_since"]
    assert waiting["doubt_since"] is None
    shown = await page_of(site, payment)
    assert "正在取码" in shown
    assert "结果确认中" not in shown
    assert await make(site, tell=tell) == 1
    issued = await site.reaches(payment, "ISSUED")
    assert issued["code"]
    assert site.effects("CreateBill") == [1]
    told = await site.told(payment["id"], "payment.issued")
    assert "payment.in_doubt" not in told
    assert told.count("payment.issued") == 1
    await site.pay(issued["code"])
    await site.reaches(payment, "PAID")


async def test_a_bill_that_was_taken_and_returned_is_a_refusal_in_the_platforms_words(site):
    await later(site, "CreateBill")
    payment = (await site.ask_payment()).json()
    await operation_of(site, payment["id"], "pending")
    await site.simulators.aask("POST", "/nontax/settings", {"issuing": "range"})  # it has changed its mind
    await make(site)
    refused = await site.reaches(payment, "REJECTED")
    assert "缴款识别码" in refused["reason"]


@pytest.mark.nightly
async def test_a_gateway_killed_while_a_code_is_being_made_asks_about_it_and_has_one(served):
    site = served.site
    await later(site, "CreateBill")
    payment = (await site.ask_payment()).json()
    await operation_of(site, payment["id"], "pending")
    assert await served.stop(signal.SIGKILL) == -signal.SIGKILL
    await make(site, tell=False)
    await served.start()
    issued = await site.reaches(payment, "ISSUED")
    assert site.effects("CreateBill") == [1]
    assert issued["in_doubt_since"] is None
    assert "payment.in_doubt" not in await site.told(payment["id"], "payment.issued")


async def test_a_receipt_that_is_ready_later_is_fetched_at_its_notice(site):
    payment = await site.paid()
    await later(site, "IssueReceipt")
    asked = await site.post(f"/v1/payments/{payment['id']}/receipt", {})
    assert asked.status_code == 202, asked.text
    assert await make(site) == 1
    got = await site.until(f"/v1/payments/{payment['id']}/receipt", lambda now: now["status"] == "ISSUED")
    assert got["in_doubt_since"] is None
    assert site.effects("IssueReceipt") == [1]


@pytest.mark.parametrize("state", ["closed", "expired", "void"])
async def test_a_bill_that_the_platform_ended_shows_no_way_to_pay_and_money_on_it_is_an_exception(site, state):
    payment = await site.issued()
    assert payment["pay_url"] in await page_of(site, payment)
    await site.simulators.aask("POST", f"/nontax/bills/{payment['code']}", {"state": state})
    await site.http.post(f"/v1/payments/{payment['id']}/confirmation")
    ended = await site.reaches(payment, "EXPIRED")
    assert "平台" in ended["reason"]
    shown = await page_of(site, payment)
    assert "缴款码已失效" in shown
    assert payment["pay_url"] not in shown
    await site.pay(payment["code"], force=True)
    odd = await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    assert [one["kind"] for one in odd["exceptions"]] == ["paid_after_expiry"]


async def test_a_bill_that_is_being_paid_is_not_offered_and_not_cancelled_until_that_has_ended(site):
    payment = await site.issued()
    bill = f"/nontax/bills/{payment['code']}"
    await site.simulators.aask("POST", bill, {"state": "being_paid"})
    await site.http.post(f"/v1/payments/{payment['id']}/confirmation")
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["being_paid_since"])
    shown = await page_of(site, payment)
    assert "缴款处理中" in shown
    assert payment["pay_url"] not in shown
    refused = await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "文号有误"})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "payment-being-paid")
    await site.simulators.aask("POST", bill, {"state": "unpaid"})
    await site.http.post(f"/v1/payments/{payment['id']}/confirmation")
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["being_paid_since"] is None)
    assert payment["pay_url"] in await page_of(site, payment)
    told = await site.told(payment["id"], "payment.payable_again")
    assert told.index("payment.being_paid") < told.index("payment.payable_again")
    cancelled = await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "文号有误"})
    assert cancelled.status_code in (200, 202)
    await site.reaches(payment, "CANCELLED")


async def test_the_platform_itself_refuses_to_void_what_is_being_paid(site):
    payment = await site.issued()
    await site.simulators.aask("POST", f"/nontax/bills/{payment['code']}", {"state": "being_paid"})
    await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "文号有误"})
    view = await site.until(f"/v1/payments/{payment['id']}", lambda now: now["being_paid_since"])
    assert view["status"] == "ISSUED"
    assert "payment.cancel_refused" in await site.told(payment["id"], "payment.cancel_refused")

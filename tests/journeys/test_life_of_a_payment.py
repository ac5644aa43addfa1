"""From decision to closed account: instalments, surcharge, expiry, reissue, our own codes, exceptions by two people."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.adapters.nontax.soap import SoapNonTax
from gateway.foundation.delivery.tables import (
    operation,
)
from gateway.foundation.two_persons import Person
from gateway.rooms.payments import Payments
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.refunds.proposals import DocumentInput, Payee, Resolution
from gateway.rooms.refunds.states import WayOut
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem

LI, WANG = Person("opr_li", "李", operator=True), Person("opr_wang", "王", operator=True)
SERVED = {"kind": "served", "on": "2026-09-16", "method": "direct"}  # due 2026-10-08: more than 34 days ago
NUMBER = "望市监罚决字〔2026〕第7号"


def change_channel(site, **keys: object) -> None:
    """Let the channel of non-tax bills say otherwise."""
    channel = site.app.base.channels.get("nontax")
    site.app.base.channels._channels["nontax"] = replace(
        channel, kind_keys=channel.keys_of(PaymentKeys).model_copy(update=keys)
    )


def let_unit_issue(site, issuing: str) -> None:
    """Let us make the codes, not the platform."""
    channel = site.app.base.channels.get("nontax")
    options = channel.options.model_copy(update={"issuing": issuing})
    adapter = SoapNonTax(options, channel.wire, site.app.base.clock)
    site.app.base.channels._channels["nontax"] = replace(channel, adapter=adapter, options=options)


async def served(site, **facts: object) -> str:
    number = await site.decide(NUMBER, **facts)
    answer = await site.post(site.path(number) + "/events", SERVED)
    assert answer.status_code == 200, answer.text
    assert answer.json()["due"]["on"] == "2026-10-08"
    return number


async def test_instalments_are_payments_of_their_own_and_never_exceed_the_fine(any_site):
    number = await any_site.decide(NUMBER, fine="80000.00", confiscated=None, penalty_kinds=["罚款"])
    codes = set()
    for part in (1, 2, 3, 4):
        ask = any_site.demand(
            number, instalment=part, lines=[{"kind": "fine", "amount": "20000.00"}], due_on=f"2026-1{part % 3}-15"
        )
        answer = await any_site.post("/v1/payments", ask)
        assert answer.status_code == 201, answer.text
        assert answer.json()["due_on"] == f"2026-1{part % 3}-15"
        codes.add(answer.json()["code"])
    assert len(codes) == 4
    ask = any_site.demand(number, instalment=5, lines=[{"kind": "fine", "amount": "0.01"}])
    refused = await any_site.post("/v1/payments", ask)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "exceeds-decision")


async def test_service_does_not_overrule_the_plan_of_instalments_and_a_deferral_does(site):
    number = await site.decide(NUMBER, fine="80000.00", confiscated=None, penalty_kinds=["罚款"])
    lines = [{"kind": "fine", "amount": "20000.00"}]
    ask = site.demand(number, instalment=2, lines=lines, due_on="2027-03-15")
    part = (await site.post("/v1/payments", ask)).json()
    await site.post(site.path(number) + "/events", SERVED)
    assert (await site.get(f"/v1/payments/{part['id']}"))["due_on"] == "2027-03-15"
    deferred = {"kind": "deferred", "on": "2026-11-20", "until": "2027-04-30"}
    await site.post(site.path(number) + "/events", deferred)
    assert (await site.get(f"/v1/payments/{part['id']}"))["due_on"] == "2027-04-30"


async def test_a_surcharge_is_explained_day_by_day_and_billed_apart(any_site):
    number = await served(any_site)
    payment = await any_site.issued(number)
    told = await any_site.get(f"/v1/payments/{payment['id']}/surcharge?on=2026-10-09")
    assert (told["days"], told["amount"]) == (1, "150.00")
    assert "行政处罚法" in told["stretches"][0]["why"]
    await any_site.pay(payment["code"])
    await any_site.reaches(payment, "PAID")
    answer = await any_site.post("/v1/payments", any_site.demand(number, line_group="surcharge"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["amount"] == "5000.00"  # capped at the fine, never on what was confiscated
    again = await any_site.post("/v1/payments", any_site.demand(number, line_group="surcharge"))
    assert again.status_code in (409, 422)


async def test_a_party_reads_what_the_bill_asks_for_apart_from_a_surcharge_that_is_not_in_it(site):
    payment = await site.issued(await served(site))
    for habit, how in (("separate_bill", "另行开具缴款单"), ("reissue", "换开缴款单"), ("manual", "咨询执法机关")):
        change_channel(site, surcharge=habit)
        bill, _, apart = (await site.http.get(payment["payer_page"])).text.partition('aria-labelledby="surcharge"')
        assert "本缴款单应缴金额（不含加处罚款）" in bill
        assert "加处罚款（截至" not in bill, "a line of the list would belong to its sum"
        assert "缴款页面显示" not in bill
        assert "加处罚款（截至" in apart
        assert "以上金额不在本缴款单内" in apart
        assert how in apart
    change_channel(site, surcharge="quoted_at_payment")
    page = (await site.http.get(payment["payer_page"])).text
    assert 'aria-labelledby="surcharge"' not in page
    assert "加处罚款（截至" in page.partition('class="pay"')[0], "the cashier takes it, so it is in the sum"


async def test_an_agreement_takes_off_surcharge_only(site):
    number = await served(site)
    payment = await site.issued(number)
    ask = {"amount": "4000.00", "reason": "执行协议第3号"}
    answer = await site.post(f"/v1/payments/{payment['id']}/surcharge-reduction", ask)
    assert answer.json()["amount"] == "1000.00"
    assert (await site.get(f"/v1/payments/{payment['id']}"))["amount"] == "5036.50"


async def test_without_a_stated_surcharge_none_is_billed(site):
    number = await served(site, surcharge_stated=False)
    await site.paid()
    refused = await site.post("/v1/payments", site.demand(number, line_group="surcharge"))
    assert refused.status_code == 422


async def test_money_with_the_surcharge_that_the_platform_quoted_pays_and_other_sums_do_not(any_site):
    change_channel(any_site, surcharge="quoted_at_payment")
    payment = await any_site.issued(await served(any_site))
    await any_site.pay(payment["code"], amount="10036.50")
    paid = await any_site.reaches(payment, "PAID")
    assert (paid["paid_amount"], paid["surcharge_paid"]) == ("10036.50", "5000.00")


async def test_a_reissued_code_carries_the_surcharge_and_only_after_the_void(any_site):
    change_channel(any_site, surcharge="reissue")
    old = await any_site.issued(await served(any_site))
    answer = await any_site.post(f"/v1/payments/{old['id']}/reissue", {"reason": "逾期加处罚款"})
    assert answer.status_code in (200, 202), answer.text
    new = answer.json()
    assert (new["replaces"], new["amount"]) == (old["id"], "10036.50")
    new = await any_site.reaches(new, "ISSUED")
    assert new["code"] != old["code"]
    assert (await any_site.get(f"/v1/payments/{old['id']}"))["status"] == "CANCELLED"
    await any_site.pay(old["code"], force=True)  # late money on the old code
    late = await any_site.until(f"/v1/payments/{old['id']}", lambda now: now["exceptions"])
    assert late["exceptions"][0]["kind"] == "paid_after_cancel"
    assert (await any_site.get(f"/v1/payments/{new['id']}"))["status"] == "ISSUED"


async def test_a_code_expires_only_by_the_platforms_word_and_can_be_replaced(any_site):
    await any_site.simulators.aask("POST", "/nontax/settings", {"valid_days": -1})
    payment = await any_site.issued()
    assert payment["status"] == "ISSUED"
    assert await any_site.app.get(Payments).sweep() == 1
    expired = await any_site.reaches(payment, "EXPIRED")
    assert "payment.expired" in [event["type"] for event in expired["timeline"]]
    await any_site.simulators.aask("POST", "/nontax/settings", {"valid_days": 180})
    answer = await any_site.post(f"/v1/payments/{payment['id']}/reissue", {"reason": "缴款码已失效"})
    new = await any_site.reaches(answer.json(), "ISSUED")
    assert new["replaces"] == payment["id"]
    assert new["amount"] == payment["amount"]


async def test_an_hours_share_of_the_open_bills_is_asked_about_and_each_once(site, monkeypatch):
    monkeypatch.setattr("gateway.rooms.payments.service._TOGETHER", 2)
    monkeypatch.setattr("gateway.rooms.payments.service._SHARES", 2)
    await site.travel("2026-09-16 10:00")
    bills = [await site.issued(number=await site.decide(f"第{n}号")) for n in range(6)]
    assert await site.app.get(Payments).sweep() == 0  # just issued
    await site.travel("2026-09-17 11:00")
    assert [await site.app.get(Payments).sweep() for _ in range(3)] == [
        4,
        2,
        0,
    ]  # half of six is reached with the second two

    def asked(conn):
        kinds = select(operation.c.subject).where(operation.c.action == "nontax.confirm")
        return sorted(conn.execute(kinds).scalars())

    assert await site.app.base.store.read(asked) == sorted(bill["id"] for bill in bills)


async def test_a_code_past_its_validity_is_asked_about_once_in_a_sweep_however_long_that_takes(site, monkeypatch):
    monkeypatch.setattr("gateway.rooms.payments.service._TOGETHER", 2)
    monkeypatch.setattr("gateway.rooms.payments.service._SHARES", 1)
    await site.simulators.aask("POST", "/nontax/settings", {"valid_days": -1})
    for number in range(5):
        await site.issued(number=await site.decide(f"第{number}号"))
    site.fault("busy", "QueryBill", times=0, seconds=60)  # so that none expires meanwhile
    assert await site.app.get(Payments).sweep() == 5


async def expired(site) -> dict[str, Any]:
    """A payment whose code expired, by the platform's word, and on which the money came after all."""
    await site.simulators.aask("POST", "/nontax/settings", {"valid_days": -1})
    payment = await site.issued()
    await site.app.get(Payments).sweep()
    await site.reaches(payment, "EXPIRED")
    await site.pay(payment["code"], force=True)
    view = await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    found = view["exceptions"][0]
    assert (found["kind"], found["proposal"], view["status"]) == ("paid_after_expiry", "keep", "EXPIRED")
    assert "已收到您的款项" in (await site.http.get(view["payer_page"])).text
    return view


async def test_money_on_an_expired_code_pays_it_once_two_people_keep_it(any_site):
    site = any_site
    payment = await expired(site)
    exception = payment["exceptions"][0]["id"]
    day = str(day_of(site.clock.now()))
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": day})).json()
    assert run["breaks"] == 1  # 状态不符, while nobody has decided
    refused = await site.post(f"/v1/payments/{payment['id']}/reissue", {"reason": "换码"})
    assert refused.json()["type"].rpartition(":")[2] == "exception-open"  # or the party would be asked twice
    rooms = site.app.get(Exceptions)
    await rooms.propose(exception, Resolution(WayOut.KEEP, "义务仍在,款项入库"), by=LI)
    seen = (await rooms.view(exception)).seen
    with pytest.raises(ConflictProblem, match="somebody else"):
        await rooms.confirm(exception, by=LI, seen=seen)
    await rooms.confirm(exception, by=WANG, seen=seen)
    paid = await site.reaches(payment, "PAID")
    assert (paid["paid_amount"], paid["settlement"]) == ("5036.50", "matched")
    assert "<h1>已缴款</h1>" in (await site.http.get(payment["payer_page"])).text
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": day})).json()
    assert (run["matched"], run["breaks"]) == (1, 0)


async def test_money_on_an_expired_code_may_go_back_and_the_code_be_replaced(site):
    payment = await expired(site)
    exception = payment["exceptions"][0]["id"]
    papers = [
        DocumentInput(kind=kind, reference=kind, digest="0" * 64) for kind in ("opinion_letter", "original_voucher")
    ]
    payee = Payee(name="罗小满", account="6222021001116245702", bank="安澜农商银行")
    rooms = site.app.get(Exceptions)
    await rooms.propose(exception, Resolution(WayOut.REFUND, "当事人要求", payee, papers), by=LI)
    await rooms.confirm(exception, by=WANG, seen=(await rooms.view(exception)).seen)
    (refund,) = await site.get(f"/v1/payments/{payment['id']}/refunds")
    assert (refund["status"], refund["reason"]) == ("FILED", "paid_after_cancel")
    assert (await site.get(f"/v1/payments/{payment['id']}"))["status"] == "EXPIRED"
    await site.simulators.aask("POST", "/nontax/settings", {"valid_days": 180})
    answer = await site.post(f"/v1/payments/{payment['id']}/reissue", {"reason": "缴款码已失效"})
    assert answer.status_code in (200, 202), answer.text


async def test_a_decision_that_imposes_less_takes_back_the_code_that_demands_more(any_site):
    site = any_site
    number = await site.decide(NUMBER)
    payment = await site.issued(number)
    await site.decide(NUMBER, fine="3000.00", content="没收违法所得36.50元,罚款3000元")
    await site.reaches(payment, "CANCELLED")
    again = await site.issued(number)
    assert again["amount"] == "3036.50"
    await site.pay(again["code"])
    await site.reaches(again, "PAID")
    await site.decide(NUMBER, fine="2000.00", content="没收违法所得36.50元,罚款2000元")
    assert "payment.exceeds_decision" in await site.told(again["id"], "payment.exceeds_decision")
    assert (await site.get(f"/v1/payments/{again['id']}"))["status"] == "PAID"


@pytest.mark.parametrize("issuing", ["unit", "range"])
async def test_codes_of_our_own_are_used_in_order_and_once(any_site, issuing):
    let_unit_issue(any_site, issuing)
    change_channel(any_site, code_ranges=(("99010226770000000001", "99010226770000000002"),))
    settings = {"issuing": issuing, "ranges": [["99010226770000000001", "99010226770000000002"]]}
    await any_site.simulators.aask("POST", "/nontax/settings", settings)
    codes = [(await any_site.issued(await any_site.decide(f"第{n}号")))["code"] for n in (1, 2)]
    if issuing == "range":
        assert codes == ["99010226770000000001", "99010226770000000002"]
        refused = await any_site.ask_payment(await any_site.decide("第3号"))
        assert refused.json()["type"].rpartition(":")[2] == "codes-exhausted"
    else:
        assert [code[:10] + code[-2:] for code in codes] == ["990102263001", "990102263002"]


async def test_a_case_system_cannot_resolve_an_exception(site):
    refused = await site.post("/v1/exceptions/exc_1/resolution", {"way_out": "refund", "reason": "x"})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "operator-needed")


async def test_the_command_line_explains_a_surcharge_in_plain_words(site):
    payment = await site.issued(await served(site))
    command = [sys.executable, "-m", "gateway", "--settings", str(site.settings_file), "payments", "explain"]

    async def run(*more: str) -> str:
        process = await asyncio.create_subprocess_exec(*command, *more, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()

    told = json.loads(await run(payment["code"], "--on", "2026-10-10", "--json"))
    assert (told["days"], told["amount"], told["capped"]) == (2, "300.00", False)
    assert "capped at the fine" in await run(payment["id"])


async def test_a_quoted_surcharge_that_only_the_statement_tells_of_pays_too(site):
    change_channel(site, surcharge="quoted_at_payment")
    payment = await site.issued(await served(site))
    await site.pay(payment["code"], amount="10036.50", callback=False)
    day = (site.clock.now() + timedelta(hours=8)).date()
    run = await site.post("/v1/reconciliations", {"channel": "nontax", "day": str(day)})
    assert run.status_code == 201, run.text
    paid = await site.get(f"/v1/payments/{payment['id']}")
    assert (paid["status"], paid["surcharge_paid"], paid["exceptions"]) == ("PAID", "5000.00", [])

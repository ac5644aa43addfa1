"""Stories as a district meets them, under time travel: the gateway's civil clock and the simulators' move together."""

from __future__ import annotations

import asyncio

from gateway.demo.party import scan_and_pay, shown_state
from gateway.foundation.two_persons import Person
from gateway.rooms.refunds.service import Refunds

PARTY = {"kind": "natural_person", "name": "甄立", "id_type": "护照号", "id_number": "E12345678"}
BUILDER = {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"}
AT_REST = {"kind": "organisation", "name": "云帆文化传播有限公司", "uscc": "91990102MA7C003Y8D"}


async def serve(site, number: str, day: str, method: str = "direct"):
    answer = await site.post(site.path(number) + "/events", {"kind": "served", "on": day, "method": method})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_1_a_street_stall_pays_on_the_spot_and_is_not_on_credit_china(site):
    await site.travel("2026-09-16 08:20")
    number = await site.decide(
        "望综执当罚〔2026〕第88号",
        procedure="simple",
        party=PARTY,
        penalty_kinds=["罚款"],
        content="罚款200元",
        fine="200.00",
        confiscated=None,
        surcharge_stated=False,
        seriousness=None,
        seriousness_standard=None,
        seriousness_standard_on=None,
    )
    payment = await site.issued(number)
    await serve(site, number, "2026-09-16")
    said = await scan_and_pay(site.http, payment["payer_page"], channel="wechat", payer="甄立")
    assert said == "缴款成功"
    await site.reaches(payment, "PAID")
    page = (await site.http.get(payment["payer_page"])).text
    assert shown_state(page) == "已缴款"
    assert "甄立" not in page
    shown = await site.post("/v1/disclosures", {"authority": "wangchuan-scjg", "decision_number": number})
    assert shown.status_code == 202, shown.text
    statuses = {one["target"]: one["status"] for one in shown.json()}
    assert statuses["creditchina"] == "NOT_PUBLISHABLE"


async def test_2_the_clerk_pays_for_the_shop_what_was_fined_and_confiscated_in_lines_of_their_own(any_site):
    site = any_site
    await site.travel("2026-09-16 10:00")
    payment = await site.issued(await site.decide("望市监罚决字〔2026〕第2号"))
    assert [(one["kind"], one["amount"]) for one in payment["lines"]] == [("confiscated", "36.50"), ("fine", "5000.00")]
    assert await scan_and_pay(site.http, payment["payer_page"], channel="alipay", payer="罗小满") == "缴款成功"
    paid = await site.reaches(payment, "PAID")
    (money,) = paid["collections"]
    assert (money["payer"], money["paid_by_another"], paid["exceptions"]) == ("罗**", True, [])
    assert "罗小满" not in str(paid)
    await site.travel("2026-09-17 06:30")
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": "2026-09-16"})).json()
    assert (run["matched"], run["matched_amount"], run["breaks"]) == (1, "5036.50", 0)


async def test_3_four_instalments_of_which_the_third_is_late(any_site):
    await any_site.travel("2026-09-14 09:00")
    number = await any_site.decide(
        "望市监罚决字〔2026〕第30号", party=BUILDER, fine="80000.00", confiscated=None, penalty_kinds=["罚款"]
    )
    await any_site.travel("2026-09-16 09:00")
    await serve(any_site, number, "2026-09-16")
    days = ("2026-10-15", "2026-10-30", "2026-11-16", "2026-11-30")
    parts = []
    for part, due in enumerate(days, start=1):
        ask = any_site.demand(number, instalment=part, lines=[{"kind": "fine", "amount": "20000.00"}], due_on=due)
        answer = await any_site.post("/v1/payments", ask)
        assert answer.json()["due_on"] == due
        parts.append(answer.json())
    for part, paid_on in zip(parts, ("2026-10-14", "2026-10-30", "2026-11-18", "2026-11-30"), strict=True):
        await any_site.travel(f"{paid_on} 10:00")
        await any_site.pay(part["code"])
        await any_site.reaches(part, "PAID")
    told = [(await any_site.get(f"/v1/payments/{part['id']}/surcharge"))["amount"] for part in parts]
    assert told == ["0.00", "0.00", "1200.00", "0.00"]  # two days of 3 % on 20,000, on that instalment alone
    answer = await any_site.post("/v1/payments", any_site.demand(number, line_group="surcharge"))
    assert answer.json()["amount"] == "1200.00"


async def test_5_revoked_after_payment_the_money_goes_back_and_publications_end_though_a_portal_is_down(site):
    await site.travel("2026-09-14 09:00")
    await site.simulators.aask("POST", "/credit/settings", {"verdict_seconds": 0.05})
    number = await site.decide("望市监罚决字〔2026〕第5号")
    payment = await site.paid(number=number)
    planned = (await site.post("/v1/disclosures", site.demand(number))).json()
    shown = {one["target"]: one["id"] for one in planned}
    for one in shown.values():
        await site.until(f"/v1/disclosures/{one}", lambda now: now["status"] == "PUBLISHED")
    await site.travel("2026-09-21 09:00")
    site.fault("refuse", system="portal")
    revoked = {"kind": "revoked", "on": "2026-09-21", "reason": "复议撤销"}
    assert (await site.post(site.path(number) + "/events", revoked)).status_code == 200
    await site.until(f"/v1/disclosures/{shown['creditchina']}", lambda now: now["status"] == "WITHDRAWN")
    papers = [
        {"kind": kind, "reference": kind, "digest": "0" * 64}
        for kind in ("opinion_letter", "original_voucher", "legal_document")
    ]
    payee = {"name": "罗巧云", "account": "6222021001116245702", "bank": "安澜农商银行"}
    ask = {
        "reason": "decision_revoked",
        "explanation": "复议撤销,全额退还",
        "payee": payee,
        "documents": papers,
        "officer": "陈立 33010001",
    }
    refund = (await site.post(f"/v1/payments/{payment['id']}/refunds", ask)).json()
    for name in ("李", "王"):  # a case system proposed it, so two operators agree
        by = Person(f"opr_{name}", name, operator=True)
        await site.app.get(Refunds).confirm(refund["id"], by=by, seen=refund["seen"])
    assert (await site.get(f"/v1/refunds/{refund['id']}"))["status"] == "FILED"
    await site.travel("2026-09-23 09:00")  # the portal is down for two days
    assert (await site.get(f"/v1/disclosures/{shown['portal']}"))["status"] == "PUBLISHED"
    site.simulators.clear_faults()
    await site.travel("2026-09-23 10:00")
    await site.until(f"/v1/disclosures/{shown['portal']}", lambda now: now["status"] == "WITHDRAWN")
    assert (await site.get(site.path(number)))["next_duty"] is None


async def test_6_a_firm_at_rest_is_served_by_publication_and_the_register_says_where_else(site):
    await site.travel("2026-06-01 09:00")
    found = await site.get(f"/v1/entities/{AT_REST['uscc']}?authority=wangchuan-scjg")
    assert found["record"]["status"] == "suspended"
    assert found["record"]["service_address"] == "安澜市望川区梧桐巷3号"
    number = await site.decide("望市监罚决字〔2026〕第6号", party=AT_REST, decided_on="2026-05-28")
    await site.travel("2026-07-02 09:00")
    view = await serve(site, number, "2026-06-01", "publication")
    assert view["due"]["on"] == "2026-07-16"  # received at the end of thirty days, on 2026-07-01


async def test_7_an_answer_lost_during_the_night_closing_still_ends_in_one_code(any_site):
    await any_site.travel("2026-09-16 23:00")
    any_site.fault("apply_then_silence", "CreateBill", times=1)
    await any_site.simulators.aask("POST", "/nontax/settings", {"quiet": ["23:30", "00:30"]})
    answer = await any_site.ask_payment()
    payment = answer.json()
    await any_site.travel("2026-09-16 23:45")  # the platform closes before we could ask
    await asyncio.sleep(0.5)
    await any_site.travel("2026-09-17 00:40")
    issued = await any_site.reaches(payment, "ISSUED")
    assert issued["in_doubt_since"] is None
    assert any_site.effects("CreateBill") == [1]


async def test_9_served_16_september_and_paid_9_october_is_one_day_of_surcharge(site):
    await site.travel("2026-09-16 15:00")
    number = await site.decide("望市监罚决字〔2026〕第9号")
    payment = await site.issued(number)
    view = await serve(site, number, "2026-09-16")
    assert (view["due"]["on"], view["due"]["provisional"]) == ("2026-10-08", False)
    await site.travel("2026-10-09 11:00")
    page = (await site.http.get(payment["payer_page"])).text
    assert "已超过缴款期限" in page
    await site.pay(payment["code"])
    await site.reaches(payment, "PAID")
    told = await site.get(f"/v1/payments/{payment['id']}/surcharge")
    assert (told["days"], told["amount"]) == (1, "150.00")


async def test_10_twins_decided_a_day_apart_fall_under_different_rules_of_publication(site):
    await site.travel("2026-04-02 09:00")
    periods = []
    for day, number in (("2026-03-31", "甲"), ("2026-04-01", "乙")):
        await site.decide(number, decided_on=day, seriousness="general")
        answer = await site.post("/v1/disclosures", {"authority": "wangchuan-scjg", "decision_number": number})
        periods.append(next(one for one in answer.json() if one["target"] == "creditchina"))
    assert periods[0]["citation"] != periods[1]["citation"]
    assert periods[0]["publish_until"] != periods[1]["publish_until"]


async def test_14_a_public_security_case_is_published_nowhere(site):
    await site.travel("2026-09-16 09:00")
    number = await site.decide("望公罚〔2026〕第14号", basis="《中华人民共和国治安管理处罚法》第二十六条")
    answer = await site.post("/v1/disclosures", {"authority": "wangchuan-scjg", "decision_number": number})
    assert {one["status"] for one in answer.json()} == {"NOT_PUBLISHABLE"}
    assert all("治安管理处罚法" in one["citation"] for one in answer.json())

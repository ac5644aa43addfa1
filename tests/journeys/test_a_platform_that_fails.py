"""Whatever the platform does, a payment ends with at most one code, and nobody is told what is not known."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gateway.demo import story
from gateway.foundation.delivery.tables import (
    attempt,
    operation,
)
from gateway.rooms.payments.tables import payment_code


async def attempts(site, subject: str, action: str = "nontax.issue") -> list[str]:
    """How each attempt at an operation ended."""
    query = (
        select(attempt.c.kind, attempt.c.outcome)
        .join(operation, operation.c.id == attempt.c.operation_id)
        .where(operation.c.subject == subject, operation.c.action == action)
        .order_by(attempt.c.number)
    )
    return [f"{kind} {outcome}" for kind, outcome in await site.read(lambda conn: conn.execute(query).all())]


async def has_one_code(site, payment: dict[str, Any]) -> None:
    query = select(payment_code.c.code).where(payment_code.c.payment_id == payment["id"])
    assert await site.read(lambda conn: conn.execute(query).scalars().all()) == [payment["code"]]
    assert site.effects("CreateBill") == [1]


@pytest.mark.parametrize("kind", ["apply_then_silence", "apply_then_reset"])
@pytest.mark.cases_by_day(1)
async def test_a_platform_that_dies_between_effect_and_answer_is_asked_and_the_one_code_found(any_site, kind):
    site = any_site
    site.fault(kind, "CreateBill", **({"seconds": 0.2} if kind == "apply_then_silence" else {}))
    answer = await site.ask_payment()
    payment = await site.reaches(answer.json(), "ISSUED")
    assert (payment["in_doubt_since"], payment["doubt_reason"]) == (None, None)
    assert await attempts(site, payment["id"]) == ["call unknown", "find found"]
    assert "payment.in_doubt" in await site.told(payment["id"], "payment.in_doubt")
    await has_one_code(site, payment)


async def test_an_answer_that_cannot_be_trusted_is_doubt_and_the_truth_is_asked_for(site):
    kinds = ("malformed", "malformed_doctype", "empty", "truncated", "wrong_amount", "unknown_status", "bad_signature")
    for number, kind in enumerate(kinds, start=1):
        site.fault(kind, "CreateBill")
        answer = await site.ask_payment(await site.decide(f"望市监罚决字〔2026〕第{number}号"))
        payment = await site.reaches(answer.json(), "ISSUED")
        assert (await attempts(site, payment["id"]))[0] == "call unknown", kind
        assert payment["amount"] == "5036.50"
    assert site.effects("CreateBill") == [1] * len(kinds)


@pytest.mark.parametrize("kind", ["malformed", "truncated", "empty", "bad_signature"])
@pytest.mark.cases_by_day(2)
async def test_a_question_that_is_not_answered_in_a_usable_way_is_asked_again(site, kind):
    site.fault("apply_then_reset", "CreateBill")
    site.fault(kind, "QueryBill", times=2)
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    assert await attempts(site, payment["id"]) == ["call unknown", "find no answer", "find no answer", "find found"]
    await has_one_code(site, payment)


async def test_an_answer_about_somebody_elses_bill_is_never_believed(site):
    payment = await site.issued()
    await site.pay(payment["code"], callback=False)
    site.fault("wrong_code", "QueryBill")
    site.fault("wrong_code", "VoidBill")
    answer = await site.http.post(f"/v1/payments/{payment['id']}/confirmation")
    assert answer.status_code == 200
    await site.reaches(payment, "PAID")
    assert await attempts(site, payment["id"], "nontax.confirm") == ["call unknown", "call done"]


async def test_while_in_doubt_the_caller_is_told_so_and_the_party_is_told_to_wait(site):
    site.fault("apply_then_reset", "CreateBill")
    site.fault("error_500", "QueryBill", times=0)
    answer = await site.ask_payment()
    assert answer.status_code == 202
    payment = answer.json()
    assert (payment["status"], payment["code"]) == ("REQUESTED", None)
    assert payment["in_doubt_since"]
    assert "reset" in payment["doubt_reason"]
    assert "取码结果核实中" in (await site.http.get(payment["payer_page"])).text
    refused = await site.ask_payment(payment["decision_number"])
    assert refused.json()["type"].endswith(":payment-exists")
    site.simulators.clear_faults()
    await has_one_code(site, await site.reaches(payment, "ISSUED"))


@pytest.mark.parametrize("kind", ["silence", "error_500"])
@pytest.mark.cases_by_day(1)
async def test_a_request_that_had_no_effect_is_sent_again_only_when_its_absence_is_settled(site, kind):
    site.fault(kind, "CreateBill", **({"seconds": 0.1} if kind == "silence" else {}))
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    said = await attempts(site, payment["id"])
    assert (said[0], said[-1]) == ("call unknown", "call done")
    assert "find absent" in said
    await has_one_code(site, payment)


async def test_a_platform_that_does_not_find_at_once_what_it_did_is_not_believed(site):
    site.fault("apply_then_reset", "CreateBill")
    site.fault("not_found_then_found", "QueryBill")
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    assert await attempts(site, payment["id"]) == ["call unknown", "find not found", "find found"]
    await has_one_code(site, payment)


async def test_a_busy_platform_is_left_alone_for_as_long_as_it_asks(site):
    site.fault("busy", "CreateBill", seconds=1)
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    assert await attempts(site, payment["id"]) == ["call busy", "call done"]
    assert "payment.in_doubt" not in await site.told(payment["id"])
    await has_one_code(site, payment)


async def test_a_slow_drip_of_an_answer_ends_at_the_total_deadline_and_is_doubt(site):
    site.fault("drip", "CreateBill", seconds=0.05)
    payment = (await site.ask_payment()).json()
    payment = await site.reaches(payment, "ISSUED")
    assert (await attempts(site, payment["id"]))[0] == "call unknown"
    await has_one_code(site, payment)


@pytest.mark.parametrize(("code", "outcome"), [("18012", "REJECTED"), ("18015", "REJECTED")])
@pytest.mark.cases_by_day(1)
async def test_a_business_no_is_final_and_in_the_platforms_words(site, code, outcome):
    site.fault("answer_code", "CreateBill", code=code)
    answer = await site.ask_payment()
    assert answer.status_code == 201
    payment = answer.json()
    assert (payment["status"], payment["code"], payment["in_doubt_since"]) == (outcome, None, None)
    assert payment["reason"]
    assert site.effects("CreateBill") == []
    await site.issued(payment["decision_number"])


async def test_a_declared_fault_is_an_answer_although_it_travels_as_500(site):
    await asyncio.to_thread(site.simulators.ask, "POST", "/nontax/settings", {"quiet": ["00:00", "23:59"]})
    answer = await site.ask_payment()
    assert answer.status_code == 202
    payment = answer.json()
    assert (payment["status"], payment["in_doubt_since"]) == ("REQUESTED", None)
    assert await attempts(site, payment["id"]) == ["call busy"]
    assert site.effects("CreateBill") == []


async def test_refused_credentials_stop_the_channel_and_nothing_is_lost(site):
    site.fault("answer_code", "CreateBill", code="19100")
    answer = await site.ask_payment()
    assert (answer.status_code, answer.json()["in_doubt_since"]) == (202, None)
    notes = (await site.get("/readyz"))["problems"]
    assert any("nontax" in one and "stopped" in one for one in notes)
    await site.app.base.delivery.waiting.resume_channel("nontax")
    await has_one_code(site, await site.reaches(answer.json(), "ISSUED"))


async def test_a_platform_that_cannot_be_reached_is_tried_until_it_is_there(site):
    site.fault("refuse")
    answer = await site.ask_payment()
    assert answer.status_code == 202
    payment = answer.json()
    assert (payment["status"], payment["in_doubt_since"]) == ("REQUESTED", None)
    site.simulators.clear_faults()
    payment = await site.reaches(payment, "ISSUED")
    said = await attempts(site, payment["id"])
    assert (said[0], said[-1]) == ("call not sent", "call done")
    assert not [one for one in said if one.startswith("find")]
    await has_one_code(site, payment)


async def test_a_caller_who_hangs_up_does_not_cut_the_call(site):
    number = await site.decide()
    site.fault("slow", "CreateBill", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        await site.post("/v1/payments", site.demand(number), "impatient", timeout=0.2)
    listed = await site.until("/v1/payments", lambda page: [one for one in page["items"] if one["status"] == "ISSUED"])
    (payment,) = listed["items"]
    assert await attempts(site, payment["id"]) == ["call done"]
    async with asyncio.timeout(60):  # "still being served" while the first request has not been answered in full
        while (again := await site.post("/v1/payments", site.demand(number), "impatient")).status_code == 409:
            await asyncio.sleep(0.05)
    assert (again.status_code, again.json()["id"]) == (201, payment["id"])
    assert again.json()["code"] == payment["code"]
    await has_one_code(site, payment)


async def test_a_cancel_whose_answer_is_lost_is_found_done(site):
    payment = await site.issued()
    site.fault("apply_then_reset", "VoidBill")
    await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "决定书文号有误"})
    await site.reaches(payment, "CANCELLED")
    assert await attempts(site, payment["id"], "nontax.cancel") == ["call unknown", "find found"]
    assert site.effects("VoidBill") == [1]


async def test_systems_that_are_down_at_the_start_delay_what_is_asked_and_lose_nothing(site):
    """Also: what is down is named, with the cure, and does not keep the gateway from accepting work."""
    simulators = site.simulators
    await asyncio.to_thread(simulators.kill)
    assert (await site.get("/readyz"))["status"] == "ok"
    number = await site.decide()
    payment = (await site.ask_payment(number)).json()
    disclosures = await site.post("/v1/disclosures", site.demand(number))
    assert disclosures.status_code == 202
    looked_up = await site.http.get(f"/v1/entities/92990102MA0WA4562J?authority={story.AUTHORITY}")
    assert looked_up.status_code == 503
    assert looked_up.json()["cure"]
    checked = await site.app.base.channels.check("nontax")
    assert (checked.ok, "Cannot connect" in checked.detail, bool(checked.cure)) == (False, True, True)
    await asyncio.to_thread(simulators.start)
    await has_one_code(site, await site.reaches(payment, "ISSUED"))
    for one in disclosures.json():
        await site.until(
            f"/v1/disclosures/{one['id']}", lambda now: now["status"] in ("SUBMITTED", "ACCEPTED", "PUBLISHED")
        )


async def test_a_code_that_another_bill_has_already_is_not_believed_and_the_true_one_found(any_site):
    site = any_site
    site.fault("wrong_code", "CreateBill", times=2)  # both codes are altered into the same one
    first = await site.issued(await site.decide("望市监罚决字〔2026〕第1号"))
    answer = await site.ask_payment(await site.decide("望市监罚决字〔2026〕第2号"))
    second = await site.reaches(answer.json(), "ISSUED")
    assert second["code"] != first["code"]
    assert await attempts(site, second["id"]) == ["call unknown", "find found"]
    assert "payment.in_doubt" in await site.told(second["id"], "payment.in_doubt")

"""One demand for money from code to settlement, over sockets, with everything that may go wrong on the way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gateway.foundation.delivery import refused_records
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.wire.signing import sign
from gateway.rooms.payments.tables import collection, payment_code
from gateway.words.clock import SHANGHAI, SystemClock, day_of

CASES = Path(__file__).parents[1] / "cases" / "callbacks"
CALLBACK = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<c:PaymentConfirm xmlns:c="urn:nontax-platform:callback:v1"><c:PayNo>{number}</c:PayNo>'
    "<c:PayCode>{code}</c:PayCode><c:CfmDate>{day}</c:CfmDate><c:CfmTime>{time}</c:CfmTime><c:Amt>{amount}</c:Amt>"
    "<c:PayMode>51</c:PayMode><c:TraNoBus>{serial}</c:TraNoBus><c:PayerName>罗小满</c:PayerName></c:PaymentConfirm>"
)
PAID = SystemClock().now().astimezone(SHANGHAI)
SERIAL = "20261001510000000001"


OURS = "N0000000000000000001"
"""Stands for the number of the bill itself, until it is sent."""


def notice(payment: dict[str, Any], **other: str) -> bytes:
    """A PaymentConfirm as the platform writes it."""
    told = {"number": OURS, "code": payment["code"], "amount": payment["amount"], "serial": SERIAL}
    told |= {"day": payment.get("day", f"{PAID:%Y%m%d}"), "time": f"{PAID:%H%M%S}"}
    return CALLBACK.format(**told | other).encode()


async def number_of(site, body: bytes) -> str:
    """The number of the bill that a message's code belongs to."""
    code = body.partition(b"<c:PayCode>")[2].partition(b"<")[0].decode()
    query = select(payment_code.c.reference).where(payment_code.c.code == code)
    return await site.read(lambda conn: conn.execute(query).scalar()) or OURS


async def call_back(site, body: bytes, nonce: str = "nonce-0001", secret: str | None = None) -> httpx.Response:
    """Send a callback signed now: by the platform, or with another secret by somebody else."""
    told = site.simulators.credentials("nontax")
    body = body.replace(OURS.encode(), (await number_of(site, body)).encode())
    headers = sign(told["platform_node"], (secret or told["secret"]).encode(), body, SystemClock().now(), nonce)
    async with site.client(None) as http:
        return await http.post("/callbacks/nontax", content=body, headers=headers | {"Content-Type": "application/xml"})


async def money(site, code: str) -> list[Any]:
    """What arrived for a code, whoever told us."""
    return await site.read(lambda conn: conn.execute(select(collection).where(collection.c.code == code)).all())


async def has_one_code(site, payment: dict[str, Any]) -> None:
    """The promise: one payment, one code, made once at the platform."""
    query = select(payment_code.c.code).where(payment_code.c.payment_id == payment["id"])
    assert await site.read(lambda conn: conn.execute(query).scalars().all()) == [payment["code"]]
    assert site.effects("CreateBill") == [1]


def kinds(payment: dict[str, Any]) -> list[str]:
    return sorted(one["kind"] for one in payment["exceptions"])


# --- as it should be ------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
async def test_a_code_is_asked_for_once_paid_told_and_settled(any_site):
    site = any_site
    payment = await site.issued()
    assert (payment["amount"], len(payment["code"])) == ("5036.50", 20)
    assert [(one["kind"], one["amount"]) for one in payment["lines"]] == [("confiscated", "36.50"), ("fine", "5000.00")]
    await has_one_code(site, payment)
    await site.pay(payment["code"])
    paid = await site.reaches(payment, "PAID")
    assert (paid["settlement"], paid["paid_amount"], len(paid["collections"])) == ("pending", "5036.50", 1)
    assert paid["collections"][0]["source"] == "callback"
    today = str(day_of(datetime.now(UTC)))
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": today})).json()
    assert (run["matched"], run["matched_amount"], run["breaks"]) == (1, "5036.50", 0)
    assert (await site.get(f"/v1/payments/{payment['id']}"))["settlement"] == "matched"
    told = await site.told(payment["id"], "payment.paid")
    assert told[:3] == ["payment.requested", "payment.issued", "payment.paid"]
    view = await site.get(site.path(payment["decision_number"]))
    assert [one["status"] for one in view["payments"]] == ["PAID"]


async def test_a_second_demand_for_the_same_money_gets_the_address_of_the_first(site):
    payment = await site.issued()
    again = await site.ask_payment(payment["decision_number"])
    assert again.status_code == 409
    assert again.json()["type"].endswith(":payment-exists")
    assert again.headers["location"] == f"/v1/payments/{payment['id']}"
    await has_one_code(site, payment)


async def test_many_who_ask_at_once_get_one_code_between_them(site):
    number = await site.decide()
    answers = await asyncio.gather(*(site.ask_payment(number) for _ in range(8)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 7
    await has_one_code(site, next(one.json() for one in answers if one.status_code == 201))


@pytest.mark.both_databases
async def test_many_repeats_of_one_request_at_once_make_one_payment(any_site):
    site = any_site
    number = await site.decide()
    answers = await asyncio.gather(*(site.ask_payment(number, "the-same") for _ in range(8)))
    assert {one.status_code for one in answers} <= {201, 409}
    assert {one.json()["type"].rsplit(":", 1)[1] for one in answers if one.status_code == 409} <= {
        "request-in-progress"
    }
    later = await site.ask_payment(number, "the-same")
    assert later.status_code == 201
    await has_one_code(site, later.json())


# --- callbacks ------------------------------------------------------------------------------------------------------


async def test_a_callback_again_whatever_its_nonce_gets_the_same_answer_and_has_no_effect(site):
    payment = await site.issued()
    first = await call_back(site, notice(payment))
    same = await call_back(site, notice(payment))
    other = await call_back(site, notice(payment), nonce="nonce-0002")
    assert [one.status_code for one in (first, same, other)] == [200] * 3
    assert first.content == same.content == other.content
    assert len(await money(site, payment["code"])) == 1
    assert (await site.told(payment["id"], "payment.paid")).count("payment.paid") == 1
    paid = await site.get(f"/v1/payments/{payment['id']}")
    assert (paid["status"], kinds(paid)) == ("PAID", [])


@pytest.mark.both_databases
async def test_callbacks_about_one_payment_at_the_same_moment_count_once(any_site):
    site = any_site
    payment = await site.issued()
    answers = await asyncio.gather(*(call_back(site, notice(payment), nonce=f"nonce-{n:04}") for n in range(10)))
    assert {one.status_code for one in answers} == {200}
    assert len(await money(site, payment["code"])) == 1
    paid = await site.get(f"/v1/payments/{payment['id']}")
    assert (paid["status"], kinds(paid)) == ("PAID", [])


async def test_a_known_nonce_with_another_body_is_a_forgery(site):
    payment = await site.issued()
    assert (await call_back(site, notice(payment))).status_code == 200
    refused = await call_back(site, notice(payment, serial="20261001510000000002"))
    assert refused.status_code == 401
    assert len(await money(site, payment["code"])) == 1


async def test_a_forged_callback_is_refused_kept_and_changes_nothing(site):
    payment = await site.issued()
    refused = await call_back(site, notice(payment, amount="0.01"), secret="a guess")
    assert refused.status_code == 401
    assert refused.json()["type"].endswith(":callback-not-authenticated")
    assert not await money(site, payment["code"])
    assert (await site.get(f"/v1/payments/{payment['id']}"))["status"] == "ISSUED"
    evidence = select(exchange.c.outcome).where(exchange.c.action == "callback")
    assert await site.read(lambda conn: conn.execute(evidence).scalars().all()) == [], "anybody could fill it"
    (kept,) = await site.read(lambda conn: refused_records.find(conn, channel="nontax"))
    assert (kept.source, kept.reason.partition(":")[0]) == ("127.0.0.1", "bad-signature")


async def test_the_forged_one_that_comes_first_does_not_spoil_the_true_one(site):
    payment = await site.issued()
    site.fault("callback_forged", "PaymentConfirm")
    await site.pay(payment["code"])
    paid = await site.reaches(payment, "PAID")
    assert (paid["paid_amount"], kinds(paid)) == ("5036.50", [])


async def test_an_authentic_callback_that_breaks_the_contract_is_refused_and_kept(site):
    known = {"code": "9" * 20, "amount": "1.00"}
    broken = (
        b"",
        b"{}",
        b'<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>',
        notice(known | {"code": "x"}),
        notice(known | {"amount": "1e-3"}),
        notice(known | {"amount": "200,00"}),
        notice(known | {"amount": "200.005"}),
        notice(known | {"amount": "99999999999999.00"}),
        notice(known, day="20261399"),
        notice(known) + b" " * 70_000,
    )
    for number, body in enumerate(broken):
        refused = await call_back(site, body, nonce=f"nonce-{number:04}")
        assert refused.status_code == 400, body[-300:]
        assert refused.json()["type"].endswith(":callback-unreadable")
    kept = select(exchange.c.outcome).where(exchange.c.action == "callback")
    outcomes = await site.read(lambda conn: conn.execute(kept).scalars().all())
    assert [one.partition(":")[0] for one in outcomes] == ["unreadable"] * len(broken)


@pytest.mark.parametrize("of_ours", ["code", "number"])
@pytest.mark.cases_by_day(1)
async def test_an_authentic_callback_that_cannot_be_read_makes_us_ask_how_its_bill_stands(site, of_ours):
    payment = await site.issued()
    await site.pay(payment["code"], callback=False)
    other = {"number": "R99"} if of_ours == "code" else {}
    body = notice(payment, amount="5,036.50", **other)
    if of_ours == "number":
        body = body.replace(OURS.encode(), (await number_of(site, body)).encode())
        body = body.replace(payment["code"].encode(), b"1" * 20)
    taken = await call_back(site, body)
    assert taken.status_code == 200, "its bill was found, and the platform need not repeat it"
    assert b"<c:Result>00000" in taken.content
    paid = await site.reaches(payment, "PAID")
    assert [one["source"] for one in paid["collections"]] == ["query"]
    (listed,) = (await site.get("/v1/callbacks/unreadable"))["items"]
    assert (listed["channel"], listed["about"]) == ("nontax", payment["id"])
    events = (await site.get("/v1/events"))["items"]
    assert [one["data"] for one in events if one["type"] == "channel.unreadable_callback"] == [
        {"exchange": listed["exchange"], "about": payment["id"]}
    ]
    kept = await site.get(f"/v1/evidence/{listed['exchange']}")
    assert kept["outcome"].startswith("unreadable: ")


@pytest.mark.parametrize(
    "case", ["c01_more_element", "c02_empty_payer", "c03_whole_yuan", "c04_comment_in_serial", "c05_comment_in_amount"]
)
@pytest.mark.cases_by_day(2)
async def test_a_callback_that_is_written_a_little_differently_pays_its_bill(site, case):
    payment = await site.issued()
    await site.pay(payment["code"], callback=False)
    text = (CASES / f"{case}.xml").read_text(encoding="utf-8")
    text = text.replace(">200", ">5036").replace(".00<", ".50<").replace("5036</", "5036.5</")
    for of, to in (
        ("R00000501", OURS),
        ("99010226300000000501", payment["code"]),
        ("20261120<", f"{PAID:%Y%m%d}<"),
        ("100000<", f"{PAID:%H%M%S}<"),
    ):
        text = text.replace(of, to)
    taken = await call_back(site, text.encode())
    assert (taken.status_code, b"<c:Result>00000" in taken.content) == (200, True)
    paid = await site.reaches(payment, "PAID")
    assert (paid["paid_amount"], kinds(paid)) == ("5036.50", [])
    (known,) = await money(site, payment["code"])
    assert known.bank_serial == "20261120510000000501"


@pytest.mark.parametrize(
    ("case", "odd"),
    [
        ("c06_next_year", ["time"]),
        ("c07_before_the_bill", ["time"]),
        ("c08_other_bills_number", ["other_bill"]),
        ("c09_zero", []),
    ],
)
@pytest.mark.cases_by_day(2)
async def test_what_a_callback_says_that_cannot_be_pays_nothing_and_is_kept(site, case, odd):
    payment = await site.issued()
    text = (CASES / f"{case}.xml").read_text(encoding="utf-8").replace("99010226300000000501", payment["code"])
    for of, to in (("R00000501", OURS), ("20261120<", f"{PAID:%Y%m%d}<"), (">2027", f">{PAID.year + 1}")):
        text = text.replace(of, to)
    text = text.replace("100000<", f"{PAID:%H%M%S}<").replace(">200.00<", ">5036.50<")
    taken = await call_back(site, text.encode())
    assert (taken.status_code, b"<c:Result>00000" in taken.content) == (200, True)
    stands = await site.get(f"/v1/payments/{payment['id']}")
    assert (stands["status"], kinds(stands)) == ("ISSUED", odd)


async def test_a_callback_about_no_money_is_noted_and_opens_nothing(site):
    payment = await site.issued()
    assert (await call_back(site, notice(payment, amount="0.00"))).status_code == 200
    stands = await site.get(f"/v1/payments/{payment['id']}")
    assert (stands["status"], kinds(stands), await money(site, payment["code"])) == ("ISSUED", [], [])


async def test_who_sends_forgeries_learns_nothing_from_the_answers(site):
    payment = await site.issued()
    told, body = site.simulators.credentials("nontax"), notice(payment)
    now, node = SystemClock().now(), told["platform_node"]
    right = sign(node, told["secret"].encode(), body, now, "nonce-0001")
    assert (await call_back(site, notice(payment, amount="0.01"), nonce="nonce-used")).status_code == 200
    tries = (
        {},
        {**right, "X-Signature": "0" * 64},
        {**right, "X-Signature": "?"},
        {**right, "X-Node-Code": "F000000"},
        {**right, "X-Timestamp": "soon"},
        sign(node, told["secret"].encode(), body, now - timedelta(hours=1), "nonce-0002"),
        sign(node, b"a guess that is long enough", body, now, "nonce-0003"),
        sign(node, told["secret"].encode(), body, now, "nonce-used"),
    )
    answers = set()
    async with site.client(None) as http:
        for headers in tries:
            refused = await http.post("/callbacks/nontax", content=body, headers=headers)
            words = refused.json()
            assert words.pop("request")  # each has its own
            answers.add((refused.status_code, tuple(words.items())))
    assert len(answers) == 1, answers
    assert answers.pop()[0] == 401


async def test_money_that_overtakes_the_answer_with_the_code_is_kept_and_applied(site):
    site.fault("callback_before_reply", "CreateBill")
    answer = await site.ask_payment()
    paid = await site.reaches(answer.json(), "PAID")
    assert (paid["paid_amount"], len(paid["collections"]), kinds(paid)) == ("5036.50", 1, [])
    assert await site.told(paid["id"], "payment.paid") == ["payment.requested", "payment.issued", "payment.paid"]
    await has_one_code(site, paid)


async def test_money_that_comes_while_the_code_is_in_doubt_brings_the_truth(site):
    site.fault("apply_then_reset", "CreateBill")
    site.fault("silence", "QueryBill", seconds=0.1)
    number = await site.decide()
    asking = asyncio.create_task(site.ask_payment(number))
    (made,) = await site.simulators.journalled(operation="CreateBill")
    bill = next(iter(site.simulators.ask("GET", "/state", system="nontax")["nontax"]["bills"].values()))
    assert made["key"] == bill["number"]
    await site.pay(bill["code"])
    paid = await site.reaches((await asking).json(), "PAID")
    assert (paid["code"], len(paid["collections"]), paid["in_doubt_since"]) == (bill["code"], 1, None)
    await has_one_code(site, paid)


async def test_a_callback_for_a_code_that_nobody_knows_is_kept_and_acknowledged(site):
    stray = {"code": "99010226309999999999", "amount": "12.00"}
    assert (await call_back(site, notice(stray))).status_code == 200
    (kept,) = await money(site, stray["code"])
    assert (kept.amount, kept.payment_id) == (1200, None)


async def test_a_lost_callback_is_made_good_by_asking(site):
    payment = await site.issued()
    site.fault("callback_lost", "PaymentConfirm")
    await site.pay(payment["code"])
    answer = await site.http.post(f"/v1/payments/{payment['id']}/confirmation")
    assert (answer.status_code, answer.json()["status"]) == (200, "PAID")
    assert answer.json()["collections"][0]["source"] == "query"


async def test_a_lost_callback_is_made_good_by_the_statement(any_site):
    site = any_site
    payment = await site.issued()
    site.fault("callback_lost", "PaymentConfirm")
    await site.pay(payment["code"])
    today = str(day_of(datetime.now(UTC)))
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": today})).json()
    assert (run["matched"], run["healed"], run["breaks"]) == (1, 1, 0)
    paid = await site.get(f"/v1/payments/{payment['id']}")
    assert (paid["status"], paid["settlement"], paid["collections"][0]["source"]) == ("PAID", "matched", "statement")


async def test_a_callback_while_nobody_serves_is_delivered_after_the_return(site):
    payment = await site.issued()
    site.simulators.callbacks_to("nontax", "http://127.0.0.1:9/callbacks/nontax")
    await site.pay(payment["code"])
    await site.simulators.journalled(operation="PaymentConfirm")
    site.simulators.callbacks_to("nontax", f"{site.url}/callbacks/nontax")
    await site.reaches(payment, "PAID")


# --- late edges -----------------------------------------------------------------------------------------------------


async def cancelled(site) -> dict[str, Any]:
    payment = await site.issued()
    answer = await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "决定书文号有误"})
    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    return answer.json()


async def test_a_cancelled_demand_is_void_at_the_platform_and_may_be_asked_for_anew(site):
    first = await cancelled(site)
    assert site.effects("VoidBill") == [1]
    second = await site.issued(first["decision_number"])
    assert second["code"] != first["code"]
    states = select(payment_code.c.state).order_by(payment_code.c.asked_at)
    assert await site.read(lambda conn: conn.execute(states).scalars().all()) == ["void", "live"]


async def test_money_for_a_cancelled_bill_is_an_exception_with_a_way_out(site):
    payment = await cancelled(site)
    await site.pay(payment["code"], force=True)
    view = await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    assert (view["status"], kinds(view), view["exceptions"][0]["proposal"]) == (
        "CANCELLED",
        ["paid_after_cancel"],
        "refund",
    )
    assert len(view["collections"]) == 1
    assert (await site.get("/v1/exceptions"))["items"][0]["payment"] == payment["id"]
    page = await site.http.get(view["payer_page"])
    assert "已收到款项" in page.text


async def test_money_that_comes_twice_is_kept_twice_and_an_exception_once(any_site):
    site = any_site
    paid = await site.paid()
    await site.pay(paid["code"], force=True)
    view = await site.until(f"/v1/payments/{paid['id']}", lambda now: now["exceptions"])
    assert (view["status"], kinds(view), len(view["collections"])) == ("PAID", ["paid_twice"], 2)
    await site.simulators.aask(
        "POST", "/nontax/tell", {"code": paid["code"], "serial": view["collections"][1]["bank_serial"]}
    )
    await site.simulators.flush_callbacks("nontax")
    again = await site.get(f"/v1/payments/{paid['id']}")
    assert (kinds(again), len(again["collections"])) == (["paid_twice"], 2)


async def test_a_wrong_amount_is_kept_and_never_called_paid(site):
    payment = await site.issued()
    await site.pay(payment["code"], amount="5036.49")
    view = await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    assert (view["status"], kinds(view)) == ("ISSUED", ["amount_differs"])
    assert [one["amount"] for one in view["collections"]] == ["5036.49"]


async def test_a_paid_payment_is_not_cancelled(site):
    paid = await site.paid()
    refused = await site.post(f"/v1/payments/{paid['id']}/cancel", {"reason": "不再需要"})
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":payment-not-cancellable")
    assert refused.json()["payment_status"] == "PAID"
    assert site.effects("VoidBill") == []


async def test_a_cancel_that_money_overtook_ends_as_paid(site):
    payment = await site.issued()
    site.simulators.callbacks_to("nontax", None)
    await site.pay(payment["code"])
    answer = await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "决定书文号有误"})
    assert answer.status_code in (200, 202)
    paid = await site.reaches(payment, "PAID")
    assert (paid["collections"][0]["source"], kinds(paid)) == ("query", [])
    assert "payment.cancel_refused" in await site.told(payment["id"], "payment.cancel_refused")


async def test_a_revoked_decision_takes_its_unpaid_code_back_and_asks_for_no_more(site):
    payment = await site.issued()
    event = {"kind": "revoked", "on": str(day_of(datetime.now(UTC))), "reason": "事实不清"}
    answer = await site.post(site.path(payment["decision_number"]) + "/events", event)
    assert answer.status_code == 200
    await site.reaches(payment, "CANCELLED")
    assert site.effects("VoidBill") == [1]
    refused = await site.ask_payment(payment["decision_number"])
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[1]) == (409, "decision-revoked")


async def test_a_decision_revoked_while_its_code_is_in_doubt_leaves_no_live_code(site):
    site.fault("apply_then_reset", "CreateBill")
    site.fault("silence", "QueryBill", seconds=0.3, times=2)
    number = await site.decide()
    asking = asyncio.create_task(site.ask_payment(number))
    await site.simulators.journalled(operation="CreateBill")
    event = {"kind": "revoked", "on": str(day_of(datetime.now(UTC))), "reason": "事实不清"}
    assert (await site.post(site.path(number) + "/events", event)).status_code == 200
    payment = (await asking).json()
    await site.reaches(payment, "CANCELLED")
    assert site.effects("VoidBill") == [1]

"""A mistyped day of service, and what follows from it, put right over HTTP until the month is closed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

ONE, OFFICER = "望市监罚决字〔2026〕第71号", "高远 99010200123"


@asynccontextmanager
async def two_people(site):
    """Two operators, each with a key of their own."""
    keys = []
    for login, name in (("gao", "高远"), ("lin", "林溪")):
        made = await site.app.base.access.create_operator(login, name, "operator", "long enough a password")
        keys.append((await site.app.base.access.issue_operator_key(made.id, label="journey")).token)
    async with site.client(keys[0]) as first, site.client(keys[1]) as second:
        yield first, second


async def say(http: Any, path: str, body: Any, key: str) -> dict[str, Any]:
    answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
    assert answer.is_success, answer.text
    return dict(answer.json())


async def happens(site, kind: str, on: str, **more: Any) -> dict[str, Any]:
    """The decision after this event; the event's id is that of the last."""
    answer = await site.post(site.path(ONE) + "/events", {"kind": kind, "on": on, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def explained(site, on: str | None = None) -> dict[str, Any]:
    return dict(await site.get(site.path(ONE) + "/explanation" + (f"?on={on}" if on else "")))


async def data_of(site, subject: str, type: str) -> list[dict[str, Any]]:
    await site.told(subject, type)
    items = (await site.get(f"/v1/events?subject={subject}&limit=200"))["items"]
    return [one["data"] for one in items if one["type"] == type]


async def test_from_a_mistyped_service_to_a_closed_month_every_figure_follows_what_is_right(site):
    await site.travel("2026-09-28 09:00")
    await site.decide(ONE)
    payment = await site.issued(ONE)
    wrong = (await happens(site, "served", "2026-09-26", method="direct"))["events"][-1]["id"]
    await site.until(f"/v1/payments/{payment['id']}", lambda now: now["due_on"] == "2026-10-12")

    # Nothing leans on it yet: the correction counts at once, and page, payment and decision follow.
    await site.travel("2026-10-09 10:00")
    right = {"kind": "served", "on": "2026-09-16", "method": "direct"}
    asked = {"event": right, "reason": "送达回证日期录入有误", "officer": OFFICER}
    view = (await site.post(f"{site.path(ONE)}/events/{wrong}/correction", asked)).json()
    assert [(one["on"], one["in_force"]) for one in view["events"]] == [("2026-09-26", False), ("2026-09-16", True)]
    assert (view["due"]["on"], view["corrections"][0]["officer"]) == ("2026-10-08", OFFICER)
    assert (await site.get(f"/v1/payments/{payment['id']}"))["due_on"] == "2026-10-08"
    assert "已超过缴款期限" in (await site.http.get(payment["payer_page"])).text
    (told,) = await data_of(site, view["id"], "decision.corrected")
    assert (told["old"]["on"], told["new"]["on"], told["due_on_before"]) == ("2026-09-26", "2026-09-16", "2026-10-12")

    # An appeal stops the surcharge; what a reminder of a day must name is exact.
    await site.travel("2026-10-14 10:00")
    await happens(site, "appealed", "2026-10-10", appeal="复议〔2026〕12号", appeal_kind="reconsideration")
    ended = (await happens(site, "appeal_ended", "2026-10-12", appeal="复议〔2026〕12号"))["events"][-1]["id"]
    sums = {day: (await explained(site, f"2026-10-{day}"))["to_pay"] for day in ("08", "09", "12", "13", "14")}
    assert sums == {"08": "5036.50", "09": "5186.50", "12": "5186.50", "13": "5336.50", "14": "5486.50"}
    shown = await explained(site)
    assert [one["matter"] for one in shown["rules"]][:1] == ["payment_term"]
    assert {one["name"]: one["last_day"] for one in shown["terms"]} == {"suing": "2026-10-27", "court": "2027-01-27"}

    # Paid in the last minute of the day, whatever the platform's cut-off: the day counts, and no day after it.
    await site.travel("2026-10-14 23:58")
    await site.pay(payment["code"])
    await site.reaches(payment, "PAID")
    assert (await site.get(f"/v1/payments/{payment['id']}/surcharge"))["amount"] == "450.00"

    # Money has come: a second person agrees to what they saw, and what was 450.00 is 300.00.
    await site.travel("2026-10-15 09:00")
    asked = {"event": {"kind": "appeal_ended", "on": "2026-10-13", "appeal": "复议〔2026〕12号"}, "reason": "送达日"}
    async with two_people(site) as (gao, lin):
        below = f"{site.path(ONE)}/events/{ended}"
        waits = (await say(gao, f"{below}/correction", asked, "k1"))["corrections"][-1]
        assert waits["status"] == "PROPOSED"
        assert (await explained(site))["claims"][0]["surcharge"]["amount"] == "450.00"
        alone = {"Idempotency-Key": "k2"}
        answer = await gao.post(f"{below}/confirmation", json={"seen": waits["seen"]}, headers=alone)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "second-person-needed")
        made = await say(lin, f"{below}/confirmation", {"seen": waits["seen"]}, "k3")
        assert made["corrections"][-1]["confirmed_by"] == "林溪"
        first, moved = await data_of(site, payment["id"], "payment.surcharge_changed")
        assert (first["surcharge_before"], first["surcharge"]) == ("0.00", "150.00")
        assert (moved["surcharge_before"], moved["surcharge"], moved["on"]) == ("450.00", "300.00", "2026-10-14")

        bill = (await site.post("/v1/payments", site.demand(ONE, line_group="surcharge"))).json()
        bill = await site.reaches(bill, "ISSUED")
        assert bill["amount"] == "300.00"
        await site.pay(bill["code"])
        await site.reaches(bill, "PAID")
        assert (await explained(site))["to_pay"] == "0.00"

        # The month: both sums are in its books, and it is closed over them.
        await site.travel("2026-11-01 09:00")
        for day in range(1, 32):
            asked = {"channel": "nontax", "day": f"2026-10-{day:02}"}
            assert (await site.post("/v1/reconciliations", asked)).status_code == 201
        balance = (await gao.get("/v1/balance?channel=nontax&month=2026-10")).json()
        assert (balance["adjusted_books"], balance["items"]) == ("5336.50", [])
        closing = {"channel": "nontax", "month": "2026-10", "seen": balance["seen"]}
        assert (await say(gao, "/v1/month-closes", closing, "k4"))["state"] == "closed"
        ledger = (await gao.get("/v1/reports/ledger?channel=nontax&period=2026-10")).json()["report"]["tables"][0]
        dues = {row[ledger["columns"].index("缴款期限")] for row in ledger["rows"]}
        assert dues == {"2026-10-08"}


async def test_a_surcharge_bill_that_asks_for_too_much_is_voided_and_a_revocation_that_never_was_is_taken_back(site):
    await site.travel("2026-09-16 09:00")
    await site.decide(ONE)
    await happens(site, "served", "2026-09-16", method="direct")
    whole = await site.issued(ONE)
    await site.travel("2026-10-12 10:00")
    bill = (await site.post("/v1/payments", site.demand(ONE, line_group="surcharge"))).json()
    bill = await site.reaches(bill, "ISSUED")
    assert bill["amount"] == "600.00"
    await happens(site, "appealed", "2026-10-10", appeal_kind="suit")
    await site.reaches(bill, "CANCELLED")
    assert (await explained(site))["to_pay"] == "5186.50"

    revoked = (await happens(site, "revoked", "2026-10-12", reason="另案"))["events"][-1]["id"]
    await site.reaches(whole, "CANCELLED")
    void = {"reason": "录入了另一案件", "officer": OFFICER}
    view = (await site.post(f"{site.path(ONE)}/events/{revoked}/voiding", void)).json()
    assert not view["events"][-1]["in_force"]
    again = await site.issued(ONE)
    assert again["amount"] == "5036.50"


async def test_a_correction_on_which_a_publication_leans_waits_for_a_second_person(site):
    await site.travel("2026-09-28 09:00")
    await site.decide(ONE)
    wrong = (await happens(site, "served", "2026-09-26", method="direct"))["events"][-1]["id"]
    assert (await site.post("/v1/disclosures", site.demand(ONE))).status_code == 202
    right = {"kind": "served", "on": "2026-09-16", "method": "direct"}
    asked = {"event": right, "reason": "送达回证日期录入有误", "officer": OFFICER}
    view = (await site.post(f"{site.path(ONE)}/events/{wrong}/correction", asked)).json()
    assert (view["corrections"][0]["status"], view["due"]["on"]) == ("PROPOSED", "2026-10-12")

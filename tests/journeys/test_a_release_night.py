"""A release night: every system speaks a little differently, and nothing waits for a person because of it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from simulators.nontax.platform import NonTax

KINDS = ("more_elements", "empty_optionals", "other_order", "other_amounts")


async def nothing_waits(site) -> None:
    """No operation was given to a person."""
    assert (await site.get("/v1/operations?state=parked"))["items"] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_platform_that_speaks_differently_is_paid_refunded_and_receipted_as_ever(site, kind):
    site.fault(kind, times=0)
    site.fault("callback_different", "PaymentConfirm", times=0)
    payment = await site.paid()
    assert (payment["paid_amount"], payment["collections"][0]["source"]) == ("5036.50", "callback")
    await site.post(f"/v1/payments/{payment['id']}/receipt", None)
    await site.until(f"/v1/payments/{payment['id']}/receipt", lambda now: now["status"] == "ISSUED")
    other = await site.issued(await site.decide("望市监罚决字〔2026〕第2号"))
    await site.post(f"/v1/payments/{other['id']}/cancel", {"reason": "文号有误"})
    await site.reaches(other, "CANCELLED")
    assert site.effects("CreateBill") == [1, 1]
    await nothing_waits(site)
    await site.app.base.drift.write(site.app.base.events, site.app.base.channels)
    noted = {one["element"] for one in (await site.get("/v1/channels/drift"))["items"]}
    answers = {"ReleaseNote", "Bill/ReleaseNote", "Receipt/ReleaseNote"} if kind == "more_elements" else set()
    assert noted >= {"ReleaseNote"} | answers
    assert all(one.rpartition("/")[2] == "ReleaseNote" for one in noted), "nothing else is beyond the contract"
    measured = (await site.http.get("/metrics")).text
    line = 'gateway_contract_drift_seen{action="PaymentConfirm",channel="nontax",element="ReleaseNote"} 1.0'
    assert line in measured
    assert "gateway_contract_drift_first_seen_timestamp_seconds{" in measured
    told = [one for one in (await site.get("/v1/events"))["items"] if one["type"] == "channel.drifted"]
    assert {one["data"]["element"] for one in told} <= noted


@pytest.mark.parametrize("kind", KINDS[:3])
async def test_json_systems_that_speak_differently_are_understood(site, kind):
    await site.simulators.aask("POST", "/credit/settings", {"verdict_seconds": 0.05})
    for system in ("credit", "portal", "seal"):
        site.fault(kind, system=system, times=0)
    for system, operation in (("credit", "verdict"), ("seal", "job_moved")):
        site.fault("callback_different", operation, system, times=0)
    number = await site.decide()
    asked = await site.post("/v1/disclosures", {**site.demand(number)})
    assert asked.status_code < 300, asked.text
    for one in asked.json():
        await site.until(f"/v1/disclosures/{one['id']}", lambda now: now["status"] == "PUBLISHED")
    sealed = await site.post("/v1/sealed-documents", site.to_seal(number))
    assert sealed.status_code < 300, sealed.text
    await site.until(f"/v1/sealed-documents/{sealed.json()['id']}", lambda now: now["status"] == "SEALED")
    await nothing_waits(site)
    await site.app.base.drift.write(site.app.base.events, site.app.base.channels)
    noted = (await site.get("/v1/channels/drift"))["items"]
    assert all(one["element"].rpartition("/")[2] == "ReleaseNote" for one in noted), noted
    if kind == "more_elements":
        assert {one["channel"] for one in noted} >= {"creditchina", "portal", "seal"}


# --- the whole night ------------------------------------------------------------------------------------------------


async def command(site, *words: str) -> str:
    """What a command says beside the running gateway."""
    done = await asyncio.to_thread(CliRunner().invoke, app, ["-s", str(site.settings_file), *words])
    return done.stdout + done.stderr


async def test_an_element_more_then_another_secret_then_as_ever(site):
    """Nothing is parked for good, nothing is doubled, everything is said, and the drift of the night can be read."""
    number = iter(range(1, 9))

    async def demand() -> dict[str, Any]:
        answer = await site.ask_payment(await site.decide(f"望市监罚决字〔2026〕第{next(number)}号"))
        assert answer.status_code in (201, 202), answer.text
        return dict(answer.json())

    evening = [await site.reaches(await demand(), "ISSUED") for _ in range(3)]

    # One element more, in answers and in notices: as ever.
    site.fault("more_elements", times=0)
    site.fault("callback_different", "PaymentConfirm", times=0)
    await site.pay(evening[0]["code"])
    await site.reaches(evening[0], "PAID")
    night = [await site.reaches(await demand(), "ISSUED")]

    # Its answers are signed with what we do not know: it has happened, and we believe nobody.
    site.simulators.clear_faults()
    site.fault("bad_signature", times=0)
    night.append(await demand())
    await site.until(f"/v1/payments/{night[-1]['id']}", lambda now: now["in_doubt_since"] is not None)

    # Now ours is refused too. One refusal, and nothing leaves the channel any more; its notices are nobody's.
    site.simulators.seed(nontax={"nodes": {NonTax.node: "what-the-new-release-alone-knows"}})
    night.append(await demand())
    assert (await site.post(f"/v1/payments/{evening[1]['id']}/cancel", {"reason": "文号有误"})).status_code < 300
    await site.pay(evening[2]["code"])
    await site.until("/v1/events?type=channel.stopped", lambda page: page["items"])
    assert "gateway channels resume nontax" in await command(site, "doctor")

    # As ever again. A person lets the channel go, and the rest heals by itself.
    site.simulators.clear_faults()
    site.simulators.seed(nontax={"nodes": {NonTax.node: NonTax.secret}})
    access = site.app.base.access
    made = await access.create_operator("night", "值班员", "operator", "a long enough password")
    async with site.client((await access.issue_operator_key(made.id, label="journey")).token) as night_watch:
        word = {"json": {"reason": "凭据已恢复"}, "headers": {"Idempotency-Key": "resume"}}
        resumed = await night_watch.post("/v1/channels/nontax/resume", **word)
        assert resumed.status_code == 200, resumed.text
        again = await night_watch.post("/v1/channels/nontax/resume", **{**word, "headers": {"Idempotency-Key": "2"}})
        assert (again.status_code, again.json()["type"].rsplit(":", 1)[-1]) == (409, "channel-not-stopped")
    by_key = await site.post("/v1/channels/nontax/resume", {"reason": "凭据已恢复"})
    assert by_key.status_code == 403
    await site.simulators.flush_callbacks("nontax")
    for payment in night:
        await site.reaches(payment, "ISSUED")
    await site.reaches(evening[1], "CANCELLED")
    paid = await site.reaches(evening[2], "PAID")
    assert (len(paid["collections"]), paid["exceptions"]) == (1, [])
    assert site.effects("CreateBill") == [1] * 6
    assert site.effects("VoidBill") == [1]
    await nothing_waits(site)

    # What was said meanwhile, and the report of the night.
    told = [(one["type"], one["data"]) for one in (await site.get("/v1/events?limit=200"))["items"]]
    stopped = [data["reason"] for kind, data in told if kind == "channel.stopped"]
    assert len(stopped) == 1
    (resumed_by,) = [data["by"] for kind, data in told if kind == "channel.resumed"]
    assert resumed_by == "值班员"
    assert "401" in stopped[0]
    assert {data["decision_number"] for kind, data in told if kind == "payment.in_doubt"} >= {
        night[1]["decision_number"]
    }
    drifted = {(data["action"], data["element"]) for kind, data in told if kind == "channel.drifted"}
    assert drifted >= {("CreateBill", "Bill/ReleaseNote"), ("PaymentConfirm", "ReleaseNote")}
    report = await command(site, "channels", "drift", "nontax")
    for action, element in drifted:
        assert re.search(rf"nontax\t{action}\t{element}\t\d{{4}}-\d\d-\d\dT\d\d:", report), report

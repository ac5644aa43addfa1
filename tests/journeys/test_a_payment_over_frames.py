"""The same gateway with the other kind of platform behind it: only the channel's block of settings differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.demo import installation
from gateway.foundation.evidence.tables import exchange
from gateway.words.clock import day_of
from simulators.cnnontax import frames


@pytest.fixture(autouse=True)
def speaks_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel ``nontax`` of the installation speaks CNNONTAX."""
    original = installation.settings_text

    def text(systems: Mapping[str, Mapping[str, Any]], port: int) -> str:
        told = systems["cnnontax"]
        monkeypatch.setenv("PLATFORM_TOKEN", told["token"])
        block = f"""[channels.nontax]
adapter = "nontax.cnnontax"
url = "{told["frames"]}"
token = "env:PLATFORM_TOKEN"
node_code = "{told["node_code"]}"
platform_node = "{told["platform_node"]}"
settle_seconds = 5

"""
        changed, count = re.subn(r"\[channels\.nontax\]\n[^\[]*", lambda _: block, original(systems, port))
        assert count == 1
        return changed

    monkeypatch.setattr(installation, "settings_text", text)


async def pay(site, code: str, **how: Any) -> dict[str, Any]:
    """Money arrives at the platform, which pushes to the gateway's door."""
    site.simulators.callbacks_to("cnnontax", f"{site.url}/callbacks/nontax")
    return dict(await site.simulators.aask("POST", "/cnnontax/pay", {"code": code, **how}))


async def test_a_code_is_asked_for_once_paid_pushed_and_settled(site):
    payment = await site.issued()
    assert (payment["amount"], len(payment["code"])) == ("5036.50", 20)
    assert site.effects("CreateBill", system="cnnontax") == [1]
    assert site.effects("CreateBill") == []
    await pay(site, payment["code"], payer="王会计")
    paid = await site.reaches(payment, "PAID")
    assert (paid["paid_amount"], [one["source"] for one in paid["collections"]]) == ("5036.50", ["callback"])
    assert await site.simulators.flush_callbacks("cnnontax") == []
    today = str(day_of(datetime.now(UTC)))
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": today})).json()
    assert (run["matched"], run["matched_amount"], run["breaks"]) == (1, "5036.50", 0)


async def test_an_answer_that_was_lost_is_asked_about_and_the_bill_is_not_made_twice(site):
    site.fault("apply_then_reset", "CreateBill", system="cnnontax")
    answer = await site.ask_payment()
    assert answer.status_code in (201, 202)
    payment = await site.reaches(answer.json(), "ISSUED")
    assert site.effects("CreateBill", system="cnnontax") == [1]
    assert len(payment["code"]) == 20


async def test_a_refusal_is_shown_in_the_platforms_words(site):
    site.fault("answer_code", "CreateBill", system="cnnontax", code="18012")
    answer = await site.ask_payment()
    view = await site.reaches(answer.json(), "REJECTED")
    assert "收缴权限" in str(view)


async def test_a_push_again_or_forged_changes_nothing(site):
    payment = await site.issued()
    site.fault("callback_forged", system="cnnontax")
    money = await pay(site, payment["code"])
    paid = await site.reaches(payment, "PAID")
    again = {"code": payment["code"], "serial": money["serial"]}
    await site.simulators.aask("POST", "/cnnontax/tell", again)
    assert await site.simulators.flush_callbacks("cnnontax") == []
    entries = site.simulators.journal(system="cnnontax", operation="PaymentConfirm")
    assert [entry["status"] for entry in entries if entry["fault"] == "forged"] == [401]
    replies = [entry for entry in entries if entry["status"] == 200]
    assert len(replies) >= 2
    assert {frames.split(entry["answer"].encode())[0] for entry in replies} == {"8001"}
    now = await site.get(f"/v1/payments/{payment['id']}")
    assert (now["collections"], now["exceptions"]) == (paid["collections"], paid["exceptions"])


async def test_the_evidence_of_frames_is_kept_and_shows_nobodys_name(site):
    payment = await site.issued()
    await pay(site, payment["code"], payer="王会计")
    await site.reaches(payment, "PAID")
    kept = await site.read(lambda conn: conn.execute(exchange.select().where(exchange.c.channel == "nontax")).all())
    assert {(one.direction, one.method) for one in kept} == {("out", "TCP"), ("in", "POST")}
    for one in kept:
        shown = await site.app.base.evidence.held(one.id)
        assert "CNNONTAX" in shown.request
        assert "味安" not in shown.request + shown.response
        assert "王会计" not in shown.request + shown.response

"""What the gateway tells others by itself: case systems, the public, and the people who reconcile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from shadowing import kept, one_change_is_found
from sqlalchemy import update
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.demo import receiver, story
from gateway.foundation.delivery.tables import (
    webhook_delivery,
)
from gateway.foundation.wire.signing import sign
from gateway.words.clock import SystemClock, day_of


def by_the_library(secret: str, headers: Any, body: bytes) -> bool:
    """Verification with the format's own library instead of ours."""
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True


@pytest.fixture
async def case_system(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[receiver.Receiver]:
    """A receiver of webhooks that believes the library."""
    monkeypatch.setattr(receiver, "verified", by_the_library)
    made = receiver.Receiver()
    await made.start()
    yield made
    await made.stop()


async def register(site, case_system, **more: Any) -> dict[str, Any]:
    body = {"authority": story.AUTHORITY, "url": case_system.url, **more}
    answer = await site.post("/v1/webhook-endpoints", body)
    assert answer.status_code == 201, answer.text
    case_system.secret = answer.json()["secret"]
    return answer.json()


# --- webhooks -------------------------------------------------------------------------------------------------------


async def test_every_event_reaches_the_case_system_signed_as_the_library_verifies(any_site, case_system):
    site = any_site
    await register(site, case_system)
    paid = await site.paid()
    for kind in ("payment.requested", "payment.issued", "payment.paid"):
        event = await case_system.expect(kind, paid["id"])
        assert event["data"]["decision_number"] == paid["decision_number"]
    assert case_system.refused == 0
    told = str(case_system.events)
    assert "味安副食店" not in told, "events carry no names"
    assert [one["secret"] for one in await site.get("/v1/webhook-endpoints")] == [None]


async def test_a_repeated_registration_or_rotation_has_one_effect_and_the_same_secret(site, case_system):
    body = {"authority": story.AUTHORITY, "url": case_system.url}
    first, again = [await site.post("/v1/webhook-endpoints", body, "same-key") for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    (only,) = await site.get("/v1/webhook-endpoints")
    rotate = f"/v1/webhook-endpoints/{only['id']}/secret"
    rotated = [(await site.post(rotate, None, "rotate-1")).json()["secret"] for _ in range(2)]
    assert rotated[0] == rotated[1] != first.json()["secret"]
    assert (await site.http.post("/v1/webhook-endpoints", json=body)).status_code == 400
    other = await site.post("/v1/webhook-endpoints", body | {"types": ["payment.paid"]}, "same-key")
    assert other.status_code == 422


async def test_a_receiver_that_refuses_is_told_again_and_loses_nothing(site, case_system):
    endpoint = await register(site, case_system, types=["payment.issued"])
    secret, case_system.secret = case_system.secret, "whsec_" + "QUJD" * 8
    payment = await site.issued()
    async with asyncio.timeout(60):
        while not case_system.refused:
            await asyncio.sleep(0.02)
    case_system.secret = secret
    due = update(webhook_delivery).where(webhook_delivery.c.endpoint_id == endpoint["id"]).values(due_at=0)
    async with asyncio.timeout(60):
        while not case_system.events:
            await site.app.base.store.write(
                lambda conn: conn.execute(due.where(webhook_delivery.c.attempts > 0)).rowcount
            )
            site.app.base.webhooks.wake()
            await asyncio.sleep(0.05)
    assert [(one["type"], one["data"]["subject"]) for one in case_system.events] == [("payment.issued", payment["id"])]


async def test_webhooks_go_to_no_address_inside_unless_it_is_allowed(site):
    for url in (
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://[::1]:80/",
        "x" * 9,
    ):
        answer = await site.post("/v1/webhook-endpoints", {"authority": story.AUTHORITY, "url": url})
        assert answer.status_code == 422, url
        assert answer.json()["field"] == "url"


# --- disclosures ----------------------------------------------------------------------------------------------------


async def published(site, number: str) -> list[dict[str, Any]]:
    answer = await site.post("/v1/disclosures", site.demand(number))
    assert answer.status_code == 202
    ids = [one["id"] for one in answer.json()]
    return [await site.until(f"/v1/disclosures/{one}", lambda now: now["status"] == "PUBLISHED") for one in ids]


async def seen_by_the_public(site, number: str) -> list[bool]:
    systems = site.simulators.ready["systems"]
    async with httpx.AsyncClient(trust_env=False) as http:
        pages = [(await http.get(systems[name]["public"])).text for name in ("credit", "portal")]
    return [number in page for page in pages]


async def test_a_decision_is_published_everywhere_read_back_and_taken_back_when_revoked(any_site):
    site = any_site
    await asyncio.to_thread(site.simulators.ask, "POST", "/credit/settings", {"verdict_seconds": 0.05})
    number = await site.decide(decided_on=today())
    shown = await published(site, number)
    assert sorted(one["target"] for one in shown) == ["creditchina", "portal"]
    assert await seen_by_the_public(site, number) == [True, True]
    again = await site.post("/v1/disclosures", site.demand(number))
    assert {one["id"] for one in again.json()} <= {one["id"] for one in shown}
    event = {"kind": "revoked", "on": today(), "reason": "事实不清"}
    assert (await site.post(site.path(number) + "/events", event)).status_code == 200
    for one in shown:
        await site.until(f"/v1/disclosures/{one['id']}", lambda now: now["status"] == "WITHDRAWN")
    view = await site.get(site.path(number))
    assert {one["status"] for one in view["disclosures"]} == {"WITHDRAWN"}
    assert [site.effects("submit", "credit"), site.effects("publish", "portal")] == [[1], [1]]
    anew = await site.post("/v1/disclosures", site.demand(number))
    assert anew.status_code == 409 or {one["status"] for one in anew.json()} == {"WITHDRAWN"}


# --- reconciliation -------------------------------------------------------------------------------------------------


def today(back: int = 0) -> str:
    """The day in Shanghai, or one before it. Asked for each time: a run of all tests may cross midnight."""
    return str(day_of(datetime.now(UTC)) - timedelta(days=back))


async def reconciled(site, day: str | None = None) -> dict[str, Any]:
    day = day or today()
    answer = await site.post("/v1/reconciliations", {"channel": "nontax", "day": day})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_money_that_only_we_know_of_is_a_break_until_somebody_explains_it(site):
    payment = await site.issued()
    told = site.simulators.credentials("nontax")
    now = datetime.now(UTC).astimezone()
    body = (
        '<c:PaymentConfirm xmlns:c="urn:nontax-platform:callback:v1"><c:PayNo>N1</c:PayNo>'
        f"<c:PayCode>{payment['code']}</c:PayCode><c:CfmDate>{today(1).replace('-', '')}</c:CfmDate>"
        f"<c:CfmTime>000001</c:CfmTime><c:Amt>{payment['amount']}</c:Amt><c:PayMode>51</c:PayMode>"
        "<c:TraNoBus>20261001510000000001</c:TraNoBus><c:PayerName>罗小满</c:PayerName></c:PaymentConfirm>"
    ).encode()
    headers = sign(told["platform_node"], told["secret"].encode(), body, SystemClock().now(), f"n-{now:%H%M%S}")
    taken = await site.http.post("/callbacks/nontax", content=body, headers=headers)
    assert taken.status_code == 200, taken.text
    run = await reconciled(site, today(1))
    assert (run["matched"], run["breaks"]) == (0, 1)
    (found,) = (await site.get("/v1/breaks"))["items"]
    assert (found["ours"], found["theirs"], found["state"]) == ("5036.50", None, "open")
    assert (await site.get(f"/v1/payments/{payment['id']}"))["settlement"] == "broken"
    path, why = f"/v1/breaks/{found['id']}/resolution", {"reason": "平台次日补记"}
    refused = await site.post(path, why)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "operator-needed")
    li = await site.app.base.access.create_operator("li", "李强", "operator", "long enough a password")
    async with site.client((await site.app.base.access.issue_operator_key(li.id, label="journey")).token) as operator:
        closed = await operator.post(path, json=why, headers={"Idempotency-Key": "explained"})
    assert (closed.status_code, closed.json()["state"]) == (200, "resolved")


async def test_a_wrong_amount_that_only_the_platform_told_of_stays_one_open_break(site):
    payment = await site.issued()
    site.simulators.callbacks_to("nontax", None)
    await site.pay(payment["code"], amount="5036.51")
    first = await reconciled(site)
    assert first["breaks"] == 1
    second = await reconciled(site)
    assert second["breaks"] == 1, "a run again finds the same break, not another"
    (found,) = (await site.get("/v1/breaks?state=open"))["items"]
    assert (found["ours"], found["theirs"]) == ("5036.50", "5036.51")


async def test_a_statement_that_is_not_there_yet_is_said_so_and_breaks_nothing(site):
    await site.paid()
    await asyncio.to_thread(site.simulators.ask, "POST", "/nontax/settings", {"statement_after_close": True})
    answer = await site.post("/v1/reconciliations", {"channel": "nontax", "day": today()})
    told = answer.json()
    assert answer.status_code in (201, 409, 503), answer.text
    assert told.get("breaks", 0) == 0
    assert (await site.get("/v1/breaks"))["items"] == []
    nobody = await site.post("/v1/reconciliations", {"channel": "nobody", "day": today()})
    assert nobody.status_code == 404
    future = await site.post("/v1/reconciliations", {"channel": "nontax", "day": "2999-01-01"})
    assert future.status_code in (409, 422)


# --- registration facts ---------------------------------------------------------------------------------------------


async def test_registration_facts_bear_the_time_of_the_pages_they_stand_on(site):
    found = await site.get(f"/v1/entities/92990102MA0WA4562J?authority={story.AUTHORITY}")
    assert found["record"]["as_of"].endswith("+08:00")
    assert found["confirmed_at"].endswith("+08:00")
    await one_change_is_found(await kept(site, "registry"), "registry", "dataTime", "by_code")


async def test_a_decision_read_again_is_sent_only_if_something_about_it_has_changed(site):
    number = await site.decide()
    path = site.path(number)
    tag = (await site.http.get(path)).headers["etag"]
    assert (await site.http.get(path, headers={"If-None-Match": tag})).status_code == 304
    event = {"kind": "served", "on": "2026-09-20", "method": "direct"}
    assert (await site.post(f"{path}/events", event)).status_code == 200
    assert (await site.http.get(path, headers={"If-None-Match": tag})).status_code == 200

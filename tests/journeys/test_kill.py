"""Processes that die: the gateway, the simulators, and what is true afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal

import httpx
import pytest


async def quietly(call) -> None:
    """A request whose gateway dies under it."""
    with contextlib.suppress(httpx.TransportError):
        await call


@pytest.mark.parametrize("kind", ["apply_then_silence", "silence"])
@pytest.mark.cases_by_day(1)
async def test_a_gateway_killed_while_the_code_is_asked_for_ends_with_exactly_one(served, kind):
    site = served.site
    number = await site.decide()
    site.fault(kind, "CreateBill", seconds=5)
    asking = asyncio.create_task(quietly(site.post("/v1/payments", site.demand(number), "once")))
    await site.simulators.journalled(operation="CreateBill")
    assert await served.stop(signal.SIGKILL) == -signal.SIGKILL
    await asking
    await served.start()
    page = await site.until("/v1/payments", lambda page: page["items"] and page["items"][0]["status"] == "ISSUED")
    (payment,) = page["items"]
    assert site.effects("CreateBill") == [1]
    again = await site.post("/v1/payments", site.demand(number), "once")
    assert again.status_code in (201, 202)
    assert (again.json()["id"], again.json()["code"]) == (payment["id"], payment["code"])
    assert "payment.in_doubt" in await site.told(payment["id"], "payment.in_doubt")
    await site.pay(payment["code"])
    await site.reaches(payment, "PAID")
    verified = served.run("evidence", "verify", "--json")
    assert json.loads(verified.stdout)["ok"], verified.stdout


async def test_sigterm_under_load_ends_well_and_calls_nothing_failed_that_was_cut(served):
    site = served.site
    numbers = [await site.decide(f"望市监罚决字〔2026〕第{n}号") for n in range(1, 7)]
    site.fault("apply_then_silence", "CreateBill", nth=3, times=0, seconds=5)
    asking = [asyncio.create_task(quietly(site.post("/v1/payments", site.demand(one)))) for one in numbers]
    await site.until("/v1/payments", lambda page: len(page["items"]) == len(numbers))
    async with asyncio.timeout(60):
        while len(site.effects("CreateBill")) < len(numbers):
            await asyncio.sleep(0.02)
    assert await served.stop(signal.SIGTERM) == 0
    await asyncio.gather(*asking)
    site.simulators.clear_faults()
    await served.start()
    page = await site.until(
        "/v1/payments", lambda page: {one["status"] for one in page["items"]} == {"ISSUED"}, seconds=20
    )
    assert len(page["items"]) == len({one["code"] for one in page["items"]}) == len(numbers)
    assert site.effects("CreateBill") == [1] * len(numbers)
    for one in page["items"]:
        assert "payment.rejected" not in await site.told(one["id"])


@pytest.mark.nightly
async def test_a_second_gateway_on_the_same_file_is_refused_with_the_way_out(served):
    second = await asyncio.to_thread(served.run, "serve")
    assert second.returncode != 0
    assert second.stdout == ""
    assert f"process {served.process.pid} already works on" in " ".join(second.stderr.split())
    assert (await served.site.get("/readyz"))["status"] == "ok"


@pytest.mark.nightly
async def test_simulators_killed_midway_are_named_and_their_return_makes_everything_good(served):
    site, simulators = served.site, served.site.simulators
    payment = await site.issued()
    await asyncio.to_thread(simulators.kill)
    other = await site.decide("望市监罚决字〔2026〕第2号")
    waiting = await site.ask_payment(other)
    assert (waiting.status_code, waiting.json()["status"]) == (202, "REQUESTED")
    cancel = await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "文号有误"})
    assert (cancel.status_code, cancel.json()["status"]) == (202, "CANCELLING")
    operations = (await site.get(f"/v1/operations?subject={waiting.json()['id']}"))["items"]
    assert operations[0]["state"] in ("queued", "sending")
    assert "Cannot connect" in operations[0]["reason"]
    shown = await asyncio.to_thread(served.run, "channels", "check", "--json")
    checked = {one["name"]: one for one in json.loads(shown.stdout)["channels"]}
    assert shown.returncode != 0
    assert checked["nontax"]["ok"] is False
    assert checked["nontax"]["cure"]
    await asyncio.to_thread(simulators.start)
    await site.reaches(waiting.json(), "ISSUED")
    await site.reaches(payment, "CANCELLED")
    assert site.effects("CreateBill") == [1, 1]
    assert site.effects("VoidBill") == [1]

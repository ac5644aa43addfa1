"""One kind of work that was parked for one reason is sent on as one job: chosen, frozen, confirmed, each told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import httpx
import pytest

PASSWORD = "a long enough password"
CHOICE = {"kind": "retry", "channel": "nontax", "parked_for": "contradiction", "reason": "平台已恢复"}

Hire = Callable[..., Awaitable[list[httpx.AsyncClient]]]


@pytest.fixture
async def people() -> AsyncIterator[Hire]:
    """``await people(site, "operator", "supervisor")``: operators of these roles, each a client with their own key."""
    async with AsyncExitStack() as stack:

        async def begin(site: Any, *roles: str) -> list[httpx.AsyncClient]:
            hired = []
            for number, role in enumerate(roles, start=1):
                access = site.app.base.access
                made = await access.create_operator(f"{role}-{number}", f"{role} {number}号", role, PASSWORD)
                token = (await access.issue_operator_key(made.id, label="journey")).token
                hired.append(await stack.enter_async_context(site.client(token)))
            return hired

        yield begin


async def post(http: httpx.AsyncClient, path: str, body: Any, key: str) -> httpx.Response:
    return await http.post(path, json=body, headers={"Idempotency-Key": key})


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


async def parked(site: Any, *numbers: int) -> list[dict[str, Any]]:
    """Payments whose codes the platform made, and about which it talks nonsense when it is asked."""
    site.fault("apply_then_silence", "CreateBill", seconds=0.2, times=0)
    site.fault("wrong_amount", "QueryBill", times=0)
    payments = []
    for number in numbers:
        decision = await site.decide(f"望市监罚决字〔2026〕第{number}号")
        answer = await site.ask_payment(decision)
        assert answer.status_code == 202, answer.text
        payments.append(answer.json())
    for payment in payments:
        await site.until(f"/v1/operations?subject={payment['id']}&state=parked", lambda page: page["items"])
    site.simulators.clear_faults()
    return payments


async def test_what_a_platform_spoilt_is_sent_on_when_it_is_right_again(site: Any, people: Hire) -> None:
    first, second, viewer = await people(site, "operator", "supervisor", "viewer")
    payments = await parked(site, 1, 2, 3)

    seen = (await first.get("/v1/parked-operations?channel=nontax&parked_for=contradiction")).raise_for_status().json()
    assert (seen["number"], seen["two_persons"], len(seen["first"])) == (3, True, 3)
    assert [(one["channel"], one["action"], one["parked_for"], one["number"]) for one in seen["kinds"]] == [
        ("nontax", "nontax.issue", "contradiction", 3)
    ]
    long_ago = "2020-01-01T00:00:00+08:00"
    for none in ("parked_for=gave-up", "action=nontax.cancel", f"parked_until={quote(long_ago)}"):
        assert (await first.get(f"/v1/parked-operations?{none}")).json()["number"] == 0

    assert kind(await site.post("/v1/jobs", CHOICE)) == (403, "operator-needed")
    assert (await post(viewer, "/v1/jobs", CHOICE, "v")).status_code == 403
    assert (await post(first, "/v1/jobs", {"kind": "retry", "reason": "all of it"}, "a")).status_code == 422
    for n, none in enumerate(({"parked_for": "fault"}, {"until": long_ago})):
        assert (await post(first, "/v1/jobs", {**CHOICE, **none}, f"n{n}")).status_code == 422

    made = await post(first, "/v1/jobs", {**CHOICE, "since": long_ago}, "bulk")
    assert made.status_code == 201, made.text
    job = made.json()
    assert (job["state"], job["number"], job["left"]) == ("proposed", 3, 3)
    assert (await first.get("/v1/parked-operations")).json()["number"] == 3, "nothing moves by one word"

    path = f"/v1/jobs/{job['id']}"
    (late,) = await parked(site, 4)  # is not among what was chosen
    single = seen["first"][0]
    assert (await post(first, f"/v1/operations/{single}/retry", {"reason": "first one"}, "s")).status_code == 200
    await site.reaches(payments[0], "ISSUED")

    word = {"seen": job["seen"]}
    assert kind(await post(first, f"{path}/confirmation", word, "own")) == (409, "second-person-needed")
    assert (await post(second, f"{path}/confirmation", word, "yes")).status_code == 200
    await site.until(path, lambda now: now["state"] == "done", 60)
    told = {one["subject"]: one for one in (await first.get(f"{path}/rows")).json()["items"]}
    assert sorted(told) == sorted(seen["first"])
    assert [told[one]["result"] for one in seen["first"]] == ["not_applicable", "done", "done"]
    assert "state was parked and is done" in told[single]["why"]
    for payment in payments:
        await site.reaches(payment, "ISSUED")
    assert site.effects("CreateBill") == [1, 1, 1, 1], "asked about, never sent again"
    assert (await site.get(f"/v1/payments/{late['id']}"))["status"] == "REQUESTED"

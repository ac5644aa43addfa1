"""One kind of work that was parked for one reason is sent on together: chosen, frozen, confirmed by another, told each.

Over HTTP, against a running gateway and the simulators; at the command line: ``tests/unit/cli/test_cli_bulk.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.rooms.operations import bulk
from gateway.rooms.operations.bulk import BulkRetries

PASSWORD = "a long enough password"
CHOICE = {"channel": "nontax", "parked_for": "contradiction", "reason": "平台已恢复"}

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


async def test_what_a_platform_spoilt_is_sent_on_when_it_is_right_again(any_site: Any, people: Hire) -> None:
    site = any_site
    first, second, viewer = await people(site, "operator", "supervisor", "viewer")
    payments = await parked(site, 1, 2, 3)

    seen = (await first.get("/v1/parked-operations?channel=nontax&parked_for=contradiction")).raise_for_status().json()
    assert (seen["number"], seen["two_persons"], len(seen["first"])) == (3, True, 3)
    assert [(one["channel"], one["action"], one["parked_for"], one["number"]) for one in seen["kinds"]] == [
        ("nontax", "nontax.issue", "contradiction", 3)
    ]
    for none in ("parked_for=gave-up", "action=nontax.cancel", "parked_until=2020-01-01T00:00:00%2B08:00"):
        assert (await first.get(f"/v1/parked-operations?{none}")).json()["number"] == 0

    assert kind(await site.post("/v1/bulk-retries", CHOICE)) == (403, "operator-needed")
    assert (await post(viewer, "/v1/bulk-retries", CHOICE, "v")).status_code == 403
    assert (await post(first, "/v1/bulk-retries", {"reason": "all of it"}, "a")).status_code == 422
    assert (await post(first, "/v1/bulk-retries", {**CHOICE, "parked_for": "fault"}, "n")).status_code == 404

    made = await post(first, "/v1/bulk-retries", CHOICE, "bulk")
    assert made.status_code == 201, made.text
    bulk_retry = made.json()
    assert (bulk_retry["state"], bulk_retry["number"], bulk_retry["left"]) == ("proposed", 3, 3)
    assert (await post(first, "/v1/bulk-retries", CHOICE, "bulk")).json()["id"] == bulk_retry["id"], "a repeat"
    assert (await first.get("/v1/parked-operations")).json()["number"] == 3, "nothing moves by one word"

    path = f"/v1/bulk-retries/{bulk_retry['id']}"
    (late,) = await parked(site, 4)  # is not among what was chosen
    single = seen["first"][0]
    assert (await post(first, f"/v1/operations/{single}/retry", {"reason": "first one"}, "s")).status_code == 200
    await site.reaches(payments[0], "ISSUED")

    word = {"seen": bulk_retry["seen"]}
    assert kind(await post(first, f"{path}/confirmation", word, "own")) == (409, "second-person-needed")
    other = {"seen": (await second.get(path)).json()["seen"][4:]}
    assert (await post(second, f"{path}/confirmation", other, "wrong")).status_code in (409, 422)
    done = await post(second, f"{path}/confirmation", word, "yes")
    assert done.status_code == 200, done.text
    assert [done.json()[name] for name in ("state", "sent_on", "not_applicable", "left")] == ["done", 2, 1, 0]
    assert kind(await post(second, f"{path}/confirmation", word, "again"))[0] == 404

    told = {one["operation"]: one for one in (await first.get(f"{path}/operations")).json()["items"]}
    assert sorted(told) == sorted(seen["first"])
    assert told[single]["result"] == "not_applicable"
    assert told[single]["why"] == "it has moved on since it was chosen: it is done"
    for payment in payments:
        await site.reaches(payment, "ISSUED")
    assert site.effects("CreateBill") == [1, 1, 1, 1], "asked about, never sent again"
    assert (await site.get(f"/v1/payments/{late['id']}"))["status"] == "REQUESTED"
    reason = (await site.get(f"/v1/operations/{seen['first'][1]}"))["reason"]
    assert reason is None or bulk_retry["id"] in reason
    listed = (await first.get("/v1/bulk-retries")).json()["items"]
    assert [(one["id"], one["confirmed_by"]) for one in listed] == [(bulk_retry["id"], "supervisor 2号")]


async def test_what_was_withdrawn_is_not_sent_on(site: Any, people: Hire) -> None:
    first, second = await people(site, "operator", "supervisor")
    await parked(site, 1)
    made = (await post(first, "/v1/bulk-retries", CHOICE, "bulk")).json()
    path = f"/v1/bulk-retries/{made['id']}"
    assert (await second.delete(path)).status_code == 204
    assert (await second.delete(path)).status_code == 404
    assert (await post(second, f"{path}/confirmation", {"seen": made["seen"]}, "c")).status_code == 404
    assert (await first.get(path)).json()["state"] == "withdrawn"
    assert (await first.get("/v1/parked-operations")).json()["number"] == 1


@pytest.mark.both_databases
async def test_the_database_begins_no_bulk_of_effects_by_one_word(any_site: Any, people: Hire) -> None:
    (first,) = await people(any_site, "operator")
    await parked(any_site, 1)
    made = (await post(first, "/v1/bulk-retries", CHOICE, "bulk")).json()
    begin = text("update bulk_retry set begun_at = 1 where id = :of").bindparams(of=made["id"])
    with pytest.raises(IntegrityError):
        await any_site.app.base.store.write(lambda conn: conn.execute(begin).rowcount)


async def test_a_bulk_that_was_cut_goes_on(site: Any, people: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await people(site, "operator", "supervisor")
    payments = await parked(site, 1, 2, 3)
    made = (await post(first, "/v1/bulk-retries", CHOICE, "bulk")).json()
    path = f"/v1/bulk-retries/{made['id']}"
    monkeypatch.setattr(bulk, "_STEP", 1)
    steps = 0

    def cut_short(self: BulkRetries, conn: Any, bulk_id: str, whole: Any = BulkRetries._step) -> Any:
        nonlocal steps
        steps += 1
        if steps >= 2:
            raise ConnectionError("the machine stops")
        return whole(self, conn, bulk_id)

    with monkeypatch.context() as patched:
        patched.setattr(BulkRetries, "_step", cut_short)
        with pytest.raises((ConnectionError, AssertionError)):
            answer = await post(second, f"{path}/confirmation", {"seen": made["seen"]}, "yes")
            assert answer.status_code == 200
    cut = (await first.get(path)).json()
    assert (cut["state"], cut["sent_on"], cut["left"]) == ("going_on", 1, 2)
    await site.app.get(BulkRetries).go_on(site.app.base.clock.now())
    assert (await first.get(path)).json()["state"] == "done"
    for payment in payments:
        await site.reaches(payment, "ISSUED")

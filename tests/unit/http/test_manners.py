"""Every answer names its request, a read that is known costs no body, and a client learns what it may ask for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog
from fastapi import Depends, FastAPI, Response

from gateway.foundation.access import Principal
from gateway.foundation.access.rates import Rates
from gateway.foundation.http.authorization import principal
from gateway.foundation.http.door import Door
from gateway.foundation.http.manners import Manners
from gateway.foundation.http.plans import Plans

DAY = 86_400
"""Seconds of a window in which no test meets its end."""


@pytest.fixture
def shown() -> dict[str, str]:
    return {"state": "ISSUED"}


@pytest.fixture
def client(shown: dict[str, str]) -> httpx.AsyncClient:
    app = FastAPI()

    @app.get("/v1/things")
    async def show() -> dict[str, str]:
        return shown

    @app.post("/v1/things")
    async def make() -> dict[str, Any]:
        return structlog.contextvars.get_contextvars()

    @app.get("/v1/things/file")
    async def file() -> Response:
        return Response(b"%PDF", media_type="application/pdf")

    app.middleware_stack = Manners(Door(app.router, Plans(app.routes)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_a_request_keeps_its_clients_id_in_answer_problem_and_log(client):
    mine = {"X-Request-Id": "case-7/1"}
    answer = await client.post("/v1/things", headers=mine)
    assert (answer.headers["x-request-id"], answer.json()["request"]) == ("case-7/1", "case-7/1")
    refused = await client.get("/nowhere", headers=mine)
    assert (refused.headers["x-request-id"], refused.json()["request"]) == ("case-7/1", "case-7/1")


@pytest.mark.parametrize("theirs", [None, "", "two words", "x" * 101, "行"])
async def test_a_request_without_a_usable_id_is_given_one(client, theirs):
    headers = {} if theirs is None else {"X-Request-Id": theirs.encode()}
    first, second = [(await client.get("/v1/things", headers=headers)).headers["x-request-id"] for _ in range(2)]
    assert first.startswith("req_")
    assert first != second


async def test_what_is_known_by_its_tag_is_not_sent_again_until_it_changes(client, shown):
    answer = await client.get("/v1/things")
    tag = answer.headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await client.get("/v1/things", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in again.headers
    shown["state"] = "PAID"
    changed = await client.get("/v1/things", headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()) == (200, {"state": "PAID"})
    assert changed.headers["etag"] != tag
    for untagged in (await client.post("/v1/things"), await client.get("/v1/things/file")):
        assert "etag" not in untagged.headers


async def test_head_is_get_without_its_body_and_405_says_what_is_taken(client):
    got, head = await client.get("/v1/things"), await client.head("/v1/things")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
    assert head.headers["content-length"] == str(len(got.content))
    refused = await client.delete("/v1/things")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")


class Passing:
    """Monotonic seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_nodes_together_serve_a_client_no_more_than_its_quota(store):
    time = Passing()
    nodes = [Rates(store, 100, time, window=DAY), Rates(store, 100, time, window=DAY)]
    rates = await asyncio.gather(*[nodes[number % 2].spend("cli_1") for number in range(120)])
    served = [one for one in rates if one is not None and not one.refused]
    assert 90 <= len(served) <= 100, "what a node took and did not use may be lost, nothing more is served"
    refused = await nodes[0].spend("cli_1")
    assert refused is not None
    assert refused.refused
    assert 1 <= refused.seconds <= DAY
    other = await nodes[0].spend("cli_2")
    assert other is not None
    assert (other.refused, other.left) == (False, 99)
    assert dict(other.headers)[b"ratelimit"].startswith(b'"client";r=99;t=')


async def test_a_request_within_the_quota_runs_no_statement_of_its_own(store, monkeypatch):
    runs = []
    write = store.write_apart

    async def counted(unit):
        runs.append(unit)
        return await write(unit)

    monkeypatch.setattr(store, "write_apart", counted)
    rates = Rates(store, 1000, window=DAY)
    for _ in range(50):
        await rates.spend("cli_1")
    assert len(runs) <= 2
    assert await Rates(store, None).spend("cli_1") is None
    assert len(runs) <= 2


async def test_who_asks_too_much_is_told_what_was_left_and_when_to_ask_again(store):
    async def by_key(key: str) -> Principal:
        return Principal("cli_1", "client", frozenset(), frozenset(), "办案系统")

    access = SimpleNamespace(rates=Rates(store, 2, window=DAY), sign_in=SimpleNamespace(by_key=by_key))
    app = FastAPI()
    app.state.gateway = SimpleNamespace(base=SimpleNamespace(access=access))

    @app.get("/v1/things", dependencies=[Depends(principal)])
    async def show() -> dict[str, str]:
        return {}

    app.middleware_stack = Manners(Door(app.router, Plans(app.routes)))
    mine = {"Authorization": "Bearer gwk_1", "Accept-Language": "zh-CN"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway", headers=mine) as http:
        first, second, third = [await http.get("/v1/things") for _ in range(3)]
    assert [one.status_code for one in (first, second, third)] == [200, 200, 429]
    assert [one.headers["ratelimit"].partition(";t=")[0] for one in (first, second, third)] == [
        f'"client";r={left}' for left in (1, 0, 0)
    ]
    assert third.headers["ratelimit-policy"] == '"client";q=2;w=86400'
    assert third.json()["type"].endswith(":too-many-requests")
    assert third.headers["retry-after"] == str(third.json()["retry_after"])
    assert "每分钟最多请求2次" in third.json()["detail"]

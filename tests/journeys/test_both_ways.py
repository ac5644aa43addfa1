"""Every route answers alike by its plan and by FastAPI's own handler: the same status, headers and body."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from by_day import examples
from fastapi.routing import APIRoute

from gateway.faces.build import build, told_on_pages
from gateway.foundation.http.door import Door
from gateway.foundation.http.manners import Manners
from gateway.foundation.http.plans import Plans
from gateway.settings import FACES

JSON = {"Content-Type": "application/json"}
SENT: list[dict[str, Any]] = [
    {},
    {"signed": False},
    {"headers": {"Authorization": "Basic eDp4"}, "signed": False},
    {"json": {}},
    {"json": {}, "headers": {"Idempotency-Key": "k1"}},
    {"json": {"reason": "误开"}, "headers": {"Idempotency-Key": "k2"}},
    {"json": {}, "headers": {"Idempotency-Key": "键".encode()}},
    {"content": b"{", "headers": JSON},
    {"content": b"{}", "headers": {"Content-Type": "text/plain", "Idempotency-Key": "k3"}},
    {"params": {"limit": "0", "cursor": "%", "on": "x"}},
]


class Ways:
    """A gateway by plans, and the same without any."""

    def __init__(self, key: str, clients: list[httpx.AsyncClient]) -> None:
        self.key, self.clients = key, clients

    async def ask(self, method: str, path: str, *, signed: bool = True, **more: Any) -> httpx.Response:
        """One request both ways; the answer, which is the same. A read that tells the time is asked again once: a
        second may end between the two."""
        headers = {"Authorization": f"Bearer {self.key}"} if signed else {}
        headers |= {"X-Request-Id": "req_1"} | more.pop("headers", {})
        for _ in range(2 if method == "GET" else 1):
            first, other = [await client.request(method, path, headers=headers, **more) for client in self.clients]
            if first.content == other.content:
                break
        assert first.status_code == other.status_code, (method, path, more, first.text, other.text)
        assert sorted(first.headers.items()) == sorted(other.headers.items()), (method, path, more)
        assert first.content == other.content, (method, path, more)
        return first


@pytest.fixture
async def ways(site) -> AsyncIterator[Ways]:
    async with AsyncExitStack() as stack:
        clients = []
        for plans in (True, False):
            made = build(site.app, FACES)
            if not plans:
                pages = told_on_pages(site.app, FACES)
                most = site.settings.server.max_body_bytes
                made.middleware_stack = Manners(Door(made.router, Plans(()), most, pages=pages))
            transport = httpx.ASGITransport(made)
            clients.append(await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=site.url)))
        yield Ways(site.key, clients)


async def test_what_is_wrong_is_refused_alike_on_every_route(site, ways) -> None:
    routes = [one for one in build(site.app, FACES).routes if isinstance(one, APIRoute)]
    assert len(routes) > 90
    # of these only the time may differ; the docs page is FastAPI's alone; a look-up spends a budget
    timed = ("/readyz", "/metrics", "/v1/disclosure-inspection", "/v1/disclosure-inspection.xlsx")
    left_out = (*timed, "/docs", "/docs/oauth2-redirect", "/pay")
    step = examples(3, 1)  # by day a third of what is sent, another third for the next route
    for place, route in enumerate(one for one in routes if one.path not in left_out):
        path = re.sub(r"\{.*?\}", "none%2Fsuch", route.path)
        for method in sorted(route.methods):
            for sent in SENT[place % step :: step]:
                await ways.ask(method, path, **sent)


async def test_what_is_right_is_served_alike(site, ways) -> None:
    payment = await site.issued()
    number = payment["decision_number"]
    keyed = {"Idempotency-Key": "both"}
    await ways.ask("PUT", site.path(number), json=site.facts())
    await ways.ask("POST", "/v1/payments", json=site.demand(number), headers=keyed)
    answer = await ways.ask("GET", f"/v1/payments/{payment['id']}")
    assert answer.json()["status"] == "ISSUED"
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert (await ways.ask("GET", f"/v1/payments/{payment['id']}", headers=tag)).status_code == 304
    answer = await ways.ask("GET", site.path(number))
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert (await ways.ask("GET", site.path(number), headers=tag)).status_code == 304
    for path in ("/v1/payments", "/v1/payments?limit=1", f"/v1/payments/{payment['id']}/qr.svg", "/healthz"):
        assert (await ways.ask("GET", path)).status_code == 200
    answer = await ways.ask("POST", f"/v1/payments/{payment['id']}/cancel", json={"reason": "误开"}, headers=keyed)
    assert answer.status_code == 200
    await ways.ask("POST", "/callbacks/nontax", content=b"<x/>")
    await ways.ask("POST", "/callbacks/none", content=b"<x/>")
    large = b" " * (site.settings.server.max_body_bytes + 1)
    assert (await ways.ask("POST", "/v1/payments", content=large, headers=JSON | keyed)).status_code == 413

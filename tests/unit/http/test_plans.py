"""A plan serves a request as FastAPI does, or leaves it to FastAPI before anything has happened."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.types import Message

from gateway.foundation import rooms
from gateway.foundation.http import problems
from gateway.foundation.http.door import Door
from gateway.foundation.http.plans import Plans
from gateway.words.errors import NotFoundProblem

calls: list[str] = []


class Thing(BaseModel):
    name: str = Field(max_length=5)
    weight: int = 1


async def who(request: Request, x_who: Annotated[str | None, Header()] = None) -> str:
    calls.append("who")
    if x_who == "nobody":
        raise NotFoundProblem("nobody here")
    return x_who or request.url.path


Who = Annotated[str, Depends(who)]


async def badge(name: Who, x_badge: Annotated[str, Header(max_length=3)]) -> str:
    calls.append("badge")
    return f"{name}/{x_badge}"


def blocking() -> int:
    return 7


router = APIRouter()


@router.post("/things/{number}", status_code=201, response_model=Thing)
async def make(
    number: Annotated[str, Field(max_length=3)],
    name: Who,
    worn: Annotated[str, Depends(badge)],
    ask: Thing,
    response: Response,
) -> Thing:
    calls.append("make")
    if ask.weight == 99:
        response.status_code = 202
    response.headers["X-Made"] = f"{number} {worn}".replace("/", ".")
    return ask if name != "odd" else {"name": "from a dict", "weight": "3"}  # type: ignore[return-value]


@router.get("/things/{number}", response_model=Thing)
async def show(number: str, name: Who, limit: Annotated[int, Query(ge=1)] = 3) -> Thing:
    calls.append("show")
    return Thing(name=name[:2], weight=limit)


@router.get("/things/{number}/file", response_class=Response)
async def file(number: str) -> Response:
    return Response(number.encode(), media_type="text/plain")


@router.get("/things/{number}/bare", response_model=None)
async def bare(number: str) -> dict[str, str]:
    return {"number": number}


@router.delete("/things/{number}/bare", status_code=204)
async def nothing(number: str) -> None:
    calls.append(number)


@router.get("/broken/{number}")
async def broken(number: str) -> Thing:
    raise RuntimeError(number)


@router.get("/left/list", response_model=Thing)
async def with_a_list(name: Annotated[list[str], Query()]) -> Thing:
    return Thing(name="".join(name))


@router.get("/left/model", response_model=Thing)
async def with_a_model(asked: Annotated[Thing, Query()]) -> Thing:
    return asked


@router.get("/left/cookie", response_model=Thing)
async def with_cookie(crumb: Annotated[str, Cookie()] = "") -> Thing:
    return Thing(name=crumb[:5])


@router.get("/left/thread", response_model=Thing)
async def in_a_thread(number: Annotated[int, Depends(blocking)]) -> Thing:
    return Thing(name="x", weight=number)


def an_application(*, plans: bool) -> FastAPI:
    made = FastAPI()
    made.router.routes.extend(router.routes)
    made.middleware_stack = Door(made.router, Plans(router.routes if plans else ()), 1000, {"/broken": 2000})
    return made


BODY: dict[str, Any] = {"name": "a", "weight": 2}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/things/1", {"json": BODY, "headers": {"X-Badge": "b"}}),
    ("POST", "/things/1", {"json": {"name": "a", "weight": 99}, "headers": {"X-Badge": "b"}}),
    ("POST", "/things/1", {"json": {"name": "a", "weight": "3"}, "headers": {"X-Badge": "b"}}),
    ("POST", "/things/1", {"json": BODY, "headers": {"X-Badge": "b", "X-Who": "odd"}}),  # an answer that is refused
    ("POST", "/things/1", {"json": BODY, "headers": {"X-Badge": "too long"}}),
    ("POST", "/things/1", {"json": BODY}),
    ("POST", "/things/1", {"json": BODY, "headers": {"X-Who": "nobody"}}),  # of two faults the first
    ("POST", "/things/1", {"json": {"name": "too long"}, "headers": {"X-Badge": "b", "X-Who": "nobody"}}),
    ("POST", "/things/1234", {"json": {"name": "too long"}, "headers": {"X-Badge": "too long"}}),
    ("POST", "/things/1", {"json": [], "headers": {"X-Badge": "b"}}),
    ("POST", "/things/1", {"content": b"{", "headers": {"X-Badge": "b", "Content-Type": "application/json"}}),
    ("POST", "/things/1", {"content": b"{", "headers": {"X-Who": "nobody", "Content-Type": "application/json"}}),
    ("POST", "/things/1", {"content": b'{"name":"a"}', "headers": {"X-Badge": "b", "Content-Type": "text/plain"}}),
    ("POST", "/things/1", {"content": b'{"name":"a"}', "headers": {"X-Badge": "b"}}),
    (
        "POST",
        "/things/1",
        {"content": b'{"name":"a"}', "headers": {"X-Badge": "b", "Content-Type": "application/x+json"}},
    ),
    ("POST", "/things/1", {"headers": {"X-Badge": "b"}}),
    ("POST", "/things/1", {"content": b"[" * 900, "headers": {"X-Badge": "b", "Content-Type": "application/json"}}),
    ("POST", "/things/1", {"content": b" " * 1001, "headers": {"Content-Type": "application/json"}}),
    ("GET", "/things/1", {}),
    ("GET", "/things/%E7%BD%9A%2F1", {}),
    ("GET", "/things/1?limit=5", {}),
    ("GET", "/things/1?limit=0", {}),
    ("GET", "/things/1?limit=", {}),
    ("GET", "/things/1?limit=4&limit=5&other=x", {}),
    ("GET", "/things/1?%6Cimit=+5", {}),
    ("GET", "/left/list?name=a&name=b", {}),
    ("GET", "/left/model?name=a&weight=3", {}),
    ("GET", "/left/model?name=too+long", {}),
    ("GET", "/things/1?limit=%00", {}),
    ("GET", "/things/%00", {}),
    ("GET", "/things/1", {"headers": {"X-Who": "nobody"}}),
    ("GET", "/things/1/file", {}),
    ("GET", "/things/1/bare", {}),
    ("DELETE", "/things/1/bare", {}),
    ("GET", "/things/1/", {}),
    ("GET", "/things", {}),
    ("DELETE", "/things/1", {}),
    ("GET", "/nothing", {}),
    ("GET", "/", {}),
    ("GET", "/broken/1", {}),
    ("GET", "/broken/1", {"content": b" " * 1001}),
    ("GET", "/left/cookie", {"headers": {"Cookie": "crumb=c"}}),
    ("GET", "/left/thread", {}),
]


@pytest.mark.parametrize(("method", "path", "more"), REQUESTS)
async def test_both_ways_answer_alike(
    method: str, path: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "new_id", lambda prefix: f"{prefix}_1")  # each fault has an id of its own
    answers = []
    for plans in (True, False):
        transport = httpx.ASGITransport(an_application(plans=plans))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            answer = await http.request(method, path, **more)
            answers.append((answer.status_code, sorted(answer.headers.items()), answer.content))
    assert answers[0] == answers[1]


async def served(
    method: str, path: str, headers: dict[str, str], body: bytes = b"", query: bytes = b""
) -> Response | None:
    async def read() -> bytes:
        return body

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("x", 80),
        "scheme": "http",
    }

    async def receive() -> Message:
        raise AssertionError("it is read with the other")

    return await Plans(router.routes).serve(scope, receive, read)


async def test_the_plan_serves_what_it_can_read() -> None:
    calls.clear()
    headers = {"X-Badge": "b", "Content-Type": "application/json"}
    answer = await served("POST", "/things/1", headers, b'{"name":"a"}')
    assert answer is not None
    assert answer.status_code == 201
    assert calls == ["who", "badge", "make"]  # each once, though two ask for the first


async def test_the_plan_reads_a_query() -> None:
    answer = await served("GET", "/things/1", {}, query=b"limit=5")
    assert answer is not None
    assert b'"weight":5' in answer.body
    assert await served("GET", "/things/1", {}, query=b"limit=0") is None


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, b'{"name":"a"}'),
        ({"X-Badge": "b", "Content-Type": "application/json"}, b'{"name":"too long"}'),
        ({"X-Badge": "b", "Content-Type": "application/json"}, b"{"),
        ({"X-Badge": "b"}, b'{"name":"a"}'),
    ],
)
async def test_nothing_has_happened_to_what_is_left(headers: dict[str, str], body: bytes) -> None:
    calls.clear()
    assert await served("POST", "/things/1", headers, body) is None
    assert "make" not in calls


@pytest.mark.parametrize("path", ["/left/cookie", "/left/thread", "/left/list", "/left/model"])
async def test_unusual_routes_are_left(path: str) -> None:
    assert await served("GET", path, {}, query=b"name=a") is None


def test_every_route_of_a_room_has_a_plan() -> None:
    """A route without one takes four times as long: ask for what others ask for, in coroutines."""
    routes = [route for room in rooms.found() for where in room.routes for route in room.place(where).routes]
    slow = [route for route, plan in Plans(routes).every() if plan is None]
    assert routes
    assert slow == []

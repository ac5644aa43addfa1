"""One web application from the faces that an address serves."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from gateway import __version__
from gateway.app import App
from gateway.faces import callbacks, health
from gateway.faces.console import pages as console_pages
from gateway.faces.console.drawing import HOME
from gateway.faces.payer import pages
from gateway.faces.public import pages as public_pages
from gateway.foundation.acts import acts
from gateway.foundation.http.audited import Audited
from gateway.foundation.http.counted import Counted
from gateway.foundation.http.door import Door, Tell
from gateway.foundation.http.manners import Manners
from gateway.foundation.http.plans import Plans
from gateway.foundation.http.problems import ProblemDocument, responses
from gateway.settings import FACES, Face

_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The docs page comes with a script in it; nothing that anybody sends is ever shown there."""

_API: Face = "api"
_LARGEST_CALLBACK = {"/callbacks/": 256 * 1024}
"""Notices tell of one thing each."""


def build(gateway: App, faces: Collection[Face], only: str | None = None) -> FastAPI:
    """The application for these faces. The face ``docs`` describes all of them, wherever they are served.

    The docs page needs no outside asset. ``/healthz`` answers on every face. ``only``: a room; of the face ``api``
    there are its routes alone then.
    """
    api = _application(FastAPIOffline if "docs" in faces else FastAPI, "docs" in faces)
    api.state.gateway = gateway
    gateway.base.inside.made_by = partial(build, gateway, (_API,))
    _add(api, gateway, faces, only)
    server = gateway.base.settings.server
    door = Door(
        api.router,
        Plans(api.router.routes),
        server.max_body_bytes,
        _LARGEST_CALLBACK | {path: size for room, _ in gateway.rooms for path, size in room.body_limits.items()},
        seconds=server.body_seconds,
        pages=told_on_pages(gateway, faces),
    )
    audited = Audited(door, gateway.base.access.sign_in, gateway.base.audit)
    counted = Counted(audited, gateway.base.meters, tells=gateway.base.settings.log.access)
    api.middleware_stack = Manners(counted, {"/docs": _DOCS_POLICY})
    if "docs" in faces:
        api.openapi = _described(gateway)  # type: ignore[method-assign]
    return api


def told_on_pages(gateway: App, faces: Collection[Face]) -> dict[str, Tell]:
    """Who tells of a failure on a page, by the beginning of the address: where people read, they read no JSON."""
    told: dict[Face, tuple[str, Tell]] = {
        "console": (HOME, partial(console_pages.refusal, gateway)),
        "payer": (pages.PAY, partial(pages.refusal, gateway.base.settings)),
        "public": (public_pages.PUBLIC, public_pages.refusal),
    }
    return dict(one for face, one in told.items() if face in faces)


def _application(make: Callable[..., FastAPI], docs: bool) -> FastAPI:
    return make(
        title="Enforcement integration gateway 行政执法对接网关",
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        summary="Payment codes, disclosures, registration records and seals for case systems",
        docs_url="/docs" if docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if docs else None,
    )


def _add(api: FastAPI, gateway: App, faces: Collection[Face], only: str | None = None) -> None:
    """The routes of these faces.

    What is included by FastAPI is matched router by router, and made ready by the first request, which then takes
    longer than a second. Our routers ask for nothing of that: each route stands by itself.
    """
    routers: list[APIRouter] = [health.alive_router]
    if "health" in faces:
        routers.append(health.router)
    if "api" in faces:
        routers += [
            room.place(where) for room, _ in gateway.rooms if only in (None, room.name) for where in room.routes
        ]
    if "callbacks" in faces:
        routers.append(callbacks.router)
    if "console" in faces:
        routers.append(console_pages.router)
    if "payer" in faces:
        routers.append(pages.router)
    if "public" in faces:
        routers.append(public_pages.router)
    # An address that ends in any path stands last: a room may add a word below another room's records.
    routes = [route for router in routers for route in router.routes]
    api.router.routes.extend(sorted(routes, key=lambda route: str(getattr(route, "path", "")).endswith(":path}")))


def _described(gateway: App) -> Callable[[], dict[str, Any]]:
    """What describes all faces: with the problem document among its components, without FastAPI's own error schema.

    An operation has the name of its function, which is the same whatever its path is called: generated clients have
    methods of that name.
    """
    every = _application(FastAPI, docs=True)
    _add(every, gateway, FACES)
    for route in every.router.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name

    def openapi() -> dict[str, Any]:
        if every.openapi_schema is None:
            schema = every.openapi()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["ProblemDocument"] = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            schema["servers"] = [{"url": "/", "description": "where this document came from"}]
            _say_manners(schema)
            _open_answers(schema)
            _name_commands(schema)
            every.openapi_schema = _named_by_rooms(schema)
        assert every.openapi_schema is not None
        return every.openapi_schema

    return openapi


def _say_manners(schema: dict[str, Any]) -> None:
    """Say at every operation what ``gateway.foundation.http.manners`` and the rates of clients bring to all of them."""
    components = schema["components"]
    components["headers"] = {
        "ETag": {"description": "of what is shown; send it as If-None-Match", "schema": {"type": "string"}},
        "RetryAfter": {"description": "seconds", "schema": {"type": "integer"}},
    }
    known = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}
    components["parameters"] = {"IfNoneMatch": {**known, "description": "ETag of what is known; 304 if it is still so"}}
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            operation.setdefault("security", [])  # linters want it said that no key is asked for
        for method, operation in methods.items() if path.startswith("/v1/") else ():
            answers = operation["responses"]
            answers["429"] = {**responses(429)[429], "headers": {"Retry-After": _component("headers", "RetryAfter")}}
            if method == "get" and "application/json" in answers["200"].get("content", {}):
                operation.setdefault("parameters", []).append(_component("parameters", "IfNoneMatch"))
                answers["200"]["headers"] = {"ETag": _component("headers", "ETag")}
                answers["304"] = {"description": "Unchanged since the ETag"}


def _open_answers(schema: dict[str, Any]) -> None:
    """Say nothing against members that come later, wherever nobody sends them: clients must take them."""
    schemas = schema["components"]["schemas"]
    sent: set[str] = set()
    bodies = [one.get("requestBody", {}) for methods in schema["paths"].values() for one in methods.values()]
    waiting = [json.dumps(bodies)]
    while waiting:
        named = set(re.findall(r'"#/components/schemas/([^"]+)"', waiting.pop())) - sent
        sent |= named
        waiting += [json.dumps(schemas[name]) for name in named]
    for name, one in schemas.items():
        if name not in sent and one.get("additionalProperties") is False:
            del one["additionalProperties"]


def _component(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _name_commands(schema: dict[str, Any]) -> None:
    """Say of each act which command does the same."""
    same = {act.name: act.command for _, act in acts()}
    for methods in schema["paths"].values():
        for operation in methods.values():
            if (command := same.get(operation["operationId"])) is not None:
                operation["description"] = f"{operation.get('description', '')}\n\nSame as: `gateway {command}`."


def _named_by_rooms(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with names for people, titles included: generators of clients make classes of both.

    A name that several rooms use begins with the room's and not with a module's path; pages are ``…Page``.
    """
    given = [name for name in schema["components"]["schemas"] if set("_-") & set(name)]
    names = {name: "".join(_in_words(name)) for name in given}
    twice = {name for name, times in Counter(names.values()).items() if times > 1}
    names |= {name: "".join(_in_words(name, module=True)) for name, short in names.items() if short in twice}
    text = json.dumps(schema, ensure_ascii=False)
    for path, name in names.items():
        text = text.replace(f'"{path}"', f'"{name}"').replace(f'/{path}"', f'/{name}"')
    named: dict[str, Any] = json.loads(text)
    for name in names.values():
        named["components"]["schemas"][name]["title"] = name
    return named


def _in_words(name: str, *, module: bool = False) -> Iterator[str]:
    """The words of a short name: the room, its module too if the room has the name twice, and what it was called."""
    path = name.split("__")
    if len(path) > 1:
        yield path[2].removesuffix("s").capitalize()
        yield path[3].removesuffix("_routes").title().replace("_", "") if module else ""
    word = path[-1].replace("-", "")
    yield word[5:-1] + "Page" if word.startswith("Page_") else word

"""One web application from the faces that an address serves."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from gateway import __version__
from gateway.app import App
from gateway.faces import callbacks, health
from gateway.faces.payer import pages
from gateway.faces.payer.guessing import Guesses
from gateway.foundation.http.door import Door
from gateway.foundation.http.plans import Plans
from gateway.foundation.http.problems import ProblemDocument


def build(gateway: App, faces: Collection[str]) -> FastAPI:
    """The application for these faces (api, payer, callbacks, console). The docs page needs no outside asset."""
    make = FastAPIOffline if "api" in faces else FastAPI  # the former insists on a docs page
    api = make(
        title="Enforcement integration gateway 行政执法对接网关",
        version=__version__,
        summary="Payment codes, disclosures, registration records and seals for case systems",
        docs_url="/docs" if "api" in faces else None,
        redoc_url=None,
        openapi_url="/openapi.json" if "api" in faces else None,
    )
    api.state.gateway = gateway
    routers = [health.router]
    if "api" in faces:
        routers += [room.place(where) for room, _ in gateway.rooms for where in room.routes]
    if "callbacks" in faces:
        routers.append(callbacks.router)
    if "payer" in faces:
        api.state.guesses = Guesses()
        routers.append(pages.router)
    # What is included by FastAPI is matched router by router, and made ready by the first request, which then takes
    # longer than a second. Our routers ask for nothing of that: each route stands by itself.
    api.router.routes.extend(route for router in routers for route in router.routes)
    api.middleware_stack = Door(
        api.router,
        Plans(api.router.routes),
        gateway.base.settings.server.max_body_bytes,
        {path: size for room, _ in gateway.rooms for path, size in room.body_limits.items()},
    )
    _declare_problems(api)
    return api


def _declare_problems(api: FastAPI) -> None:
    """Put the problem document into the OpenAPI components, and take FastAPI's own error schema out."""
    plain = api.openapi

    def openapi() -> dict[str, object]:
        if api.openapi_schema is None:
            schema = plain()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["ProblemDocument"] = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]

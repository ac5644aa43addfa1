"""The OpenAPI document of the control API, made from its acts, so that clients of any language can be generated."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from simulators.acts import Act
from simulators.state import Document

if TYPE_CHECKING:
    from simulators.control import Control

_REFUSED: Document = {
    "description": "Refused; nothing has changed",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"type": "string", "description": "the place, what is wrong, and the cure"}},
            }
        }
    },
}


def document(control: Control) -> Document:
    """The document over all systems of a world: operation ids are ``plant``, ``nontax_pay``, ``credit_settings`` …"""
    paths: Document = {}
    groups: list[tuple[str, Iterable[Act]]] = [("", control.acts())]
    for name, service in control.world.services.items():
        groups.append((name, [*control.of_settings(service), *service.acts()]))
    for system, acts in groups:
        for act in acts:
            path = (f"/{system}" if system else "") + act.path
            paths.setdefault(path, {})[act.method.lower()] = _operation(act, system)
    titles = [(name, service.system.title) for name, service in control.world.services.items()]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of the simulators",
            "version": _version(),
            "description": "What a test may ask of simulated systems: clock, data, faults, callbacks, journal.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": control.base.urls[""] + "/_sim"}],
        "tags": [{"name": "control", "description": "All systems"}]
        + [{"name": name, "description": title} for name, title in titles],
        "paths": paths,
    }


def _operation(act: Act, system: str) -> Document:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": act.fields.get(name, {"type": "string"})}
        for name in act.parameters
    ]
    schema = act.schema()
    if schema is None:
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": of}
            for name, of in act.fields.items()
            if name not in act.parameters
        ]
    told: Document = {
        "operationId": f"{system.replace('-', '_')}_{act.name}" if system else act.name,
        "summary": act.title,
        "description": act.does,
        "tags": [system or "control"],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "422": _REFUSED,
        },
    }
    if parameters:
        told["parameters"] = parameters
    if schema is not None:
        required = bool(schema.get("required")) or act.body is not None
        told["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return told


def _version() -> str:
    for name in ("enforcement-simulators", "enforcement-gateway"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "0"

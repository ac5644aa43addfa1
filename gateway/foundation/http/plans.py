"""How a route is served without solving its dependencies anew for each request.

FastAPI declares the routes, writes OpenAPI from them and says what it cannot read. But for each request it walks the
tree of dependencies again. A plan is that tree walked once: the calls in their order, and where each argument comes
from. A plan only ever serves: whatever it cannot read, and every route that asks for something unusual, is left to
FastAPI's own handler, which says what is wrong.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from fastapi import Request, Response
from fastapi._compat import field_annotation_is_scalar
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Body
from fastapi.routing import APIRoute
from fastapi.utils import is_body_allowed_for_status_code
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope

from gateway.foundation.wire.bounds import apart

ReadBody = Callable[[], Awaitable[bytes | None]]
_JSON: Final = ("application/json", "application/json; charset=utf-8")


class _LeaveError(Exception):
    """This is left to FastAPI; nothing has had an effect yet."""


class _Asked:
    """One request while its plan is carried out. ``known``: what each dependency gave."""

    def __init__(self, request: Request, body: object) -> None:
        self.request, self.body = request, body
        self.known: dict[object, Any] = {}
        self.response = Response()
        del self.response.headers["content-length"]
        self.response.status_code = 0  # until the route sets one


_Source = Callable[[_Asked], Any]


class Plan:
    """One route's calls. Raises ``_LeaveError`` where it cannot be had for this route."""

    def __init__(self, route: APIRoute) -> None:
        self._route = route
        self._body = route.body_field
        self._field = route.response_field
        self._calls: list[tuple[Any, list[tuple[str, _Source]]]] = []
        if self._body is not None and (type(self._body.field_info) is not Body or route._embed_body_fields):
            raise _LeaveError
        unusual = (route.response_model_include, route.response_model_exclude, route.response_model_exclude_unset)
        if any(unusual) or route.response_model_exclude_defaults or route.response_model_exclude_none:
            raise _LeaveError
        made = route.response_class
        self._made: type[Response] = made.value if isinstance(made, DefaultPlaceholder) else made
        if self._field is not None and not isinstance(made, DefaultPlaceholder):
            raise _LeaveError
        self._add(route.dependant)

    def _add(self, part: Dependant) -> None:
        """This call after those that it depends on, in FastAPI's order."""
        named: list[tuple[str, _Source]] = []
        for one in part.dependencies:
            if not any(call is one.call for call, _ in self._calls):
                self._add(one)
            if one.name is not None:
                named.append((one.name, _given_by(one.call)))
        strange = (part.cookie_params, part.background_tasks_param_name, part.security_scopes_param_name)
        if any(strange) or not part.use_cache:
            raise _LeaveError
        if not (inspect.iscoroutinefunction(part.call) or inspect.iscoroutinefunction(type(part.call).__call__)):
            raise _LeaveError
        named += [(one.name, _path(one)) for one in part.path_params]
        named += [(one.name, _query(one)) for one in part.query_params]
        named += [(one.name, _header(one)) for one in part.header_params]
        named += [(one.name, _body(one)) for one in part.body_params]
        for name in (part.request_param_name, part.http_connection_param_name):
            if name is not None:
                named.append((name, lambda asked: asked.request))
        if part.response_param_name:
            named.append((part.response_param_name, lambda asked: asked.response))
        self._calls.append((part.call, named))

    async def serve(self, request: Request, read: ReadBody) -> Response:
        """The answer. Raises ``_LeaveError``, and whatever the calls raise."""
        asked = _Asked(request, None if self._body is None else await _json(request, read))
        result: Any = None
        for call, named in self._calls:
            result = await call(**{name: source(asked) for name, source in named})
            asked.known[call] = result
        if isinstance(result, Response):
            return result
        status = asked.response.status_code or self._route.status_code or 200
        if self._field is None:
            answer = self._made(jsonable_encoder(result), status)
        else:
            value, errors = self._field.validate(result, {}, loc=("response",))
            if errors:
                raise ResponseValidationError(errors=errors, body=result)
            answer = Response(self._field.serialize_json(value), status, media_type="application/json")
        if not is_body_allowed_for_status_code(status):
            answer.body = b""
        answer.raw_headers.extend(asked.response.raw_headers)
        return answer


class Plans:
    """The plans of an application's routes, found by method and path in the order of the routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        listed = [
            (_area(route.path.split("{")[0]), route, _plan(route)) for route in routes if isinstance(route, Route)
        ]
        self._by_area: dict[tuple[str, str], list[tuple[Route, Plan | None]]] = {}
        for area in {area for area, _, _ in listed}:
            for own, route, plan in listed:
                if area == own or not own or area.startswith(own + "/"):
                    for method in route.methods or ():
                        self._by_area.setdefault((method, area), []).append((route, plan))

    def every(self) -> list[tuple[Route, Plan | None]]:
        """Each route with its plan, if it has one."""
        return [one for near in self._by_area.values() for one in near]

    async def serve(self, scope: Scope, receive: Receive, read: ReadBody) -> Response | None:
        """The answer; None where it is left to FastAPI, which has then to be given the whole request."""
        method, path = scope["method"], scope["path"]
        area = _area(path)
        near = self._by_area.get((method, area)) or self._by_area.get((method, area.split("/")[0])) or ()
        for route, plan in near:
            if found := route.path_regex.match(path):
                if plan is None or scope["root_path"]:
                    return None
                turn = route.param_convertors
                scope["path_params"] = {name: turn[name].convert(text) for name, text in found.groupdict().items()}
                scope["route"] = route
                try:
                    return await plan.serve(Request(scope, receive), read)
                except _LeaveError:
                    return None
        return None


def _area(path: str) -> str:
    """The first two parts of an address, by which routes are told apart at once."""
    return "/".join(path.split("/", 3)[1:3]).rstrip("/")


def _plan(route: Route) -> Plan | None:
    try:
        return Plan(route) if isinstance(route, APIRoute) else None
    except _LeaveError:
        return None


async def _json(request: Request, read: ReadBody) -> object:
    body = await read()
    if not body or request.headers.get("content-type", "").lower() not in _JSON:
        raise _LeaveError
    try:
        return await apart(len(body), json.loads, body)
    except (ValueError, RecursionError):
        raise _LeaveError from None


def _given_by(call: object) -> _Source:
    return lambda asked: asked.known[call]


def _read(field: Any, value: object) -> Any:
    found, errors = field.validate(value, {}, loc=())
    if errors:
        raise _LeaveError
    return found


def _path(field: Any) -> _Source:
    return lambda asked: _read(field, asked.request.path_params[field.alias])


def _body(field: Any) -> _Source:
    return lambda asked: _read(field, asked.body)


def _absent(field: Any) -> _Source:
    """What a parameter is that was not sent. Only a plain default is given away to every request."""
    info = field.field_info
    if info.is_required():
        return _leave
    default = field.get_default()
    if info.validate_default or not (default is None or isinstance(default, (str, int))):
        raise _LeaveError
    return lambda _: default


def _leave(_: _Asked) -> Any:
    raise _LeaveError


def _header(field: Any) -> _Source:
    if field.field_info.annotation not in (str, str | None):
        raise _LeaveError
    return _named(field, lambda asked: asked.request.headers)


def _query(field: Any) -> _Source:
    if not field_annotation_is_scalar(field.field_info.annotation):  # a list, or a model of all that may be asked
        return _leave
    return _named(field, lambda asked: asked.request.query_params)


def _named(field: Any, sent: Callable[[_Asked], Mapping[str, str]]) -> _Source:
    """What was sent under one name, the last where there are several; or what it is where nothing was."""
    if field.validation_alias not in (None, field.alias):
        raise _LeaveError
    absent = _absent(field)

    def source(asked: _Asked) -> Any:
        value = sent(asked).get(field.alias)
        return absent(asked) if value is None else _read(field, value)

    return source

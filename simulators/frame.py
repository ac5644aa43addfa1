"""What every simulated system is built from.

The life of a request: check against the contract → fault before the effect → handler in one transaction → commit →
fault after the effect → check of our own answer → fault during the answer → journal. A system supplies handlers
(plain functions of a transaction and a call), and says how it signs, refuses for load, and sends callbacks.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators import scenario
from simulators.callbacks import Callbacks
from simulators.clock import SimulatedClock
from simulators.contract import OpenApiContract
from simulators.faults import KINDS, Fault, Faults
from simulators.faults import mistakes as fault_mistakes
from simulators.journal import Journal
from simulators.naming import mistakes, unknown, words_of
from simulators.state import Document, State, Transaction
from simulators.transport import Connections, Drip, Reset, Silence, Truncated


@dataclass
class Answer:
    """What a handler answers: a JSON value, an XML element, text or bytes."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str | None = None


class Refused(Exception):
    """Raised by a handler to undo its transaction and give this answer instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass
class Call:
    """One request as a handler sees it. ``content`` is the parsed body, ``params`` its path and query parameters.

    ``fault`` is the kind of the fault that the request met, for handlers that know kinds of their own (phase "effect").
    """

    operation: str
    request: Request
    body: bytes
    content: Any
    now: datetime
    params: dict[str, str] = field(default_factory=dict)
    key: str = ""
    fault: str = ""


Handler = Callable[[Transaction, Call], Answer]
KeyOf = Callable[[Call], str | None]


class World:
    """All simulated systems of one process and what they share.

    ``opening``: the scenario with which its first day begins, and each day after a reset.
    """

    def __init__(self, state: State, opening: Document | None = None) -> None:
        self.state = state
        self.opening = opening
        self.clock = SimulatedClock(state)
        self.faults = Faults(state)
        self.journal = Journal(state, self.clock)
        self.callbacks = Callbacks(self)
        self.connections = Connections()
        self.resets = 0
        self.systems: dict[str, System] = {}
        self.urls: dict[str, str] = {}

    def add(self, system: System) -> None:
        """Take a system in and give it the data that every fresh state has."""
        self.systems[system.name] = system
        self._set_up(system)

    def url_of(self, system: str) -> str:
        """The base address of a system, without a slash at the end."""
        return self.urls[system]

    def stream_of(self, system: str) -> str:
        """The address of a system's connections without HTTP, ``tcp://host:port``."""
        return self.urls[f"{system}/stream"]

    def system(self, name: str) -> System:
        """A system by its name. ValueError when it is not served here."""
        if name not in self.systems:
            raise ValueError(unknown("system", name, self.systems))
        return self.systems[name]

    def seed(self, name: str, data: Any) -> None:
        """Give a system data, checked as a whole before any is taken. ValueError names each place that is wrong."""
        try:
            system = self.system(name)
            if wrong := mistakes({"type": "object", **system.seed_schema}, data):
                raise ValueError("\n".join(wrong))
            with self.state.transaction() as tx:
                system.seed(tx, data)
        except (ValueError, KeyError, TypeError) as refusal:
            raise ValueError("\n".join(f"{name}: {line}" for line in words_of(refusal).splitlines())) from None

    def change_settings(self, name: str, change: Document) -> Document:
        """Change settings of a system; all of them as they are then. ValueError names what cannot be."""
        system = self.system(name)
        if not system.defaults:
            raise ValueError(f"{name} has no settings")
        with self.state.transaction() as tx:
            return system.settings(tx, change)

    def direct_callbacks(self, name: str, url: str | None) -> None:
        """Say where a system's callbacks go; None: nowhere, they wait. ValueError for what is no address."""
        self.system(name)
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not an address such as http://127.0.0.1:8080/callbacks/{name}")
        self.callbacks.direct(name, url)

    def plant(self, descriptions: Sequence[Any]) -> list[Fault]:
        """Plant faults in this order, all or none. ValueError names each place that is wrong."""
        wrong = [
            f"faults[{index}]{'.' if isinstance(one, dict) else ': '}{words}"
            for index, one in enumerate(descriptions)
            for words in fault_mistakes(one) or self._misplaced(one)
        ]
        if wrong:
            raise ValueError("\n".join(wrong))
        with self.state.transaction():
            return [self.faults.plant(one) for one in descriptions]

    def _misplaced(self, description: Document) -> list[str]:
        """What is wrong with a fault because of the system it is for: it would never be met there."""
        name, kind = description["system"], KINDS[description["kind"]]
        if name not in self.systems:
            return [f"system: {unknown('system', name, self.systems)}"]
        system, operation = self.systems[name], description.get("operation", "*")
        if kind.systems and name not in kind.systems:
            return [f"kind: only {' and '.join(kind.systems)} can have {description['kind']}"]
        if kind.phase == "callback" and not system.callback_operations:
            return [f"kind: {name} sends no callbacks"]
        known = system.callback_operations if kind.phase == "callback" else system.operations
        if operation != "*" and operation not in known:
            return [f"operation: {unknown('operation', operation, sorted(known))}"]
        return []

    def begin(self) -> None:
        """Apply the opening scenario, unless this state has had it. ValueError names what is wrong with it."""
        if self.opening is None:
            return
        mark: Document = {"opening": json.dumps(self.opening, sort_keys=True)}
        with self.state.transaction() as tx:
            if tx.get("", "set_up", "opening") != mark:
                try:
                    scenario.apply(self, self.opening)
                except ValueError as refusal:
                    raise ValueError("\n  ".join(["the scenario cannot be:", *str(refusal).splitlines()])) from None
                tx.put("", "set_up", "opening", mark)

    def reset(self) -> None:
        """Everything as on the first day: no documents, faults, journal or callbacks; the clock is real time."""
        self.resets += 1
        self.state.reset()
        self.clock.load()
        self.faults.load()
        self.callbacks.hasten()
        for system in self.systems.values():
            self._set_up(system)
        self.begin()

    def _set_up(self, system: System) -> None:
        with self.state.transaction() as tx:
            if tx.get("", "set_up", system.name) is None:
                system.set_up(tx)
                tx.put("", "set_up", system.name, {})


class System:
    """One simulated external system, served below ``/<name>``. Subclasses override what differs."""

    name: ClassVar[str]
    title: ClassVar[str] = ""
    #: JSON member or XML local names that the faults wrong_amount, wrong_code and unknown_status alter.
    amount_fields: ClassVar[frozenset[str]] = frozenset()
    code_fields: ClassVar[frozenset[str]] = frozenset()
    status_fields: ClassVar[frozenset[str]] = frozenset()
    #: What its callbacks are called, for faults and the journal; empty: it sends none.
    callback_operations: ClassVar[frozenset[str]] = frozenset()
    #: Its settings on the first day, and the JSON schema of each one's values. Empty: it has none.
    defaults: ClassVar[Document] = {}
    setting_schemas: ClassVar[dict[str, Document]] = {}
    #: The JSON schema of its part of ``POST /_sim/seed``.
    seed_schema: ClassVar[Document] = {}
    #: Whether the system also takes connections without HTTP (``connected``), on a port of their own.
    streams: ClassVar[bool] = False
    #: Header that the fault bad_signature and the default ``forge`` alter.
    signature_header: ClassVar[str] = "X-Signature"
    #: Set by systems with an OpenAPI contract.
    contract: OpenApiContract

    def __init__(self, world: World) -> None:
        self.world = world

    # --- to be overridden ------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """Routes below the system's base address."""
        raise NotImplementedError

    def control_routes(self) -> list[BaseRoute]:
        """Routes of the control API below ``/_sim/<name>``."""
        return []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a system that ``streams``; it is closed afterwards."""
        raise NotImplementedError

    def set_up(self, tx: Transaction) -> None:
        """Write what every fresh state has."""

    def seed(self, tx: Transaction, data: Any) -> None:
        """Take in data from ``POST /_sim/seed``. ValueError says what is wrong with it."""
        raise ValueError(f"{self.name} takes no seed")

    @property
    def operations(self) -> frozenset[str]:
        """What can be asked of it, by the names that faults and the journal use."""
        return frozenset(self.contract.operations)

    def chosen_fault(self, operation: str, content: Any) -> Fault | None:
        """A fault that a request or a callback brings on itself by what it is about; planted ones come before it."""
        return None

    def credentials(self) -> dict[str, Any]:
        """Development credentials for the ready line: what a client needs to be let in."""
        return {}

    def invalid(self, call: Call, errors: Sequence[str]) -> Answer:
        """The answer to a request that breaks the contract."""
        return problem(400, "invalid-request", "; ".join(errors))

    def busy(self, call: Call, seconds: float) -> Answer:
        """The contract's effect-free refusal for load."""
        answer = problem(429, "busy", "系统繁忙,请稍后再试")
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
        return answer

    def not_found(self, call: Call) -> Answer:
        """What is said of something that does not exist."""
        return problem(404, "not-found", "未找到")

    def with_code(self, call: Call, code: str) -> Answer:
        """For the fault answer_code: a result code of the contract's table, or one that it does not have."""
        return problem(400, code, code)

    def early(self, tx: Transaction, call: Call, answer: Answer) -> None:
        """For the fault callback_before_reply: let happen now what the callback tells of."""

    def distort(self, kind: str, call: Call, answer: Answer) -> Answer:
        """The answer with a wrong amount, a wrong code or an unknown status, before it is signed."""
        fields = {
            "wrong_amount": self.amount_fields,
            "wrong_code": self.code_fields,
            "unknown_status": self.status_fields,
        }[kind]
        return replace(answer, body=_altered(answer.body, fields, _ALTER[kind]))

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """The headers of an answer with a signature over its bytes, for systems that sign."""
        return headers

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        """The bytes of an answer and its headers."""
        headers = dict(answer.headers)
        if isinstance(answer.body, etree._Element):
            body = etree.tostring(answer.body, xml_declaration=True, encoding="UTF-8")
            headers["Content-Type"] = answer.media_type or "text/xml; charset=utf-8"
        elif isinstance(answer.body, bytes):
            body = answer.body
            headers["Content-Type"] = answer.media_type or "application/octet-stream"
        elif isinstance(answer.body, str):
            body = answer.body.encode()
            headers["Content-Type"] = answer.media_type or "text/html; charset=utf-8"
        elif answer.body is None:
            body = b""
        else:
            body = json.dumps(answer.body, ensure_ascii=False).encode()
            headers["Content-Type"] = answer.media_type or "application/json"
        return body, headers

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """The body and headers of a callback, signed now."""
        return json.dumps(payload, ensure_ascii=False).encode(), {"Content-Type": "application/json"}

    def acknowledged(self, payload: Document, status: int, body: bytes) -> bool:
        """Whether an answer acknowledges a callback."""
        return 200 <= status < 300

    def forge(self, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """What somebody without our key would send."""
        return body, self.spoil(headers)

    # --- for subclasses to call ------------------------------------------------------------------------------------

    def settings(self, tx: Transaction, change: Document | None = None) -> Document:
        """The settings, after a change if there is one. ValueError names each that does not exist or cannot be so."""
        kept = {**self.defaults, **(tx.get(self.name, "settings", "settings") or {})}
        if not change:
            return kept
        wrong = [unknown("setting", name, self.defaults) for name in change if name not in self.defaults]
        wrong += mistakes({"type": "object", "properties": self.setting_schemas}, change)
        if wrong:
            raise ValueError("\n".join(wrong))
        tx.put(self.name, "settings", "settings", kept | change)
        return kept | change

    def operation(self, operation_id: str, handler: Handler, *, key: KeyOf | None = None) -> Route:
        """The route of one operation of the system's OpenAPI contract, served through the frame.

        ``key`` finds the business key (faults and the journal know a request by it) in the call.
        """
        method, path = self.contract.operations[operation_id]

        async def endpoint(request: Request) -> Response:
            body = await request.body()
            params = {**request.query_params, **request.path_params}
            media_type = request.headers.get("content-type", "")
            errors = self.contract.request_errors(operation_id, body, media_type, **params)
            content = None
            if not errors and body and "json" in media_type:
                content = json.loads(body)
            call = Call(operation_id, request, body, content, self.world.clock.now(), params)
            if key is not None and not errors:
                call.key = key(call) or ""
            return await self.serve(call, handler, errors=errors, check=self._check_json)

        return Route(path, endpoint, methods=[method], name=operation_id)

    async def serve(
        self,
        call: Call,
        handler: Handler,
        *,
        errors: Sequence[str] = (),
        check: Callable[[Call, Answer], Sequence[str]] | None = None,
    ) -> Response:
        """Run one request through its life. ``errors``: what the contract says against it; ``check``: against ours."""
        if errors:
            return self._finish(call, self.invalid(call, errors), None, outcome="refused")
        fault = self.world.faults.pick(self.name, call.operation, call.key)
        fault = fault or self.chosen_fault(call.operation, call.content)
        kind = call.fault = fault.kind if fault else ""
        happened = fault is not None and fault.phase == "after_effect"
        match kind:
            case "silence":
                return self._act(call, kind, Silence(self.world.connections, fault.seconds if fault else None))
            case "error_500" if not happened:
                return self._finish(call, _crash_page(), fault, outcome="error")
            case "busy" | "not_found_then_found":
                instead = self.busy(call, fault.wait(2.0) if fault else 2.0) if kind == "busy" else self.not_found(call)
                return self._finish(call, instead, fault)
            case "answer_code":
                return self._finish(call, self.with_code(call, fault.code if fault else ""), fault)
            case "slow" if not happened:
                if await self._outlived(fault):
                    return Response(status_code=503)
        try:
            with self.world.state.transaction() as tx:
                answer = handler(tx, call)
        except Refused as refusal:
            answer = refusal.answer
        match kind:
            case "apply_then_silence":
                return self._act(call, kind, Silence(self.world.connections, fault.seconds if fault else None))
            case "apply_then_reset":
                return self._act(call, kind, Reset(self.world.connections))
            case "error_500" if happened:
                return self._finish(call, _crash_page(), fault, outcome="error")
            case "slow" if happened:
                if await self._outlived(fault):
                    return Response(status_code=503)
            case "callback_before_reply":
                with self.world.state.transaction() as tx:
                    self.early(tx, call, answer)
                await self.world.callbacks.flush(self.name)
            case "wrong_amount" | "wrong_code" | "unknown_status":
                answer = self.distort(kind, call, answer)
        if check is not None and kind not in _ALTER and (broken := check(call, answer)):
            answer = Answer(f"the simulator's own answer breaks the contract: {'; '.join(broken)}", 500)
            return self._finish(call, answer, fault, outcome="broken")
        return self._finish(call, answer, fault)

    def spoil(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers whose signature no longer verifies."""
        value = headers.get(self.signature_header, "")
        return {**headers, self.signature_header: value[:-1] + ("0" if value[-1:] != "0" else "1")}

    def journal(self, request: Request, operation: str, key: str, status: int, body: bytes = b"") -> None:
        """Journal a request that does not go through ``serve`` (pages for people)."""
        self.world.journal.add(
            system=self.name,
            operation=operation,
            key=key,
            method=request.method,
            path=request.url.path,
            status=status,
            request=body,
        )

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _outlived(self, fault: Fault | None) -> bool:
        """Wait as long as the fault says; whether a reset came between, after which nothing of before may happen."""
        resets = self.world.resets
        await asyncio.sleep(fault.wait(1.0) if fault else 1.0)
        return self.world.resets != resets

    def _check_json(self, call: Call, answer: Answer) -> Sequence[str]:
        if isinstance(answer.body, (bytes, str)):
            return []
        return self.contract.answer_errors(call.operation, answer.status, answer.body)

    def _finish(self, call: Call, answer: Answer, fault: Fault | None, outcome: str = "answered") -> Response:
        body, headers = self.render(call, answer)
        status = answer.status
        kind = fault.kind if fault else ""
        match kind:
            case "malformed":
                body = body[: len(body) // 2] + b"<\x00"
            case "malformed_doctype":
                body = b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "' + b"x" * 64 + b'">]>\n' + _undeclared(body)
            case "empty":
                body, status = b"", 200
        # Signed last: a broken answer is authentic all the same, so that not the signature gives it away.
        headers = self.sign(call, body, headers)
        if kind == "bad_signature":
            headers = self.spoil(headers)
        response = Response(body, status, headers)
        if kind == "truncated":
            return self._act(call, kind, Truncated(self.world.connections, response), body)
        if kind == "drip":
            return self._act(
                call, kind, Drip(self.world.connections, response, fault.wait(0.2) if fault else 0.2), body
            )
        self._note(call, status, outcome, kind or None, body)
        return response

    def _act(self, call: Call, kind: str, act: Response, body: bytes = b"") -> Response:
        self._note(call, None, kind, kind, body)
        return act

    def _note(self, call: Call, status: int | None, outcome: str, fault: str | None, body: bytes) -> None:
        request = call.request
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.world.journal.add(
            system=self.name,
            operation=call.operation,
            key=call.key,
            method=request.method,
            path=path,
            status=status,
            outcome=outcome,
            fault=fault,
            request=call.body,
            answer=body,
        )


def _crash_page() -> Answer:
    return Answer("<html><body><h1>500 Internal Server Error</h1></body></html>", 500)


def problem(status: int, kind: str, detail: str, **members: Any) -> Answer:
    """An ``application/problem+json`` answer (RFC 9457)."""
    return Answer({"type": kind, "title": kind, "status": status, "detail": detail, **members}, status, {}, PROBLEM)


PROBLEM = "application/problem+json"


def endpoint(
    handler: Callable[[Request, Any], Any] | Callable[[Request, Any], Awaitable[Any]],
    *,
    read: Callable[[str], Any] = json.loads,
) -> Callable[[Request], Awaitable[Response]]:
    """A control endpoint from a function of the request and its JSON body (None without one) to a JSON value.

    ``read`` makes a value of a body that need not be JSON.

    What the function refuses (ValueError, or a member that it misses or cannot use) is answered with 422 and its words.
    """

    async def served(request: Request) -> Response:
        body = await request.body()
        try:
            result = handler(request, read(body.decode()) if body else None)
            if inspect.isawaitable(result):
                result = await result
        except (ValueError, KeyError, TypeError) as fault:
            return _json({"error": "; ".join(words_of(fault).splitlines())}, 422)
        return _json(result)

    return served


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")


def b64(data: bytes) -> str:
    """Bytes as Base64 text, as documents keep them."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The bytes of Base64 text."""
    return base64.b64decode(text)


# --- distortions of answers ----------------------------------------------------------------------------------------


def _other_amount(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value + 1
    digits = str(value)
    return digits[:-1] + str((int(digits[-1]) + 1) % 10) if digits[-1:].isdigit() else digits + "1"


def _other_code(value: Any) -> Any:
    text = str(value)
    return text[:-1] + ("7" if text[-1:] != "7" else "8")


def _other_status(value: Any) -> Any:
    return 97 if isinstance(value, int) else "9" * max(1, min(len(str(value)), 5))


_ALTER: dict[str, Callable[[Any], Any]] = {
    "wrong_amount": _other_amount,
    "wrong_code": _other_code,
    "unknown_status": _other_status,
}


def _altered(body: Any, fields: frozenset[str], alter: Callable[[Any], Any]) -> Any:
    """A copy of a JSON value or XML element with the named fields altered."""
    if isinstance(body, etree._Element):
        body = copy.deepcopy(body)
        for element in body.iter(etree.Element):
            if etree.QName(element).localname in fields and element.text and not len(element):
                element.text = str(alter(element.text))
        return body
    if isinstance(body, dict):
        return {
            name: alter(value)
            if name in fields and isinstance(value, (str, int, float))
            else _altered(value, fields, alter)
            for name, value in body.items()
        }
    if isinstance(body, list):
        return [_altered(value, fields, alter) for value in body]
    return body


def _undeclared(body: bytes) -> bytes:
    """An XML document without its declaration."""
    return body.split(b"?>", 1)[1].lstrip() if body.startswith(b"<?xml") else body

"""What serves one system: its routes and effects, its control requests and pages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.acts import Act
from simulators.answers import Answer, Call, Handler, KeyOf
from simulators.contract import OpenApiContract
from simulators.exchange import Check, Exchange
from simulators.faults import Fault
from simulators.foundation import Foundation
from simulators.journal import Entry
from simulators.pages import Page
from simulators.signing import Place
from simulators.state import Document, Transaction
from simulators.system import System
from simulators.wire import Wire


class Service:
    """One system in one process. A system's own service gives routes, and overrides what it has beside them."""

    #: Of systems whose contract is an OpenAPI document, for ``operation``.
    contract: OpenApiContract
    #: Whether it does something at an hour of its own, by its clock, that nobody asks for.
    keeps_hours: bool = False

    def __init__(self, base: Foundation, system: System, wire: Wire | None = None) -> None:
        self.base = base
        self.system = system
        self.name = system.name
        self.wire = wire or Wire(base, system)

    # --- to be overridden ------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """Routes below the system's base address."""
        raise NotImplementedError

    def pages(self) -> list[Page]:
        """Pages for people, below the same address."""
        return []

    def looks(self) -> list[tuple[str, str]]:
        """Addresses besides ``pages`` that are worth a look, each with what it shows."""
        return []

    def acts(self) -> list[Act]:
        """What a tester may do to it, below ``/_sim/<name>``."""
        return []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a system that ``streams``; it is closed afterwards."""
        raise NotImplementedError

    def credentials(self) -> dict[str, Any]:
        """Development credentials for the ready line: what a client needs to be let in."""
        return {}

    def set_up(self, tx: Transaction) -> None:
        """Write what every fresh state has: on the first day, and after each reset."""

    def forget(self) -> None:
        """Let go, at a reset, of what is remembered beside the state."""

    def clock_moved(self) -> None:
        """Do what has become due: the clock was set or moved on, or has gone on by itself where it ``keeps_hours``."""

    def seed(self, tx: Transaction, data: Any) -> None:
        """Take in data from ``POST /_sim/seed`` that fits ``System.seed``. ValueError says what is wrong with it."""
        raise NotImplementedError

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        """Headers under which a request with this body is let in now, by development credentials; for replays."""
        return {}

    def key_for(self, tx: Transaction, node: str) -> bytes:
        """The secret that messages from and to a node are signed with; empty: there is none."""
        credentials = self.credentials()
        return str(credentials.get("secret") or credentials.get("app_secret") or "").encode()

    def completed(self, content: Any) -> Any:
        """What is asked in the contract's words, with what a profile leaves out and the contract needs."""
        return content

    def compared(self, message: str) -> str:
        """What of a redacted message is held against another, as JSON or XML; for replays."""
        return message

    async def asked_again(self, message: str) -> str:
        """Ask without HTTP what a redacted message asked; the answer as ``compared`` has it. ValueError: why not."""
        raise ValueError("what does not travel over HTTP cannot be asked again here")

    def stand_ins(self) -> dict[str, str]:
        """Members of requests that mean something at one side only, with what is asked in their place; for replays."""
        return {}

    def place(self, method: str, path: str) -> str | None:
        """Where the operation is that a real platform has at this path, whatever stands before it there."""
        found = (self.path_of(name) for name, (verb, _) in self.contract.operations.items() if verb == method)
        longest = sorted((re.sub(r"\{\w+\}", "[^/]+", one) for one in found), key=len, reverse=True)
        return next((match[1] for one in longest if (match := re.search(f"({one})$", path))), None)

    def chosen_fault(self, operation: str, content: Any) -> Fault | None:
        """A fault that a request or a callback brings on itself by what it is about; planted ones come before it."""
        return None

    def early(self, tx: Transaction, call: Call, answer: Answer) -> None:
        """For the fault callback_before_reply: let happen now what the callback tells of."""

    # --- for subclasses to call ------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The system's base address, without a slash at the end."""
        return self.base.urls[self.name]

    def settings(self, tx: Transaction, change: Document | None = None) -> Document:
        """The settings, after a change if there is one. ValueError names each that does not exist or cannot be so."""
        return self.system.settings.change(tx, self.name, change or {})

    def operation(self, operation_id: str, handler: Handler, *, key: KeyOf | None = None) -> Route:
        """The route of one operation of the system's OpenAPI contract, served through the frame.

        ``key`` finds the business key (faults and the journal know a request by it) in the call.
        """
        method, _ = self.contract.operations[operation_id]

        async def endpoint(request: Request) -> Response:
            call = Call(operation_id, request, await request.body(), None, self.base.clock.now())
            call.params = {**request.query_params, **request.path_params}
            errors = self.read(call)
            if key is not None and not errors:
                call.key = key(call) or ""
            return await self.serve(call, handler, errors=errors, check=self.contract.check)

        return Route(self.path_of(operation_id), endpoint, methods=[method], name=operation_id)

    def path_of(self, operation_id: str) -> str:
        """Where an operation of the OpenAPI contract is asked for, by the contract or by a profile."""
        paths = self.system.profile.paths if self.system.profile else {}
        return paths.get(self.system.places.get(operation_id, operation_id), self.contract.operations[operation_id][1])

    def read(self, call: Call) -> list[str]:
        """Read a request to an OpenAPI contract: set its content and parameters; what the contract says against it."""
        errors: list[str] = []
        profile, body = self.system.profile, call.body
        media_type = call.request.headers.get("content-type", "")
        if profile is not None:
            call.params = {profile.ours(name): value for name, value in call.params.items()}
            if body and "json" in media_type:
                try:
                    content, errors = profile.content_of(body, call.operation)
                except ValueError as broken:
                    return [f"body: is not JSON: {broken}"]
                body = json.dumps(self.completed(content), ensure_ascii=False).encode()
        errors += self.contract.request_errors(call.operation, body, media_type, **call.params)
        if not errors and body and "json" in media_type:
            call.content = json.loads(body)
        return errors

    async def serve(
        self, call: Call, handler: Handler, *, errors: Sequence[str] = (), check: Check | None = None
    ) -> Response:
        """Run one request through its life. ``errors``: what the contract says against it; ``check``: against ours."""
        call.request = self._signed_as_ours(call.request, call.body)
        return await Exchange(self, call).run(handler, errors, check)

    def _signed_as_ours(self, request: Request, body: bytes) -> Request:
        """A request whose headers are signed as the contract has it, where a profile signs otherwise."""
        if self.system.profile is None or (scheme := self.system.profile.signing) is None:
            return request
        at = Place(request.method, request.url.path, request.url.query)
        with self.base.state.transaction() as tx:
            key = self.key_for(tx, request.headers.get(scheme.node, ""))
        ours = scheme.inward(key, request.headers, body, at)
        named = {name.lower(): value for name, value in (dict(request.headers) | ours).items()}
        named |= {name.lower(): value for name, value in ours.items()}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
        return Request({**request.scope, "headers": headers})

    def said(self, headers: dict[str, str], body: bytes, node: str, at: Place) -> dict[str, str]:
        """Headers of a message to or from a node, signed as a profile has it where one signs otherwise."""
        if self.system.profile is None or (scheme := self.system.profile.signing) is None:
            return headers
        with self.base.state.transaction() as tx:
            return scheme.outward(self.key_for(tx, node), headers, body, at)

    def journal(self, request: Request, operation: str, key: str, status: int, body: bytes = b"") -> None:
        """Journal a request that does not go through ``serve`` (pages for people)."""
        entry = Entry(self.name, operation, key, request.method, request.url.path, status, request=body)
        self.base.journal.add(entry)

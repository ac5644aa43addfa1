"""What serves one system: its routes and effects, its control requests and pages."""

from __future__ import annotations

import asyncio
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
from simulators.manners import Profiled, Shadowed
from simulators.pages import Page
from simulators.state import Document, Transaction
from simulators.system import System
from simulators.wire import Wire


class Service:
    """One system in one process. A system's own service gives routes, and overrides what it has beside them.

    How it is spoken to under a profile, and how shadow mode asks it again, are ``profiled`` and ``shadowed``.
    """

    #: Of systems whose contract is an OpenAPI document, for ``operation``.
    contract: OpenApiContract
    #: Whether it does something at an hour of its own, by its clock, that nobody asks for.
    keeps_hours: bool = False

    def __init__(self, base: Foundation, system: System, wire: Wire | None = None) -> None:
        self.base = base
        self.system = system
        self.name = system.name
        self.wire = wire or Wire(base, system)
        self.profiled = Profiled(self)
        self.shadowed = Shadowed(self)

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
            errors = self.profiled.read(call)
            if key is not None and not errors:
                call.key = key(call) or ""
            return await self.serve(call, handler, errors=errors, check=self.contract.check)

        return Route(self.profiled.path_of(operation_id), endpoint, methods=[method], name=operation_id)

    async def serve(
        self, call: Call, handler: Handler, *, errors: Sequence[str] = (), check: Check | None = None
    ) -> Response:
        """Run one request through its life. ``errors``: what the contract says against it; ``check``: against ours."""
        call.request = self.profiled.signed_as_ours(call.request, call.body)
        return await Exchange(self, call).run(handler, errors, check)

    def journal(self, request: Request, operation: str, key: str, status: int, body: bytes = b"") -> None:
        """Journal a request that does not go through ``serve`` (pages for people)."""
        entry = Entry(self.name, operation, key, request.method, request.url.path, status, request=body)
        self.base.journal.add(entry)

"""The life of one request, the same in every system.

Check against the contract → fault before the effect → handler in one transaction → commit → fault after the effect →
check of our own answer → fault during the answer → journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response

from simulators import drift
from simulators.answers import Answer, Call, Handler, Refused
from simulators.faults import Fault
from simulators.journal import Entry
from simulators.signing import Place
from simulators.transport import Drip, Reset, Silence, Truncated
from simulators.wire import DISTORTIONS

if TYPE_CHECKING:
    from simulators.service import Service

Check = Callable[[Call, Answer], Sequence[str]]

_CRASH = "<html><body><h1>500 Internal Server Error</h1></body></html>"


class Exchange:
    """One request to a system, and the fault that it meets."""

    def __init__(self, service: Service, call: Call) -> None:
        self.service = service
        self.base = service.base
        self.wire = service.wire
        self.call = call
        self.fault: Fault | None = None

    async def run(self, handler: Handler, errors: Sequence[str] = (), check: Check | None = None) -> Response:
        """The answer. ``errors``: what the contract says against the request; ``check``: what it says against ours."""
        call, name = self.call, self.service.name
        if errors:
            return self._finish(self.wire.invalid(call, errors), "refused")
        fault = self.base.faults.pick(name, call.operation, call.key)
        self.fault = fault = fault or self.service.chosen_fault(call.operation, call.content)
        kind = call.fault = fault.kind if fault else ""
        if fault is not None and fault.phase != "after_effect" and (answer := await self._instead(fault)):
            return answer
        try:
            with self.base.state.transaction() as tx:
                told = handler(tx, call)
        except Refused as refusal:
            told = refusal.answer
        if fault is not None and fault.phase == "after_effect" and (answer := await self._hidden(fault, told)):
            return answer
        if kind in DISTORTIONS:
            told = self.wire.distort(kind, call, told, self.fault.code if self.fault else "")
        elif check is not None and (broken := check(call, told)):
            told = Answer(f"the simulator's own answer breaks the contract: {'; '.join(broken)}", 500)
            return self._finish(told, "broken")
        if kind in drift.KINDS:
            told = self.wire.differ(kind, call, told, getattr(self.service, "contract", None))
        return self._finish(told)

    async def _instead(self, fault: Fault) -> Response | None:
        """What is answered instead of an effect; None: the effect comes all the same."""
        match fault.kind:
            case "silence":
                return self._act(Silence(self.base.connections, fault.seconds))
            case "error_500":
                return self._finish(Answer(_CRASH, 500), "error")
            case "busy":
                return self._finish(self.wire.busy(self.call, fault.wait(2.0)))
            case "not_found_then_found":
                return self._finish(self.wire.not_found(self.call))
            case "answer_code":
                return self._finish(self.wire.with_code(self.call, fault.code))
            case "slow":
                return await self._delayed(fault)
        return None

    async def _hidden(self, fault: Fault, told: Answer) -> Response | None:
        """What is answered after an effect so that the caller does not know of it; None: the answer comes."""
        match fault.kind:
            case "apply_then_silence":
                return self._act(Silence(self.base.connections, fault.seconds))
            case "apply_then_reset":
                return self._act(Reset(self.base.connections))
            case "error_500":
                return self._finish(Answer(_CRASH, 500), "error")
            case "slow":
                return await self._delayed(fault)
            case "callback_before_reply":
                with self.base.state.transaction() as tx:
                    self.service.early(tx, self.call, told)
                await self.base.callbacks.flush(self.service.name)
        return None

    async def _delayed(self, fault: Fault) -> Response | None:
        """Wait as long as the fault says. After a reset that came between, nothing of before may happen."""
        resets = self.base.state.resets
        await asyncio.sleep(fault.wait(1.0))
        return Response(status_code=503) if self.base.state.resets != resets else None

    def _finish(self, answer: Answer, outcome: str = "answered") -> Response:
        call, fault, profile = self.call, self.fault, self.service.system.profile
        status = (profile.status if profile else None) or answer.status
        body, headers = self.wire.render(call, answer)
        kind = fault.kind if fault else ""
        match kind:
            case "malformed":
                body = body[: len(body) // 2] + b"<\x00"
            case "malformed_doctype":
                body = b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "' + b"x" * 64 + b'">]>\n' + _undeclared(body)
            case "empty":
                body, status = b"", 200
        # Signed last: a broken answer is authentic all the same, so that not the signature gives it away.
        headers = self.wire.sign(call, body, headers)
        if kind == "bad_signature":
            headers = self.wire.spoil(headers)
        asked = call.request
        at = Place(asked.method, asked.url.path, asked.url.query)
        headers = self.service.profiled.signed_as_theirs(headers, body, asked.headers.get("x-node-code", ""), at)
        response = Response(body, status, headers)
        if kind == "truncated":
            return self._act(Truncated(self.base.connections, response), body)
        if fault is not None and kind == "drip":
            return self._act(Drip(self.base.connections, response, fault.wait(0.2)), body)
        self._note(status, outcome, body)
        return response

    def _act(self, act: Response, body: bytes = b"") -> Response:
        self._note(None, self.call.fault, body)
        return act

    def _note(self, status: int | None, outcome: str, body: bytes) -> None:
        call, url = self.call, self.call.request.url
        self.base.journal.add(
            Entry(
                system=self.service.name,
                operation=call.operation,
                key=call.key,
                method=call.request.method,
                path=url.path + (f"?{url.query}" if url.query else ""),
                status=status,
                outcome=outcome,
                fault=call.fault or None,
                request=call.body,
                answer=body,
            )
        )


def _undeclared(body: bytes) -> bytes:
    """An XML document without its declaration."""
    return body.split(b"?>", 1)[1].lstrip() if body.startswith(b"<?xml") else body

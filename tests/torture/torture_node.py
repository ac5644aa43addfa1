"""A node of the gateway as the torture starts it: the product's own command line, with hooks that only tests have.

Crash points: while the file named in ``TORTURE_TRIGGER`` holds the name of a point, the first passage through that
point removes the file and ends the process by SIGKILL. Sabotage (``TORTURE_SABOTAGE``): one protection is switched off,
so that the torture can show that it would notice. Nothing of this is in the gateway.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

POINTS = ("before-send", "after-send", "after-answer", "before-commit", "after-commit")
SABOTAGES = ("fence", "reference", "index")
TRIGGER, SABOTAGE = "TORTURE_TRIGGER", "TORTURE_SABOTAGE"
PRELOAD = ["gateway.cli", "gateway.app", "gateway.faces.serve", "gateway.adapters.nontax.soap", "procrastinate"]
_calling: ContextVar[bool] = ContextVar("_calling", default=False)


def run(command: list[str], log: str, out: str, environment: dict[str, str]) -> None:
    """Become ``gateway COMMAND`` in a process that was just forked; stdout and stderr go to files."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        del os.environ[name]
    os.environ.update(environment)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: _set_clock_forward())
    random.seed()
    arm()
    from gateway.cli import app

    app(command)


def arm() -> None:
    """Put the crash points, and the sabotage that the environment names, into this process."""
    from gateway.foundation.delivery import Delivery
    from gateway.foundation.delivery.attempts import Attempts
    from gateway.foundation.delivery.endings import Ending

    register, write, tell = Delivery.register, Ending.write, Attempts.tell
    wrong_reference = os.environ.get(SABOTAGE) == "reference"

    def registering(self: Delivery, action: Any) -> None:
        register(self, replace(action, call=_call(action.call, wrong_reference)) if action.effectful else action)

    def writing(self: Ending, *arguments: Any) -> bool:
        mine = write(self, *arguments)
        _pass("before-commit")
        return mine

    def telling(self: Attempts, *arguments: Any) -> None:
        _pass("after-commit")
        tell(self, *arguments)

    Delivery.register = registering  # type: ignore[method-assign]
    Ending.write = writing  # type: ignore[method-assign]
    Attempts.tell = telling  # type: ignore[method-assign]
    _watch_sending()
    {"fence": _no_fence, "index": _no_index}.get(os.environ.get(SABOTAGE, ""), lambda: None)()


def _set_clock_forward() -> None:
    """Somebody sets this machine's clock: an hour ahead of all others."""
    from gateway.words.clock import SystemClock

    right = SystemClock.now
    SystemClock.now = lambda self: right(self) + timedelta(hours=1)  # type: ignore[method-assign]


def _pass(point: str) -> None:
    trigger = os.environ.get(TRIGGER)
    if trigger is None:
        return
    try:
        if Path(trigger).read_text() == point:
            Path(trigger).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    except FileNotFoundError:
        return


def _call(call: Callable[..., Any], wrong_reference: bool) -> Callable[..., Any]:
    async def calling(adapter: Any, request: Any) -> Any:
        _pass("before-send")
        token = _calling.set(True)
        try:
            if wrong_reference and hasattr(request, "payer_name"):  # a bill: another reference for each call
                other = request.reference[:-6] + f"{random.randrange(10**6):06d}"
                answer = await call(adapter, request.model_copy(update={"reference": other}))
                answer = answer.model_copy(update={"reference": request.reference})
            else:
                answer = await call(adapter, request)
        finally:
            _calling.reset(token)
        _pass("after-answer")
        return answer

    return calling


def _watch_sending() -> None:
    """The point at which the request's bytes have been given to the socket and no answer has been read."""
    from aiohttp import ClientRequest

    name = "send" if hasattr(ClientRequest, "send") else "_send"
    send = getattr(ClientRequest, name)

    async def sending(self: Any, *arguments: Any, **more: Any) -> Any:
        response = await send(self, *arguments, **more)
        if _calling.get():
            await asyncio.sleep(0)  # the body is written by a task of its own
            await asyncio.sleep(0)
            _pass("after-send")
        return response

    setattr(ClientRequest, name, sending)


def _no_fence() -> None:
    """Whoever finishes, finishes: an attempt that was overtaken makes itself the newest before it closes."""
    from sqlalchemy import update

    from gateway.foundation.delivery import operation_records
    from gateway.foundation.delivery.tables import (
        operation as table,
    )

    close = operation_records.close

    def closing(conn: Any, operation: Any, end: Any, **values: Any) -> bool:
        conn.execute(
            update(table)
            .where(table.c.id == operation.id)
            .values(state="sending", attempt=operation.attempt, lease_until_at=1, doubt_since_at=None)
        )
        return close(conn, operation, end, **values)

    operation_records.close = closing
    operation_records.hold = lambda *_, **__: True


def _no_index() -> None:
    """One live payment for a demand is kept by a unique index, a look before it and the cap: the two latter, off.

    The torture drops the index itself. Any one of the three suffices alone.
    """
    from gateway.rooms.payments import records

    records.standing = lambda *_: records.Standing()  # type: ignore[assignment]

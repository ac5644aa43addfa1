"""What the walk asks the gateway, and what it says of it to whoever looks on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import unquote
from uuid import uuid4

import httpx
from rich.console import Console

PATIENCE = 180
"""Seconds that one thing may take, on a machine that is slow or busy with something else."""
_SAID_EACH = 5

T = TypeVar("T")


class DemoError(Exception):
    """A step did not end as it should."""


class Talk:
    """Speaks to ``api`` and tells it on ``out``. Whatever is waited for comes within ``PATIENCE``, or is an error."""

    def __init__(self, out: Console, api: httpx.AsyncClient) -> None:
        self.out = out
        self.api = api

    def say(self, what: str, text: str) -> None:
        """One line."""
        self.out.print(f"    {what:<8}  {text}", markup=False, highlight=False, soft_wrap=True)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the gateway answers. Raises DemoError for a problem, with its cure."""
        headers = {"Idempotency-Key": f"demo-{uuid4()}"} if method == "POST" else {}
        answer = await self.api.request(method, path, json=body, headers=headers)
        if answer.is_error:
            problem = answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text}
            cure = f" {problem['cure']}" if problem.get("cure") else ""
            raise DemoError(f"{method} {path}: {answer.status_code} {problem.get('detail')}{cure}")
        self.out.print(
            f"    {method} {unquote(path)} → {answer.status_code}", style="dim", markup=False, highlight=False
        )
        return answer.json()

    async def until(self, path: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What is read there, once it is as wanted. Raises DemoError."""

        async def look() -> dict[str, Any]:
            while True:
                answer: dict[str, Any] = (await self.api.get(path)).raise_for_status().json()
                if done(answer):
                    return answer
                await asyncio.sleep(0.1)

        return await self.patiently(unquote(path), look())

    async def patiently(self, what: str, act: Awaitable[T]) -> T:
        """What comes of it; whoever looks on is told every five seconds what is waited for. Raises DemoError."""
        task = asyncio.ensure_future(act)
        for passed in range(_SAID_EACH, PATIENCE + 1, _SAID_EACH):
            if (await asyncio.wait({task}, timeout=_SAID_EACH))[0]:
                return task.result()
            self.say("…", f"waiting for {what}, {passed} s")
        task.cancel()
        raise DemoError(f"{what} did not come within {PATIENCE} s")

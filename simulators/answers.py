"""What a handler gets and gives: a call, an answer, a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request

from simulators.state import Transaction

PROBLEM = "application/problem+json"


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


def problem(status: int, kind: str, detail: str, **members: Any) -> Answer:
    """An ``application/problem+json`` answer (RFC 9457)."""
    return Answer({"type": kind, "title": kind, "status": status, "detail": detail, **members}, status, {}, PROBLEM)

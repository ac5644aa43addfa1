"""What can go wrong for a case system."""

from __future__ import annotations

from typing import Any

TYPE_BASE = "urn:enforcement-gateway:problem:"


class ProblemError(Exception):
    """The gateway refused: a problem document (RFC 9457). Decide by ``type``, for instance ``payment-exists``.

    ``request``: the id under which the gateway's log knows it. ``members``: all that the document says.
    """

    def __init__(self, status: int, members: dict[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.members = members
        self.retry_after = retry_after
        self.type = str(members.get("type", "about:blank")).removeprefix(TYPE_BASE)
        self.detail = str(members.get("detail", f"HTTP {status}"))
        self.cure: str | None = members.get("cure")
        self.field: str | None = members.get("field")
        self.request: str | None = members.get("request")
        super().__init__(f"{self.type}: {self.detail}" + (f" {self.cure}" if self.cure else ""))


class UnreachableError(Exception):
    """No usable answer came, not even to repetitions. What was asked for may have happened: send the call again."""


class NotAuthenticError(Exception):
    """A message that is not from the gateway, or too old. Answer 401 and do nothing."""

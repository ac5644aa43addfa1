"""How a command has the running gateway do something: over its HTTP interface, under an operator's key.

On SQLite the running gateway alone changes the database, so a command that changes things has it do so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.settings import Settings
from gateway.terminal.output import spoken
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem, UnavailableProblem
from gateway.words.identifiers import new_id
from gateway.words.problems import PROBLEMS
from gateway.words.saying import say

if TYPE_CHECKING:
    import httpx

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", help="A file with your own key (gateway operators key): the running gateway does it, under it."
    ),
]

_SECONDS = 30.0
_KINDS = {404: NotFoundProblem, 409: ConflictProblem, 422: InvalidProblem, 503: UnavailableProblem}


def ask(settings: Settings, key_file: Path, method: str, path: str, body: object = None) -> Any:
    """What the running gateway answers: JSON, the bytes of a ZIP file, or None.

    Raises the Problem that it answers with, or UnavailableProblem.

    ``body`` goes as JSON, or as it is where it is bytes.

    Its address is where ``[server]`` says that the API listens; ``0.0.0.0`` means this machine.
    """
    import httpx

    host, _, port = settings.server.api.rpartition(":")
    address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '*') else host}:{port}"  # noqa: S104 - compared, not bound
    try:
        key = key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidProblem(
            say("terminal.unreadable_file", file=key_file, reason=error.strerror), field="--key-file"
        ) from None
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": new_id("cmd"), "Accept-Language": spoken()}
    try:
        with httpx.Client(base_url=address, headers=headers, timeout=_SECONDS, trust_env=False) as http:
            sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
            answer = http.request(method, path, **sent)
    except httpx.TransportError as error:
        raise UnavailableProblem(
            say("terminal.no_gateway", address=address, error=error),
        ) from error
    if answer.is_success:
        if answer.headers.get("content-type", "").startswith("application/zip"):
            return answer.content
        return answer.json() if answer.content else None
    raise _problem(answer)


def _problem(answer: httpx.Response) -> Problem:
    try:
        told = answer.json()
        detail, kind = str(told["detail"]), str(told["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return UnavailableProblem(say("terminal.no_reason", status_code=answer.status_code))
    known = {name: told.get(name) for name in ("field", "cure")}
    if kind in PROBLEMS and PROBLEMS[kind].status == answer.status_code:
        return _KINDS.get(answer.status_code, Problem)(detail, type=kind, **known)
    return _KINDS.get(answer.status_code, Problem)(detail, **known)  # it runs another version than this command

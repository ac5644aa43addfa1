"""Every error as ``application/problem+json`` (RFC 9457) with a stable type, the field, and the cure."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.words.errors import ForgedCallbackError, Problem
from gateway.words.problems import TITLES, problem_type

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "urn:enforcement-gateway:problem:"


class ProblemDocument(BaseModel):
    """An error (RFC 9457). ``field`` is a dotted path into the request, ``cure`` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    cure: str | None = None
    errors: list[dict[str, str]] | None = None


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI declaration of these error statuses."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


def document(
    type: str,
    detail: str,
    *,
    field: str | None = None,
    cure: str | None = None,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response:
    """One problem document as an answer, with the status of its type."""
    kind = problem_type(type)
    body: dict[str, Any] = {
        "type": TYPE_BASE + type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    if field is not None:
        body["field"] = field
    if cure is not None:
        body["cure"] = cure
    body.update(extra)
    text = json.dumps(body, ensure_ascii=False, default=str)
    return Response(text.encode("utf-8", "backslashreplace"), kind.status, headers, MEDIA_TYPE)


def install(api: FastAPI) -> None:
    """Turn every exception into a problem document."""

    @api.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> Response:
        headers = {}
        if problem.status == 401:
            headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1
        if problem.status == 503:
            headers["Retry-After"] = str(problem.extra.get("retry_after", 1))
        if "location" in problem.extra:
            headers["Location"] = problem.extra["location"]
        return document(
            problem.type,
            problem.detail,
            field=problem.field,
            cure=problem.cure,
            headers=headers,
            **problem.extra,
        )

    @api.exception_handler(ForgedCallbackError)
    async def _forged(_: Request, error: ForgedCallbackError) -> Response:
        return document("callback-not-authenticated", str(error))

    @api.exception_handler(RequestValidationError)
    async def _validation(_: Request, error: RequestValidationError) -> Response:
        errors = [
            {
                "field": _short(".".join(str(part) for part in one["loc"][1:])),
                "in": str(one["loc"][0]),
                "reason": _short(one["msg"]),
            }
            for one in error.errors()[:50]
        ]
        missing_key = any(one["in"] == "header" and one["field"].lower() == "idempotency-key" for one in errors)
        if missing_key:
            return document(
                "idempotency-key-missing",
                "every request that has an effect carries an Idempotency-Key header of 1 to 200 visible characters",
                field="Idempotency-Key",
                cure="Send a key of your own, one per intended effect, and the same one when you repeat the request.",
            )
        first = errors[0]
        return document(
            "invalid-request",
            f"{first['field'] or first['in']}: {first['reason']}",
            field=first["field"] or None,
            cure="Correct the fields named in errors; /openapi.json describes each.",
            errors=errors,
        )

    @api.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        kinds = {
            400: "bad-request",
            401: "not-authenticated",
            404: "no-such-path",
            405: "method-not-allowed",
            413: "body-too-large",
        }
        headers = dict(error.headers) if error.headers else None
        cure = _SEND_LESS if error.status_code == 413 else None
        return document(kinds.get(error.status_code, "bad-request"), str(error.detail), cure=cure, headers=headers)

    @api.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        log.error("a request failed inside the gateway", path=request.url.path, exc_info=error)
        return document(
            "internal-error",
            "the gateway failed to serve this request; nothing that it accepted before is lost",
            cure="Repeat the request with the same Idempotency-Key; report it if it stays.",
        )


def _short(text: str) -> str:
    """What somebody sent, at a length that is good to read."""
    return text if len(text) <= 300 else f"{text[:200]}… ({len(text)} characters)"


class NoNul:
    """Refuses an address with a NUL character (422): nothing here is named so, and PostgreSQL takes none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            refusal = document("invalid-request", "an address holds no NUL character", cure="Leave %00 out.")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a request body above ``default`` bytes (413), or above the limit of the longest matching prefix.

    What is too much is read and thrown away, up to a bound: a client that is still sending when the connection closes
    would see a reset instead of the reason.
    """

    def __init__(self, app: ASGIApp, default: int = 1 << 20, larger: dict[str, int] | None = None) -> None:
        self._app = app
        self._default = default
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits = [size for prefix, size in self._larger.items() if scope["path"].startswith(prefix)]
        limit = max(limits, default=self._default)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and len(declared) < 20 and int(declared) > limit:
            await _pour_away(receive)
            refusal = document("body-too-large", _too_large(limit), cure=_SEND_LESS, headers=_CLOSE)
            await refusal(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    if message.get("more_body"):
                        await _pour_away(receive)
                    raise HTTPException(413, _too_large(limit), _CLOSE)  # the only kind that FastAPI passes on
            return message

        await self._app(scope, counted, send)


_SEND_LESS = "Send less; documents go to /v1/sealed-documents."
_CLOSE = {"Connection": "close"}


def _too_large(limit: int) -> str:
    return f"a request body has at most {limit} bytes here"


async def _pour_away(receive: Receive) -> None:
    """Read what is still coming, at most 64 MiB of it within five seconds."""
    left = 64 << 20
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return

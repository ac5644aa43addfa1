"""Every error as ``application/problem+json`` (RFC 9457) with a stable type, the field, and the cure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

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


def answer(error: Exception, path: str) -> Response:
    """What a request to this path that failed so is answered with. Every refusal gets its words here."""
    kinds = {
        400: "bad-request",
        401: "not-authenticated",
        404: "no-such-path",
        405: "method-not-allowed",
        413: "body-too-large",
    }
    match error:
        case Problem():
            return _of_problem(error)
        case ForgedCallbackError():
            return document("callback-not-authenticated", str(error))
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            kind = kinds.get(error.status_code, "bad-request")
            cure = "Send less; documents go to /v1/sealed-documents." if error.status_code == 413 else None
            headers = dict(error.headers) if error.headers else None
            return document(kind, str(error.detail), cure=cure, headers=headers)
    log.error("a request failed inside the gateway", path=path, exc_info=error)
    return document(
        "internal-error",
        "the gateway failed to serve this request; nothing that it accepted before is lost",
        cure="Repeat the request with the same Idempotency-Key; report it if it stays.",
    )


def _of_problem(problem: Problem) -> Response:
    headers = {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1
    if problem.status == 503:
        headers["Retry-After"] = str(problem.extra.get("retry_after", 1))
    if "location" in problem.extra:
        headers["Location"] = problem.extra["location"]
    return document(
        problem.type, problem.detail, field=problem.field, cure=problem.cure, headers=headers, **problem.extra
    )


def _named(loc: Sequence[str | int]) -> str:
    """The field of an error. Where a value may have one of several shapes, their models' names stand in between."""
    return ".".join(str(part) for part in loc[1:] if not _is_model(part))


def _is_model(part: str | int) -> bool:
    """Fields are written small, models are not."""
    return isinstance(part, str) and part[:1].isupper() and part.isidentifier()


def _of_another_shape(error: Any) -> bool:
    """Whether an error may only say that another of several shapes was meant: it is told last."""
    return any(map(_is_model, error["loc"][1:])) and error["type"] in ("missing", "extra_forbidden")


def _of_validation(error: RequestValidationError) -> Response:
    told = sorted(error.errors(), key=_of_another_shape)[:50]
    errors = [
        {"field": _short(_named(one["loc"])), "in": str(one["loc"][0]), "reason": _short(one["msg"])} for one in told
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


def _short(text: str) -> str:
    """What somebody sent, at a length that is good to read."""
    return text if len(text) <= 300 else f"{text[:200]}… ({len(text)} characters)"

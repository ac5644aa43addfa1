"""Every error as ``application/problem+json`` (RFC 9457) with a stable type, the field, and the cure."""

from __future__ import annotations

import json
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from gateway.foundation.http.language import in_words, spoken
from gateway.foundation.http.manners import request_id
from gateway.words.errors import ForgedCallbackError, Problem
from gateway.words.identifiers import new_id
from gateway.words.problems import TITLES, problem_type
from gateway.words.saying import Language, Sentence, say
from gateway.words.wrong import wrongs

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "urn:enforcement-gateway:problem:"


class ProblemDocument(BaseModel):
    """An error (RFC 9457). ``field`` is a dotted path into the request, ``cure`` says what to do.

    ``fault``: of a fault of ours, what our log knows it by. ``request``: the id of the request, as in X-Request-Id.
    """

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    cure: str | None = None
    fault: str | None = None
    request: str | None = None
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
    """One problem document as an answer, with the status of its type; its title is in the language of the request."""
    kind, language = problem_type(type), spoken()
    body: dict[str, Any] = {
        "type": TYPE_BASE + type,
        "title": kind.title if language is Language.ENGLISH else kind.chinese,
        "status": kind.status,
        "detail": detail,
    }
    if field is not None:
        body["field"] = field
    if cure is not None:
        body["cure"] = cure
    body.update(extra)
    if (known := request_id()) is not None:
        body.setdefault("request", known)
    text = json.dumps(body, ensure_ascii=False, default=_plain)
    told = {**(headers or {}), "Content-Language": language.value, "Vary": "Accept-Language"}
    return Response(text.encode("utf-8", "backslashreplace"), kind.status, told, MEDIA_TYPE)


def _plain(value: Any) -> str:
    """What JSON has no form for: a sentence in the language of the request, anything else as text."""
    return in_words(value) if isinstance(value, Sentence) else str(value)


def answer(error: Exception, path: str) -> Response:
    """What a request to this path that failed so is answered with. Every refusal gets its words here."""
    match error:
        case Problem():
            return _of_problem(error)
        case ForgedCallbackError():
            return _document_of("callback-not-authenticated", say("http.not_authentic"))  # not why: no oracle
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return _of_http(error)
    known = fault(error, path)
    return _document_of(
        "internal-error", say("http.internal_error", fault=known), headers={"Connection": "close"}, fault=known
    )


def problem_of(error: Exception, path: str) -> Problem:
    """The same refusal as a Problem, for who tells it on a page."""
    match error:
        case Problem():
            return error
        case HTTPException():
            kind, says = _KINDS.get(error.status_code, _KINDS[400])
            return Problem(getattr(error, "said", None) or say(says), type=kind)
        case RequestValidationError():
            first = wrongs(error.errors(), placed=True)[0]
            return Problem(say("http.invalid", reason=first.said), type="invalid-request", field=first.field or None)
    return Problem(say("http.internal_error", fault=fault(error, path)), type="internal-error")


def beside(error: Exception, problem: Problem) -> dict[str, str]:
    """What the head of a page says of a refusal: when to come again, which methods are taken, that the line closes."""
    later = {"Retry-After": _later(problem)} if problem.status in (429, 503) else {}
    return later | dict(getattr(error, "headers", None) or {})


def fault(error: Exception, path: str) -> str:
    """Tell the log of a fault of ours that nobody foresaw; the id that it is known by there."""
    known = new_id("flt")
    log.error("a request failed inside the gateway", fault=known, path=path, exc_info=error)
    return known


_KINDS = {
    400: ("bad-request", "http.unreadable"),
    401: ("not-authenticated", "http.not_authenticated"),
    404: ("no-such-path", "http.no_such_path"),
    405: ("method-not-allowed", "http.method_not_allowed"),
    408: ("request-too-slow", "http.too_slow"),
    413: ("body-too-large", "http.body_too_large"),
}
"""The type, and the sentence where whoever refuses brings none, by status. All that has none is a bad request."""


def _of_http(error: HTTPException) -> Response:
    kind, says = _KINDS.get(error.status_code, _KINDS[400])
    said = getattr(error, "said", None) or say(says)
    return _document_of(kind, said, headers=dict(error.headers) if error.headers else None)


def _of_problem(problem: Problem) -> Response:
    headers = {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1
    if problem.status in (429, 503) or problem.type == "request-in-progress":
        headers["Retry-After"] = _later(problem)
    if "location" in problem.extra:
        headers["Location"] = problem.extra["location"]
    language = spoken()
    return document(
        problem.type,
        problem.detail_in(language),
        field=problem.field,
        cure=problem.cure_in(language),
        headers=headers,
        **problem.extra,
    )


def _later(problem: Problem) -> str:
    return str(problem.extra.get("retry_after", 1))


def _document_of(type: str, said: Sentence, **more: Any) -> Response:
    return document(type, said.in_(spoken()), cure=said.cure_in(spoken()), **more)


def _of_validation(error: RequestValidationError) -> Response:
    told = wrongs(error.errors(), placed=True)[:50]
    if any(one.place == "header" and one.field.lower() == "idempotency-key" for one in told):
        return _document_of("idempotency-key-missing", say("http.idempotency_key"), field="Idempotency-Key")
    first = told[0]
    return _document_of(
        "invalid-request",
        say("http.invalid", reason=first.said),
        field=first.field or None,
        errors=[{"field": one.field, "in": one.place, "reason": in_words(one.reason)} for one in told],
    )

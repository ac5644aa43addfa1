"""``gateway listen``: events of a running gateway printed as they happen, and sent on to a developer's own machine.

It reads the event feed under a client's key, so nothing has to reach the developer from outside, and no endpoint is
registered. What it sends on is what a webhook would be, signed with a secret of its own.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.foundation.delivery.event_records import Event
from gateway.foundation.delivery.webhook_sending import SECRET_PREFIX, payload, sign
from gateway.terminal.output import Json, console, in_words, progress
from gateway.words.clock import parse_rfc3339, to_micros
from gateway.words.errors import InvalidProblem, UnavailableProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    import httpx

Url = Annotated[str, typer.Option("--url", envvar="GATEWAY", help="Address of the running gateway.")]
ApiKey = Annotated[str, typer.Option("--key", envvar="KEY", help="A client's API key; better by the variable KEY.")]

_PAGE = 200


def listen(
    url: Url,
    key: ApiKey,
    forward_to: Annotated[str | None, typer.Option(help="Post each event there, as a webhook.")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only these, such as payment.*; may repeat.")
    ] = None,
    since: Annotated[bool, typer.Option("--all", help="Begin with the oldest event and not with the next.")] = False,
    secret: Annotated[str | None, typer.Option(help="The secret to sign with, whsec_…; without it a new one.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    seconds: Annotated[float, typer.Option(min=0.05, help="How often to look.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Print events as they happen, and send them on to an address of yours, signed as webhooks are. Ctrl-C ends it."""
    import httpx

    signing = secret or SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()
    if forward_to is not None:
        told = in_words(say("listen.secret", secret=signing, address=forward_to))
        progress().print(told, markup=False, highlight=False, soft_wrap=True)
    headers = {"Authorization": f"Bearer {key}"}
    shown = 0
    try:
        with (
            httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as http,
            httpx.Client(timeout=10, trust_env=False) as out,
        ):
            for event in _happening(http, seconds, everything=since):
                if types and not any(fnmatchcase(event["type"], one) for one in types):
                    continue
                answered = None if forward_to is None else _forward(out, forward_to, signing, event)
                _print(event, answered, as_json)
                shown += 1
                if shown == count:
                    return
    except KeyboardInterrupt:
        return
    except httpx.TransportError as error:
        raise UnavailableProblem(say("terminal.no_gateway", address=url, error=error)) from error


def _happening(http: httpx.Client, seconds: float, *, everything: bool) -> Iterator[dict[str, Any]]:
    """Each event once, oldest first; those of before only if ``everything`` is asked for. Never ends."""
    cursor: str | None = None
    seen: set[str] = set()
    tag = ""
    telling = everything
    while True:
        params = {"limit": str(_PAGE), **({} if cursor is None else {"cursor": cursor})}
        answer = http.get("/v1/events", params=params, headers={"If-None-Match": tag})
        if answer.status_code == 304:
            time.sleep(seconds)
            continue
        if not answer.is_success:
            raise InvalidProblem(say("listen.refused", status=answer.status_code, words=_detail(answer)), field="--key")
        page, tag = answer.json(), answer.headers.get("ETag", "")
        for event in page["items"]:
            if event["id"] not in seen and telling:
                yield event
        if page["next"] is None:
            seen = {event["id"] for event in page["items"]}
            telling = True
            time.sleep(seconds)
        else:
            cursor, seen, tag = page["next"], set(), ""


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def _forward(out: httpx.Client, address: str, secret: str, event: dict[str, Any]) -> str:
    """What the developer's machine answered, or why it did not."""
    import httpx

    at = to_micros(parse_rfc3339(event["at"]))
    body = payload(Event(**{name: event[name] for name in ("id", "type", "authority", "subject", "data")}, at=at))
    stamp = int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(secret, event["id"], stamp, body),
    }
    try:
        return str(out.post(address, content=body, headers=headers).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__


def _print(event: dict[str, Any], answered: str | None, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**event, "answered": answered}, ensure_ascii=False))
        return
    data = json.dumps(event["data"], ensure_ascii=False)
    sent = "" if answered is None else f"  → {answered}"
    line = f"{event['at'][11:19]}  {event['type']:<28} {event['subject']}{sent}\n          {data}"
    console().print(line, markup=False, highlight=False, soft_wrap=True)

"""No text that hides, turns round or breaks what a person reads gets in, at whatever door."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HIDING = ("\x07", "\u202e", "\u200b", "\u2028", "\u0378")
Steps = tuple[str | int, ...]


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def texts(document: dict[str, Any], schema: dict[str, Any], path: Steps = ()) -> Iterator[Steps]:
    """The way to each text of a body; Base64 is none."""
    schema = resolved(document, schema)
    for one in schema.get("anyOf", ()):
        yield from texts(document, one, path)
    if schema.get("type") == "string" and schema.get("format") not in ("base64", "binary"):
        yield path
    if schema.get("type") == "array" and len(path) < 6:
        for place, one in enumerate(schema.get("prefixItems") or [schema["items"]]):
            yield from texts(document, one, (*path, place))
    for name, one in schema.get("properties", {}).items():
        yield from texts(document, one, (*path, name))


def body(paths: list[Steps], text: str) -> Any:
    """The smallest body that has this text at each of these places."""
    if () in paths:
        return text
    inside: dict[str | int, list[Steps]] = {}
    for first, *rest in paths:
        inside.setdefault(first, []).append(tuple(rest))
    made = {step: body(rests, text) for step, rests in inside.items()}
    return [made[0]] if 0 in made else made


def doors(document: dict[str, Any]) -> dict[tuple[str, str], list[Steps]]:
    """The ways to the texts that each method of an address takes."""
    found: dict[tuple[str, str], list[Steps]] = {}
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if paths := list(texts(document, schema or {})):
                found[method, address] = paths
    return found


@st.composite
def hidden(draw: st.DrawFn) -> str:
    """Some text with one character in it that has no place in any."""
    plain = st.text(st.sampled_from("经营超过保质期的食品abc 。"), max_size=10)
    return f"经{draw(plain)}{draw(st.sampled_from(HIDING))}{draw(plain)}营"  # outer blanks are taken off


async def test_a_hiding_character_is_refused_at_every_door_and_the_field_is_named(site):
    document = await site.get("/openapi.json")
    found = doors(document)
    reasons = [door for door, paths in found.items() if {"reason", "explanation"} & {path[-1] for path in paths}]
    assert len(reasons) > 15
    keys = [site.key]
    for role in ("administrator", "supervisor"):  # who says who there is, and who does all else
        made = await site.app.base.access.create_operator(role, "林读", role, "long-enough-password")
        keys.insert(0, (await site.app.base.access.issue_operator_key(made.id, label="texts")).token)

    @settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(text=hidden())
    def refused(callers: list[httpx.Client], method: str, address: str, paths: list[Steps], text: str) -> None:
        known = re.sub(r"\{\w+\}", "x", address)
        for http in callers:
            answer = http.request(method, known, json=body(paths, text), headers={"Idempotency-Key": "texts"})
            if answer.status_code != 403:
                break
        assert answer.status_code == 422, (method, address, answer.text)
        named = [one["field"] for one in answer.json()["errors"] if re.search(r"character \d+ \(U\+", one["reason"])]
        fields = {".".join(str(step) for step in path).removesuffix(".0") for path in paths}
        assert fields - set(named) == set(), (method, address, answer.text)

    def everywhere() -> None:
        callers = [httpx.Client(base_url=site.url, headers={"Authorization": f"Bearer {key}"}) for key in keys]
        for (method, address), paths in found.items():
            refused(callers, method, address, paths)
        for http in callers:
            http.close()

    await asyncio.to_thread(everywhere)

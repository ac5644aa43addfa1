"""Exchanges with a real platform, as lines of JSON: what the gateway exports of its evidence, or a recorder wrote.

Each line is one exchange, redacted: ``channel``, ``method``, ``url``, ``status``, ``started_at`` (RFC 3339), and
``request`` and ``response`` as text, their head line by line, a blank line, then their body. A masked value is ``***``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from lxml import etree

from simulators.naming import mistakes
from simulators.state import Document
from simulators.xml import parse_xml

MASK = "***"
_TEXT: Document = {"type": "string"}
_SCHEMA: Document = {
    "type": "object",
    "required": ["channel", "method", "url", "status", "started_at", "request", "response"],
    "properties": {
        **dict.fromkeys(("channel", "method", "url", "request", "response"), _TEXT),
        "status": {"type": ["integer", "null"]},
        "started_at": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$"},
    },
}


@dataclass(frozen=True)
class Recorded:
    """One exchange, redacted. Messages are text."""

    channel: str
    method: str
    url: str
    status: int | None
    started_at: str
    request: str
    response: str

    @property
    def at(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.started_at)

    @property
    def kind(self) -> str:
        """The media type of the request, "" where none is told."""
        return _media_type(self.request)

    @property
    def answer_kind(self) -> str:
        """The media type of the answer, "" where none is told."""
        return _media_type(self.response)

    @property
    def asked(self) -> str:
        """The body of the request."""
        return _body(self.request)

    @property
    def answered(self) -> str:
        """The body of the answer."""
        return _body(self.response)

    def line(self) -> str:
        """It as one line of a file."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read(lines: Sequence[str]) -> list[Recorded]:
    """The exchanges of a file, oldest first. ValueError names the line that is none."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except ValueError as wrong:
            raise ValueError(f"line {number}: is not JSON: {wrong}") from None
        if wrong_places := mistakes(_SCHEMA, told):
            raise ValueError(f"line {number}: {'; '.join(wrong_places)}")
        found.append(Recorded(**{name: told[name] for name in Recorded.__dataclass_fields__}))
    return sorted(found, key=lambda one: one.at)


def _head(message: str) -> list[str]:
    return message.partition("\n\n")[0].splitlines()


def _media_type(message: str) -> str:
    return next((line[14:].strip() for line in _head(message) if line.lower().startswith("content-type:")), "")


def _body(message: str) -> str:
    head, blank, body = message.partition("\n\n")
    if blank or re.match(r"[\w-]+: ", head):
        return body
    return message


def leaves(body: str) -> Iterator[tuple[str, Any]]:
    """Every value of a JSON or XML body with its field path, such as ``Bill.PayCode`` or ``data.records[].state``.

    Namespaces and the SOAP envelope are left out. A body of neither kind has none.
    """
    text = body.strip()
    try:
        if text[:1] in ("{", "["):
            yield from _members(json.loads(text), "")
        elif text[:1] == "<":
            yield from _elements(inner(parse_xml(text.encode())), "")
    except ValueError:
        return


def replaced(body: str, names: Mapping[str, str]) -> str:
    """A JSON or XML body with other values under these names."""
    text = body.strip()
    if not names or text[:1] not in ("{", "["):
        return body
    try:
        return json.dumps(_with(json.loads(text), names), ensure_ascii=False)
    except ValueError:
        return body


def _with(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: names.get(name, _with(one, names)) for name, one in value.items()}
    return [_with(one, names) for one in value] if isinstance(value, list) else value


def inner(root: etree._Element) -> etree._Element:
    """What stands in a SOAP body, or the root of any other document."""
    body = root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    return root if body is None or not len(body) else body[0]


def _members(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _members(one, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for one in value:
            yield from _members(one, f"{path}[]")
    else:
        yield path, value


def _elements(element: etree._Element, path: str) -> Iterator[tuple[str, Any]]:
    children = [child for child in element if isinstance(child.tag, str)]
    if not children:
        yield path, (element.text or "").strip()
    for child in children:
        name = etree.QName(child).localname
        yield from _elements(child, f"{path}.{name}" if path else name)

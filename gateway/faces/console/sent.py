"""What a browser sends with a form: fields, and files where there are any."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qs

from fastapi import Request

from gateway.foundation.screens import Upload
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

_MOST_FIELDS = 200


async def sent(request: Request) -> tuple[dict[str, str], dict[str, Upload]]:
    """Fields and files by name; what stands there several times is one text with blanks between.

    Raises InvalidProblem for a body that no form has.
    """
    body = await request.body()
    kind = request.headers.get("content-type", "")
    try:
        if kind.startswith("multipart/form-data"):
            return _parts(kind, body)
        found = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (ValueError, KeyError):
        raise InvalidProblem(say("console.no_form")) from None
    return {name: " ".join(map(_clean, values)) for name, values in found.items()}, {}


def _parts(kind: str, body: bytes) -> tuple[dict[str, str], dict[str, Upload]]:
    """The parts of RFC 7578, which are those of a message."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    parts = message.get_payload()
    for part in parts if isinstance(parts, list) else []:
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition") or "")
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        called = part.get_filename()
        if called is None:
            fields.setdefault(name, _clean(content.decode("utf-8")))
        elif called or content:
            files.setdefault(name, Upload(called[-200:], content))
    return fields, files


def _clean(text: str) -> str:
    """Without NUL, and with the line ends that the rest of the house has."""
    return text.replace("\x00", "").replace("\r\n", "\n").strip()

"""What came as an answer, before anybody reads it: media types and charsets as servers write them, parts, pages.

An answer is judged by its bytes. What its headers say of it is needed for the charset alone; where they deviate from
the contract, that is noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from gateway.words.encodings import Note
from gateway.words.errors import UnusableError

_PAGE: Final = re.compile(
    rb"(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--[^>]{0,500}-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE
)


def media_type_of(header: str) -> tuple[str, str]:
    """The media type of a Content-Type header in small letters, and its charset; empty for what it does not say."""
    told = _parameters(header)
    return header.partition(";")[0].strip().lower(), told.get("charset", "")


def is_page(content: bytes) -> bool:
    """Whether a body is a web page: what firewalls, log-in pages and proxies answer with."""
    return _PAGE.match(content[:2000].lstrip(b" \t\r\n\xef\xbb\xbf")) is not None


def speaks_xml(content: bytes) -> bool:
    """Whether a body may be a document in XML, and no web page: who sends else is a stranger."""
    begun = content[:2000].lstrip(b" \t\r\n\xef\xbb\xbf")
    return (begun.startswith(b"<") or content[:2] in (b"\xff\xfe", b"\xfe\xff")) and not is_page(content)


def shown(media_type: str, content: bytes) -> str:
    """What an answer is that cannot be read, in words."""
    return "a web page (HTML)" if is_page(content) else media_type or "no media type"


def start_part(header: str, content: bytes, note: Note) -> tuple[str, bytes]:
    """Content-Type and bytes of the part of a multipart answer that is the answer; of any other answer these two.

    RFC 2387: the part that ``start`` names, else the first. Attachments are passed over and noted: where the answer
    needs them, its contract says so. UnusableError for a body that is cut or has no such part.
    """
    told = _parameters(header)
    boundary = told.get("boundary", "")
    if not header.strip().lower().startswith("multipart/") or not boundary:
        return header, content
    parts = (b"\r\n" + content).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(parts) < 3 or not parts[-1].startswith(b"--"):
        raise UnusableError("a multipart answer without its last boundary")
    found = [_part(one) for one in parts[1:-1]]
    start = told.get("start", "").strip("<> ")
    named = [one for one in found if not start or str(one[0].get("Content-ID", "")).strip("<> ") == start]
    if not named:
        raise UnusableError("a multipart answer without the part that it begins with")
    note("multipart" if len(found) == 1 else "multipart with attachments")
    head, body = named[0]
    if str(head.get("Content-Transfer-Encoding", "binary")).lower() not in ("binary", "8bit", "7bit"):
        raise UnusableError("a multipart answer in another transfer encoding than binary")
    return str(head.get("Content-Type", "")), body


def _part(written: bytes) -> tuple[Message, bytes]:
    """The headers and the body of one part."""
    rest = written.partition(b"\r\n")[2]  # behind the boundary blanks may stand
    head, _, body = (b"", b"", rest[2:]) if rest.startswith(b"\r\n") else rest.partition(b"\r\n\r\n")
    told = Message()
    for line in head.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            told[name.strip()] = value.strip()
    return told, body


@lru_cache(maxsize=256)
def _parameters(header: str) -> Mapping[str, str]:
    told = Message()
    told["Content-Type"] = header.replace("\r", " ").replace("\n", " ")
    return MappingProxyType({name.lower(): str(value) for name, value in told.get_params([], unquote=True)[1:]})

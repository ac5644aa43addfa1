"""A recorder between a system under test and a real platform: it forwards, and writes each exchange desensitised.

Nothing but the redacted copy is ever written. Masked are values under names that sound like a credential or a person,
and whatever else looks like a resident ID, a mainland mobile number or a bank card; headers are left out but for media
types. What is neither JSON nor XML is not written, only how long it is.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import uvicorn
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.exchanges import MASK, Recorded
from simulators.xml import parse_xml

_NAMED = re.compile(
    r"secret|token|passw|pwd|signature|credential|apikey|appkey|auth(?!ority)|cookie|phone|mobile|email|address|"
    r"payername|payeracct|idnumber|cardno|acct|name$|姓名|电话|住址|zjhm|sfzh|frdb|xdr_mc|^dom$|oploc|inv$",
    re.IGNORECASE,
)
_LOOKS = re.compile(r"(?<!\d)(\d{17}[\dXx]|1[3-9]\d{9}|\d{16}|\d{19})(?!\d)")
_CARDS = (16, 19)
_HOP = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "keep-alive"})
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def desensitised(body: bytes) -> str:
    """A JSON or XML body with what is personal or secret masked; of any other only its length."""
    text = body.decode("utf-8", "replace").strip()
    try:
        if text[:1] in ("{", "["):
            return json.dumps(_masked(json.loads(text), ""), ensure_ascii=False)
        if text[:1] == "<":
            root = parse_xml(body)
            for element in root.iter(etree.Element):
                element.attrib.update(
                    {str(name): _value(str(name), str(value)) for name, value in element.attrib.items()}
                )
                if element.text and not len(element):
                    element.text = _value(etree.QName(element).localname, element.text)
                element.tail = None
            return etree.tostring(root, encoding="unicode")
    except ValueError:
        pass
    return f"<{len(body)} bytes>" if body else ""


def _masked(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {one: _masked(told, one) for one, told in value.items()}
    if isinstance(value, list):
        return [_masked(one, name) for one in value]
    if isinstance(value, str):
        return _value(name, value)
    return MASK if isinstance(value, int | float) and _value(name, str(value)) != str(value) else value


def _value(name: str, text: str) -> str:
    return MASK if text.strip() and _NAMED.search(name) else _LOOKS.sub(_look, text)


def _look(found: re.Match[str]) -> str:
    """The mask, but for a number as long as a card's whose check digit is not one (ISO/IEC 7812-1, Luhn)."""
    if len(found[0]) not in _CARDS:
        return MASK
    doubled = (sum(divmod(int(digit) * (2 if at % 2 else 1), 10)) for at, digit in enumerate(reversed(found[0])))
    return found[0] if sum(doubled) % 10 else MASK


class Recorder:
    """Forwards what comes to ``to``, a base address, and adds each exchange to ``file`` as one of ``system``."""

    def __init__(self, to: str, system: str, file: Path) -> None:
        self.to = to.rstrip("/")
        self.system = system
        self.file = file
        self.client = httpx.AsyncClient(timeout=60, trust_env=False)

    def application(self) -> Starlette:
        """What serves it."""
        return Starlette(routes=[Route("/{path:path}", self._forwarded, methods=_METHODS)])

    async def _forwarded(self, request: Request) -> Response:
        at, body = datetime.now(UTC), await request.body()
        url = self.to + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        try:
            answer = await self.client.request(request.method, url, content=body, headers=headers)
        except httpx.HTTPError as problem:
            self._write(request, at, body, None)
            return Response(f"the platform did not answer: {type(problem).__name__}", 502)
        self._write(request, at, body, answer)
        passed = {name: value for name, value in answer.headers.items() if name not in (*_HOP, "content-encoding")}
        return Response(answer.content, answer.status_code, passed)

    def _write(self, request: Request, at: datetime, body: bytes, answer: httpx.Response | None) -> None:
        query = urlencode({name: _value(name, value) for name, value in parse_qsl(request.url.query)}, safe="*")
        recorded = Recorded(
            channel=self.system,
            method=request.method,
            url=_value("", request.url.path) + (f"?{query}" if query else ""),
            status=None if answer is None else answer.status_code,
            started_at=at.isoformat(),
            request=_message(request.headers, desensitised(body)),
            response="" if answer is None else _message(answer.headers, desensitised(answer.content)),
        )
        with self.file.open("a", encoding="utf-8") as file:
            file.write(recorded.line() + "\n")


def _message(headers: Mapping[str, str], body: str) -> str:
    return f"content-type: {headers.get('content-type', '')}\n\n{body}"


def run(host: str, port: int, recorder: Recorder) -> int:
    """Record until SIGTERM or SIGINT, and print the address as one line of JSON first; the exit status."""
    config = uvicorn.Config(recorder.application(), host, port, log_config=None, access_log=False, server_header=False)
    _Server(config, recorder).run()
    return 0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, recorder: Recorder) -> None:
        super().__init__(config)
        self.recorder = recorder

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        told = {"url": f"http://{host}:{port}", "to": self.recorder.to, "file": str(self.recorder.file)}
        print(json.dumps(told, ensure_ascii=False), flush=True)

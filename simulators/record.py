"""A recorder between a system under test and a real platform: it forwards, and writes each exchange desensitised.

Nothing but the redacted copy is ever written. Masked are values under names that sound like a credential or a person,
and whatever else looks like a resident ID, a telephone, a bank card, a plate, a passport, an address of mail, a key or
a document in base64; headers are left out but for media types. What is neither JSON nor XML is not written, only how
long it is. A name in running text stays where the member is not known to hold one: it has no look to be found by.
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
    r"payername|payeracct|idnumber|cardno|acct|name$|姓名|名称|代表人|证件|账号|电话|住址|zjhm|sfz|frdb|_fr$|xdr_mc|^dom$|oploc|inv$|"
    r"operator|approval|title$|^voucher$|^alt(af|be)$|^value$",
    re.IGNORECASE,
)
# \d is any Unicode digit here on purpose: full-width digits hide nothing.
_LOOKS = re.compile(
    r"(?<!\d)(?:\d{17}[\dXxＸ]|\d{6}[ -]\d{8}[ -]\d{3}[\dXxＸ])(?!\d)"  # resident ID, GB 11643-1999
    r"|(?<!\d)\d{8}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d)"  # that of before 1999
    r"|(?<!\d)(?:\+?86[ -]?|0)?[1１][3-9３-９]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"  # mobile number
    r"|(?<![\d-])0\d{2,3}-\d{7,8}(?!\d)"  # telephone
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领]"
    r"[A-HJ-NP-Z][·. ]?[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"  # plate
    r"|(?<![A-Za-z0-9])[DEGPS]\d{8}(?!\d)"  # passport
    r"|[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
    r"|(?i:bearer|basic)\s+[\w.~+/=-]{8,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){15,18}(?!\d)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
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
    if text.strip() and _NAMED.search(name):
        return MASK
    return _CARD.sub(_card, _LOOKS.sub(MASK, _BASE64.sub(_run, text)))


def _run(found: re.Match[str]) -> str:
    """The mask, but for what is no base64: a digest has letters of one case only."""
    mixed = all(re.search(kind, found[0]) for kind in ("[a-z]", "[A-Z]", "[0-9+/_-]"))
    return MASK if mixed else found[0]


def _card(found: re.Match[str]) -> str:
    """The mask, but for a number whose check digit is not a card's (ISO/IEC 7812-1, Luhn)."""
    digits = [int(one) for one in found[0] if one.isdecimal()]
    doubled = (sum(divmod(digit * (2 if at % 2 else 1), 10)) for at, digit in enumerate(reversed(digits)))
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


def run(host: str, port: int, application: Starlette, told: Mapping[str, Any]) -> int:
    """Serve until SIGTERM or SIGINT, and print the address and what is ``told`` as JSON first; the exit status."""
    config = uvicorn.Config(application, host, port, log_config=None, access_log=False, server_header=False)
    _Server(config, told).run()
    return 0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, told: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        print(json.dumps({"url": f"http://{host}:{port}", **self.told}, ensure_ascii=False), flush=True)

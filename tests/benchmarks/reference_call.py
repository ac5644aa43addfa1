"""The reference: what one direct call to the platform cost when the gateway had its first version. Frozen.

zeep writes and reads the values, lxml validates both ways, HMAC-SM3 signs both, httpx carries them over a plain aiohttp
transport: all that the first adapter did for CreateBill, in code of its own, so that a faster wire of ours does not
make this faster. (Over httpx's own transport a call takes twice the CPU at 32 in flight; every goal that is measured
against it would be worth half.) Do not mend, do not tune.

Run as a process, it reads how many calls at how many in flight from stdin, one line a round, and answers with the
seconds that each round took.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from lxml import etree
from pydantic import BaseModel, ConfigDict
from yarl import URL
from zeep import Settings, helpers
from zeep.wsdl import Document

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_BINDING = "{urn:nontax-platform:v1}NonTaxPlatformSoap11"
_document: Any = Document
_serialize: Any = helpers.serialize_object
_serial = itertools.count(1)


class Line(BaseModel):
    """One line of a bill."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    item_code: str
    item_name: str
    amount: int


class Bill(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    reference: str
    payer_name: str
    payer_code: str
    decision_number: str
    lines: tuple[Line, ...]
    total: int


class Issued(BaseModel):
    """What is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    reference: str
    code: str
    total: int
    pay_url: str | None = None


class _Files:
    """zeep loads the WSDL and its schemas from here, never from the network."""

    def load(self, url: str) -> bytes:
        """The bytes of one file."""
        return Path(url).read_bytes()


class _Transport(httpx.AsyncBaseTransport):
    """httpx's API on aiohttp's engine."""

    def __init__(self, in_flight: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=in_flight),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        body = await request.aread()
        headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw]
        url = URL(str(request.url), encoded=True)
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            content = await answer.read()
            return httpx.Response(answer.status, headers=list(answer.raw_headers), content=content)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


class ReferenceCall:
    """Issues bills at a platform. ``schema``: the contract's messages; ``told``: the simulator's ready line."""

    def __init__(self, wsdl: Path, schema: Path, told: dict[str, Any], in_flight: int) -> None:
        loader: Any = _Files()
        settings = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)  # type: ignore[no-untyped-call]
        self._types = _document(str(wsdl.resolve()), loader, settings=settings)
        self._operation = self._types.bindings[_BINDING].get("CreateBill")
        self._schema = etree.XMLSchema(etree.parse(str(schema)))
        self._node, self._peer, self._key = told["node_code"], told["platform_node"], told["secret"].encode()
        self._url = told["url"].rstrip("/") + "/services"
        headers = {"User-Agent": "enforcement-gateway", "Accept-Encoding": "identity"}
        self.http = httpx.AsyncClient(transport=_Transport(in_flight), timeout=30, trust_env=False, headers=headers)

    async def issue(self, bill: Bill) -> Issued:
        """CreateBill."""
        arguments: dict[str, Any] = {
            "AdmDivCode": "990102",
            "SetYear": "2026",
            "PayNo": bill.reference,
            "PayCode": None,
            "BillDate": "20260914",
            "ChgAgenCode": "990102002",
            "ChgAgenName": "望川区市场监督管理局",
            "PayerName": bill.payer_name,
            "PayerCreditCode": bill.payer_code,
            "MobilePhone": None,
            "DecisionNo": bill.decision_number,
            "Amt": _yuan(bill.total),
            "LimitDate": None,
            "Memo": None,
            "Item": [
                {"ItemCode": one.item_code, "ItemName": one.item_name, "Amt": _yuan(one.amount)} for one in bill.lines
            ],
        }
        for text in (bill.payer_name, bill.decision_number, *(one.item_name for one in bill.lines)):
            text.encode("gbk")
        envelope = self._operation.create(**arguments).content
        for payload in envelope.find(f"{{{_ENVELOPE}}}Body"):
            self._schema.assertValid(payload)
        body = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{self._operation.soapaction or ""}"'}
        answer = await self.http.post(self._url, content=body, headers=headers | self._sign(body))
        assert answer.status_code == 200, answer.text
        return self._read(answer, bill)

    def _read(self, answer: httpx.Response, bill: Bill) -> Issued:
        expected = self._mac(self._peer, answer.headers["X-Timestamp"], answer.headers["X-Nonce"], answer.content)
        assert hmac.compare_digest(expected, bytes.fromhex(answer.headers["X-Signature"]))
        parser = etree.XMLParser(
            resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
        )
        payload = etree.fromstring(answer.content, parser).find(f"{{{_ENVELOPE}}}Body")[0]
        self._schema.assertValid(payload)
        told = _serialize(self._operation.output.body.parse(payload, self._types.types), dict)
        assert told["Result"] == "00000", told
        issued = Issued(
            reference=told["Bill"]["PayNo"],
            code=told["Bill"]["PayCode"],
            total=int(told["Bill"]["Amt"].replace(".", "")),
            pay_url=told["Bill"].get("PayUrl"),
        )
        assert (issued.reference, issued.total, len(issued.code)) == (bill.reference, bill.total, 20)
        return issued

    def _sign(self, body: bytes) -> dict[str, str]:
        stamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(16)
        signature = self._mac(self._node, stamp, nonce, body).hex()
        return {"X-Node-Code": self._node, "X-Timestamp": stamp, "X-Nonce": nonce, "X-Signature": signature}

    def _mac(self, node: str, stamp: str, nonce: str, body: bytes) -> bytes:
        mac = HMAC(self._key, hashes.SM3())
        mac.update(f"{node}\n{stamp}\n{nonce}\n".encode() + body)
        return mac.finalize()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def bill() -> Bill:
    """A bill that nobody has asked for yet."""
    number = next(_serial)
    return Bill(
        reference=f"R{number:019d}",
        payer_name="味安副食店",
        payer_code="92990102MA0WA4562J",
        decision_number=f"直呼罚决字〔2026〕第{number}号",
        lines=(Line(item_code="103050199", item_name="其他一般罚没收入", amount=500_000),),
        total=500_000,
    )


async def main(wsdl: Path, schema: Path, told: dict[str, Any]) -> None:
    """Rounds as stdin asks for them."""
    call = ReferenceCall(wsdl, schema, told, 500)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        count, in_flight = map(int, line.split())
        left = iter([bill() for _ in range(count)])

        async def worker(bills: Any) -> None:
            for one in bills:
                await call.issue(one)

        began = time.perf_counter()
        await asyncio.gather(*(worker(left) for _ in range(in_flight)))
        print(json.dumps(time.perf_counter() - began), flush=True)
    await call.http.aclose()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])))

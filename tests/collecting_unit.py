"""A collecting unit that speaks with the simulated platform by itself, and a receiver of its callbacks."""

from __future__ import annotations

import itertools
import queue
import secrets
import socket
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
from lxml import etree

from simulators.clock import SHANGHAI
from simulators.cnnontax import frames
from simulators.cnnontax.platform import CnNonTax
from simulators.nontax.platform import CALLBACK, NonTax
from simulators.nontax.soap import SoapContract, element
from simulators.signing import signed_headers
from simulators.testing import Simulation
from simulators.xml import parse_xml

SOAP = SoapContract()


def text(answer: httpx.Response | bytes, name: str) -> str | None:
    """The text of the first element of that name in an answer or a callback."""
    found = parse_xml(answer if isinstance(answer, bytes) else answer.content).find(f".//{{*}}{name}")
    return None if found is None else found.text


def exchange(simulators: Simulation, number: str, voucher: str, content: dict[str, Any]) -> etree._Element:
    """One frame to the platform ``cnnontax``; the voucher that it answers with."""
    place = urlsplit(simulators.credentials("cnnontax")["frames"])
    now = datetime.fromisoformat(simulators.clock()["now"]).astimezone(SHANGHAI)
    head = {"SRC": CnNonTax.node, "DES": CnNonTax.platform_node, "MsgNo": number, "MsgID": secrets.token_hex(12)}
    xml = frames.write({**head, "MsgRef": "", "WorkDate": f"{now:%Y%m%d}"}, element(voucher, content, ""))
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=5) as connection:
        connection.sendall(frames.join(number, xml, frames.mac(CnNonTax.secret, xml)))
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return frames.read(answer).voucher


class Inbox:
    """A receiver of callbacks on a socket: keeps what comes in its order and acknowledges it as the contract says."""

    def __init__(self) -> None:
        self.messages: queue.Queue[bytes] = queue.Queue()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.messages.put(body)
                told = {"PayCode": text(body, "PayCode"), "TraNoBus": text(body, "TraNoBus")}
                acknowledged = element(
                    "PaymentConfirmAck", {**told, "Result": "00000", "Information": "成功"}, CALLBACK
                )
                answer = etree.tostring(acknowledged, xml_declaration=True, encoding="UTF-8")
                self.send_response(200 if text(body, "Amt") != "0.01" else 401)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/callbacks/nontax"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def next(self, name: str = "PayCode") -> str | None:
        """One field of the next message, as soon as there is one."""
        return text(self.messages.get(timeout=60), name)

    def close(self) -> None:
        """Listen no longer."""
        self.server.shutdown()
        self.server.server_close()


class Unit:
    """A collecting unit with a SOAP client of its own. ``total`` is what its bills are about."""

    def __init__(self, simulators: Simulation) -> None:
        self.simulators = simulators
        self.total = "500.00"
        self.numbers = (f"N{count:019d}" for count in itertools.count(1))
        self.client = httpx.Client(trust_env=False, timeout=5)

    def today(self) -> datetime:
        """The platform's present moment, in Shanghai."""
        return datetime.fromisoformat(self.simulators.clock()["now"]).astimezone(SHANGHAI)

    def ask(self, operation: str, content: dict[str, Any], timeout: float = 5.0) -> httpx.Response:
        """One signed request."""
        body = SOAP.envelope(element(operation, content))
        headers = signed_headers(NonTax.secret.encode(), NonTax.node, self.today(), body)
        url = self.simulators.url("nontax") + "/services"
        return self.client.post(
            url, content=body, headers={"Content-Type": "text/xml; charset=utf-8", **headers}, timeout=timeout
        )

    def create(self, number: str | None = None, timeout: float = 5.0) -> httpx.Response:
        """Ask for a payment code."""
        today = self.today()
        bill = {
            "AdmDivCode": "990102",
            "SetYear": f"{today:%Y}",
            "PayNo": number or next(self.numbers),
            "BillDate": f"{today:%Y%m%d}",
            "ChgAgenCode": "990102002",
            "ChgAgenName": "望川区市场监督管理局",
            "PayerName": "望川区味安副食店",
            "DecisionNo": "望市监罚决〔2026〕18号",
            "Amt": self.total,
            "Item": [{"ItemCode": "103050199001", "ItemName": "罚款", "Amt": self.total}],
        }
        return self.ask("CreateBill", bill, timeout)

    def owed(self) -> str:
        """A new bill; its code."""
        answer = self.create()
        code = text(answer, "PayCode")
        assert code is not None, answer.text
        return code

    def pay(self, code: str) -> str:
        """Money arrives for a bill; its code."""
        self.simulators.ask("POST", "/nontax/pay", {"code": code})
        return code

    def paid(self) -> str:
        """A new bill for which money arrives; its code."""
        return self.pay(self.owed())

    def statement(self, day: str) -> list[tuple[str, str]]:
        """Code and amount of each line of the statement of a day (yyyyMMdd)."""
        answer = self.ask("Statement", {"StatementDate": day, "Page": 1})
        assert text(answer, "Result") == "00000"
        lines = parse_xml(answer.content).iterfind(".//{*}Line")
        return [(str(line.findtext("{*}PayCode")), str(line.findtext("{*}Amt"))) for line in lines]

    def bills(self) -> list[str]:
        """The codes of all bills that the platform has, whatever it answered."""
        return list(self.simulators.ask("GET", "/state", system="nontax").get("nontax", {}).get("bills", {}))

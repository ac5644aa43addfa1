"""Whoever opens an address in a browser sees what is there, and does by forms what a test does by requests."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
from collecting_unit import Unit, text
from lxml import etree

from simulators import systems
from simulators.testing import Simulation


def get(url: str) -> str:
    answer = httpx.get(url, trust_env=False, follow_redirects=True)
    assert answer.status_code == 200, url
    return answer.text


def send(simulators: Simulation, path: str, **fields: str) -> str:
    """Send a form of the page of ``nontax``; what the page says of it."""
    answer = simulators.control.post(path, data={"_back": "/nontax/", **fields})
    assert answer.status_code == 303
    (told,) = parse_qs(urlsplit(answer.headers["location"]).query).items()
    page = get(simulators.url("nontax") + f"/?{urlsplit(answer.headers['location']).query}")
    assert told[1][0].split("：")[0] in page
    return f"{told[0]}: {told[1][0]}"


def test_each_system_has_a_page_that_loads_nothing_from_outside(simulators: Simulation) -> None:
    for url in [simulators.ready["url"], *(one["url"] for one in simulators.ready["systems"].values())]:
        page = get(url + "/")
        assert "<script" not in page
        assert re.findall(r'(?:src|action)="(?!/)[^"]*"|@import|url\(', page) == []
    assert [name for name in systems.installed() if f'href="/{name}/"' not in get(simulators.ready["url"])] == []


def test_the_page_shows_each_file_of_the_contract(simulators: Simulation) -> None:
    files = [one["url"] + "/contract/README.md" for one in simulators.ready["systems"].values()]
    assert all(get(file) for file in files)


def test_the_wsdl_names_the_address_at_which_it_was_got(simulators: Simulation) -> None:
    services = simulators.credentials("nontax")["services"]
    wsdl = etree.fromstring(get(services + "?wsdl").encode())
    assert wsdl.find(".//{*}address").get("location") == services
    schema = etree.fromstring(get(wsdl.find(".//{*}import").get("schemaLocation")).encode())
    assert etree.XMLSchema(schema)


def test_what_a_form_says_is_done_or_refused_in_words_on_the_page(simulators: Simulation, unit: Unit) -> None:
    assert send(simulators, "/faults", system="nontax", kind="busy", times="2", operation="") == "done: 植入故障"
    (planted,) = simulators.ask("GET", "/faults")["faults"]
    assert (planted["kind"], planted["times"], planted["operation"]) == ("busy", 2, "*")
    assert "only cnnontax can have" in send(simulators, "/faults", system="nontax", kind="unsigned_refusal")
    assert send(simulators, "/faults/remove", id=planted["id"]) == "done: 去除故障"
    code = text(unit.create(), "PayCode") or ""
    assert code in get(simulators.url("nontax") + "/bills")
    assert send(simulators, "/nontax/pay", code=code, channel="wechat", callback="false") == "done: 缴款"
    assert send(simulators, "/nontax/bills/-", code=code, state="closed") == "done: 缴款书状态"
    assert simulators.ask("GET", "/state", system="nontax")["nontax"]["bills"][code]["stats"] == "6"
    day = f"{unit.today():%Y%m%d}"
    assert code in get(simulators.url("nontax") + f"/statements/{day}")


def test_a_form_leads_back_to_a_page_of_the_simulators_only(simulators: Simulation) -> None:
    for elsewhere in ("//example.org/", "https://example.org/", "/\\example.org"):
        answer = simulators.control.post("/reset", data={"_back": elsewhere})
        assert answer.headers["location"].startswith("/?")


def test_why_a_callback_was_not_acknowledged_is_shown(simulators: Simulation, unit: Unit) -> None:
    class Deaf(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Deaf)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    simulators.callbacks_to("nontax", f"http://127.0.0.1:{server.server_address[1]}/")
    simulators.ask("POST", "/nontax/pay", {"code": text(unit.create(), "PayCode")})
    (pending,) = simulators.ask("POST", "/callbacks/flush", system="nontax")["pending"]
    server.shutdown()
    assert pending["why"] == "status is 204, not 200"
    assert "status is 204, not 200" in get(simulators.url("nontax") + "/")

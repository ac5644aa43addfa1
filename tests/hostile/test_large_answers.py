"""What others make large is bounded before anything is built of it, and read where nobody waits for the reading."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pydantic import BaseModel

from gateway.adapters.nontax.cnnontax import CnNonTax
from gateway.adapters.nontax.soap import SoapNonTax, mapping
from gateway.adapters.registry.sharing import SharingRegistry
from gateway.adapters.seal.rest import RestSealService
from gateway.foundation.drift import ContractDrift
from gateway.foundation.wire import ChannelWire, FrameWire, Limits, MessageSigner, WireTerms, soap
from gateway.foundation.wire.bounds import ON_THE_LOOP, apart, aside
from gateway.foundation.wire.xml import SMALL, XmlSchema, let_go, parse_xml
from gateway.ports.nontax import StatementLine
from gateway.words.clock import SystemClock
from gateway.words.errors import OutcomeUnknownError, UnusableError

WIRE_TESTS = Path(__file__).parents[1] / "unit" / "wire"
LARGE = Limits(large=frozenset({"Create", "list"}))
KEY = b"k" * 32


def beside(name: str) -> Any:
    """A module of the tests of the wire: peers over sockets, and a small contract."""
    spec = importlib.util.spec_from_file_location(f"wire_{name}", WIRE_TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers, contracts = beside("conftest"), beside("test_soap_hardening")


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "test.xsd").write_text(contracts.SCHEMA, encoding="utf-8")
    (tmp_path / "test.wsdl").write_text(contracts.WSDL, encoding="utf-8")
    return tmp_path / "test.wsdl"


def padded(size: int) -> bytes:
    """A good answer of about so many bytes: the rest is an element that the contract does not have."""
    code = "<n:Code>99010026000000000017</n:Code>"
    return contracts.envelope(f"<n:CreateResponse>{code}<n:More>{'x' * size}</n:More></n:CreateResponse>")  # type: ignore[no-any-return]


async def called(contract: Path, body: bytes, limits: Limits, drift: Any = None) -> dict[str, Any]:
    """``Create`` of a platform that answers so, signed."""
    theirs = MessageSigner("PLATFORM", KEY, SystemClock())
    ours = MessageSigner("GATEWAY", KEY, SystemClock(), peer="PLATFORM")

    async def answers(line: Any) -> None:
        await line.request()
        head = {"Content-Type": "text/xml; charset=utf-8"} | theirs.sign(body, "POST", "")
        await line.answer(body, "\n".join(f"{name}: {value}" for name, value in head.items()))

    async with peers.Peer(answers) as platform:
        noted = {} if drift is None else {"drift": drift}
        wire = ChannelWire("nontax", platform.url, WireTerms(lambda _: None, limits=limits, **noted))
        try:
            return await wire.soap(contract, contracts.BINDING, signer=ours).call("Create", No="N1", Amt="80.00")
        finally:
            await wire.close()


class Where:
    """On which threads something is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.did: dict[str, bool] = {}

    def watch(self, of: Any, name: str) -> None:
        """Note whether the loop's own thread does it."""
        plain: Callable[..., Any] = getattr(of, name)

        def watched(*given: Any, **named: Any) -> Any:
            self.did[name] = threading.current_thread() is threading.main_thread()
            return plain(*given, **named)

        self._patch.setattr(of, name, staticmethod(watched) if hasattr(plain, "__self__") else watched)


@pytest.fixture
def where(monkeypatch: pytest.MonkeyPatch) -> Where:
    return Where(monkeypatch)


@pytest.mark.parametrize(("size", "on_the_loop"), [(1000, True), (12 << 20, False)], ids=["small", "12 MB"])
async def test_a_large_signed_answer_is_judged_and_read_off_the_loop(
    contract: Path, where: Where, size: int, on_the_loop: bool
) -> None:
    where.watch(MessageSigner, "verify")
    where.watch(soap, "parse_xml")
    where.watch(XmlSchema, "complaint")
    where.watch(soap._Element, "read")
    # One text of XML has at most 10 MB: so it is cut into two elements.
    answer = padded(size // 2).replace(b"</n:More>", b"</n:More><n:More>" + b"y" * (size // 2) + b"</n:More>", 1)
    assert (await called(contract, answer, LARGE))["Code"] == "99010026000000000017"
    assert where.did == dict.fromkeys(("verify", "parse_xml", "complaint", "read"), on_the_loop)


async def test_others_are_answered_while_a_large_answer_is_read(
    contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, answered, plain = threading.Event(), threading.Event(), soap.parse_xml

    def reading(*given: Any, **named: Any) -> Any:
        reads.set()
        assert answered.wait(60), "nobody was answered while an answer was read"
        return plain(*given, **named)

    monkeypatch.setattr(soap, "parse_xml", reading)

    async def is_well(line: Any) -> None:
        await line.request()
        await line.answer(b"{}", "Content-Type: application/json")

    async with peers.Peer(is_well) as health:
        asked = asyncio.create_task(called(contract, padded(1 << 20), LARGE))
        async with asyncio.timeout(60):
            while not reads.is_set():
                await asyncio.sleep(0)
        wire = ChannelWire("health", health.url, WireTerms(lambda _: None))
        assert (await wire.request("look", "GET", "healthz")).status_code == 200
        await wire.close()
        answered.set()
        assert (await asked)["Code"] == "99010026000000000017"


def test_much_is_freed_a_part_at_a_time_wherever_its_list_is() -> None:
    document = parse_xml("<a><b/><c>" + "<d><e/></d>" * 5000 + "</c></a>")
    most = document[1]
    kept = most[2048]
    let_go(document)
    assert (len(document), len(most), len(kept)) == (0, 0, 1)


async def test_an_answer_is_copied_once() -> None:
    kept: list[object] = []

    async def answers(line: Any) -> None:
        await line.request()
        await line.answer(b"[1]", "Content-Type: application/json")

    async with peers.Peer(answers) as platform:
        wire = ChannelWire("list", platform.url, WireTerms(lambda exchange: kept.append(exchange.response_body)))
        answer = await wire.post("list", "", b"", {})
        await wire.close()
    assert answer.content is kept[0]


async def test_nobody_collects_cycles_while_much_is_made_and_everybody_does_afterwards() -> None:
    seen: list[bool] = []

    def reading() -> None:
        seen.append(gc.isenabled())

    await asyncio.gather(aside(reading), apart(ON_THE_LOOP + 1, reading))
    await apart(ON_THE_LOOP, reading)
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)
    assert seen == [False, False, True]
    assert gc.isenabled()


async def test_a_page_of_a_statement_is_made_off_the_loop(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    where.watch(mapping, "statement_page")

    async def told(*_: Any, **__: Any) -> dict[str, Any]:
        return {"StatementDate": date(2026, 9, 17), "Page": 1, "Pages": 1, "Count": 0, "TotalAmt": 0, "Line": []}

    monkeypatch.setattr(SoapNonTax, "_call", told)
    platform: Any = SoapNonTax.__new__(SoapNonTax)
    with suppress(Exception):  # what is told is not looked at here
        await platform.statement(date(2026, 9, 17), 1)
    assert where.did == {"statement_page": False}


def test_the_collector_finds_two_things_a_line_of_a_statement_and_nothing_of_what_it_was_read_from() -> None:
    count = 1000
    line = {"Type": "P", "PayNo": "R", "PayCode": "99010226300000000013", "Amt": "1.00", "ChgAgenCode": "990102"}
    line |= {"CfmDate": "20260917", "CfmTime": "165003"}
    rows = [line | {"TraNoBus": f"S{number}", "ItemCode": [f"{number}"]} for number in range(count)]
    told = {"StatementDate": "20260917", "Page": 1, "Pages": 1, "Count": count, "TotalAmt": "1000.00", "Line": rows}
    gc.collect()
    gc.disable()
    try:
        before = Counter(type(one) for one in gc.get_objects())
        page = mapping.statement_page(told, date(2026, 9, 17), 1)
        made = Counter(type(one) for one in gc.get_objects())
        made.subtract(before)
    finally:
        gc.enable()
    assert [one.bank_serial for one in page.lines] == [f"S{number}" for number in range(count)]
    assert not told["Line"], "what was read is let go at once, and not all of it together"
    assert made[StatementLine] == count
    assert sum(found for found in made.values() if found > 0) <= 2 * count + 500


async def test_json_is_judged_and_read_off_the_loop_too(where: Where) -> None:
    class Told(BaseModel):
        items: list[str]

    where.watch(ChannelWire, "model")
    for count, on_the_loop in ((10, True), (20_000, False)):

        async def answers(line: Any, count: int = count) -> None:
            await line.request()
            await line.answer(json.dumps({"items": ["x" * 10] * count}).encode(), "Content-Type: application/json")

        async with peers.Peer(answers) as platform:
            wire = ChannelWire("list", platform.url, WireTerms(lambda _: None, limits=LARGE))
            response = await wire.request("list", "GET", "list")
            assert len((await wire.read(response, Told)).items) == count
            await wire.close()
        assert where.did == {"model": on_the_loop}


async def test_a_large_frame_is_read_off_the_loop() -> None:
    threads: list[bool] = []

    def judge(frame: bytes) -> int:
        threads.append(threading.current_thread() is threading.main_thread())
        return len(frame)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = int(await reader.readexactly(8))
        await reader.readexactly(asked - 8)
        size = 100 if asked == 9 else 1 << 20
        writer.write(f"{size:<8}".encode() + b"x" * (size - 8))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    limits = Limits(large=frozenset({"Statement"}))
    wire = FrameWire("frames", f"tcp://127.0.0.1:{port}", WireTerms(lambda _: None, limits=limits))
    wire.keep = False
    assert await wire.exchange("Find", b"9       a", judge) == 100
    assert await wire.exchange("Statement", b"10      ab", judge) == 1 << 20
    assert threads == [True, False]
    with pytest.raises(UnusableError):
        await wire.exchange("Find", b"10      ab", judge)
    await wire.close()
    server.close()


async def test_an_answer_that_holds_no_list_is_small_and_has_few_elements(contract: Path) -> None:
    with pytest.raises(UnusableError, match="exceeds 262144 bytes"):
        await called(contract, padded(300_000), Limits())
    many = padded(1).replace(b"<n:More>", b"<n:More>" + b"<n:a/>" * (SMALL.elements + 1))
    with pytest.raises(UnusableError, match="more than 10000 elements"):
        await called(contract, many, Limits())
    assert await called(contract, many, LARGE)


async def test_members_of_json_are_counted_before_they_are_built(where: Where) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.answer(b"[" + b"1," * 500_000 + b"1]", "Content-Type: application/json")

    async with peers.Peer(answers) as platform:
        wire = ChannelWire("list", platform.url, WireTerms(lambda _: None, limits=LARGE))
        response = await wire.request("list", "GET", "list")
        with pytest.raises(UnusableError, match="members"):
            wire.json(response)
        await wire.close()


async def test_an_answer_that_ends_with_the_connection_is_seen_to_be_whole_off_the_loop(where: Where) -> None:
    from gateway.foundation.wire import channel

    where.watch(channel, "closes")

    async def answers(line: Any) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[" + b"1" * 100_000)
        line.writer.close()

    async with peers.Peer(answers) as platform:
        limits = Limits(ends_with_connection=True)
        wire = ChannelWire("list", platform.url, WireTerms(lambda _: None, limits=limits))
        with pytest.raises(OutcomeUnknownError):
            await wire.post("list", "", b"", {})
        await wire.close()
    assert where.did == {"closes": False}


def test_each_thread_has_a_schema_of_its_own() -> None:
    made: list[etree.XMLSchema] = []
    text = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="A" type="xs:int"/></xs:schema>'

    def make() -> etree.XMLSchema:
        made.append(etree.XMLSchema(etree.fromstring(text)))
        return made[-1]

    schema = XmlSchema(make)
    said: list[str | None] = []
    thread = threading.Thread(target=lambda: said.append(schema.complaint(parse_xml("<A>x</A>"))))
    thread.start()
    thread.join()
    assert schema.complaint(parse_xml("<A>1</A>")) is None
    assert "'x'" in str(said[0])
    assert len(made) == 2


async def test_what_a_thread_notes_of_drift_is_noted_on_the_loop() -> None:
    drift = ContractDrift(None, SystemClock())  # type: ignore[arg-type]
    drift._home = threading.get_ident(), asyncio.get_running_loop()
    seen: list[bool] = []
    drift._something.set = lambda: seen.append(threading.current_thread() is threading.main_thread())  # type: ignore[method-assign]
    await apart(ON_THE_LOOP + 1, drift.note, "nontax", "Statement", "More")
    async with asyncio.timeout(30):
        while not seen:
            await asyncio.sleep(0)
    assert seen == [True]


def test_each_adapter_says_which_of_its_answers_are_large() -> None:
    for adapter, expected in (
        (SoapNonTax, {"Statement", "DownloadReceipt"}),
        (CnNonTax, {"Statement", "DownloadReceipt"}),
        (SharingRegistry, {"by_name", "changes"}),
        (RestSealService, {"list_seals", "seal_status", "apply", "query", "void"}),
    ):
        assert adapter.info.large == expected

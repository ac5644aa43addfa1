"""Benches over the simulated systems: for an adapter of a contract that a simulator of ours speaks.

``simulators`` is the fixture of ``simulators.testing``. A bench sets the clock of the process, and plants and takes
away its faults.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

import contracts
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.wire import ChannelWire, FolderWire, FrameWire, Limits, Timeouts, WireTerms
from gateway.ports.base import Incoming, RawExchange, Reply
from gateway.ports.credit import DisclosedParty, DisclosureRecord, named, numbered
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.ports.notice import SendRequest
from gateway.ports.seal import ApplyRequest, Placement
from gateway.testing.bench import Bench, Code
from gateway.testing.credit import DisclosureBench
from gateway.testing.nontax import NonTaxBench
from gateway.testing.notice import NoticeBench
from gateway.testing.registry import RegistryBench
from gateway.testing.seal import SealBench
from gateway.words.clock import SystemClock, day_of
from gateway.words.masking import Public, mask_published
from gateway.words.money import format_yuan

START = datetime(2026, 9, 14, 2, 30, tzinfo=UTC)
QUICK = Timeouts(connect=5.0, read=2.5, write=5.0, total=8.0)


class Simulators(Protocol):
    """What the benches use of a process of simulators (``simulators.testing.Simulation``)."""

    def url(self, system: str) -> str:
        """The base address of a system."""
        ...

    def credentials(self, system: str) -> dict[str, Any]:
        """Its development credentials."""
        ...

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One request to the control API."""
        ...

    async def aask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The same without blocking the loop."""
        ...

    def seed(self, **data: Any) -> None:
        """Give systems what they are to know."""
        ...

    def clock(self, **change: Any) -> dict[str, Any]:
        """Set or move the clock."""
        ...

    def callbacks_to(self, system: str, url: str | None, again_after: float | None = None) -> None:
        """Where a system sends its callbacks, and after how many seconds again."""
        ...

    async def flush_callbacks(self, system: str | None = None) -> list[dict[str, Any]]:
        """Send what waits to be sent."""
        ...


class Inbox:
    """A receiver of callbacks on a socket: keeps what comes, answers what it is told to, at first "not now"."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Incoming] = asyncio.Queue()
        self.answer: Callable[[Incoming], Awaitable[Reply]] = self.not_now
        self.failures: list[AssertionError] = []
        self.server: asyncio.Server | None = None

    async def not_now(self, _incoming: Incoming) -> Reply:
        """Nothing that anybody could take for an acknowledgement."""
        return Reply(503, b"", "text/plain")

    async def open(self) -> str:
        """Listen; the address."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/callbacks/channel"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        parts = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in parts}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        incoming = Incoming(headers, body, datetime.now(UTC))
        try:
            reply = await self.answer(incoming)
        except AssertionError as failure:
            self.failures.append(failure)
            reply = await self.not_now(incoming)
        writer.write(
            f"HTTP/1.1 {reply.status} X\r\nContent-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n".encode()
            + reply.body
        )
        await writer.drain()
        writer.close()
        self.messages.put_nowait(incoming)

    def drain(self) -> None:
        """Forget what has come so far."""
        while not self.messages.empty():
            self.messages.get_nowait()

    async def next(self) -> Incoming:
        """The next message."""
        return await asyncio.wait_for(self.messages.get(), 60)


class SimulatorBench(Bench):
    """One adapter against one simulated system.

    ``operations``: which of the system's operations a port method uses. ``credentials``: which of those that it gives
    out become which settings; ``address`` and ``secret`` are the names of two more.
    """

    system: str
    #: The contract that it speaks, where that is not called as the system is.
    contract: str = ""
    address = "url"
    secret = "secret"  # noqa: S105 - the name of a credential
    wire: ClassVar[type[ChannelWire | FrameWire]] = ChannelWire
    operations: ClassVar[Mapping[str, str]]
    credentials: ClassVar[Mapping[str, str]]

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        self.simulators = simulators
        simulators.clock(now=START.isoformat())
        self.clock = self._shifted = SystemClock(START - datetime.now(UTC))
        self.exchanges: list[RawExchange] = []
        known = simulators.credentials(self.system) | {"url": simulators.url(self.system)}
        chosen = {ours: known[theirs] for ours, theirs in self.credentials.items()} | settings
        own = adapter_class.Settings(**chosen)
        wire = self.wire(
            self.system,
            known[self.address],
            WireTerms(
                self.keep,
                timeouts=QUICK,
                limits=Limits(keepalive=0),  # a refusal meets every call, and not an idle connection first
                sensitive=adapter_class.info.sensitive | getattr(own, "sensitive", frozenset()),
                clock=self.clock,
            ),
        )
        self.adapter = adapter_class(own, wire, self.clock)
        self.secrets = (known[self.credentials[self.secret]],)
        rows = contracts.code_table(self.contract or self.system, "v1", "results")
        as_no = {"withdrawn": "rejected"}  # taken at first, refused afterwards: a no all the same
        self.codes = [Code(row["code"], as_no.get(row["effect"], row["effect"])) for row in rows]  # type: ignore[arg-type]
        self.inbox = Inbox()

    def keep(self, exchange: RawExchange) -> None:
        """Keep what crossed the wire."""
        self.exchanges.append(exchange)

    async def close(self) -> None:
        """Let go of the adapter and the inbox."""
        await self.adapter.close()
        if self.inbox.server is not None:
            self.inbox.server.close()

    async def fault(self, kind: str, method: str, **more: Any) -> None:
        if kind == "busy":
            more.setdefault("seconds", self.busy_seconds)
        if kind == "wrong_totals":
            kind, more["key"] = "statement_totals", f"{day_of(self.clock.now()):%Y%m%d}"
        operation = self.operations.get(method, "*")
        planted = {"system": self.system, "operation": operation, "kind": kind, "times": 0, **more}
        await self.simulators.aask("POST", "/faults", planted)

    async def clear(self) -> None:
        await self.simulators.aask("DELETE", "/faults")

    async def effects(self, reference: str) -> int:
        counts = (await self.simulators.aask("GET", "/effects", system=self.system)).get(self.system, {})
        return sum(by_reference.get(reference, 0) for by_reference in counts.values())

    async def advance(self, seconds: float) -> None:
        self._shifted.offset += timedelta(seconds=seconds)
        await self.simulators.aask("POST", "/clock", {"advance_seconds": seconds})

    async def violations(self) -> Sequence[str]:
        entries = (await self.simulators.aask("GET", "/journal", system=self.system))["entries"]
        assert entries
        return [f"{one['operation']}: {one['answer']}" for one in entries if one["outcome"] in ("refused", "broken")]

    # --- callbacks

    async def happen(self, about: str) -> None:
        """Let that happen at the other side of which its callback tells."""
        raise NotImplementedError

    async def callback(self, kind: str, about: str) -> Incoming:
        if kind == "again":
            self.inbox.drain()
            await self.simulators.flush_callbacks(self.system)
            return await self._next()
        if kind == "forged":
            await self.simulators.aask("POST", "/faults", {"system": self.system, "kind": "callback_forged"})
        return await self._told_of(self.happen(about))

    async def _told_of(self, happening: Awaitable[Any]) -> Incoming:
        """The callback about something that happens now."""
        if self.inbox.server is None:
            # What comes next is about what happens next, and no repetition of what was told before.
            self.simulators.callbacks_to(self.system, await self.inbox.open(), again_after=3600)
        self.inbox.drain()
        await happening
        return await self._next()

    async def _next(self) -> Incoming:
        incoming = await self.inbox.next()
        return Incoming(incoming.headers, incoming.body, self.clock.now(), "/callbacks/channel")

    async def acknowledged(self, about: str, answer: Callable[[Incoming], Awaitable[Reply]]) -> bool:
        self.inbox.answer = answer
        await self.simulators.flush_callbacks(self.system)
        queued = (await self.simulators.aask("GET", "/callbacks"))["callbacks"]
        states = {one["state"] for one in queued if one["key"] == about}
        for failure in self.inbox.failures:
            raise failure
        assert states <= {"pending", "acknowledged"}
        assert states
        return states == {"acknowledged"}


class PlatformBench(SimulatorBench, NonTaxBench):
    """What every platform adapter is tried with."""

    operations: ClassVar[Mapping[str, str]] = {
        "issue": "CreateBill",
        "find": "QueryBill",
        "cancel": "VoidBill",
        "refund": "Refund",
        "find_refund": "QueryRefund",
        "statement": "Statement",
        "receipt": "IssueReceipt",
    }
    personal = ("罗巧云", "13900001111", "6217990100200300400")
    unknown_code = "99999"
    lines_per_page = 3

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        simulators.ask("POST", f"/{self.system}/settings", {"page_size": self.lines_per_page})
        self.bill_states = self._states("pay_stats")
        self.refund_states = self._states("refund_stats")

    def _states(self, table: str) -> dict[str, str]:
        return {row["code"]: row["state"] for row in contracts.code_table(self.contract or self.system, "v1", table)}

    def bill(self, reference: str, total: int | None = None) -> IssueRequest:
        lines: tuple[BillLine, ...] = (
            BillLine(item_code="103050199002", item_name="没收违法所得", amount=3650),
            BillLine(item_code="103050199001", item_name='罚款<初次> & "从轻"', amount=500000),
        )
        if total is not None:
            lines = (lines[1].model_copy(update={"amount": total}),)
        return IssueRequest(
            reference=reference,
            region="990102",
            unit_code="990102002",
            unit_name="望川区市场监督管理局",
            payer_name="罗巧云",
            payer_phone="13900001111",
            decision_number="望市监罚决〔2026〕18号",
            lines=lines,
            total=sum(line.amount for line in lines),
            bill_date=day_of(self.clock.now()),
        )

    async def pay(self, code: str, amount: int | None = None) -> str:
        other = {} if amount is None else {"amount": format_yuan(amount), "force": True}
        return await self._paid(code=code, callback=False, **other)

    async def paid_callback(self, code: str, amount: int) -> Incoming:
        return await self._told_of(self._paid(code=code, amount=format_yuan(amount), force=True))

    async def give_back(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/{self.system}/refunds/{reference}", {"state": "refunded"})

    async def happen(self, about: str) -> None:
        await self._paid(code=about, channel="alipay")

    async def _paid(self, **how: Any) -> str:
        return str((await self.simulators.aask("POST", f"/{self.system}/pay", {"payer": "罗巧云", **how}))["serial"])


class SoapNonTaxBench(PlatformBench):
    """``nontax.soap`` against the simulated platform."""

    system = "nontax"
    credentials: ClassVar[Mapping[str, str]] = {
        "node_code": "node_code",
        "platform_node": "platform_node",
        "secret": "secret",
    }
    operations: ClassVar[Mapping[str, str]] = {**PlatformBench.operations, "check": "Ping"}

    def asks(self, exchange: RawExchange) -> bool:
        return re.search(rb":Body><\w+:(Query|Statement|Download|Ping)", exchange.request_body) is not None


class CnNonTaxBench(PlatformBench):
    """``nontax.cnnontax`` against the simulated platform. It reads a bill back before it claims anything about it."""

    system = "cnnontax"
    address = "frames"
    secret = "token"  # noqa: S105 - the name of a credential
    wire = FrameWire
    credentials: ClassVar[Mapping[str, str]] = {
        "node_code": "node_code",
        "platform_node": "platform_node",
        "token": "token",
    }
    operations: ClassVar[Mapping[str, str]] = {
        **PlatformBench.operations,
        "check": "QueryBill",
        "receipt number": "ReceiptNumber",
    }
    callbacks_last = 2 * 86400.0  # a working day more or less

    def asks(self, exchange: RawExchange) -> bool:
        return exchange.request_body[19:23] in (b"8997", b"8999", b"8982", b"RFD2", b"STM1")

    def content(self, exchange: RawExchange) -> bytes:
        voucher = re.search(rb"<Voucher>[^<]*", exchange.request_body)
        return exchange.request_body if voucher is None else voucher[0]

    async def fault(self, kind: str, method: str, **more: Any) -> None:
        told_later = {
            ("wrong_amount", "issue"): "find",
            ("wrong_code", "cancel"): "find",
            ("wrong_amount", "receipt"): "receipt number",
        }
        await super().fault(kind, told_later.get((kind, method), method), **more)


class SharingRegistryBench(SimulatorBench, RegistryBench):
    """``registry.sharing`` against the simulated registry."""

    system = "registry"
    credentials: ClassVar[Mapping[str, str]] = {"node": "node", "secret": "secret"}
    operations: ClassVar[Mapping[str, str]] = {
        "by_code": "by_code",
        "by_name": "by_name",
        "changes": "changes",
        "resolve_licence": "resolve_licence",
        "check": "ready",
    }
    personal = ("罗巧云", "齐远山", "石渡平")
    unknown_code = "R0999"
    uscc = "91990102MA0HD1233R"
    name = "恒筑建设有限公司"
    token = "EL-good-licence-1"  # noqa: S105 - stands in a QR code
    unknown_uscc = "91350100M000100Y43"
    unknown_token = "nobody-knows-this"  # noqa: S105 - stands in a QR code
    expired_token = "EL-expired-1"  # noqa: S105 - stands in a QR code

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        good = {"token": self.token, "uniscId": self.uscc, "expires_at": None}
        expired = {**good, "token": self.expired_token, "expires_at": START.isoformat()}
        simulators.seed(**{self.system: {"tokens": [good, expired]}})
        self._changes = itertools.count(1)

    async def change(self) -> str:
        uscc, address = "92990102MA0WA4562J", f"安澜市望川区青禾镇新街{next(self._changes)}号"
        altered = {"alter": [{"uniscId": uscc, "set": {"opLoc": address}, "on": "2026-09-14"}]}
        await self.simulators.aask("POST", "/seed", {self.system: altered})
        return uscc


class CreditBench(SimulatorBench, DisclosureBench):
    """What both disclosure adapters are tried with."""

    personal: Sequence[str] = ("岑立秋", "E90102198")

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        self._numbers = itertools.count(101)

    def record(self) -> DisclosureRecord:
        number = numbered("E90102198")
        person = DisclosedParty(category="natural_person", name=named("岑立秋"), id_type="护照号", id_number=number)
        return DisclosureRecord(
            decision_number=f"安望综执罚决〔2026〕{next(self._numbers)}号",
            authority_name="安澜市望川区综合行政执法局",
            authority_code="11990102002100216D",
            source_name="安澜市信用信息中心",
            source_code="119901000031003146",
            party=person,
            violation=Public("擅自占道经营"),
            facts=Public('占用人行道<2米>摆放货架 & "经营"。'),
            basis=Public("《安澜市市容管理条例》第二十一条"),
            penalty_kinds=(Public("罚款"),),
            content=Public("罚款人民币5000元"),
            fine=500_000,
            decided_on=date(2026, 9, 14),
            valid_until=date(2026, 9, 29),
            publish_until=date(2027, 9, 14),
            full_text=Public("安澜市望川区综合行政执法局行政处罚决定书 当事人岑立秋……"),
        )


class CreditChinaBench(CreditBench):
    """``credit.creditchina`` against the simulated credit platform, which decides when it is told to."""

    system = "credit"
    credentials: ClassVar[Mapping[str, str]] = {"app_key": "app_key", "secret": "app_secret"}
    operations: ClassVar[Mapping[str, str]] = {
        "submit": "submit",
        "find": "find",
        "correct": "correct",
        "withdraw": "withdraw",
        "repair": "repair",
        "mark": "mark",
        "read_back": "shown",
        "check": "token",
    }
    unknown_code = "Z9999"
    answers_signed = False

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        simulators.ask("POST", f"/{self.system}/settings", {"verdict_seconds": None, "callbacks": True})

    async def decide(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/{self.system}/judge", {"sourceId": reference})

    async def happen(self, about: str) -> None:
        await self.decide(about)


class PortalBench(CreditBench):
    """``credit.portal`` against the simulated portal, which decides at once."""

    system = "portal"
    credentials: ClassVar[Mapping[str, str]] = {"node": "node", "secret": "secret"}
    operations: ClassVar[Mapping[str, str]] = {
        "submit": "publish",
        "find": "find",
        "correct": "correct",
        "withdraw": "withdraw",
        "repair": "end",
        "mark": "mark",
        "read_back": "shown",
        "check": "ready",
    }
    unknown_code = "P0999"
    answers_signed = False
    personal: Sequence[str] = ("岑某某",)

    def record(self) -> DisclosureRecord:
        """About a person whose name is masked: what a portal is told, anybody reads."""
        masked = DisclosedParty(category="natural_person", name=named(mask_published("岑立秋")))
        text = Public("安澜市望川区综合行政执法局行政处罚决定书 当事人岑某某……")
        return super().record().model_copy(update={"party": masked, "full_text": text})

    async def decide(self, reference: str) -> None:
        """It has decided already."""


class CityPortalBench(PortalBench):
    """``credit.portal`` with the profile of another city, against that city's simulated portal."""

    city: ClassVar[str]
    contract = "portal"

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        profile = json.loads(contracts.read_text(f"portal/v1/profiles/{self.city}.json"))
        self.system = f"portal-{self.city}"
        super().__init__(simulators, adapter_class, profile=profile, **settings)


class GsxtBench(PortalBench):
    """``credit.gsxt`` against the simulated system, which decides at once about entities of its own province."""

    system = "gsxt"
    operations: ClassVar[Mapping[str, str]] = {**PortalBench.operations, "repair": "repair"}
    unknown_code = "S0999"
    personal = ("岑立秋", "望川区岑立秋面馆")

    def record(self) -> DisclosureRecord:
        """About a registered business that has its operator's name: a natural person is not shown here."""
        made = super().record()
        shop = DisclosedParty(
            category="individual_business",
            name=named("望川区岑立秋面馆"),
            uscc="92990102MA0WA4562J",
            legal_representative=named("岑立秋"),
        )
        text = Public("安澜市望川区综合行政执法局行政处罚决定书……")
        return made.model_copy(update={"party": shop, "full_text": text})


class _Share(FolderWire):
    """A folder as its adapter meets it on a bad day; ``fault`` is what happens to each file."""

    fault: str | None = None
    word = ""

    def _write(self, path: Path, content: bytes, named: list[bool]) -> None:
        """Nothing is answered before, or after; a disk error after stands for every answer that cannot be used."""
        if self.fault == "silence":
            raise TimeoutError
        super()._write(path, content, named)
        if self.fault in ("apply_then_silence", "apply_then_reset"):
            raise TimeoutError
        if self.fault is not None:
            raise OSError(errno.EIO, "input/output error")

    def _read(self, path: Path, most: int) -> bytes | None:
        """What the platform wrote, distorted."""
        read = super()._read(path, most)
        receipt = path.parent.name == "receipts"
        if self.fault is None or not (receipt or path.name == "published.csv"):
            return read
        if self.fault == "silence":
            raise TimeoutError
        example = contracts.read_text("creditfolder/v1/examples/receipt_accepted.csv").splitlines(keepends=True)
        about = example[1].partition(",")[0]
        text = (read or "".join(example).encode()).decode("utf-8-sig")
        match self.fault:
            case "error_500":
                text = "<html><body>502 Bad Gateway</body></html>\n"
            case "malformed":
                return text.encode("gbk")
            case "empty":
                text = ""
            case "truncated":
                text = text[:-7]
            case "wrong_code" if not receipt:
                text = text.replace("安望综执罚决", "安望城管罚决")
            case "answer_code" | "unknown_status":
                text = re.sub("通过|公示中", self.word, text.replace(about, path.stem))
        return text.encode()


class CreditFolderBench(CreditBench):
    """``credit.folder`` against the simulated platform, which takes files in and decides when it is told to."""

    system = "credit-folder"
    contract = "creditfolder"
    answers_signed = False
    busy_seconds = None
    unknown_code = "另行通知"

    def __init__(self, simulators: Simulators, adapter_class: type[Any]) -> None:
        self.simulators = simulators
        simulators.clock(now=START.isoformat())
        self.clock = self._shifted = SystemClock(START - datetime.now(UTC))
        self.exchanges: list[RawExchange] = []
        self._numbers = itertools.count(101)
        self._ground = tempfile.TemporaryDirectory()
        self.folder = Path(self._ground.name) / "exchange"
        simulators.ask("POST", f"/{self.system}/settings", {"folder": str(self.folder)})
        simulators.ask("POST", f"/{self.system}/cycle")
        self.share = _Share(
            self.system,
            self.folder.as_uri(),
            WireTerms(self.keep, timeouts=QUICK, sensitive=adapter_class.info.sensitive, clock=self.clock),
        )
        self.adapter = adapter_class(adapter_class.Settings(), self.share, self.clock)
        self.secrets = ()
        self.codes = []  # there are none on files

    async def close(self) -> None:
        """Let go of the adapter and the folder."""
        await self.adapter.close()
        self._ground.cleanup()

    async def fault(self, kind: str, method: str, **more: Any) -> None:  # noqa: ARG002 - one folder for all
        away = self.folder.with_name("away")
        if kind == "refuse" and not away.exists():
            self.folder.rename(away)
        elif kind == "busy":
            (self.folder / "closed.txt").write_text("夜间处理中\n", encoding="utf-8")
        elif kind != "refuse":
            self.share.fault, self.share.word = kind, str(more.get("code", self.unknown_code))

    async def clear(self) -> None:
        self.share.fault = None
        if (away := self.folder.with_name("away")).exists():
            away.rename(self.folder)
        (self.folder / "closed.txt").unlink(missing_ok=True)

    async def effects(self, reference: str) -> int:
        await self.violations()
        return await super().effects(reference)

    async def violations(self) -> Sequence[str]:
        unreadable = (await self.simulators.aask("POST", f"/{self.system}/taken"))["unreadable"]
        return [f"{name}: {why}" for name, why in unreadable.items()]

    async def decide(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/{self.system}/judge", {"sourceId": reference})


class RestSealBench(SimulatorBench, SealBench):
    """``seal.rest`` against the simulated seal service, which seals when it is told to."""

    system = "seal"
    credentials: ClassVar[Mapping[str, str]] = {"node": "node", "secret": "secret"}
    operations: ClassVar[Mapping[str, str]] = {
        "list_seals": "list_seals",
        "apply": "apply",
        "find": "query",
        "verify": "verify",
        "void": "void",
        "seal_status": "seal_status",
        "check": "ready",
    }
    personal = ("岑立秋",)
    unknown_code = "S0999"
    owner_code = "11990102002100216D"
    seal_id = "99010200000021"
    unknown_seal_id = "99010200009999"

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        simulators.ask("POST", f"/{self.system}/mode", {"pending": True})

    def application(self, reference: str) -> ApplyRequest:
        return ApplyRequest(
            reference=reference,
            seal_id=self.seal_id,
            digest=sm3(reference.encode()).hex(),
            property_info="decision-118",
            placements=(Placement(page=1, x=120.0, y=40.5, width=42.0, height=42.0),),
            document_title="岑立秋行政处罚决定书",
            approval="用印审批2026-0914-7",
        )

    async def finish(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/{self.system}/finish", {"reference": reference})

    async def happen(self, about: str) -> None:
        await self.finish(about)


class RestMessengerBench(SimulatorBench, NoticeBench):
    """``notice.rest`` against the simulated messenger, which delivers when it is told to."""

    system = "notice"
    credentials: ClassVar[Mapping[str, str]] = {"app_key": "app_key", "secret": "secret"}
    operations: ClassVar[Mapping[str, str]] = {
        "send": "send",
        "find": "query",
        "recall": "recall",
        "resolve_user": "resolve_user",
        "check": "token",
    }
    personal = ("99010200118", "13900001181", "周映川")
    unknown_code = "N0999"
    answers_signed = False
    certificate = "99010200118"
    phone = "13900001181"
    user_id = "u-990102-0118"
    unknown_certificate = "99010299999"
    unknown_user_id = "u-990102-9999"
    left = "99010200140"

    def __init__(self, simulators: Simulators, adapter_class: type[Any], **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        simulators.ask("POST", f"/{self.system}/settings", {"deliver": False})

    def message(self, reference: str) -> SendRequest:
        return SendRequest(
            reference=reference,
            user_id=self.user_id,
            template="payment_overdue",
            parameters={"number": "安望综执罚决〔2026〕118号"},
            link="https://case.example/todo",
        )

    async def deliver(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/{self.system}/deliver", {"reference": reference})

    async def read(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/{self.system}/read", {"reference": reference})

    async def happen(self, about: str) -> None:
        await self.read(about)


BENCHES: Final[Mapping[str, type[SimulatorBench]]] = {
    "nontax.soap": SoapNonTaxBench,
    "nontax.cnnontax": CnNonTaxBench,
    "registry.sharing": SharingRegistryBench,
    "credit.creditchina": CreditChinaBench,
    "credit.portal": PortalBench,
    "credit.gsxt": GsxtBench,
    "credit.folder": CreditFolderBench,
    "seal.rest": RestSealBench,
    "notice.rest": RestMessengerBench,
}
"""The bench of each adapter whose contract a simulator of ours speaks."""

"""The walk: one decision all the way through, each step shown as it happens."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.table import Table

from gateway.demo import party, story
from gateway.demo.processes import Processes, first_line
from gateway.demo.talk import PATIENCE, DemoError, Talk
from gateway.words.clock import SHANGHAI

if TYPE_CHECKING:
    from gateway.demo.installation import Installation
    from gateway.demo.receiver import Receiver

_CURE = (
    "What to do: look at the ends of the logs above. Where it says that something did not come in time, the machine is"
    " too busy: run `make demo` again when it is quiet. If it stays, report them with what"
    " `make -s demo DEMO_ARGS=--json` prints."
)


@dataclass
class Step:
    """One step as it ended."""

    name: str
    ok: bool
    seconds: float


@dataclass
class Walk:
    """Runs the steps in order, and keeps what each found for the closing table and the JSON object."""

    out: Console
    keep: bool = False
    steps: list[Step] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stack = AsyncExitStack()
        self._simulators: dict[str, Any] = {}
        self._installation: Installation | None = None
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE)
        self._talk = Talk(self.out, self._http)
        self._receiver: Receiver
        self._today = datetime.now(SHANGHAI).date()
        self._number = story.decision_number(self._today)

    # --- the walk ---------------------------------------------------------------------------------------------------

    async def run(self) -> dict[str, Any]:
        """All steps; the first that fails ends the walk. Returns the closing object."""
        folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
        processes = Processes(folder)
        steps: list[tuple[str, str, Callable[[], Awaitable[None]]]] = [
            ("start", "模拟外部系统与网关启动", lambda: self._start(folder, processes)),
            ("access", "执法机关、接入系统、操作员", self._access),
            ("entity", "扫描营业执照二维码，核验登记信息", self._entity),
            ("payment", "录入处罚决定，向非税平台取缴款码", self._payment),
            ("seal", "决定书附缴款二维码，用印并验章", self._seal),
            ("service", "送达，计算缴款期限", self._service),
            ("pay", "当事人扫码缴款，平台回调", self._pay),
            ("webhook", "接入系统收到并验证通知", self._webhook),
            ("disclosure", "信用中国与政府门户公示，回读核对", self._disclosure),
            ("reconciliation", "下载对账文件，双向对账", self._reconciliation),
            ("evidence", "核验全部交互留痕", self._evidence),
        ]
        try:
            for number, (name, title, act) in enumerate(steps, start=1):
                self.out.print(f"\n[bold]{number:>2}  {title}[/bold]")
                began = time.monotonic()
                try:
                    await act()
                    ok = True
                except Exception as error:
                    self.out.print(f"    [red]✗ {type(error).__name__}: {error}[/red]", markup=True)
                    ok = False
                self.steps.append(Step(name, ok, round(time.monotonic() - began, 3)))
                if not ok:
                    for log in processes.logs():
                        self.out.print(*log, sep="\n", markup=False, highlight=False)
                    self.out.print(f"\n{_CURE}", markup=False, highlight=False)
                    break
            result = self._result(len(steps))
            self._closing(result)
            if self.keep and result["ok"]:
                await self._stay()
            return result
        finally:
            await self._stack.aclose()
            await self._http.aclose()
            await processes.end()
            shutil.rmtree(folder, ignore_errors=True)

    def _result(self, expected: int) -> dict[str, Any]:
        facts = self.facts
        payment, reconciliation = facts.get("payment", {}), facts.get("reconciliation", {})
        disclosures, evidence = facts.get("disclosures", []), facts.get("evidence", {})
        ok = (
            len(self.steps) == expected
            and all(step.ok for step in self.steps)
            and payment.get("status") == "PAID"
            and payment.get("settlement") == "matched"
            and len(disclosures) == 2
            and all(one["status"] == "PUBLISHED" for one in disclosures)
            and reconciliation.get("breaks") == 0
            and bool(evidence.get("chain_ok"))
            and bool(facts.get("sealed_document", {}).get("verified"))
        )
        return {
            "ok": ok,
            "steps": [{"name": step.name, "ok": step.ok, "seconds": step.seconds} for step in self.steps],
            "payment": payment,
            "entity": facts.get("entity", {}),
            "sealed_document": facts.get("sealed_document", {}),
            "disclosures": disclosures,
            "reconciliation": reconciliation,
            "evidence": evidence,
        }

    # --- steps ------------------------------------------------------------------------------------------------------

    async def _start(self, folder: Path, processes: Processes) -> None:
        state = folder / "simulators.sqlite"
        trials = ["--magic-amounts"] if self.keep else []  # who stays may want to see things go wrong
        simulators = processes.start("simulators", ["simulators", "serve", "--state", str(state), *trials])
        load = asyncio.to_thread(import_module, "gateway.demo.installation")
        await self._talk.patiently("the gateway's modules", load)  # while the simulators start
        from gateway.demo.installation import DATABASE, install
        from gateway.demo.receiver import Receiver
        from gateway.foundation.store import schema

        self._receiver = Receiver()
        line, _, _ = await asyncio.gather(
            self._talk.patiently("the simulators", asyncio.to_thread(first_line, simulators)),
            self._talk.patiently("the database", asyncio.to_thread(schema.migrate, f"sqlite:///{folder / DATABASE}")),
            self._receiver.start(),
        )
        self._stack.push_async_callback(self._receiver.stop)
        self._simulators = json.loads(line)
        self._talk.say("simulators", ", ".join(self._simulators["systems"]))
        self._installation = await install(folder, self._simulators["systems"])
        settings = str(self._installation.settings_file)
        gateway = processes.start("gateway", ["gateway", "--settings", settings, "serve", "--json"])
        await self._talk.patiently("the gateway", asyncio.to_thread(first_line, gateway))
        ready = (await self._http.get(f"{self._installation.url}/readyz")).json()
        self._talk.say("gateway", f"{self._installation.url}  {ready['status']}")
        for system in ("nontax", "credit", "seal"):
            channel = {"credit": "creditchina"}.get(system, system)
            told = {"system": system, "url": f"{self._installation.url}/callbacks/{channel}"}
            (await self._http.post(f"{self._simulators['control']}/callbacks", json=told)).raise_for_status()

    async def _access(self) -> None:
        assert self._installation is not None
        self._talk.api = httpx.AsyncClient(
            base_url=self._installation.url,
            headers={"Authorization": f"Bearer {self._installation.api_key}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        self._stack.push_async_callback(self._talk.api.aclose)
        self._talk.say("执法机关", f"{story.AUTHORITY_NAME}  ({story.AUTHORITY})")
        self._talk.say("接入系统", f"{story.CLIENT}  key {self._installation.api_key[:12]}…")
        self._talk.say("操作员", f"{story.OPERATOR[1]}  ({story.OPERATOR[0]})")
        hook = await self._talk.call(
            "POST", "/v1/webhook-endpoints", {"authority": story.AUTHORITY, "url": self._receiver.url}
        )
        self._receiver.secret = hook["secret"]
        self._talk.say("webhook", self._receiver.url)

    async def _entity(self) -> None:
        text = self._simulators["systems"]["registry"]["licence_qr"]
        self._talk.say("QR", text)
        found = await self._talk.call("POST", "/v1/licence-scans", {"authority": story.AUTHORITY, "text": text})
        record = found["record"]
        self._talk.say(
            "登记信息", f"{record['name']}  {record['uscc']}  {record['raw_status']}  数据截至 {record['as_of'][:10]}"
        )
        self.facts["record"] = record
        self.facts["entity"] = {"uscc": record["uscc"], "name": record["name"]}

    async def _payment(self) -> None:
        decision = await self._talk.call("PUT", self._decision(), story.facts(self._today, self.facts["record"]))
        self._talk.say("处罚决定", f"{decision['number']}  {decision['facts']['content']}")
        body = {"authority": story.AUTHORITY, "decision_number": self._number}
        payment = await self._talk.call("POST", "/v1/payments", body)
        payment = await self._talk.until(f"/v1/payments/{payment['id']}", lambda now: now["status"] != "REQUESTED")
        if payment["status"] != "ISSUED":
            raise DemoError(f"the payment is {payment['status']}: {payment['reason'] or payment['doubt_reason']}")
        self._talk.say("缴款码", f"{payment['code']}  ¥{payment['amount']}  {payment['status']}")
        self._talk.say("缴款链接", payment["pay_url"])
        self._remember_payment(payment)

    async def _seal(self) -> None:
        from gateway.demo import document

        payment = self.facts["payment_view"]
        pdf = await asyncio.to_thread(
            document.decision_letter,
            self._number,
            self._today,
            self.facts["record"],
            payment["code"],
            payment["payer_page"],
        )
        seals = await self._talk.call("GET", f"/v1/seals?authority={story.AUTHORITY}")
        seal = next(one for one in seals if one["status"] == "active")
        self._talk.say("印章", f"{seal['name']}  {seal['seal_id']}")
        sealed = await self._talk.call(
            "POST",
            "/v1/sealed-documents",
            {
                "authority": story.AUTHORITY,
                "decision_number": self._number,
                "title": f"行政处罚决定书 {self._number}",
                "document": base64.b64encode(pdf).decode(),
                "seal_id": seal["seal_id"],
                "placements": [document.SEAL_PLACE],
                "approval": "法制审核通过；负责人批准",
            },
        )
        sealed = await self._talk.until(
            f"/v1/sealed-documents/{sealed['id']}", lambda now: now["status"] != "REQUESTED"
        )
        file = (await self._talk.api.get(f"/v1/sealed-documents/{sealed['id']}/file")).raise_for_status().content
        opinion = await self._talk.call("POST", "/v1/verifications", {"document": base64.b64encode(file).decode()})
        verified = sealed["status"] == "SEALED" and opinion["verdict"] == "VALID"
        self._talk.say("用印文件", f"{len(file) / 1024:.0f} KB  {sealed['status']}")
        checks = [*opinion["checks"], *(check for one in opinion["seals"] for check in one["checks"])]
        passed = [one["label"]["zh"] for one in checks if one["result"] == "passed"]
        self._talk.say("验章", f"{'通过' if verified else '未通过'}  {len(passed)} 项：{'、'.join(passed)}")
        self.facts["sealed_document"] = {"id": sealed["id"], "verified": verified}
        if not verified:
            raise DemoError(f"the sealed document does not verify: {sealed.get('reason') or opinion['reason']['en']}")

    async def _service(self) -> None:
        event = {"kind": "served", "on": str(self._today), "method": "direct", "evidence": "送达回证第1号"}
        decision = await self._talk.call("POST", self._decision() + "/events", event)
        self._talk.say("送达", f"{self._today}  直接送达")
        self._talk.say("缴款期限", f"{decision['due']['on']}{'(暂定)' if decision['due']['provisional'] else ''}")

    async def _pay(self) -> None:
        payment = self.facts["payment_view"]
        self._talk.say("扫码", payment["payer_page"])
        said = await party.scan_and_pay(self._http, payment["payer_page"], channel="wechat", payer=story.PAYER)
        self._talk.say("收银台", f"微信支付  {story.PAYER}(代缴)  {said}")
        payment = await self._talk.until(f"/v1/payments/{payment['id']}", lambda now: now["status"] == "PAID")
        first = payment["collections"][0]
        self._talk.say("平台回调", f"{first['bank_serial']}  ¥{first['amount']}  {payment['status']}")
        page = (await self._http.get(payment["payer_page"])).text
        self._talk.say("缴款页面", party.shown_state(page))
        self._remember_payment(payment)

    async def _webhook(self) -> None:
        payment = self.facts["payment_view"]
        arrives = self._receiver.expect("payment.paid", payment["id"], PATIENCE)
        event = await self._talk.patiently("the webhook payment.paid", arrives)
        data = event["data"]
        self._talk.say("通知", f"{event['type']}  {data['decision_number']}  ¥{data['amount']}  签名有效")

    async def _disclosure(self) -> None:
        body = {"authority": story.AUTHORITY, "decision_number": self._number}
        shown = await self._talk.call("POST", "/v1/disclosures", body)
        ended = ("PUBLISHED", "REJECTED", "NOT_PUBLISHABLE")
        final = [
            await self._talk.until(f"/v1/disclosures/{one['id']}", lambda now: now["status"] in ended) for one in shown
        ]
        for one in final:
            period = f"公示期至 {one['publish_until']}" if one["publish_until"] else one["reason"]
            self._talk.say(one["target"], f"{one['status']}  {period}  {one['citation'][:40]}")
        self.facts["disclosures"] = [{"target": one["target"], "status": one["status"]} for one in final]
        for system in ("credit", "portal"):
            page = (await self._http.get(self._simulators["systems"][system]["public"])).text
            if self._number not in page:
                raise DemoError(f"the public page of {system} does not show {self._number}")
        self._talk.say("公示页面", f"两处均可查到 {self._number}")

    async def _reconciliation(self) -> None:
        run = await self._talk.call("POST", "/v1/reconciliations", {"channel": "nontax", "day": str(self._today)})
        self._talk.say("对账", f"{run['day']}  对平 {run['matched']} 笔 ¥{run['matched_amount']}  差错 {run['breaks']}")
        self.facts["reconciliation"] = {"day": run["day"], "matched": run["matched"], "breaks": run["breaks"]}
        payment = await self._talk.call("GET", f"/v1/payments/{self.facts['payment_view']['id']}")
        self._remember_payment(payment)
        if payment["settlement"] != "matched":
            raise DemoError(f"the payment's settlement is {payment['settlement']}")

    async def _evidence(self) -> None:
        assert self._installation is not None
        command = [
            *(sys.executable, "-m", "gateway", "--settings", str(self._installation.settings_file)),
            *("evidence", "verify", "--json"),
        ]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        report = json.loads((await process.communicate())[0])
        self._talk.say("留痕", f"{report['exchanges']} 次交互  链 {'完整' if report['ok'] else '有误'}")
        self.facts["evidence"] = {"exchanges": report["exchanges"], "chain_ok": bool(report["ok"])}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _decision(self) -> str:
        return f"/v1/decisions/{story.AUTHORITY}/{quote(self._number, safe='')}"

    def _remember_payment(self, view: dict[str, Any]) -> None:
        self.facts["payment_view"] = view
        self.facts["payment"] = {name: view[name] for name in ("id", "code", "status", "settlement", "amount")}

    def _closing(self, result: dict[str, Any]) -> None:
        table = Table(title="全流程结果" if result["ok"] else "流程未完成", show_header=True, title_justify="left")
        for column in ("步骤", "结果", "用时（秒）"):
            table.add_column(column)
        for step in self.steps:
            table.add_row(step.name, "✓" if step.ok else "✗", f"{step.seconds:.2f}")
        payment = self.facts.get("payment")
        if payment is not None:
            table.add_section()
            table.add_row("payment", f"{payment['status']} / {payment['settlement']}", payment["amount"])
        self.out.print()
        self.out.print(table)
        if not self.keep:
            self.out.print("The console at a screen: make demo DEMO_ARGS=--keep", style="dim")

    async def _stay(self) -> None:
        assert self._installation is not None
        kept = self._installation
        payment = self.facts["payment_view"]
        self.out.print("\n[bold]Everything keeps running. Ctrl-C ends it.[/bold]")
        for what, where in (
            ("API", f"{kept.url}/docs"),
            ("payer page", payment["payer_page"]),
            ("API key", kept.api_key),
            ("settings", str(kept.settings_file)),
            ("simulators", self._simulators["url"]),
            ("Credit China", self._simulators["systems"]["credit"]["public"]),
            ("portal", self._simulators["systems"]["portal"]["public"]),
            ("trials", "a fine of 100.81 yuan is issued and not answered; `simulators faults` lists more amounts"),
        ):
            self._talk.say(what, where)
        self._talk.say("console", f"{kept.url}/console")
        for login, password in kept.people.items():
            self._talk.say("", f"login {login}, password {password} (for one sign-in: choose your own there)")
        words = {"GATEWAY": kept.url, "SIMULATORS": self._simulators["url"], "KEY": kept.api_key}
        self.out.print("\nFor the first call, in another terminal and the same folder:")
        export = " ".join(f"{name}={value}" for name, value in words.items())
        self.out.print(f"export {export}", markup=False, highlight=False, soft_wrap=True)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop.set)
        await stop.wait()

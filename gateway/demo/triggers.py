"""What makes an event happen at a test gateway with the simulators beside it: the steps that lead to it, for real.

Nothing is forged: a payment is paid at the simulated cashier, a silence is a fault planted at the simulated platform.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

import httpx

from gateway.demo import party

STEPS: Mapping[str, tuple[str, ...]] = {
    "decision.recorded": ("decide",),
    "decision.served": ("decide", "serve"),
    "decision.revoked": ("decide", "revoke"),
    "payment.issued": ("decide", "demand"),
    "payment.in_doubt": ("decide", "silence", "demand"),
    "payment.paid": ("decide", "demand", "pay"),
    "payment.cancelled": ("decide", "demand", "cancel"),
    "disclosure.published": ("decide", "publish"),
}
"""How each event is brought about."""

_DECISION = {
    "procedure": "simple",
    "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
    "violation": "占道堆放",
    "facts": "在人行道堆放建材。",
    "basis": "《中华人民共和国行政处罚法》第五十一条",
    "penalty_kinds": ["罚款"],
    "content": "罚款200.00元。",
    "fine": "200.00",
    "seriousness": "general",
    "seriousness_standard": "安澜市失信行为分类标准",
    "seriousness_standard_on": "2026-03-01",
}


class TriggerError(Exception):
    """A step was refused."""


@dataclass
class Trigger:
    """One event to be. ``http`` bears a client's key; ``control``: address of the simulators' control API."""

    http: httpx.AsyncClient
    control: str
    authority: str
    number: str
    today: date

    def __post_init__(self) -> None:
        self._decision = f"/v1/decisions/{self.authority}/{quote(self.number, safe='')}"
        self._payment: dict[str, Any] = {}

    async def run(self, event: str, seconds: float) -> dict[str, Any]:
        """The event, once it has happened. Raises TriggerError, and TimeoutError where it does not come."""
        for step in STEPS[event]:
            await getattr(self, f"_{step}")()
        subjects = self._subjects
        async with asyncio.timeout(seconds):
            while True:
                for subject in subjects:
                    page = await self._ask("GET", f"/v1/events?subject={subject}&limit=200")
                    for one in page["items"]:
                        if one["type"] == event:
                            return dict(one)
                await asyncio.sleep(0.2)

    async def _decide(self) -> None:
        told = {**_DECISION, "decided_on": str(self.today)}
        self._subjects = [(await self._ask("PUT", self._decision, told))["id"]]

    async def _serve(self) -> None:
        told = {"kind": "served", "on": str(self.today), "method": "direct", "evidence": "送达回证第1号"}
        await self._ask("POST", f"{self._decision}/events", told)

    async def _revoke(self) -> None:
        told = {"kind": "revoked", "on": str(self.today), "reason": "triggered"}
        await self._ask("POST", f"{self._decision}/events", told)

    async def _silence(self) -> None:
        fault = {"system": "nontax", "operation": "CreateBill", "kind": "apply_then_silence"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as plain:
            (await plain.post(f"{self.control.rstrip('/')}/faults", json=fault)).raise_for_status()

    async def _demand(self) -> None:
        told = {"authority": self.authority, "decision_number": self.number}
        self._payment = await self._ask("POST", "/v1/payments", told)
        self._subjects = [self._payment["id"]]

    async def _issued(self) -> None:
        async with asyncio.timeout(60):
            while self._payment["status"] == "REQUESTED":
                await asyncio.sleep(0.2)
                self._payment = await self._ask("GET", f"/v1/payments/{self._payment['id']}")

    async def _pay(self) -> None:
        await self._issued()
        async with httpx.AsyncClient(trust_env=False, timeout=30) as plain:
            await party.scan_and_pay(plain, self._payment["payer_page"], channel="wechat", payer="罗小满")

    async def _cancel(self) -> None:
        await self._issued()
        await self._ask("POST", f"/v1/payments/{self._payment['id']}/cancel", {"reason": "triggered"})

    async def _publish(self) -> None:
        told = {"authority": self.authority, "decision_number": self.number}
        self._subjects = [one["id"] for one in await self._ask("POST", "/v1/disclosures", told)]

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Idempotency-Key": f"trigger-{self.number}"} if method == "POST" else {}
        answer = await self.http.request(method, path, json=body, headers=headers)
        if answer.is_error:
            problem = answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text}
            raise TriggerError(f"{method} {path}: {answer.status_code} {problem.get('detail')}")
        return answer.json()

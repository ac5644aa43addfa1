"""The bench of the conformance kit for ``notice.rest``: against the simulated messenger, over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from benches import START, SimulatorBench

from gateway.adapters.notice.rest import RestMessenger
from gateway.ports.notice import SendRequest
from gateway.testing.notice import NoticeBench
from simulators.testing import Simulation

__all__ = ["START", "RestMessengerBench"]


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

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = RestMessenger, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)
        simulators.ask("POST", "/notice/settings", {"deliver": False})

    def message(self, reference: str) -> SendRequest:
        return SendRequest(
            reference=reference,
            user_id=self.user_id,
            template="payment_overdue",
            parameters={"number": "安望综执罚决〔2026〕118号"},
            link="https://case.example/todo",
        )

    async def deliver(self, reference: str) -> None:
        await self.simulators.aask("POST", "/notice/deliver", {"reference": reference})

    async def read(self, reference: str) -> None:
        await self.simulators.aask("POST", "/notice/read", {"reference": reference})

    happen = read

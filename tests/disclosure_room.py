"""Decisions and disclosures over a real store, with targets that are scripts held in the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from foundation import foundation, wire

from gateway.adapters.credit.layout import Layout
from gateway.adapters.credit.penalty_table import TABLES
from gateway.adapters.credit.portal.mapping import LAYOUT
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.rooms import Opened
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.credit import (
    DisclosureKey,
    DisclosureRecord,
    FieldError,
    FieldFault,
    MarkRequest,
    Shown,
    Submission,
    SubmissionState,
)
from gateway.rooms.decisions import Corrections, DecisionEvent, DecisionFacts, Decisions, EventKind
from gateway.rooms.decisions.corrections import At
from gateway.rooms.disclosures import Disclosure, Disclosures, Organ, Organs, Status
from gateway.rooms.disclosures.options import Publishing, Rounds
from gateway.rooms.disclosures.publication import key_of
from gateway.rooms.disclosures.questions import EffectRequest
from gateway.rooms.disclosures.rules import load
from gateway.words.clock import ManualClock
from gateway.words.errors import ExchangeError

NOW = datetime(2026, 9, 15, 2, 0, tzinfo=UTC)
NUMBER = "安望市监罚决〔2026〕57号"
ORGAN = Organ("安澜市望川区市场监督管理局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {
        "kind": "organisation",
        "name": "恒筑建设有限公司",
        "uscc": "91990102MA0HD1233R",
        "legal_representative": "齐远山",
    },
    "violation": "经营超过保质期的食品",
    "facts": "货架上有过期糕点",
    "basis": "食品安全法第一百二十四条",
    "penalty_kinds": ["罚款"],
    "content": "罚款5000元",
    "fine": "5000.00",
    "decided_on": "2026-09-14",
    "seriousness": "general",
    "seriousness_standard": "安澜市失信行为分类标准",
    "seriousness_standard_on": "2026-03-01",
    "valid_until": "2026-09-29",
}
ACCEPTED, PENDING, REJECTED = SubmissionState.ACCEPTED, SubmissionState.PENDING, SubmissionState.REJECTED

CITY = TABLES["2018"]


class Target:
    """A target that answers what it is told to, and shows what it has accepted unless ``hides``."""

    def __init__(self, layout: Layout = CITY) -> None:
        self.layout = layout
        self.says: SubmissionState | ExchangeError = ACCEPTED
        self.errors: tuple[FieldError, ...] = ()
        self.content: str | None = None
        self.hides = False
        self.telling: dict[str, Any] = {}
        self.page: Shown | None = None
        self.known: dict[str, Submission] = {}
        self.asked: list[tuple[str, EffectRequest]] = []

    def _take(self, effect: str, request: EffectRequest) -> Submission:
        self.asked.append((effect, request))
        if isinstance(self.says, ExchangeError):
            raise self.says
        return self.decide(effect, request, self.says)

    def decide(self, effect: str, request: EffectRequest, state: SubmissionState) -> Submission:
        """What becomes of an effect, now or later."""
        made = Submission(reference=request.reference, state=state, receipt="R1", field_errors=self.errors)
        self.known[request.reference] = made
        if state is ACCEPTED:
            self._show(request)
        return made

    def _show(self, request: EffectRequest) -> None:
        record: DisclosureRecord | None = getattr(request, "record", None)
        if record is not None:
            self.page = self._entry(key_of(record), record.content)
        elif not isinstance(request, MarkRequest):
            self.page = None
        elif self.page is not None and request.mark != "shielded":
            self.page = self.page.model_copy(update={request.mark: not request.lifted})
        elif self.page is not None:
            self.page = self.page.model_copy(update={"state": "published" if request.lifted else "shielded"})

    def _entry(self, key: DisclosureKey, content: str) -> Shown:
        return Shown(
            key=key,
            state="published",
            content=self.content or content,
            published_on=date(2026, 9, 15),
            url="http://p",
            **self.telling,
        )

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        return self.layout.fill(record).faults

    async def submit(self, request: EffectRequest) -> Submission:
        return self._take("submit", request)

    async def correct(self, request: EffectRequest) -> Submission:
        return self._take("correct", request)

    async def withdraw(self, request: EffectRequest) -> Submission:
        return self._take("withdraw", request)

    async def repair(self, request: EffectRequest) -> Submission:
        return self._take("repair", request)

    async def mark(self, request: EffectRequest) -> Submission:
        return self._take("mark", request)

    async def find(self, reference: str) -> Submission | None:
        return self.known.get(reference)

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        return None if self.hides else self.page


class Room:
    """Decisions and disclosures over a store, with two targets of one authority, and a copy of the first."""

    def __init__(self, store: Store, folder: Path, *capabilities: str, city: Target | None = None) -> None:
        self.store, self.clock = store, ManualClock(NOW)
        can = frozenset({"examine", "submit", "find", *capabilities})
        info = AdapterInfo("credit", "credit.creditchina", "v1", can, find=FindGuarantee(consistent=True))
        self.city, self.portal, self.copy = city or Target(), Target(LAYOUT), Target()
        made = {"city": self.city, "portal": self.portal, "copy": self.copy}
        channels = Channels(
            {
                name: Channel(name, target, info, info.find, "http://x", None)  # type: ignore[arg-type]
                for name, target in made.items()
            },
            {("A1", "disclosures"): ("city", "portal")},
        )
        base = foundation(store, folder, self.clock, channels)
        self.base = base
        self.events, self.delivery, self.evidence = base.events, base.delivery, base.evidence
        self.decisions = Decisions(base)
        self.corrections = Corrections(base, self.decisions)
        says = Publishing(due_soon_days=(3, 1), rounds=Rounds(copies={"city": ("copy",)}), appeals_at=("city",))
        self.disclosures = Disclosures(base, self.decisions, says)
        self.findings = self.disclosures.inspection.find
        self.organs = Organs(store)
        wire(base, Opened(actions=self.disclosures.actions()))
        for happened in ("amended", "changed", "revoked", "corrected", "appealed", "appeal_ended"):
            self.events.subscribe(f"decision.{happened}", self.disclosures.following.decision_moved)
        self.events.subscribe("disclosure.published", self.disclosures.following.published)
        self.events.subscribe("disclosure.withdrawn", self.disclosures.following.withdrawn)

    def under(self, folder: Path, text: str) -> None:
        """From now on the rules have these rows of the organ's own too."""
        (folder / "own.toml").write_text(text, encoding="utf-8")
        rules, made = load().with_files([folder / "own.toml"]), self.disclosures
        made._rules = made._effects._rules = made._planning._rules = made.repairs._rules = rules

    async def decide(self, **changes: Any) -> None:
        facts = DecisionFacts.model_validate(FACTS | changes, strict=False)
        await self.decisions.put("A1", NUMBER, facts, by="test")

    async def revoked(self, on: date, reason: str = "事实不清") -> str:
        """The decision is revoked; the event's id."""
        event = DecisionEvent(kind=EventKind.REVOKED, on=on, reason=reason)
        return (await self.decisions.record_event("A1", NUMBER, event, by="test")).recorded[-1].id

    async def put_right(self, event_id: str, on: date | None, reason: str = "事实不清") -> None:
        """The revocation was on another day, or never was (None)."""
        event = None if on is None else DecisionEvent(kind=EventKind.REVOKED, on=on, reason=reason)
        by = Person("opr_lin", "林溪", operator=True)
        await self.corrections.correct(At("A1", NUMBER, event_id), event, "笔误", by=by)

    async def publish(self, *targets: str) -> str:
        """Ask for publication at these targets, the city by default; the first id."""
        await self.decide()
        return (await self.disclosures.request("A1", NUMBER, targets=targets or ("city",)))[0]

    async def when(self, disclosure_id: str, holds: Callable[[Disclosure], bool], step: float = 0.1) -> Disclosure:
        """Wait until that holds; the clock moves by ``step`` seconds each time that we look.

        With 0 it stands still: nothing is asked about that is not due at once.
        """
        async with asyncio.timeout(60):
            while not holds(found := await self.disclosures.held(disclosure_id)):
                self.clock.advance(timedelta(seconds=step))
                self.delivery.wake()
                await asyncio.sleep(0.02)
        return found

    async def until(self, disclosure_id: str, *ends: Status) -> Disclosure:
        return await self.when(disclosure_id, lambda one: one.status in ends and one.effect is None)

    async def told(self, disclosure_id: str) -> list[str]:
        _, timeline = await self.disclosures.view(disclosure_id)
        return [one.type.removeprefix("disclosure.") for one in timeline]

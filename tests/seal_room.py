"""The seals room on a real store, with a seal service that is a script: what tests of the room share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from decision_facts import facts
from foundation import foundation

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.seal import ApplyRequest, Placement, SealInfo, SealJob
from gateway.rooms.decisions import DecisionEvent, Decisions
from gateway.rooms.seals import Report, SealAsk, SealedDocument, Seals, Trust, verify_document
from gateway.rooms.seals.issuers import Examiner
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.voidings import SealVoidings
from gateway.rooms.seals.words_in_pdf import find_words
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    ExchangeError,
    RejectedError,
)

NUMBER = "望综执罚决〔2026〕118号"
OWNER = "11990102MB0000011Q"
PLACE = Placement(page=1, x=120, y=60, width=42, height=42)


class Service:
    """A seal service that answers what it is told to; ``jobs`` are what it knows by our reference."""

    def __init__(self, forge: Any) -> None:
        self.forge = forge
        self.state: str | ExchangeError = "done"
        self.status = "active"
        self.owner = OWNER
        self.digest: bytes | None = None
        self.voiding: ExchangeError | None = None
        self.voids = 0
        self.jobs: dict[str, SealJob] = {}
        self.requests: list[ApplyRequest] = []

    async def seal_status(self, seal_id: str) -> SealInfo | None:
        if seal_id != self.forge.seal.seal_id:
            return None
        made = self.forge.issued
        return SealInfo(
            seal_id=seal_id,
            name=self.forge.seal.name,
            owner_code=self.owner,
            owner_name=self.forge.seal.name,
            status=self.status,
            eseal=made,
        )

    async def list_seals(self, owner_code: str) -> tuple[SealInfo, ...]:
        found = await self.seal_status(self.forge.seal.seal_id)
        return (found,) if found is not None and found.owner_code == owner_code else ()

    async def apply(self, request: ApplyRequest) -> SealJob:
        self.requests.append(request)
        if isinstance(self.state, ExchangeError):
            raise self.state
        return self.decide(request, self.state)

    def decide(self, request: ApplyRequest, state: str) -> SealJob:
        """What becomes of a job, now or later."""
        digest = self.digest or bytes.fromhex(request.digest)
        signature = self.forge.sign(digest, property_info=request.property_info) if state == "done" else None
        reason = "审批人不予同意" if state == "refused" else None
        job = SealJob(reference=request.reference, job_id="J1", state=state, signature=signature, reason=reason)
        self.jobs[request.reference] = job
        return job

    async def find(self, reference: str) -> SealJob | None:
        return self.jobs.get(reference)

    async def void(self, reference: str, reason: str) -> SealJob:
        if isinstance(self.voiding, RejectedError):
            raise self.voiding
        self.jobs[reference] = job = self.jobs[reference].model_copy(update={"state": "void", "reason": reason})
        self.voids += 1
        if self.voiding is not None:  # after the effect
            raise self.voiding
        return job


def in_process(content: bytes, trust: Trust, now: datetime, expected: Expected | None) -> Report:
    """Judges without a child process: starting one takes seconds on a busy machine."""
    return verify_document(content, trust, now, expected=expected)


class Room:
    """Seals over a store, with one channel to the script."""

    def __init__(self, store: Store, folder: Path, forge: Any, layers: Any = None) -> None:
        self.store, self.forge, self.clock = store, forge, ManualClock(forge.now)
        self.service = Service(forge)
        info = AdapterInfo(
            "seal", "seal.script", "v1", frozenset({"apply", "find"}), find=FindGuarantee(consistent=True)
        )
        channel = Channel("seal", self.service, info, info.find, "http://x", None)  # type: ignore[arg-type]
        channels = Channels({"seal": channel}, {("A1", "seals"): ("seal",)})
        base = foundation(store, folder, self.clock, channels)
        self.base = base
        self.events, self.delivery, self.evidence = base.events, base.delivery, base.evidence
        self.decisions = Decisions(base)
        self.trust = forge.trust
        self.seals = Seals(base, self.decisions, Examiner(self, in_process, find_words=find_words), layers=layers)
        self.voidings = SealVoidings(base)
        for action in (*self.seals.actions(), *self.voidings.actions()):
            self.delivery.register(action)
        base.resolutions.renews("seal.void", self.voidings.renewed)

    def rule(self, **rules: Any) -> None:
        """From now on with these settings."""
        made = SealRules.model_validate(rules)
        self.seals = Seals(self.base, self.decisions, Examiner(self, in_process), rules=made)

    def current(self) -> Trust:
        """Whom seals are believed now."""
        return self.trust

    def ask(self, **more: Any) -> SealAsk:
        known = {"authority": "A1", "seal_id": self.forge.seal.seal_id, "placements": (PLACE,)}
        return SealAsk(**{**known, "title": "行政处罚决定书", "approval": "法审〔2026〕9号", **more})

    async def seal(self, *, wait: float = 5.0, **more: Any) -> SealedDocument:
        document_id = await self.seals.seal_document(self.ask(**more), self.forge.document, wait=wait)
        return await self.seals.held(document_id)

    async def when(self, document_id: str, holds: Callable[[SealedDocument], bool]) -> SealedDocument:
        """Wait until that holds; the clock moves on each time that we look."""
        async with asyncio.timeout(30):
            while not holds(found := await self.seals.held(document_id)):
                self.clock.advance(timedelta(milliseconds=100))
                self.delivery.wake()
                await asyncio.sleep(0.02)
        return found

    async def told(self, document_id: str) -> list[str]:
        _, timeline = await self.seals.view(document_id)
        return [one.type.removeprefix("sealed_document.") for one in timeline]

    async def decide(self, *happened: DecisionEvent) -> None:
        await self.decisions.put("A1", NUMBER, facts(), by="t")
        for one in happened:
            await self.decisions.record_event("A1", NUMBER, one, by="t")

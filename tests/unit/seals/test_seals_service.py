"""The seals room on a real store: what becomes of each answer. The seal service is a script held in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation
from ofd_forge import OfdForge, letter_ofd

from gateway.foundation.access import Access
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.delivery import Operation
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.seal import ApplyRequest, Placement, SealInfo, SealJob, SealNotice
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions, EventKind
from gateway.rooms.seals import DocumentFilter, Report, SealAsk, SealedDocument, Seals, Status, Trust, verify_document
from gateway.rooms.seals.anchors import ByKeyword
from gateway.rooms.seals.issuers import Examiner
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.trust import Silence
from gateway.rooms.seals.words_in_pdf import find_words
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    ConflictProblem,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    OutcomeUnknownError,
    Problem,
    RejectedError,
)

NUMBER = "望综执罚决〔2026〕118号"
OWNER = "11990102MB0000011Q"
PLACE = Placement(page=1, x=120, y=60, width=42, height=42)
FACTS = {
    "procedure": "ordinary",
    "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
    "violation": "占用公共场所",
    "facts": "占道经营",
    "basis": "条例第十条",
    "penalty_kinds": ["罚款"],
    "content": "罚款500元",
    "fine": "500.00",
    "decided_on": "2026-09-14",
}


class Service:
    """A seal service that answers what it is told to; ``jobs`` are what it knows by our reference."""

    def __init__(self, forge: Any) -> None:
        self.forge = forge
        self.state: str | ExchangeError = "done"
        self.status = "active"
        self.owner = OWNER
        self.digest: bytes | None = None
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


def in_process(content: bytes, trust: Trust, now: datetime, expected: Expected | None) -> Report:
    """Judges without a child process: starting one takes seconds on a busy machine."""
    return verify_document(content, trust, now, expected=expected)


class Room:
    """Seals over a store, with one channel to the script."""

    def __init__(self, store: Store, folder: Path, forge: Any) -> None:
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
        self.seals = Seals(base, self.decisions, Examiner(self, in_process, find_words=find_words))
        for action in self.seals.actions():
            self.delivery.register(action)

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
        async with asyncio.timeout(10):
            while not holds(found := await self.seals.held(document_id)):
                self.clock.advance(timedelta(milliseconds=100))
                self.delivery.wake()
                await asyncio.sleep(0.02)
        return found

    async def told(self, document_id: str) -> list[str]:
        _, timeline = await self.seals.view(document_id)
        return [one.type.removeprefix("sealed_document.") for one in timeline]

    async def decide(self, *happened: DecisionEvent) -> None:
        await self.decisions.put("A1", NUMBER, DecisionFacts.model_validate(FACTS, strict=False), by="t")
        for one in happened:
            await self.decisions.record_event("A1", NUMBER, one, by="t")


@pytest.fixture
async def room(sqlite_store: Store, tmp_path: Path, forge: Any) -> AsyncIterator[Room]:
    made = Room(sqlite_store, tmp_path, forge)
    await Access(sqlite_store, made.clock).create_authority("A1", "望川区综合行政执法局", OWNER)
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()


async def test_a_file_is_made_ready_by_who_is_given_for_it(room, forge):
    """In the gateway that is the child process; what it refuses is refused, and nobody is asked."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise InvalidProblem("takes too much", field="document", type="document-not-sealable")

    room.seals = Seals(room.base, room.decisions, Examiner(room, in_process, make_ready=refuse))
    with pytest.raises(InvalidProblem, match="takes too much"):
        await room.seals.seal_document(room.ask(), forge.document)
    assert not room.service.requests


async def test_a_document_is_sealed_once_our_own_checks_have_passed(room: Room) -> None:
    found = await room.seal()
    assert (found.status, found.placements, found.in_doubt_since_at) == (Status.SEALED, (PLACE,), None)
    assert found.report is not None
    assert found.report.valid
    assert await room.told(found.id) == ["requested", "sealed"]
    file = await room.seals.file(found.id)
    assert (await room.seals.verify_document(file)).valid
    assert room.service.requests[0].digest == found.digest.hex()


async def test_what_we_had_sealed_waits_for_an_issuer_that_does_not_answer(room: Room, forge: Any) -> None:
    room.trust = replace(forge.trust, silent=(Silence(forge.seal.certificate, "no answer"),))
    begun = await room.seal(wait=0.3)
    assert begun.status is Status.REQUESTED
    room.trust = forge.trust
    found = await room.when(begun.id, lambda document: document.status is not Status.REQUESTED)
    assert found.status is Status.SEALED


async def test_a_seal_is_placed_by_words_and_read_back_there(room: Room) -> None:
    found = await room.seal(placements=(ByKeyword(keyword="2026年9月16日"),))
    assert found.status is Status.SEALED
    (placement,) = found.placements
    assert room.service.requests[0].placements == (placement,)
    assert found.report is not None
    assert found.report.seal is not None
    (drawn,) = found.report.seal.drawn
    assert (drawn.page, drawn.x, drawn.y) == pytest.approx((placement.page, placement.x, placement.y), abs=0.5)
    with pytest.raises(InvalidProblem, match="does not stand"):
        await room.seal(placements=(ByKeyword(keyword="市场监督管理局"),))


async def test_an_ofd_is_sealed_as_a_pdf_is_and_not_beside_a_seal_that_is_not_valid(room: Room) -> None:
    others = OfdForge()
    document = others.seal_ofd(letter_ofd(), PLACE.model_copy(update={"x": 20}))
    with pytest.raises(InvalidProblem, match="not valid"):  # a stranger's is not trusted
        await room.seals.seal_document(room.ask(), document)
    assert room.service.requests == []

    sealed = await room.seals.held(await room.seals.seal_document(room.ask(), letter_ofd()))
    assert room.service.requests[0].property_info == "/Doc_0/Signs/Sign_0/Signature.xml"
    assert (sealed.status, sealed.reason) == (Status.SEALED, None)
    file = await room.seals.file(sealed.id)
    report = await room.seals.verify_document(file)
    assert (report.format, report.valid) == ("ofd", True)
    assert await room.seals.file(sealed.id) == file


async def test_a_signature_over_something_else_is_refused_with_the_report_kept(room: Room, failed: Any) -> None:
    room.service.digest = b"\x01" * 32
    found = await room.seal()
    assert found.status is Status.REFUSED
    assert found.reason
    assert found.report is not None
    assert "document_digest" in failed(found.report)
    with pytest.raises(ConflictProblem) as told:
        await room.seals.file(found.id)
    assert told.value.type == "document-not-sealed"


@pytest.mark.parametrize(
    ("state", "reason"),
    [("refused", "审批人不予同意"), ("void", "the job is void"), (RejectedError("印章已停用", "S9"), "印章已停用")],
)
async def test_what_the_service_refuses_ends_with_its_words(
    room: Room, state: str | ExchangeError, reason: str
) -> None:
    room.service.state = state
    found = await room.seal()
    assert (found.status, found.reason) == (Status.REFUSED, reason)
    assert await room.told(found.id) == ["requested", "refused"]


async def test_a_job_that_is_decided_later_is_asked_about_when_the_service_hints(room: Room) -> None:
    room.service.state = "pending"
    found = await room.seal(wait=0.2)
    assert (found.status, found.job_id) == (Status.REQUESTED, "J1")
    room.service.decide(room.service.requests[0], "done")
    notice = SealNotice(reference=found.reference)
    async with asyncio.timeout(10):
        # the clock stands still, so that without a hint it would never be asked about again
        while (found := await room.seals.held(found.id)).status is Status.REQUESTED:
            await room.store.write(lambda conn: room.seals.take_notice(conn, "seal", notice, "exc"))
            room.delivery.wake()
            await asyncio.sleep(0.02)
    assert found.status is Status.SEALED


async def test_a_hint_about_nothing_of_ours_changes_nothing(room: Room) -> None:
    found = await room.seal()
    for reference in ("unknown", found.reference):
        notice = SealNotice(reference=reference)
        await room.store.write(lambda conn, notice=notice: room.seals.take_notice(conn, "seal", notice, "exc"))
    assert await room.seals.held(found.id) == found


async def test_a_job_refused_after_it_was_accepted(room: Room) -> None:
    room.service.state = "pending"
    found = await room.seal(wait=0.2)
    room.service.decide(room.service.requests[0], "refused")
    found = await room.when(found.id, lambda one: one.status is not Status.REQUESTED)
    assert (found.status, found.reason) == (Status.REFUSED, "审批人不予同意")


async def test_doubt_has_a_date_and_ends_with_the_answer(room: Room) -> None:
    room.service.state = OutcomeUnknownError("read timeout")
    found = await room.seal(wait=0.2)
    assert (found.status, found.doubt_reason) == (Status.REQUESTED, "read timeout")
    assert found.in_doubt_since_at is not None
    room.service.decide(room.service.requests[0], "done")
    found = await room.when(found.id, lambda one: one.status is Status.SEALED)
    assert (found.in_doubt_since_at, found.doubt_reason) == (None, None)
    assert await room.told(found.id) == ["requested", "in_doubt", "sealed"]
    assert len(room.service.requests) == 1


async def test_one_file_is_sealed_with_one_seal_once_and_again_only_after_a_refusal(room: Room) -> None:
    room.service.state = "refused"
    refused = await room.seal()
    room.service.state = "done"
    first = await room.seal()
    with pytest.raises(ConflictProblem) as told:
        await room.seal()
    assert (told.value.type, told.value.extra["document"]) == ("sealed-document-exists", first.id)
    wanted = DocumentFilter(authorities=("A1",))
    assert [one.id for one in await room.seals.find(wanted)] == [first.id, refused.id]
    assert await room.seals.find(DocumentFilter(authorities=("A1",), status=Status.REFUSED)) == [refused]
    assert await room.seals.find(DocumentFilter(authorities=("A1",), before=first.id)) == [refused]
    assert await room.seals.find(DocumentFilter(authorities=("A2",))) == []


@pytest.mark.parametrize("asked_again", [True, False])
async def test_what_is_asked_for_again_is_not_sealed_for_a_decision_revoked_meanwhile(
    room: Room, asked_again: bool
) -> None:
    await room.decide()
    room.service.state = OutcomeUnknownError("read timeout")
    found = await room.seal(wait=0.2, decision_number=NUMBER)
    if not asked_again:
        await room.decide(DecisionEvent(kind=EventKind.REVOKED, on=date(2026, 9, 15), reason="事实不清"))

    def renew(conn: Any) -> Operation:
        request = room.service.requests[0].model_copy(update={"reference": "again"})
        new = room.delivery.enqueue(
            conn, action="seal.apply", channel="seal", authority="A1", subject=found.id, request=request
        )
        room.seals.renewed(conn, new, request, new)
        return new

    new = await room.store.write(renew)
    again = await room.seals.held(found.id)
    assert (again.reference, again.operation) == ("again", new.id)
    assert again.status is (Status.REQUESTED if asked_again else Status.REFUSED)


async def test_a_seal_that_may_not_seal_such_a_document_is_never_asked_for(room: Room) -> None:
    await room.decide()
    seal_id = room.forge.seal.seal_id
    room.rule(uses={seal_id: {"kind": "business"}})
    with pytest.raises(InvalidProblem) as told:
        await room.seal(decision_number=NUMBER)
    assert told.value.type == "seal-not-for-document"
    assert room.service.requests == []
    room.rule(uses={seal_id: {"kind": "organ"}})
    await room.seals.seal_document(room.ask(decision_number=NUMBER), room.forge.document, wait=0)
    assert len(await room.seals.find(DocumentFilter(authorities=("A1",)))) == 1


async def test_which_asks_are_refused_before_anything_is_kept(room: Room) -> None:
    async def refused(status: int, kind: str, **more: Any) -> None:
        with pytest.raises(Problem) as told:
            await room.seal(**more)
        assert (told.value.status, told.value.type) == (status, kind)

    await refused(422, "unknown-seal", seal_id="other")
    await refused(409, "no-channel", authority="A2")
    await refused(404, "not-found", decision_number="unknown")
    await refused(422, "invalid-value", title="两\n行")
    room.service.status = "suspended"
    await refused(409, "seal-not-usable")
    room.service.status, room.service.owner = "active", "another"
    await refused(422, "unknown-seal")
    assert await room.seals.find(DocumentFilter(authorities=("A1",))) == []
    assert await room.seals.list_seals("A1") == ()
    with pytest.raises(InvalidProblem):
        await room.seals.seal_document(room.ask(), b"")
    with pytest.raises(NotFoundProblem):
        await room.seals.view("sdc_unknown")

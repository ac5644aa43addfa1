"""The seals room on a real store: what becomes of each answer. The seal service is a script held in the test."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from ofd_forge import OfdForge, letter_ofd
from seal_room import NUMBER, PLACE, Room, in_process

from gateway.foundation.delivery import Operation
from gateway.ports.seal import SealNotice
from gateway.rooms.decisions import DecisionEvent, EventKind
from gateway.rooms.seals import DocumentFilter, Seals, Status
from gateway.rooms.seals.anchors import ByKeyword
from gateway.rooms.seals.issuers import Examiner
from gateway.rooms.seals.trust import Silence
from gateway.words.errors import (
    ConflictProblem,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    OutcomeUnknownError,
    Problem,
    RejectedError,
)


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
    async with asyncio.timeout(60):
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
    found = await room.when(found.id, lambda one: one.in_doubt_since_at is not None)
    assert (found.status, found.doubt_reason) == (Status.REQUESTED, "read timeout")
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

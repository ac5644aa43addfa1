"""A sealing is voided by the word of two people: the service is told, a verification says so, a record is signed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from seal_room import Room

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.foundation.two_persons import Person
from gateway.rooms.seals import SealedDocument, Status, Verdict
from gateway.rooms.seals.states import VoidingStatus
from gateway.rooms.seals.voidings import Voiding
from gateway.words.errors import (
    ConflictProblem,
    InvalidProblem,
    NotFoundProblem,
    OutcomeUnknownError,
    Problem,
    RejectedError,
)

ONE = Person("opr_1", "甲", operator=True)
OTHER = Person("opr_2", "乙", operator=True)
KEY = Person("cli_1", "办案系统", operator=False, officer="李四 110101")
WHY = "文书内容有误，重新制作"


async def propose(room: Room, document: SealedDocument, by: Person = ONE) -> str:
    """Ask for it to be voided; what a second person sees."""
    await room.voidings.propose(document.id, WHY, by=by)
    seen = (await room.voidings.of(document.id)).seen
    assert seen is not None
    return seen


async def voided(room: Room, document: SealedDocument) -> Voiding:
    """Void it by two people."""
    await room.voidings.confirm(document.id, by=OTHER, seen=await propose(room, document))
    return (await room.voidings.of(document.id)).voiding


async def test_a_sealing_is_voided_by_two_people_and_the_record_of_it_is_signed(room: Room) -> None:
    document = await room.seal()
    file = await room.seals.file(document.id)
    found = await voided(room, document)
    assert (found.status, found.proposed_name, found.confirmed_name) == (VoidingStatus.VOIDED, "甲", "乙")
    assert (await room.seals.held(document.id)).status is Status.VOIDED
    assert room.service.jobs[document.reference].state == "void"
    assert await room.told(document.id) == [
        "requested",
        "sealed",
        "seal_voiding.proposed",
        "seal_voiding.confirmed",
        "seal_voiding.voided",
        "voided",
    ]

    signed = room.voidings.signed(found)
    body = json.dumps(signed["record"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert sm3(body).hex() == signed["digest"]
    public, signature = bytes.fromhex(signed["public_key"]), bytes.fromhex(signed["signature"])
    assert default_provider().verify(public, body, signature)
    assert not default_provider().verify(public, body.replace("乙".encode(), "丙".encode()), signature)
    assert (signed["record"]["why"], signed["record"]["document_digest"]) == (WHY, document.digest.hex())

    with pytest.raises(ConflictProblem, match="VOIDED"):
        await room.seals.file(document.id)
    assert await room.seals.file(document.id, even_void=True) == file


async def test_a_file_in_circulation_is_not_valid_once_its_sealing_is_void(room: Room) -> None:
    document = await room.seal()
    file = await room.seals.file(document.id)
    assert (await room.seals.verify_document(file)).verdict is Verdict.VALID
    found = await voided(room, document)
    report = await room.seals.verify_document(file)
    assert report.verdict is Verdict.INVALID
    assert WHY in report.reason
    (check,) = [one for one in report.every_check if one.name == "not_void"]
    assert check.source == found.id


async def test_a_file_may_be_sealed_anew_once_its_sealing_is_void(room: Room) -> None:
    document = await room.seal()
    with pytest.raises(ConflictProblem) as told:
        await room.seal()
    assert told.value.type == "sealed-document-exists"
    await voided(room, document)
    room.clock.advance(timedelta(minutes=1))
    assert (await room.seal()).status is Status.SEALED


async def test_one_person_alone_voids_nothing(room: Room) -> None:
    document = await room.seal()
    seen = await propose(room, document)
    for person in (ONE, KEY):
        with pytest.raises(Problem):
            await room.voidings.confirm(document.id, by=person, seen=seen)
    assert (await room.voidings.of(document.id)).voiding.status is VoidingStatus.PROPOSED
    assert room.service.voids == 0
    with pytest.raises(ConflictProblem) as told:
        await room.voidings.propose(document.id, "again", by=OTHER)
    assert told.value.type == "voiding-exists"


async def test_a_case_system_names_the_officer_for_whom_it_asks(room: Room) -> None:
    document = await room.seal()
    with pytest.raises(InvalidProblem, match="which officer"):
        await room.voidings.propose(document.id, WHY, by=Person("cli_1", "办案系统", operator=False))
    await room.voidings.confirm(document.id, by=OTHER, seen=await propose(room, document, by=KEY))
    found = (await room.voidings.of(document.id)).voiding
    assert (found.status, found.officer) == (VoidingStatus.VOIDED, KEY.officer)


async def test_what_was_taken_back_can_be_asked_for_again(room: Room) -> None:
    document = await room.seal()
    seen = await propose(room, document)
    await room.voidings.withdraw(document.id, "不必", by=ONE)
    with pytest.raises(NotFoundProblem):
        await room.voidings.confirm(document.id, by=OTHER, seen=seen)
    assert (await room.seals.held(document.id)).status is Status.SEALED
    assert (await voided(room, document)).status is VoidingStatus.VOIDED
    with pytest.raises(NotFoundProblem):
        await room.voidings.withdraw(document.id, "太迟", by=ONE)


async def test_only_what_is_sealed_is_voided(room: Room) -> None:
    room.service.state = "refused"
    document = await room.seal()
    with pytest.raises(ConflictProblem, match="only a sealed one"):
        await room.voidings.propose(document.id, WHY, by=ONE)
    with pytest.raises(NotFoundProblem):
        await room.voidings.propose("sdc_none", WHY, by=ONE)


async def test_a_no_of_the_service_leaves_the_sealing_as_it_was(room: Room) -> None:
    document = await room.seal()
    room.service.voiding = RejectedError("超过作废期限", "S7")
    found = await voided(room, document)
    assert (found.status, found.reason) == (VoidingStatus.REFUSED, "超过作废期限")
    assert (await room.seals.held(document.id)).status is Status.SEALED
    with pytest.raises(ConflictProblem) as told:
        room.voidings.signed(found)
    assert told.value.type == "not-voided"
    room.service.voiding = None
    assert (await voided(room, document)).status is VoidingStatus.VOIDED


async def test_a_service_that_falls_silent_after_it_voided_is_asked_and_not_told_twice(room: Room) -> None:
    document = await room.seal()
    room.service.voiding = OutcomeUnknownError("silence")
    seen = await propose(room, document)
    await room.voidings.confirm(document.id, by=OTHER, seen=seen, wait=0.1)
    await room.when(document.id, lambda one: one.status is Status.VOIDED)
    found = (await room.voidings.of(document.id)).voiding
    assert (found.status, found.in_doubt_since_at, room.service.voids) == (VoidingStatus.VOIDED, None, 1)

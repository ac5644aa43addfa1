"""Documents that get a layer for ordinary readers behind their seal: what becomes of them in the room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys, x509
from ofd_forge import letter_ofd
from pyhanko.sign import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore
from seal_room import OWNER, Room

from gateway.foundation.access import Access
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.store import Store
from gateway.rooms.seals import Status
from gateway.rooms.seals.pdf import embed, make_room
from gateway.words.errors import ConflictProblem, OutcomeUnknownError
from simulators.seal import stamps


class Stub:
    """A layer that is made once time stamps are to be had. ``appended``: it is this instead of a right one."""

    def __init__(self, now: datetime) -> None:
        self.now, self.appended, self.asked = now, b"", 0
        self.error: Exception | None = OutcomeUnknownError("the stamps are silent")

    def wanted(self, authority: str) -> bool:
        return authority == "A1"

    async def over(self, content: bytes, authority: str) -> bytes:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.appended or await self.make(content)

    async def make(self, content: bytes) -> bytes:
        """A right revision with the signature of somebody whom nobody trusts."""
        made = make_room(content, at=self.now, reserve=8 << 10)
        signed = await somebody().async_sign(made.digest, "sha256", use_pades=True)
        return embed(made.content, made.start, made.end, signed.dump())[len(content) :]


def somebody() -> SimpleSigner:
    authority, key = stamps.P256Authority.found("某根"), stamps.P256Key.generate()
    certificate = x509.Certificate.load(authority.issue("某人", key))
    return SimpleSigner(certificate, keys.PrivateKeyInfo.load(key.dump()), SimpleCertificateStore())


@pytest.fixture
async def layered(one_store: Store, tmp_path: Path, forge: Any) -> AsyncIterator[tuple[Room, Stub]]:
    stub = Stub(forge.now)
    made = Room(one_store, tmp_path, forge, stub)
    await Access(one_store, made.clock).create_authority("A1", "望川区综合行政执法局", OWNER)
    await made.delivery.start()
    yield made, stub
    await made.delivery.stop()
    await made.evidence.close()


async def test_a_document_with_a_layer_is_sealed_once_its_time_stamp_came(layered: tuple[Room, Stub]) -> None:
    room, stub = layered
    waiting = await room.when((await room.seal()).id, lambda _: stub.asked > 0)
    assert waiting.status is Status.REQUESTED
    stub.error = None
    found = await room.when(waiting.id, lambda one: one.status is not Status.REQUESTED)
    assert found.status is Status.SEALED, found.reason
    assert found.report is not None
    assert [one.kind for one in found.report.seals] == ["ses-4", "pades"]
    assert found.sealed_at is not None
    file = await room.seals.file(found.id)
    assert sm3(file).hex() == found.report.digest  # what is given out is what was judged, layer and all
    _, timeline = await room.seals.view(found.id)
    assert timeline[-1].data["signer"] == room.forge.seal.name
    assert "place" in {one.name for one in found.report.seals[0].checks}  # what we asked for is held against the seal


async def test_a_layer_that_breaks_the_seal_is_never_given_out(layered: tuple[Room, Stub]) -> None:
    room, stub = layered
    stub.error, stub.appended = None, b"\n% more\n%%EOF\n"
    found = await room.when((await room.seal()).id, lambda _: stub.asked > 1)
    assert found.status is Status.REQUESTED
    with pytest.raises(ConflictProblem):
        await room.seals.file(found.id)


async def test_an_ofd_gets_no_layer(layered: tuple[Room, Stub]) -> None:
    room, stub = layered
    document_id = await room.seals.seal_document(room.ask(), letter_ofd())
    found = await room.when(document_id, lambda one: one.status is not Status.REQUESTED)
    assert (found.status, stub.asked) == (Status.SEALED, 0)

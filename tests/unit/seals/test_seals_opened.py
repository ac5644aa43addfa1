"""The room as it is opened: files of strangers are handled in the child, whatever is done with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from seal_room import OWNER, Room

from gateway.foundation.access import Access
from gateway.foundation.rooms import Services
from gateway.foundation.store import Store
from gateway.rooms.seals import Seals, assembly
from gateway.rooms.timestamps import TimeStamps
from gateway.words.errors import InvalidProblem


class Child(Exception):
    """A file was handed to the child, for this."""


class Watched:
    """Stands in for the warden, and says what it is asked for."""

    def __getattr__(self, name: str) -> Any:
        def handed(*_: object, **__: object) -> NoReturn:
            raise Child(name)

        return handed


@pytest.fixture
async def seals(one_store: Store, tmp_path: Path, forge: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The room that ``open_room`` opens, and how to ask it for a seal."""
    monkeypatch.setattr(assembly, "Warden", Watched)
    room = Room(one_store, tmp_path, forge)
    await Access(one_store, room.clock).create_authority("A1", "望川区综合行政执法局", OWNER)
    services = Services()
    services.add(room.decisions)
    services.add(TimeStamps(room.base.channels))
    opened = next(one for one in assembly.open_room(room.base, services).services if isinstance(one, Seals))
    yield opened, room
    await room.evidence.close()


async def test_a_file_is_made_ready_for_a_seal_in_the_child(seals: tuple[Seals, Room]) -> None:
    opened, room = seals
    with pytest.raises(Child, match="make_ready"):
        await opened.seal_document(room.ask(), room.forge.document)


async def test_a_file_is_judged_in_the_child(seals: tuple[Seals, Room]) -> None:
    opened, room = seals
    with pytest.raises(Child, match="verify"):
        await opened.verify_document(room.forge.document)
    with pytest.raises(InvalidProblem):  # what needs no child: neither a PDF nor an OFD
        await opened.verify_document(b"words")


async def test_words_are_looked_for_in_the_child(seals: tuple[Seals, Room]) -> None:
    opened, room = seals
    with pytest.raises(Child, match="find_words"):
        await opened.seal_document(room.ask(placements=({"keyword": "行政"},)), room.forge.document)

"""Each room contributes its part to the decision's one view, and the view knows no room by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from decision_facts import facts
from foundation import foundation
from sqlalchemy import Connection

from gateway.foundation.http.views import View
from gateway.foundation.store import Store
from gateway.rooms.decisions import Decision, Decisions
from gateway.rooms.decisions.duties import Mark
from gateway.rooms.decisions.parts import Contribution, Part, in_order, installed
from gateway.words.clock import ManualClock
from gateway.words.errors import SettingsError


class Note(View):
    """What a room of the test's own shows."""

    text: str


def notes(conn: Connection, decision: Decision) -> Contribution:
    return Contribution([Note(text=decision.number)], frozenset({Mark.BILLED}))


PART = Part("notes", Note, notes)


def test_the_built_in_parts_stand_in_the_order_in_which_they_always_stood() -> None:
    names = [part.name for part in installed()]
    assert names[:3] == ["payments", "disclosures", "sealed_documents"]


def test_a_new_part_stands_behind_them_and_no_name_is_taken_twice() -> None:
    assert [part.name for part in in_order([PART, *installed()])][-1] == "notes"
    with pytest.raises(SettingsError, match="notes"):
        in_order([PART, replace(PART, rank=1)])


async def test_an_overview_holds_every_part_and_the_duty_that_follows(one_store: Store, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 9, 16, 2, 0, tzinfo=UTC))
    decisions = Decisions(foundation(one_store, tmp_path, clock))
    decision, _ = await decisions.put("A1", "1号", facts(), by="test")
    bare = await decisions.overview(decision, ())
    assert (bare.due, bare.parts, str(bare.next_duty)) == (None, {}, "request a payment code")
    shown = await decisions.overview(decision, (PART,))
    assert shown.parts == {"notes": [Note(text="1号")]}
    assert str(shown.next_duty) == "have the decision document sealed"

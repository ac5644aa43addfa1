"""Opens the room of retention: every room's terms, the installation's own days, the archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from gateway.foundation import rooms
from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.foundation.terms import Matter, Term
from gateway.rooms.retention.archive import Archive
from gateway.rooms.retention.service import Retention
from gateway.settings import Block, FileOfRoom, Settings
from gateway.words.errors import SettingsError
from gateway.words.saying import UnfitError, say


class RetentionSettings(Block):
    """``[rooms.retention]``: where the archive is, and the organ's own approved schedule 档案保管期限表.

    ``days``: other days for a kind of row than its term's own, by its name in ``gateway retention plan``;
    ``schedule``: by which approved schedule, its name and date. One is not given without the other.
    """

    folder: Annotated[FileOfRoom, Field(validate_default=True)] = Path("archive")
    days: Mapping[str, Annotated[int, Field(ge=30)]] = Field(default_factory=dict)
    schedule: str | None = None

    @model_validator(mode="after")
    def _days_by_a_schedule(self) -> RetentionSettings:
        if bool(self.days) != (self.schedule is not None):
            raise UnfitError(say("retention.schedule"))
        return self


def terms_of(settings: Settings) -> list[Term]:
    """Every room's terms, with the days of the installation. SettingsError for a kind that has no days to change."""
    block = settings.of_room("retention", RetentionSettings)
    terms = [term for room in rooms.found() if room.keeping for term in room.place(room.keeping).TERMS]
    ageing = {term.what for term in terms if term.days is not None}
    if unknown := sorted(block.days.keys() - ageing):
        raise SettingsError(f"rooms.retention.days.{unknown[0]}", say("retention.no_kind", known=sorted(ageing)))
    return [_with_days(term, block) for term in terms]


def matters() -> Sequence[Matter]:
    """Every room's kinds of open matters."""
    return [one for room in rooms.found() if room.keeping for one in getattr(room.place(room.keeping), "MATTERS", ())]


def _with_days(term: Term, block: RetentionSettings) -> Term:
    if term.what not in block.days:
        return term
    return replace(term, days=block.days[term.what], why=say("retention.why_schedule", schedule=block.schedule))


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """What has aged is archived each night, before the day's statements come."""
    folder = base.settings.of_room("retention", RetentionSettings).folder
    archive = Archive(folder, base.keys)
    retention = Retention(base.store, archive, base.clock, terms_of(base.settings), matters())
    return Opened(services=(retention,), comes_round=(Duty("retention", "25 3 * * *", retention.nightly),))

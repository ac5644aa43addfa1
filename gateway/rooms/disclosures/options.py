"""What an installation says of publishing: the block ``[rooms.disclosures]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.rooms.disclosures.judging import AS_WRITTEN, BecameMinor, Reading
from gateway.rooms.disclosures.rules import Older, Rules, load
from gateway.settings import FileOfRoom
from gateway.words.errors import SettingsError
from gateway.words.saying import said_of, say


@dataclass(frozen=True)
class Rounds:
    """How often it is looked: every so many days while it is public, and for so many days after it no longer is.

    ``grace_days``: how long a target has to end a publication by itself. ``copies``: channels that show what a target
    shows, by the target's name; they are read, never written to.
    """

    every_days: int = 7
    after_days: int = 30
    grace_days: int = 1
    copies: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Publishing:
    """How it is published here; ``rules``: those that come with the gateway, where none are named.

    ``due_soon_days``: how many working days before a last day it is told of. ``full_text``: when one may leave.
    ``reading``: how the rules are read. ``a_day``: how many records a target takes in a day, by its channel.
    ``rounds``: how often it is looked. ``appeals_at``: as for ``Marks``.
    """

    rules: Rules | None = None
    due_soon_days: Sequence[int] = ()
    full_text: Literal["confirmed", "redacted"] = "confirmed"
    reading: Reading = AS_WRITTEN
    a_day: Mapping[str, int] = field(default_factory=dict)
    rounds: Rounds = field(default_factory=Rounds)
    appeals_at: Sequence[str] = ()


class DisclosureOptions(BaseModel):
    """``due_soon_days``: how many working days before a last day, to publish or to withdraw, it is told of.

    ``full_text``: a decision's full text leaves once a person has ``confirmed`` what is hidden in it, or ``redacted``
    by the rules alone.
    ``rules``: files with an organ's own rows, which win over those that come with the gateway. ``older_decisions``:
    under which order decisions from before it are: that of their day (``own``), the ``milder`` of the two, or the
    ``newest`` for all. ``confirmed_basis_only``: a basis of publication that is still to be confirmed is none.
    ``became_minor``: what is public and turns out to be minor, without a recorded reason to show it: ``withdraw`` it,
    or ``shorten`` its period to that of minor ones.
    ``appeals_shown_at``: the channels at which it is shown that a decision is under appeal 复议诉讼标注.
    ``records_a_day``: how many records a target takes in a day, by its channel: what cannot be kept is told before.
    ``look_every_days``: how often what is public is looked at; ``look_after_days``: for how long what is not any more.
    ``end_grace_days``: how long a target has to end a publication by itself, before it is told to. ``copies``: channels
    that show again what a target shows, by the target's name; they are read, and never written to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    due_soon_days: Annotated[tuple[Annotated[int, Field(ge=1, le=60)], ...], Field(max_length=10)] = (3, 1)
    full_text: Literal["confirmed", "redacted"] = "confirmed"
    rules: Annotated[tuple[FileOfRoom, ...], Field(max_length=20)] = ()
    older_decisions: Older = "own"
    confirmed_basis_only: bool = False
    became_minor: BecameMinor = "withdraw"
    appeals_shown_at: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    records_a_day: Mapping[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    @property
    def reading(self) -> Reading:
        """How the rules are read here."""
        return Reading(self.older_decisions, self.confirmed_basis_only, self.became_minor)

    def read(self) -> Rules:
        """The rules that hold here. Raises SettingsError naming file and place."""
        try:
            return load().with_files(self.rules)
        except (OSError, ValueError) as error:
            raise SettingsError("rooms.disclosures.rules", said_of(error), say("settings.correct")) from error

    look_every_days: Annotated[int, Field(ge=1, le=366)] = 7
    look_after_days: Annotated[int, Field(ge=1, le=3660)] = 30
    end_grace_days: Annotated[int, Field(ge=0, le=366)] = 1
    copies: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def publishing(self) -> Publishing:
        """All of it, the rules read. Raises SettingsError as ``read`` does."""
        return Publishing(
            rules=self.read(),
            due_soon_days=self.due_soon_days,
            full_text=self.full_text,
            reading=self.reading,
            a_day=self.records_a_day,
            rounds=Rounds(self.look_every_days, self.look_after_days, self.end_grace_days, self.copies),
            appeals_at=self.appeals_shown_at,
        )

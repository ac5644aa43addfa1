"""The law as data: dated rules with their citations, read from ``rules/*.toml`` and checked when read.

Nothing about days, periods or exclusions stands in code: a new order is a new table in a file, with the day from which
it holds. ``confirm`` marks what must be confirmed with the platform before it is relied upon.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.rooms.decisions import DecisionFacts, Party, PartyKind
from gateway.words.law import Dated, in_force, read_toml
from gateway.words.saying import Sentence, say

Seriousness = Literal["minor", "general", "serious"]
DIRECTORY = Path(__file__).parent / "rules"


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Exclusion(Dated):
    """What must not be published from a day on: every fact named by ``when`` holds."""

    when: Mapping[str, str | bool]
    reason: str
    citation: str

    @model_validator(mode="after")
    def _known_facts(self) -> Self:
        known = {*DecisionFacts.model_fields, "minor"}
        if unknown := set(self.when) - known:
            raise ValueError(f"a decision has no {', '.join(sorted(unknown))}")
        return self

    def holds(self, facts: DecisionFacts, today: date) -> bool:
        """Whether it forbids publishing these facts today."""
        return today >= self.since and all(getattr(facts, name) == value for name, value in self.when.items())


class Withdrawal(Dated):
    """How many working days there are to take a publication back."""

    working_days: Annotated[int, Field(ge=1)]
    citation: str


class Period(_Rule):
    """Months. ``published`` False: in principle not shown."""

    published: bool
    minimum: Annotated[int, Field(ge=0)]
    maximum: Annotated[int, Field(ge=1)]


class Regime(Dated):
    """One order on publication periods, and the days of decision that fall under it."""

    name: str
    until: date | None = None
    citation: str
    unclassified: Seriousness
    sectors: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    minor: Period
    general: Period
    serious: Period

    def covers(self, decided_on: date) -> bool:
        """Whether a decision of this day falls under it."""
        return self.since <= decided_on and (self.until is None or decided_on <= self.until)

    def period(self, seriousness: Seriousness) -> Period:
        """The period of a class."""
        return {"minor": self.minor, "general": self.general, "serious": self.serious}[seriousness]


class Need(_Rule):
    """A fact without which a target refuses a decision: ``field``, by its name in our API.

    It is asked for where all of these hold: ``party``, kinds of party; ``penalty``, kinds of penalty of which one was
    imposed; ``without``, another fact that is not there. ``longest`` characters are taken, and with ``pattern`` nothing
    else; with ``present = false`` a fact may be absent, but must fit if it is there. ``id_type``: only with this kind
    of document.
    """

    field: str
    says: str
    party: tuple[PartyKind, ...] = ()
    penalty: tuple[str, ...] = ()
    without: str | None = None
    id_type: str | None = None
    present: bool = True
    longest: Annotated[int, Field(ge=1)] | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _known_facts(self) -> Self:
        for name in filter(None, (self.field, self.without)):
            model = Party if name.startswith("party.") else DecisionFacts
            if name.removeprefix("party.") not in model.model_fields:
                raise ValueError(f"a decision has no {name}")
        return self

    def unmet(self, facts: DecisionFacts) -> Sentence | None:
        """What is wanting; None where the target gets what it asks for."""
        if not self._concerns(facts):
            return None
        told = _fact(facts, self.field)
        if told is None:
            return say("disclosures.lacks", field=self.field, says=self.says) if self.present else None
        for one in told if isinstance(told, tuple) else (told,):
            if self.longest is not None and len(str(one)) > self.longest:
                return say("disclosures.too_long", field=self.field, says=self.says, longest=self.longest)
            if self.pattern is not None and not re.fullmatch(self.pattern, str(one)):
                return say("disclosures.other_form", field=self.field, says=self.says)
        return None

    def _concerns(self, facts: DecisionFacts) -> bool:
        party = facts.party
        return (
            (not self.party or party.kind in self.party)
            and (not self.penalty or any(one in self.penalty for one in facts.penalty_kinds))
            and (self.without is None or _fact(facts, self.without) is None)
            and (self.id_type is None or party.id_type == self.id_type)
        )


def _fact(facts: DecisionFacts, name: str) -> Any:
    return getattr(facts.party if name.startswith("party.") else facts, name.removeprefix("party."))


class TargetProfile(_Rule):
    """What a target shows, and how soon. ``years`` (with its citation) only where ``periods`` is "years"."""

    submit_working_days: Annotated[int, Field(ge=1)]
    submit_citation: str
    periods: Literal["regimes", "years"]
    years: Annotated[int, Field(ge=1)] | None = None
    period_citation: str = ""
    minor: Literal["regime", "published"]
    natural_persons: Literal["full", "masked", "withheld"]
    full_text: bool
    confirm: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()

    def unmet(self, facts: DecisionFacts) -> Mapping[str, Sentence]:
        """What this target would refuse: a sentence for each fact, by its name in our API."""
        return {need.field: words for need in self.needs if (words := need.unmet(facts)) is not None}

    @model_validator(mode="after")
    def _one_kind_of_period(self) -> Self:
        if (self.periods == "years") != (self.years is not None):
            raise ValueError('years is given exactly where periods = "years"')
        if self.periods == "years" and self.minor == "regime":
            raise ValueError('minor = "regime" needs periods = "regimes"')
        return self


class Rules(_Rule):
    """All rules together."""

    exclusions: tuple[Exclusion, ...]
    withdrawals: tuple[Withdrawal, ...]
    regimes: tuple[Regime, ...]
    targets: Mapping[str, TargetProfile]

    @model_validator(mode="after")
    def _without_overlap(self) -> Self:
        ordered = sorted(self.regimes, key=lambda regime: regime.since)
        for earlier, later in itertools.pairwise(ordered):
            if earlier.until is None or earlier.until >= later.since:
                raise ValueError(f"regimes {earlier.name} and {later.name} overlap")
        return self

    def regime_of(self, decided_on: date) -> Regime | None:
        """The order under which a decision of this day is published; None before the first one on file."""
        return next((regime for regime in self.regimes if regime.covers(decided_on)), None)

    def withdrawal_on(self, day: date) -> Withdrawal:
        """The rule on withdrawals in force on a day; the earliest one before any."""
        return in_force(self.withdrawals, day)


@lru_cache
def load(directory: Path = DIRECTORY) -> Rules:
    """Read and check the rules. Raises OSError, tomllib.TOMLDecodeError or ValueError (pydantic's names the place)."""

    def read(name: str) -> Mapping[str, Any]:
        return read_toml(directory / f"{name}.toml")

    def table(name: str, key: str) -> Sequence[Any]:
        entries: Sequence[Any] = read(name)[key]
        return entries

    return Rules.model_validate(
        {
            "exclusions": table("exclusions", "exclusion"),
            "withdrawals": table("withdrawal", "withdrawal"),
            "regimes": table("periods", "regime"),
            "targets": read("targets"),
        }
    )

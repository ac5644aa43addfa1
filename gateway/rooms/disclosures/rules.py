"""The law as data: dated rules with their citations, read from ``rules/*.toml`` and checked when read.

Nothing about days, periods, grounds or exclusions stands in code: a new order is a new table in a file, with the day
from which it holds. An organ's own files say more, or something else, in the same form. ``confirm`` marks what must be
confirmed with the platform before it is relied upon.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.rooms.decisions import PartyKind
from gateway.rooms.disclosures.conditions import Case, Provision, ToConfirm
from gateway.words.law import Dated, FieldOfLaw, in_force, read_toml
from gateway.words.money import Yuan
from gateway.words.saying import Both, UnfitError, say
from gateway.words.wrong import reason_of

Seriousness = Literal["minor", "general", "serious"]
Ground = Literal["social_impact", "special_statute", "local_rule"]
Older = Literal["own", "milder", "newest"]
DIRECTORY = Path(__file__).parent / "rules"


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Exclusion(Provision):
    """What must not be published from a day on. ``overridable``: only in principle; a recorded reason publishes it."""

    reason: str
    overridable: bool = False

    def holds(self, case: Case, today: date) -> bool:
        """Whether it forbids publishing this decision today."""
        return today >= self.since and self.concerns(case)


class Withdrawal(Dated):
    """How many working days there are to take a publication back."""

    working_days: Annotated[int, Field(ge=1)]
    citation: str
    confirm: ToConfirm | None = None


class Term(Provision):
    """How many working days there are to have a decision public; ``further_working_days``: to pass it on after that."""

    working_days: Annotated[int, Field(ge=1)]
    further_working_days: Annotated[int, Field(ge=0)] = 0


class Basis(Provision):
    """Why a decision is published 公示依据: social impact, a special statute, a local rule."""

    ground: Ground


class RepairTerm(Dated):
    """How many working days the authority has to answer a request for repair, and targets to end what was granted.

    ``apply_at``: where the party hands its request in, as the notice of repair says it.
    """

    targets: tuple[str, ...] = ()
    working_days: Annotated[int, Field(ge=1)]
    relay_working_days: Annotated[int, Field(ge=1)]
    apply_at: str
    citation: str
    confirm: ToConfirm | None = None


class Unrepairable(Provision):
    """Penalties whose publication is not ended early; ``repairable`` in an organ's own row says that it may be."""

    reason: str
    repairable: bool = False


class Longest(Provision):
    """The longest that a region allows. ``counts_from``: the end of the act, or the decision."""

    months: Annotated[int, Field(ge=1)]
    counts_from: Literal["violation", "decision"]


class Unperformed(Provision):
    """What a sector says of a publication at its maximum whose duties are not performed: it ends, or it stays."""

    at_maximum: Literal["ends", "stays"]


class Period(_Rule):
    """Months. ``published`` False: in principle not shown."""

    published: bool
    minimum: Annotated[int, Field(ge=0)]
    maximum: Annotated[int, Field(ge=1)]


class Sector(_Rule):
    """The least minimum, in months, in some fields of law."""

    fields: tuple[FieldOfLaw, ...]
    minimum: Annotated[int, Field(ge=1)]


class ClassOf(_Rule):
    """What class a procedure is, or a kind of penalty; ``authority``: only the authority can say.

    ``person_below``, ``others_below``: only for fines below so much. ``divisions``: first digits of the organ's.
    """

    word: Seriousness | Literal["authority"] = Field(alias="class")
    procedure: Literal["simple", "ordinary"] | None = None
    kinds: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    person_below: Yuan | None = None
    others_below: Yuan | None = None
    confirm: ToConfirm | None = None

    def fits(self, case: Case, kind: str) -> bool:
        """Whether it speaks of this kind of penalty in this decision."""
        if kind not in self.kinds or (self.divisions and not case.division.startswith(self.divisions)):
            return False
        person = case.facts.party.kind is PartyKind.NATURAL_PERSON
        below = self.person_below if person else self.others_below
        return below is None or (case.facts.fine or 0) < below


class Regime(Dated):
    """One order on publication periods; of its family, that which began last holds on a day."""

    name: str
    family: str
    citation: str
    unclassified: Seriousness
    chosen_by: Literal["decision", "publication"] = "decision"
    start: Literal["decision", "publication"] = "decision"
    at_maximum: Literal["ends", "sector"] = "ends"
    as_long_as: tuple[str, ...] = ()
    confirm: tuple[ToConfirm, ...] = ()
    minor: Period
    general: Period
    serious: Period
    sector: tuple[Sector, ...] = ()
    classes: tuple[ClassOf, ...] = Field(default=(), alias="class")
    own: bool = False

    def period(self, seriousness: Seriousness) -> Period:
        """The period of a class."""
        return {"minor": self.minor, "general": self.general, "serious": self.serious}[seriousness]

    def minimum(self, seriousness: Seriousness, field: FieldOfLaw) -> int:
        """Months before a repair: the larger of what the class and what the sector asks for."""
        return max(self.period(seriousness).minimum, *(one.minimum for one in self.sector if field in one.fields), 0)

    def unconfirmed(self) -> tuple[Both, ...]:
        """What is to be confirmed about it."""
        return (*self.confirm, *(row.confirm for row in self.classes if row.confirm))


class TargetProfile(_Rule):
    """What a target shows. ``periods``: the family of regimes. ``fields``: fields of law that it shows; none: all.

    ``title``: what it is called in a letter to the party; without one, its channel's name.
    ``registered_names``: it shows registered businesses, whose names are in the public register; they are not masked.
    """

    periods: str
    title: str = ""
    natural_persons: Literal["full", "masked", "withheld"]
    persons_citation: str = ""
    full_text: bool
    registered_names: bool = False
    fields: tuple[FieldOfLaw, ...] = ()
    fields_citation: str = ""
    confirm: tuple[ToConfirm, ...] = ()

    @model_validator(mode="after")
    def _cited(self) -> Self:
        if (self.natural_persons == "withheld" and not self.persons_citation) or (
            self.fields and not self.fields_citation
        ):
            raise ValueError("what is not shown is cited: persons_citation, fields_citation")
        return self


R = TypeVar("R", bound=Provision)


class Rules(_Rule):
    """All rules together."""

    exclusions: tuple[Exclusion, ...] = Field(default=(), alias="exclusion")
    withdrawals: tuple[Withdrawal, ...] = Field(default=(), alias="withdrawal")
    regimes: tuple[Regime, ...] = Field(default=(), alias="regime")
    terms: tuple[Term, ...] = Field(default=(), alias="term")
    bases: tuple[Basis, ...] = Field(default=(), alias="basis")
    longest: tuple[Longest, ...] = ()
    unperformed: tuple[Unperformed, ...] = ()
    repairs: Annotated[tuple[RepairTerm, ...], Field(alias="repair")] = ()
    unrepairable: tuple[Unrepairable, ...] = ()
    targets: Mapping[str, TargetProfile] = Field(default_factory=dict, alias="target")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        seen: set[tuple[object, ...]] = set()
        for regime in self.regimes:
            if (key := (regime.family, regime.since, regime.own)) in seen:
                raise ValueError(f"two regimes of {regime.family} begin on {regime.since}")
            seen.add(key)
        families = {regime.family for regime in self.regimes}
        for name, profile in self.targets.items():
            if self.regimes and profile.periods not in families:
                raise ValueError(f"the target {name} follows {profile.periods}, of which there is no regime")
        return self

    def with_files(self, files: Iterable[Path]) -> Rules:
        """With an organ's own rows, which win over these. Raises OSError, ValueError naming file and place."""
        found = self
        for file in files:
            found = found._and(_read_own(file), file)
        return found

    def _and(self, more: Mapping[str, Any], file: Path) -> Rules:
        known: dict[str, Any] = {name: getattr(self, name) for name in Rules.model_fields}
        for name, field in Rules.model_fields.items():
            rows = more.get(field.alias or name)
            if name == "targets" and rows is not None:
                known[name] = {**self.targets, **rows}
            elif rows is not None:
                known[name] = (*known[name], *rows)
        try:
            return Rules.model_validate(known)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "-"
            raise UnfitError(say("disclosures.rules_file", file=file, where=where, reason=reason_of(first))) from error

    def regime_of(self, family: str, day: date) -> Regime | None:
        """The order of a family that holds on a day; None before the first one on file."""
        begun = [one for one in self.regimes if one.family == family and one.since <= day]
        return max(begun, key=lambda one: (one.since, one.own), default=None)

    def withdrawal_on(self, day: date) -> Withdrawal:
        """The rule on withdrawals in force on a day; the earliest one before any."""
        return in_force(self.withdrawals, day)

    def term(self, case: Case) -> Term | None:
        """By when a decision is to be public at a target; before the first row on file, that one. None: no such row."""
        rows = [one for one in self.terms if one.concerns(case)]
        return _holding(rows, case.facts.decided_on) or min(rows, key=lambda one: one.since, default=None)

    def basis(self, case: Case) -> Basis | None:
        """Upon what an organ relies by a row, where the request says nothing."""
        return _holding([one for one in self.bases if one.concerns(case)], case.facts.decided_on)

    def most(self, case: Case, day: date) -> Longest | None:
        """The longest that the organ's region allows."""
        return _holding([one for one in self.longest if one.concerns(case)], day)

    def unperformed_at(self, case: Case, day: date) -> Unperformed | None:
        """What the sector says of duties that are not performed at the maximum; None: no such row."""
        return _holding([one for one in self.unperformed if one.concerns(case)], day)

    def repair_term(self, target: str, adapter: str, day: date) -> RepairTerm:
        """The term to answer a request for repair at a target; rows that name it before those that name none."""
        named = [one for one in self.repairs if target in one.targets or adapter in one.targets]
        return in_force(named or [one for one in self.repairs if not one.targets], day)

    def unrepairable_at(self, case: Case, day: date) -> Unrepairable | None:
        """The row by which a publication is not ended early; None: it may be."""
        row = _holding([one for one in self.unrepairable if one.concerns(case)], day)
        return None if row is None or row.repairable else row

    def digest(self, today: date, *settings: str) -> str:
        """What holds on a day, in a word: where it changes, whatever is public is judged anew.

        Rows that have not begun by then do not count yet.
        """
        begun = bisect.bisect_right(self._beginnings, today)
        return self._digests((begun, *settings))

    @cached_property
    def _beginnings(self) -> Sequence[date]:
        rows: list[Dated] = [*self.exclusions, *self.regimes, *self.terms, *self.longest, *self.withdrawals]
        return sorted({row.since for row in rows})

    def _digests(self, said: tuple[object, ...]) -> str:
        if (known := self._made.get(said)) is None:
            whole = "|".join((self._said, *map(str, said)))
            known = self._made[said] = hashlib.sha256(whole.encode()).hexdigest()[:16]
        return known

    @cached_property
    def _made(self) -> dict[tuple[object, ...], str]:
        return {}

    @cached_property
    def _said(self) -> str:
        return self.model_dump_json(exclude=_NOT_JUDGED_BY)


_NOT_JUDGED_BY = {"bases", "unperformed", "repairs", "unrepairable"}
"""Rows on which no judgement rests: nothing is judged anew where one of them changes."""


def _holding(rows: Sequence[R], day: date) -> R | None:
    """Of rows that fit, the one that holds on a day: an organ's own before ours, the later before the earlier."""
    begun = [(row.own, row.since, number, row) for number, row in enumerate(rows) if row.since <= day]
    return max(begun, key=lambda one: one[:3])[3] if begun else None


@lru_cache
def load(directory: Path = DIRECTORY) -> Rules:
    """Read and check the rules. Raises OSError, tomllib.TOMLDecodeError or ValueError (pydantic's names the place)."""
    found: dict[str, Any] = {"target": read_toml(directory / "targets.toml")}
    for file in sorted(directory.glob("*.toml")):
        if file.name != "targets.toml":
            found |= read_toml(file)
    return Rules.model_validate(found)


def _read_own(file: Path) -> Mapping[str, Any]:
    """The tables of an organ's file, each row marked as its own."""
    try:
        given = read_toml(file)
    except ValueError as error:
        raise UnfitError(say("disclosures.rules_file", file=file, where="-", reason=str(error))) from error
    tables = {field.alias or name for name, field in Rules.model_fields.items()}
    if strange := sorted(given.keys() - tables):
        known = sorted(tables)
        raise UnfitError(say("disclosures.rules_table", file=file, table=strange[0], known=known))
    unmarked = ("target", "withdrawal", "repair")
    return {
        name: rows if name in unmarked or not isinstance(rows, list) else [{**row, "own": True} for row in rows]
        for name, rows in given.items()
    }

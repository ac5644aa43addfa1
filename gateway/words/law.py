"""The law as data: dated figures with their source, read from ``statutes/*.toml`` and from files of an organ's own.

No term, rate or limit stands in code: a new statute is a new row, with the day from which it holds. A row may hold for
some fields of law only (治安, 交通 ...), and in an organ's file for some authorities. ``confirm`` marks a row that an
organ must confirm before it relies on it; a row of its own for the same matter, without the mark, does that.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.words.money import parse_yuan
from gateway.words.saying import Sentence, UnfitError, say
from gateway.words.wrong import reason_of

FOLDER = Path(__file__).parent / "statutes"

FieldOfLaw = Literal[
    "public_security", "traffic", "market", "food", "drug", "special_equipment", "work_safety", "fire", "other"
]
"""Fields of law 执法领域 whose terms or publication differ; everything else is ``other``."""


class Dated(BaseModel):
    """A rule of law in a file: ``from`` which day it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    since: date = Field(alias="from")


D = TypeVar("D", bound=Dated)


def in_force(rules: Iterable[D], day: date) -> D:
    """Of rules about one matter, the one that began last; before all of them, the first. There is at least one."""
    ordered = sorted(rules, key=lambda rule: rule.since)
    return next((rule for rule in reversed(ordered) if rule.since <= day), ordered[0])


def read_toml(file: Path) -> Mapping[str, Any]:
    """A file of rules. Raises OSError, ValueError (tomllib.TOMLDecodeError is one)."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


class Matter(StrEnum):
    """What is ruled. The member's name in a file is the value."""

    PAYMENT_TERM = "payment_term"
    """Within how many days of receipt a fine is paid."""
    SURCHARGE_RATE = "surcharge_rate"
    SURCHARGE_CAP = "surcharge_cap"
    SURCHARGE_BASE = "surcharge_base"
    """Per cent of what: the whole fine, or what of it is outstanding."""
    AFTER_APPEAL = "after_appeal"
    """How the surcharge runs after 复议 or a suit: on from where it stood, or anew after the term to perform."""
    APPEAL_GAP = "appeal_gap"
    """Whether days between 复议 and a suit count."""
    SERVICE_TERM = "service_term"
    """Within how many days of the decision it is served."""
    PUBLICATION_TERM = "publication_term"
    """After how many days service by publication 公告送达 has happened."""
    PUBLICATION_END = "publication_end"
    """Whether that day moves on when it is a day off."""
    ELECTRONIC_SERVICE = "electronic_service"
    """What makes electronic service: arrival at the addressee, or the sender's record of success."""
    SURCHARGE_BEFORE_FORCE = "surcharge_before_force"
    """For how many days a surcharge has run before the organ may enforce by itself."""
    REMINDER_TERM = "reminder_term"
    """How long before the application to a court the party is reminded 催告."""
    COURT_TERM = "court_term"
    """How long after the term to sue the court may be asked to enforce."""
    REVIEW_TERM = "review_term"
    """Within how many days 复议 is applied for."""
    SUIT_TERM = "suit_term"
    """Within how many months a suit is brought."""
    SUIT_AFTER_REVIEW = "suit_after_review"
    """Within how many days after the decision in 复议 a suit is brought."""
    SPOT_FINE_PERSON = "spot_fine_person"
    """Up to which fine a natural person is punished on the spot 当场处罚."""
    SPOT_FINE_ORGANISATION = "spot_fine_organisation"
    SMALL_CASH = "small_cash"
    """Up to which fine cash is taken without further reason 当场收缴."""
    CASH_HAND_IN = "cash_hand_in"
    """Within how many days the officer hands cash in."""
    CASH_TO_BANK = "cash_to_bank"
    """Within how many days after that the authority pays it to the bank."""


Unit = Literal["calendar_days", "working_days", "months", "per_cent", "per_cent_a_day", "yuan", "reading"]

_DAYS = ("calendar_days", "working_days")
_UNITS: Mapping[Matter, tuple[str, ...]] = {
    Matter.SURCHARGE_RATE: ("per_cent_a_day",),
    Matter.SURCHARGE_CAP: ("per_cent",),
    Matter.COURT_TERM: ("months",),
    Matter.SUIT_TERM: ("months",),
    Matter.SPOT_FINE_PERSON: ("yuan",),
    Matter.SPOT_FINE_ORGANISATION: ("yuan",),
    Matter.SMALL_CASH: ("yuan",),
}
_READINGS: Mapping[Matter, tuple[str, ...]] = {
    Matter.SURCHARGE_BASE: ("original", "outstanding"),
    Matter.AFTER_APPEAL: ("resume", "restart"),
    Matter.APPEAL_GAP: ("counts", "does_not"),
    Matter.PUBLICATION_END: ("stays", "rolls"),
    Matter.ELECTRONIC_SERVICE: ("arrival", "sent"),
}


class Rule(Dated):
    """One figure of the law. ``value`` is a number of ``unit``, yuan as text, or for ``reading`` one of the readings.

    ``fields``: fields of law for which it holds; none: all. ``authorities``: for which it holds, in an organ's file.
    ``source`` and ``article``: where it stands. ``confirm``: what is to be confirmed about it, for people. ``own``: of
    an organ's file, not of ours.
    """

    matter: Matter
    value: Annotated[int, Field(strict=True, ge=0)] | str
    unit: Unit
    fields: tuple[FieldOfLaw, ...] = ()
    authorities: tuple[str, ...] = ()
    source: Annotated[str, Field(min_length=1)]
    article: str = ""
    confirm: str = ""
    own: Annotated[bool, Field(exclude=True)] = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        readings = _READINGS.get(self.matter)
        units = ("reading",) if readings else _UNITS.get(self.matter, _DAYS)
        if self.unit not in units:
            raise UnfitError(say("law.unit", matter=self.matter, units=list(units)))
        if readings and self.value not in readings:
            raise UnfitError(say("law.reading", matter=self.matter, readings=list(readings)))
        if self.unit == "yuan":
            parse_yuan(str(self.value))
        elif self.unit != "reading" and not isinstance(self.value, int):
            raise UnfitError(say("law.number", matter=self.matter))
        return self

    @property
    def number(self) -> int:
        """Its number of days, months or per cent."""
        assert isinstance(self.value, int)
        return self.value

    @property
    def fen(self) -> int:
        """Its amount."""
        return parse_yuan(str(self.value))

    @property
    def reading(self) -> str:
        """Which of the readings."""
        return str(self.value)

    @property
    def cited(self) -> str:
        """Where it stands: 行政处罚法 第六十七条第三款."""
        return f"{self.source} {self.article}".rstrip()

    @property
    def figure(self) -> Sentence:
        """What it says, for people."""
        return say(f"law.{self.value if self.unit == 'reading' else self.unit}", value=self.value)

    @property
    def title(self) -> Sentence:
        """What it is about, for people."""
        return say(f"law.matter_{self.matter}")


@lru_cache
def _statutes() -> tuple[Rule, ...]:
    """The rows that come with the gateway."""
    return tuple(row for file in sorted(FOLDER.glob("*.toml")) for row in read(file))


@dataclass(frozen=True)
class Law:
    """All rows. Two about one matter, for the same and from the same day, are refused: ValueError."""

    rows: Sequence[Rule] = field(default_factory=_statutes)

    def __post_init__(self) -> None:
        seen: set[tuple[object, ...]] = set()
        for row in self.rows:
            for name in row.fields or ("",):
                for authority in row.authorities or ("",):
                    key = (row.matter, name, authority, row.since, row.own)
                    if key in seen:
                        raise UnfitError(say("law.twice", matter=row.matter, since=row.since))
                    seen.add(key)

    def with_files(self, files: Iterable[Path]) -> Law:
        """With the rows of an organ's files, which win over these. Raises OSError, ValueError naming the file."""
        return Law((*self.rows, *(row for file in files for row in read(file, own=True))))

    def rule(self, matter: Matter, on: date, *, of: FieldOfLaw = "other", authority: str | None = None) -> Rule:
        """The row that holds on a day: the authority's own before the organ's, these before the statutes; within each
        that for the field of law before the general one, and the later before the earlier. Before all: the first.
        """
        apply = [
            row
            for row in self._by_matter[matter]
            if (not row.fields or of in row.fields) and (not row.authorities or authority in row.authorities)
        ]
        held = [row for row in apply if row.since <= on]
        if not held:
            return in_force([row for row in apply if not row.own and not row.fields] or apply, on)
        return max(held, key=lambda row: (bool(row.authorities), row.own, bool(row.fields), row.since))

    def unconfirmed(self, on: date) -> tuple[Rule, ...]:
        """Rows with a mark that hold on a day: no row of an organ's own has taken their place for all."""
        return tuple(
            row
            for row in self.rows
            if row.confirm
            and any(
                self.rule(row.matter, on, of=name, authority=authority) is row
                for name in row.fields or ("other",)
                for authority in row.authorities or (None,)
            )
        )

    @cached_property
    def _by_matter(self) -> Mapping[Matter, Sequence[Rule]]:
        return {matter: [row for row in self.rows if row.matter is matter] for matter in Matter}


def said(row: Rule) -> Sentence:
    """A row in one line for people: what it is about, its figure, where it stands, and what is to be confirmed."""
    given = {"title": row.title, "figure": row.figure, "cited": row.cited}
    return say("law.said_confirm", **given, confirm=row.confirm) if row.confirm else say("law.said", **given)


def basis(rows: Iterable[Rule]) -> list[Sentence]:
    """The same for several rows: each article once, with all that it says."""
    found: dict[str, list[Sentence]] = {}
    for row in rows:
        given = {"title": row.title, "figure": row.figure}
        one = say("law.in_basis_confirm", **given, confirm=row.confirm) if row.confirm else say("law.in_basis", **given)
        found.setdefault(row.cited, []).append(one)
    return [say("law.basis", cited=cited, said=said) for cited, said in found.items()]


def read(file: Path, *, own: bool = False) -> tuple[Rule, ...]:
    """The rows of one file, tables ``[[rule]]``. Raises OSError, ValueError that names file and place."""
    try:
        given = read_toml(file)
        if set(given) != {"rule"} or not isinstance(given["rule"], list):
            raise UnfitError(say("law.no_rules"))
        return tuple(_row(number, one, own) for number, one in enumerate(given["rule"], 1))
    except ValueError as error:
        raise UnfitError(say("law.file", file=file, reason=getattr(error, "said", str(error)))) from error


def _row(number: int, given: Any, own: bool) -> Rule:
    from pydantic import ValidationError

    try:
        return Rule.model_validate({**given, "own": own})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "-"
        raise UnfitError(say("law.row", number=number, where=where, reason=reason_of(first))) from None


FIELDS_OF_LAW: tuple[FieldOfLaw, ...] = get_args(FieldOfLaw)
"""Every field of law."""

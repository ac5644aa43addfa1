"""Which decisions a row of the rules is about: the one way in which every kind of row says so. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from gateway.rooms.decisions import DecisionFacts, PartyKind
from gateway.words.law import Dated, FieldOfLaw
from gateway.words.saying import Both


def _in_both(told: Any) -> Any:
    """``confirm = "…"``, the same for every reader, or ``confirm = { zh = "…", en = "…" }``."""
    return Both(told, told) if isinstance(told, str) else Both(**told) if isinstance(told, dict) else told


ToConfirm = Annotated[Both, BeforeValidator(_in_both)]
"""What is to be confirmed before a row is relied upon, for people."""

_NATIONAL = "10"
"""Firms registered with the national authority: their unified code names no province."""


@dataclass(frozen=True)
class Case:
    """A decision as the rules look at it: its facts, the unified code of the organ that publishes, and the target.

    ``target`` is the channel, ``adapter`` what speaks there; ``basis`` the ground of publication told with the request.
    """

    facts: DecisionFacts
    organ_code: str
    target: str
    adapter: str

    @cached_property
    def division(self) -> str:
        """Of the organ: digits 3 to 8 of its unified code (GB 32100-2015)."""
        return self.organ_code[2:8]

    @property
    def across_provinces(self) -> bool:
        """Whether the party is registered in another province than the organ's, as far as its unified code says so."""
        registered = (self.facts.party.uscc or "")[2:4]
        return registered not in ("", _NATIONAL) and registered != self.division[:2]

    def at(self, targets: tuple[str, ...]) -> bool:
        """Whether its target is one of these, by the channel's name or the adapter's; none named: any."""
        return not targets or self.target in targets or self.adapter in targets


class When(BaseModel):
    """All that is named must hold; a list holds where one of it does. Nothing named: every decision.

    ``party``: kinds of party. ``statutes``: of which the legal basis names one; it is the statute applied that counts,
    not the body that applied it. ``only_penalty``: no other kinds were imposed. ``minor``: the party was one on the day
    of the act. ``divisions``: first digits of the organ's division.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    party: tuple[PartyKind, ...] = ()
    procedure: Literal["simple", "ordinary"] | None = None
    fields: tuple[FieldOfLaw, ...] = ()
    statutes: tuple[str, ...] = ()
    penalty: tuple[str, ...] = ()
    only_penalty: tuple[str, ...] = ()
    withheld: Literal["state_secret", "forbidden_by_law", "security", "privacy"] | None = None
    minor: bool | None = None
    divisions: tuple[str, ...] = ()
    across_provinces: bool | None = None

    @model_validator(mode="after")
    def _texts(self) -> Self:
        if not all((*self.statutes, *self.divisions)):
            raise ValueError("a statute or division that is empty would fit every decision")
        return self

    def holds(self, case: Case) -> bool:
        """Whether a decision is one of those."""
        facts = case.facts
        return (
            (not self.party or facts.party.kind in self.party)
            and self.procedure in (None, facts.procedure)
            and (not self.fields or facts.field_of_law in self.fields)
            and (not self.statutes or applies(facts, self.statutes))
            and (not self.penalty or any(one in self.penalty for one in facts.penalty_kinds))
            and (not self.only_penalty or set(facts.penalty_kinds) <= set(self.only_penalty))
            and self.withheld in (None, facts.withheld)
            and self.minor in (None, facts.minor)
            and (not self.divisions or case.division.startswith(self.divisions))
            and self.across_provinces in (None, case.across_provinces)
        )


ALWAYS = When()


class Provision(Dated):
    """A dated row about some decisions at some targets. ``own``: of an organ's file, which wins over ours."""

    when: When = ALWAYS
    targets: tuple[str, ...] = ()
    citation: str
    confirm: ToConfirm | None = None
    own: bool = False

    def concerns(self, case: Case) -> bool:
        """Whether it is about this decision at this target, on whatever day."""
        return case.at(self.targets) and self.when.holds(case)


def applies(facts: DecisionFacts, statutes: tuple[str, ...]) -> bool:
    """Whether the legal basis 处罚依据 names one of these statutes, however it is spaced."""
    named = "".join(facts.basis.split())
    return any(one in named for one in statutes)


def since(row: Provision, day: date) -> bool:
    """Whether a row has begun by a day."""
    return row.since <= day

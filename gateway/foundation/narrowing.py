"""How lists of records are narrowed, in every room alike: by a state, a day, an authority, by whose hands or word.

What is offered above a list, what is read from its address and what Today counts of it are three sides of one thing:
each is said here once, and a room says only what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from gateway.foundation.screens import Choice, Filter, Listing, Look, Many, Named, Said, To, Value, Waits
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Sentence, say

E = TypeVar("E", bound=StrEnum)
_WHOSE, _SECOND, _OTHERS = say("console.whose"), say("console.today_second"), say("console.today_others")

MINE: Final = Choice("mine", say("console.today_mine"))
"""Among whose records a list can be narrowed to: those that are in the hands of who looks."""


def among(name: str, those: Iterable[E], label: Said | None = None, words: Callable[[E], Said] | None = None) -> Filter:
    """One of several words: ``chosen`` reads it. ``label``: by its name in the API; ``words``: each says itself."""
    choices = tuple(Choice(one.value, one if words is None else words(one)) for one in those)
    return Filter(name, label or Named(name), "choice", choices)


def chosen(look: Look, name: str, those: type[E]) -> E | None:
    """The one of ``those`` that the address asks for; None for any, and for what is none of them."""
    word = look.asked.get(name)
    return those(word) if word in tuple(those) else None


def day(look: Look, name: str) -> date | None:
    """The day that the address asks for. Raises InvalidProblem for what is none."""
    typed = look.asked.get(name)
    if not typed:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise InvalidProblem(say("console.no_day"), field=name) from None


async def authorities(look: Look) -> Sequence[Choice]:
    """The authorities that somebody sees."""
    known = await look.base.access.authorities()
    return [Choice(one.code, one.name) for one in known if one.code in look.who.authorities]


async def names_of(look: Look) -> dict[str, str]:
    """The names of the authorities, by their codes."""
    return {one.code: one.name for one in await look.base.access.authorities()}


def authorities_seen(codes: Iterable[str] | None, names: Mapping[str, str]) -> Value:
    """The authorities whose records somebody sees, wherever that is said; None stands for all."""
    if codes is None:
        return say("console.sees_all")
    return Many([names.get(code, code) for code in sorted(codes)])


AUTHORITY: Final = Filter("authority", Named("authority"), "choice", authorities)


def authorities_asked(look: Look) -> frozenset[str]:
    """Those of them whose records the address asks for."""
    one = look.asked.get("authority")
    return frozenset(look.who.authorities) & (look.who.authorities if one is None else {one})


class Narrowed(NamedTuple):
    """What an address asks of a list. ``unknown``: what is none of its filters, or none of a filter's choices."""

    asked: dict[str, str]
    choices: dict[str, Sequence[Choice]]
    unknown: list[tuple[Said, str]]


async def narrowed(lists: Listing, look: Look, address: Mapping[str, str]) -> Narrowed:
    """What narrows a list, of what stands in its address; nothing that was meant to is passed over in silence."""
    filters = {one.name: one for one in lists.filters}
    choices = {one.name: await _choices(one, look) for one in lists.filters}
    asked: dict[str, str] = {}
    unknown: list[tuple[Said, str]] = []
    for name in (*filters, *(one for one in address if one not in filters)):
        value = address.get(name, "").strip()
        known = filters.get(name)
        if not value:
            continue
        if known is None:
            unknown.append((name, value))
        elif known.kind == "choice" and value not in {one.value for one in choices[name]}:
            unknown.append((known.label, value))
        else:
            asked[name] = value
    return Narrowed(asked, choices, unknown)


async def _choices(one: Filter, look: Look) -> Sequence[Choice]:
    return await one.choices(look) if callable(one.choices) else one.choices


class Hands(NamedTuple):
    """Who looks, where the list is narrowed to what is in their hands, waits for their word, or for another's."""

    mine: str | None
    second: str | None
    others: str | None


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose work the records of a screen are: in my hands, waiting for me as the second person, or for another.

    ``told``: what waits for a second word, as Today says it.
    """

    screen: str
    told: Sentence
    label: Said = _WHOSE
    second: Said = _SECOND
    others: Said = _OTHERS
    mine: bool = True
    wide: bool = False

    @property
    def filter(self) -> Filter:
        """What it narrows the list by."""
        both = (Choice("second", self.second), Choice("others", self.others))
        return Filter("whose", self.label, "choice", (MINE, *both) if self.mine else both, self.wide)

    @staticmethod
    def asked(look: Look) -> Hands:
        """What the address asks for."""
        whose, me = look.asked.get("whose"), look.who.client_id
        return Hands(*(me if whose == one else None for one in Hands._fields))

    def waits(self, second: int, others: int, most: int | None = None) -> tuple[Waits, Waits]:
        """What waits for my word, and what of mine waits for another's: each count leads to its list."""
        to = {one: To("", self.screen, asked={"whose": one}) for one in ("second", "others")}
        return (
            Waits(self.told, second, to["second"], whose="second", tone="wait", most=most),
            Waits(self.told, others, to["others"], whose="others", tone="wait", most=most),
        )

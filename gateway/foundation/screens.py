"""What a room shows on the console: values that say what is there, and nothing of how it looks.

A room names its screens as it names its routes (``Room.screens``). A ``Screen`` has a list or a page of its own, the
page of one record, and acts. Whatever stands in a cell or beside a label is a plain value: a text, a ``Sentence``, a
number, a day, or one of the small classes here; the console draws each kind in one way, and escapes it. The address is
the state: a list is asked for by what stands in it, and nothing is remembered elsewhere. See docs/console.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any, Literal, TypeVar

from gateway.foundation.access import Principal, roles
from gateway.foundation.acts import Act
from gateway.foundation.base import Foundation
from gateway.foundation.once import NEVER, Once
from gateway.foundation.rooms import Services
from gateway.foundation.two_persons import Part, Person
from gateway.words.clock import day_of
from gateway.words.errors import NotFoundProblem
from gateway.words.failures import what_happened
from gateway.words.saying import Both, Language, Sentence, Word, say

T = TypeVar("T")

Tone = Literal["plain", "good", "warn", "bad", "wait"]
PAGE = 50
"""Rows on a page of a list."""
_NAMES = 5
"""So many people are named who could give a second word."""


# --- who looks, and at what -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """One request. ``asked``: what stands in the address, or what was typed into a form, by name; never None.

    ``files``: what was uploaded, by the name of its field. ``once``: for an effect, so that sending a form twice has
    it once. ``plainly``: persons are shown unmasked; that was asked for with a reason, and is written down.
    ``language``: of the page.
    """

    who: Principal
    base: Foundation
    services: Services
    asked: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)
    once: Once = NEVER
    plainly: bool = False
    language: Language = Language.CHINESE

    def get(self, service: type[T]) -> T:
        """The service of a room, by its class."""
        return self.services.get(service)

    def may(self, scope: str) -> bool:
        """Whether who looks has this right."""
        return scope in self.who.scopes

    def require_seen(self, authority: str, what: str = "record") -> None:
        """Another authority's record looks as if it were not there. Raises NotFoundProblem."""
        if authority not in self.who.authorities:
            raise NotFoundProblem(say("http.no_such", what=Word(what)))

    @property
    def person(self) -> Person:
        """Who acts, as one of two persons."""
        return Person(self.who.client_id, self.who.name, operator=True)

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return day_of(self.base.clock.now())

    async def second_word(self, matter: str, act: Act, authority: str) -> Note | None:
        """Why who looks cannot give the second word on a matter, and who can; None where nothing is against it.

        Whoever had a part in it is drawn no button: the service would refuse them (``TwoPersons``).
        """
        those = await self.base.store.read(lambda conn: self.base.two_persons.participants(conn, matter))
        taking = {one.person for one in those if one.part is not Part.CONFIRMED}
        if self.who.client_id not in taking:
            return None
        limits, may = await self.base.access.limits(), roles()
        names = [
            one.name
            for one in await self.base.access.operators()
            if one.disabled_at is None
            and one.id not in taking
            and act.scope in may.get(one.role, ())
            and authority in limits.get(one.id, (authority,))
        ]
        if not names:
            return Note(say("console.nobody_else", act=act.sentence), "warn")
        return Note(say("console.somebody_else", act=act.sentence, names=names[:_NAMES], number=len(names)), "wait")

    async def to_confirm(self, matter: str, act: Act, authority: str) -> tuple[list[Note], list[str]]:
        """What stands on the page of a matter that waits for a second word: the act, or why it is not who looks's."""
        elsewhere = await self.second_word(matter, act, authority)
        return ([], ["confirm"]) if elsewhere is None else ([elsewhere], [])


@dataclass(frozen=True)
class Upload:
    """A file that was chosen in a form. ``kept``: under which id it is kept until it is taken, if it is."""

    name: str
    content: bytes
    kept: str = ""


# --- values -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Yuan:
    """An amount in fen, shown in yuan at the right."""

    fen: int | None


@dataclass(frozen=True)
class Moment:
    """An instant in microseconds, shown as date and minute in +08:00."""

    micros: int | None


@dataclass(frozen=True)
class Code:
    """An id, a code or a number that people copy: never broken, every digit the same width."""

    text: str | None


@dataclass(frozen=True)
class Period:
    """From a day to a day, both included; one day alone is said alone."""

    first: date
    last: date


@dataclass(frozen=True)
class Folded:
    """What is said, and behind it, to be unfolded, the technical words that it stands for."""

    words: Said
    behind: str


@dataclass(frozen=True)
class Verbatim:
    """What crossed the wire, or stands in a file: with its lines and blanks, as far as it is kept readable."""

    text: str


@dataclass(frozen=True)
class Tag:
    """A state in a word, with a tone that never stands alone."""

    word: Said
    tone: Tone = "plain"


@dataclass(frozen=True)
class Due:
    """A last day. While it is ``open`` what is left of it is said in working days of the authority's calendar."""

    on: date | None
    open: bool = True
    provisional: bool = False
    authority: str | None = None


@dataclass(frozen=True)
class To:
    """A link: to a screen, to one record of it, or to its list with a filter. Words only for who may not see it."""

    words: Any
    screen: str
    id: str | None = None
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Many:
    """Several values, one below the other."""

    values: Sequence[Value]


class Named(str):
    """A field or column by its name in the API, said by the word that the catalogue has for it."""

    __slots__ = ()


class Right(Word):
    """A right by its scope, said by the word that the catalogue has for it (table ``terms``, ``right_`` before it)."""

    __slots__ = ()


@dataclass(frozen=True)
class Deed:
    """What somebody did, as the operator audit names it: an act of a screen is said by its title."""

    action: str


Said = str | Sentence | Both | Word | Enum
Value = Said | int | date | Yuan | Moment | Code | Period | Folded | Verbatim | Tag | Due | To | Deed | Many | None
"""What may stand in a cell. A ``str`` is shown as it is: what another system, or a person, said."""


def failed(reason: str | None) -> Value:
    """Why something failed, in plain words with the technical ones behind them; as it is where it is none of ours."""
    known = what_happened(reason)
    return reason if known is None or reason is None else Folded(known, reason)


# --- lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """One of several values that a filter or a field may have."""

    value: str
    words: Said


Choices = Sequence[Choice] | Callable[[Look], Awaitable[Sequence[Choice]]]


@dataclass(frozen=True)
class Filter:
    """What a list can be narrowed by: a word, one of several, or a day. ``name`` stands in the address."""

    name: str
    label: Said
    kind: Literal["text", "choice", "day"] = "text"
    choices: Choices = ()
    wide: bool = False


@dataclass(frozen=True)
class Head:
    """What stands above a column. ``number``: its values stand at the right; ``small``: left out on a telephone."""

    words: Said
    number: bool = False
    small: bool = False


@dataclass(frozen=True)
class Row:
    """One record of a list. ``id`` leads to its page, from the first cell; None: it has none."""

    id: str | None
    cells: Sequence[Value]


@dataclass(frozen=True)
class Wanted:
    """Which rows: after this cursor, so many."""

    cursor: str | None = None
    limit: int = PAGE


@dataclass(frozen=True)
class Found:
    """Rows in the list's order. ``next``: the cursor of the next page; ``total``: how many there are in all, if known.

    ``most``: the total is not counted beyond this.
    """

    rows: Sequence[Row]
    next: str | None = None
    total: int | None = None
    most: int | None = None

    @classmethod
    def page(cls, rows: Sequence[Row], wanted: Wanted, total: int | None = None, most: int | None = None) -> Found:
        """The page that was wanted; where it is full, another one may follow after its last row."""
        return cls(rows, rows[-1].id if len(rows) == wanted.limit else None, total, most)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list: what narrows it, its columns, and how it is found. ``asked`` holds only names of ``filters``.

    ``find`` may raise InvalidProblem for what cannot be meant: it is said above the list. ``empty``: what is said where
    there is nothing yet at all. ``note``: what the list leaves out, or how it is ordered.
    """

    filters: Sequence[Filter] = ()
    heads: Sequence[Head]
    find: Callable[[Look, Wanted], Awaitable[Found]]
    empty: Said
    note: Said | None = None
    acts: Sequence[str] = ()


# --- pages ------------------------------------------------------------------------------------------------------------

Fact = tuple[Said, Value]


@dataclass(frozen=True)
class Facts:
    """Labels with their values."""

    title: Said | None
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Table:
    """A table within a page. ``empty``: what is said where it has no rows; ``note``: a sentence below it.

    ``basis``: on what law it rests, folded below the note.
    """

    title: Said
    heads: Sequence[Head]
    rows: Sequence[Row]
    empty: Said
    note: Said | None = None
    screen: str | None = None
    basis: Sequence[Said] = ()


@dataclass(frozen=True)
class Happened:
    """One entry of a story: when (microseconds), what, and further what is known of it."""

    at: int
    what: Said
    facts: Sequence[Fact] = ()


@dataclass(frozen=True)
class Story:
    """What happened, the oldest first."""

    title: Said
    entries: Sequence[Happened]


@dataclass(frozen=True)
class Beside:
    """Things that are compared, side by side."""

    title: Said
    sides: Sequence[Facts]


@dataclass(frozen=True)
class Note:
    """A sentence or two that people must see. ``behind``: the technical words that they stand for, folded."""

    words: Said
    tone: Tone = "plain"
    behind: str | None = None


def in_doubt(id: str, reason: str | None, **given: Any) -> Note:
    """The note about a doubt: the sentence ``id``, whose ``why`` says what happened, the technical words behind it."""
    known = what_happened(reason)
    why = known or reason or say("failures.none")
    return Note(say(id, why=why, **given), "warn", reason if known is not None else None)


@dataclass(frozen=True)
class Day:
    """A day of a calendar: a mark that is read aloud (✓, !), its tone, a word, and where it leads."""

    on: date
    mark: str
    word: Said
    tone: Tone = "plain"
    to: To | None = None


@dataclass(frozen=True)
class Calendar:
    """Days of a month, a row a subject (a channel): colours and signs, never colours alone."""

    title: Said
    rows: Sequence[tuple[Value, Sequence[Day]]]
    note: Said | None = None


@dataclass(frozen=True)
class Picture:
    """An image with what it shows in words: SVG of our own, as text."""

    title: Said
    svg: str
    words: Said


@dataclass(frozen=True)
class FileOf:
    """A file that can be fetched from a record's page: by this name, under these words."""

    name: str
    words: Said


@dataclass(frozen=True)
class Files:
    """The files of a record (``Screen.file``, ``Joins.files`` give them); ``screen``: of no record, but of this screen.

    ``asked``: what is to stand in their addresses, as the reason for which persons are shown unmasked.
    """

    title: Said
    files: Sequence[FileOf]
    screen: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: how high, and which part of it is bad; ``cells``: its row in the table beside it."""

    label: str
    value: float
    part: float = 0
    cells: Sequence[Value] = ()


@dataclass(frozen=True)
class Chart:
    """Bars from left to right, with the table of what they show. ``most``: what the highest one stands for.

    ``empty``: what is said where every bar is nothing.
    """

    title: Said
    bars: Sequence[Bar]
    heads: Sequence[Head]
    most: Said
    empty: Said


Block = Facts | Table | Story | Beside | Note | Calendar | Picture | Files | Chart


@dataclass(frozen=True)
class Page:
    """One page: its title, the state of what it shows, blocks, and the acts that its record takes now.

    ``side``: blocks that stand at the right where there is room. ``masked``: persons are shown masked on it,
    and whoever has the right may ask for them plainly. ``before``, ``after``: where one steps to, as from a month to
    the next.
    """

    title: Said
    blocks: Sequence[Block]
    tags: Sequence[Tag] = ()
    acts: Sequence[str] = ()
    side: Sequence[Block] = ()
    lead: Value = None
    masked: bool = False
    before: To | None = None
    after: To | None = None


# --- acts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One thing that is asked in a form. ``name`` is that of the service's own field, so that a refusal finds it.

    ``value``: what stands there at first; what was typed stands there again after an error. A ``reason`` is one of
    ``choices``, words of one's own, or both: what comes is one text. ``many``: any number of ``choices``, whose values
    stand in one text with blanks between them.
    """

    name: str
    label: Said
    kind: Literal["text", "area", "choice", "many", "day", "moment", "amount", "file", "password", "flag", "reason"] = (
        "text"
    )
    required: bool = True
    hint: Said | None = None
    value: str = ""
    choices: Sequence[Choice] = ()


def reason_for(act: Act) -> Field:
    """Why an act is done: its usual reasons to choose from, beside words of one's own."""
    usual = [Choice(word, sentence) for word, sentence in act.why().items()]
    return Field("reason", Named("reason"), "reason" if usual else "area", choices=usual)


@dataclass(frozen=True)
class Form:
    """What an act asks, and what it will do. ``button``: the act and its sum in words, as 确认退付 5,036.50 元至 …5702.

    ``what``: what will happen, as blocks. ``seen``: the token of what is shown, sent back as ``asked["seen"]``.
    ``reviewed``: what was typed is shown once more, with ``what`` made from it, before it is done.
    """

    button: Said
    what: Sequence[Block] = ()
    fields: Sequence[Field] = ()
    seen: str = ""
    reviewed: bool = False


@dataclass(frozen=True)
class Done:
    """An act is carried out. It leads to the record's page, to another one (``to``), or shows ``page`` this once."""

    to: To | None = None
    page: Page | None = None


@dataclass(frozen=True, kw_only=True)
class ActPage:
    """An act as people reach it: a page that says what will happen, and a button that does it.

    ``of``: the act as a room declares it, from which title, right, command and route are drawn; ``name`` stands in the
    address. ``form(look, id)`` is made anew each time, from what is so now and what was typed; ``do(look, id)`` calls
    the service with ``look.person`` and ``look.once``. Both raise the Problems of the service: they are shown above the
    form, which keeps what was typed. ``money``: money moves, or rights: who does it proves again who it is.
    ``called``: its title, where one act is reached in several ways; ``command``: the command that does the same, where
    that is not the act's own.
    """

    name: str
    of: Act
    form: Callable[[Look, str], Awaitable[Form]]
    do: Callable[[Look, str], Awaitable[Done | None]]
    money: bool = False
    danger: bool = False
    called: Sentence | None = None
    command: str = ""

    @property
    def same_as(self) -> str:
        """The words after ``gateway`` of the command that does the same."""
        return self.command or self.of.command

    @property
    def title(self) -> Sentence:
        """What it does, as its command says it too."""
        return self.called or self.of.sentence

    @property
    def scope(self) -> str:
        """The right it needs, beside those that the service asks for."""
        return self.of.scope


# --- screens ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """A file as it is given out. ``inline``: the browser may show it in place; only of what we made ourselves."""

    content: bytes
    media_type: str
    name: str
    inline: bool = False


class Group(Enum):
    """What the screens are for, in the order in which the navigation leads to them."""

    TODAY = say("console.today")
    WORK = say("console.group_work")
    BOOKS = say("console.group_books")
    PUBLIC = say("console.group_public")
    SYSTEM = say("console.group_system")
    ACCESS = say("console.group_access")


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One screen, at ``/console/NAME``. ``place``: where it stands in its ``group``; ``scope``: who may see it.

    ``ids``: the prefix of the ids of its records, where it shows one.
    Either ``lists`` or ``page`` is what it opens with. ``one(look, id)``: the page of one record, which raises
    NotFoundProblem for what is not there or is another authority's. ``file(look, id, name)``: its files.
    """

    name: str
    title: Said
    scope: str
    place: int
    group: Group = Group.SYSTEM
    ids: str = ""
    lists: Listing | None = None
    page: Callable[[Look], Awaitable[Page]] | None = None
    one: Callable[[Look, str], Awaitable[Page]] | None = None
    acts: Sequence[ActPage] = ()
    file: Callable[[Look, str, str], Awaitable[Served]] | None = None
    joined: Sequence[Joins] = ()

    def with_joined(self, joined: Sequence[Joins]) -> Screen:
        """The same with what other rooms add to it."""
        more = tuple(act for one in joined for act in one.acts)
        return replace(self, acts=(*self.acts, *more), joined=tuple(joined))

    def act(self, name: str) -> ActPage | None:
        """One of its acts."""
        return next((one for one in self.acts if one.name == name), None)

    async def file_of(self, look: Look, id: str, name: str) -> Served:
        """A file of a record, whichever room makes it. Raises NotFoundProblem."""
        for one in self.joined:
            if name in one.files:
                return await one.files[name](look, id)
        if self.file is None:
            raise NotFoundProblem(say("console.no_screen"))
        return await self.file(look, id, name)


@dataclass(frozen=True, kw_only=True)
class Joins:
    """What a room adds to a screen of a room that it needs: acts that the screen's pages name, and further blocks.

    ``blocks(look, id)``: what stands below the record's own; ``first``: above them, below its notes.
    ``now(look, id)``: those of its acts that the record takes now, where the page cannot know. A page
    that names an act which no room brings is no fault.
    """

    screen: str
    acts: Sequence[ActPage] = ()
    blocks: Callable[[Look, str], Awaitable[Sequence[Block]]] | None = None
    first: bool = False
    now: Callable[[Look, str], Awaitable[Sequence[str]]] | None = None
    files: Mapping[str, Callable[[Look, str], Awaitable[Served]]] = field(default_factory=dict)


# --- what waits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waits:
    """So many records of one kind wait for a person. ``to`` leads to exactly the list that is counted.

    ``due``: the earliest last day among them. ``whose``: anybody who may (``all``), in my hands (``mine``), me as the
    second person (``second``), another as the second person of mine (``others``). ``instead``: the command that lists
    them, where no screen does.
    """

    what: Said
    number: int
    to: To | None = None
    due: date | None = None
    whose: Literal["all", "mine", "second", "others"] = "all"
    tone: Tone = "plain"
    most: int | None = None
    instead: str = ""


Waiting = Callable[[Look], Awaitable[Sequence[Waits]]]
"""What of a room waits for a person (``Room.waiting``). What counts nothing is left out."""

"""Rooms: what a capability of the gateway brings, how rooms are found, and in which order they are opened.

A room is one value, ``Room``, behind an entry point in the group ``gateway.rooms``; the built-in ones use the same
door. What is known of a room without opening anything stands in ``Room``; its heavy parts are named as places
(``".service:open_room"``: module and attribute, with a dot in front seen from the room's own package), so that a
command loads only what it needs. What is alive after opening stands in ``Opened``. Everything wrong with a room stops
the start with a sentence (SettingsError).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.foundation.acts import Act
from gateway.words.errors import GatewayError, SettingsError
from gateway.words.saying import Sentence, bring, say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.foundation.base import Foundation
    from gateway.foundation.delivery import Action, Event
    from gateway.foundation.delivery.callbacks import Handler as TakeNotice
    from gateway.foundation.delivery.resolutions import Renew
    from gateway.ports.base import Notice

T = TypeVar("T")

GROUP = "gateway.rooms"
_NAME = re.compile(r"(?!foundation$)[a-z][a-z0-9_]{0,26}")  # with a number it names revisions of at most 32 letters

Hear = Callable[["Connection", "Event"], None]
"""Hears an event in the transaction that writes it, possibly twice: no side effects but SQL."""


@dataclass(frozen=True)
class Duty:
    """What comes round: ``do(slot)`` at each slot of a five-field crontab in Asia/Shanghai; safe to run again.

    ``each``: of slots that were missed, every one is caught up, not only the latest.
    """

    name: str
    crontab: str
    do: Callable[[datetime], Awaitable[object]]
    each: bool = False


@dataclass(frozen=True)
class Keeps:
    """What a room keeps, for how many days (None: for good), and why (the rule, with its source).

    ``forget(before)`` removes what is older than an instant and says how much that was; it runs each night.
    """

    what: str
    days: int | None
    why: str
    forget: Callable[[datetime], Awaitable[int]] | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A room at work.

    ``services``: what routes, commands and other rooms reach by class. ``actions``: kinds of operations, made known to
    delivery. ``renews``: how an effect that provably did not happen is sent again. ``callbacks``: who takes which kind
    of notice. ``hears``: events of other rooms, in the transaction that writes them. ``comes_round``: by the clock.
    ``keeps``: what the room keeps, how long and why. ``notes``: what is worth knowing, for readiness. ``close``: let go
    of what the room opened.
    """

    services: tuple[object, ...] = ()
    actions: tuple[Action, ...] = ()
    renews: Mapping[str, Renew] = field(default_factory=dict)
    callbacks: Mapping[type[Notice], TakeNotice] = field(default_factory=dict)
    hears: Mapping[str, Sequence[Hear]] = field(default_factory=dict)
    comes_round: tuple[Duty, ...] = ()
    keeps: tuple[Keeps, ...] = ()
    notes: Callable[[], Awaitable[Sequence[str]]] | None = None
    close: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a room brings. Places are ``"module:attribute"``; one that begins with a dot is seen from ``package``.

    ``needs``: the rooms whose services and records it uses; they are opened before it. ``open``: a function of the
    foundation and of the services of the rooms before it, giving ``Opened``. ``kind``, ``port``, ``capability``,
    ``channel_keys``, ``suite``: the kind of channel it works with, the Protocol of its adapters, the word for it in
    ``[[routes]]``, the keys of such a channel's block, and the conformance suite. ``one_channel``: an authority has at
    most one. ``scopes``: what its routes ask of a key; ``supervisor_scopes``: those that only supervisors have.
    ``routes``: routers. ``commands``: word to a typer application or function; two words add a verb to the application
    of a room that this one needs (``"payments refunds"``). ``acts``: what people do here (``acts.Act``). ``lives``:
    the modules that declare them. ``events``: what it emits beside the events of its lives. ``tables``: the module
    that holds its tables; ``revisions``: the folder of their migrations. ``settings``: the model of ``[rooms.NAME]``.
    ``decision_part``: what the room shows of a decision in its one view; ``payment_part``: of a payment.
    ``case_files``: what it puts into a case's evidence bundle (``case_files.CaseFiles``). ``doctor``: a
    ``findings.Look``. ``books``: a tuple of ``books.Books``, what its rows are held against by ``gateway evidence
    audit``. ``provisional``: a function of a connection that counts the kept dates that rest on days off not published
    yet. ``figures``: what the room measures for ``/metrics`` (``figures.Figures``).
    ``body_limits``: bytes by path, where a request may be larger than others. ``words``: the folder of
    its sentences, where they do not stand in the catalogue of this project (``gateway.words.saying``). ``indexes``: its
    blind indexes, a tuple of ``rotation.Indexed``. ``keeping``: the module of its ``TERMS``, and of ``MATTERS`` where
    it has any (``foundation.terms``). ``screens``: what it shows on the console, each a ``screens.Screen``; ``joins``:
    what it adds to a screen of a room that it needs, each a ``screens.Joins``; ``waiting``: what of it waits for a
    person, each a ``screens.Waiting``; ``taken``: which records people take on, and hand over (``taking``): the path
    of each one's view, by the prefix of its id, and after a # the member in which the record stands. ``looks``: lists
    and records whose commands are made from their routes. ``happened``: which events a person is told of who comes back
    (``since``), each in words that stand before a number.
    """

    name: str
    package: str
    title: str = ""
    needs: tuple[str, ...] = ()
    open: str = ""
    kind: str | None = None
    port: str | None = None
    capability: str | None = None
    channel_keys: str | None = None
    suite: str | None = None
    one_channel: bool = False
    scopes: tuple[str, ...] = ()
    supervisor_scopes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()
    looks: tuple[Act, ...] = ()
    lives: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    tables: str | None = None
    revisions: str | None = None
    keeping: str | None = None
    settings: str | None = None
    decision_part: str | None = None
    payment_part: str | None = None
    case_files: str | None = None
    doctor: str | None = None
    books: str | None = None
    provisional: str | None = None
    figures: str | None = None
    body_limits: Mapping[str, int] = field(default_factory=dict)
    words: str | None = None
    indexes: str | None = None
    screens: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    taken: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    happened: Mapping[str, Sentence] = field(default_factory=dict)

    def place(self, where: str) -> Any:
        """What stands at a place: a module, or an attribute of one.

        Raises SettingsError if it is not there, or its module cannot be imported.
        """
        module, _, attribute = where.partition(":")
        full = self.package + module if module.startswith(".") else module
        try:
            found = import_module(full)
        except GatewayError:  # it has said what is wrong
            raise
        except Exception as error:
            kind = type(error).__name__
            said = say("rooms.no_import", room=self.name, full=full, kind=kind, error=error)
            raise SettingsError("rooms", said) from error
        if attribute and not hasattr(found, attribute):
            raise SettingsError("rooms", say("rooms.not_there", room=self.name, full=full, attribute=attribute))
        return getattr(found, attribute) if attribute else found


_REPAIR = say("rooms.repair")


class Services:
    """The services of the rooms that are open, by class."""

    def __init__(self) -> None:
        self._found: dict[type, object] = {}

    def add(self, service: object) -> None:
        """Make a service known under its class. Raises ValueError where another one is known under it."""
        if type(service) in self._found:
            raise ValueError(f"two services are of the class {type(service).__name__}")
        self._found[type(service)] = service

    def get(self, cls: type[T]) -> T:
        """The service of this class. Raises KeyError where no room before this one brings it."""
        if cls not in self._found:
            raise KeyError(f"no room that is open by now brings {cls.__name__}")
        found = self._found[cls]
        assert isinstance(found, cls)
        return found


# --- finding --------------------------------------------------------------------------------------------------------


def found() -> tuple[Room, ...]:
    """Every installed room, those that others need first. Raises SettingsError for what cannot be opened.

    All distributions are looked through, once for each import path.
    """
    return _found(tuple(sys.path))


@lru_cache(maxsize=8)
def _found(_path: tuple[str, ...]) -> tuple[Room, ...]:
    entries = sorted(set(entry_points(group=GROUP)), key=lambda entry: (entry.name, entry.value))
    return ordered([_load(entry) for entry in entries])


def _load(entry: EntryPoint) -> Room:
    owner = entry.dist.name if entry.dist else entry.value
    try:
        room = entry.load()
    except Exception as error:
        kind = type(error).__name__
        said = say("rooms.not_imported", room=entry.name, owner=owner, kind=kind, error=error)
        raise SettingsError("rooms", said) from error
    if not isinstance(room, Room):
        raise SettingsError("rooms", say("rooms.no_room", entry=entry.name, owner=owner), _REPAIR)
    if room.name != entry.name or not _NAME.fullmatch(room.name):
        raise SettingsError("rooms", say("rooms.called", room=entry.name, owner=owner, called=room.name))
    if room.words is not None:
        _bring_words(room)
    return room


def _bring_words(room: Room) -> None:
    """Take in what a room says. Raises SettingsError where its catalogue cannot be read."""
    folder = files(room.package).joinpath(room.words or "")
    try:
        bring(Path(str(folder)))
    except (OSError, ValueError, LookupError) as error:
        raise SettingsError("rooms", say("rooms.catalogue", folder=folder, room=room.name, error=error)) from error


def ordered(rooms: Iterable[Room]) -> tuple[Room, ...]:
    """Rooms in the order of their needs. SettingsError for two of one name, what is missing, and circles.

    Also for two rooms that bring one kind, one capability, one command or one scope.
    """
    by_name: dict[str, Room] = {}
    for room in rooms:
        if room.name in by_name:
            places = f"{by_name[room.name].package} and {room.package}"
            raise SettingsError("rooms", say("rooms.two", room=room.name, places=places))
        by_name[room.name] = room
    for room in by_name.values():
        if lacking := sorted(set(room.needs) - by_name.keys()):
            raise SettingsError("rooms", say("rooms.needs", room=room.name, lacking=lacking))
    for what, brought in (("kind", _kinds), ("capability", _capabilities), ("command", _commands), ("scope", _scopes)):
        owners: dict[str, str] = {}
        for room in by_name.values():
            for word in brought(room):
                if (other := owners.setdefault(word, room.name)) != room.name:
                    raise SettingsError("rooms", say("rooms.both", other=other, room=room.name, what=what, word=word))
    for room in by_name.values():
        for group, verb in _verbs(room):
            if not any(group in by_name[other].commands for other in room.needs):
                raise SettingsError("rooms", say("rooms.adds", room=room.name, verb=verb, group=group))
    placed: dict[str, Room] = {}
    while len(placed) < len(by_name):
        ready = sorted(
            room.name for room in by_name.values() if room.name not in placed and placed.keys() >= set(room.needs)
        )
        if not ready:
            circle = ", ".join(sorted(by_name.keys() - placed.keys()))
            raise SettingsError("rooms", say("rooms.circle", circle=circle), _REPAIR)
        placed[ready[0]] = by_name[ready[0]]
    return tuple(placed.values())


def _kinds(room: Room) -> tuple[str, ...]:
    return () if room.kind is None else (room.kind,)


def _capabilities(room: Room) -> tuple[str, ...]:
    return () if room.capability is None else (room.capability,)


def _commands(room: Room) -> tuple[str, ...]:
    return tuple(room.commands)


def _verbs(room: Room) -> tuple[tuple[str, str], ...]:
    """What a room adds to commands of others: the command and the verb."""
    return tuple((group, verb) for group, _, verb in (name.partition(" ") for name in room.commands) if verb)


def _scopes(room: Room) -> tuple[str, ...]:
    return (*room.scopes, *room.supervisor_scopes)


# --- opening --------------------------------------------------------------------------------------------------------


def open_all(base: Foundation, rooms: Sequence[Room], services: Services) -> tuple[tuple[Room, Opened], ...]:
    """Open every room in turn, and wire what it brings into the foundation.

    Raises SettingsError where a room cannot be opened, hears an event that no room emits, or brings what another one
    has brought: an action, a notice, a service, a duty. Also for settings of a room that is not installed.
    """
    if strange := sorted(base.settings.rooms.keys() - {room.name for room in rooms}):
        said = say("rooms.unknown", room=strange[0], known=sorted(room.name for room in rooms))
        raise SettingsError(f"rooms.{strange[0]}", said)
    emitted = events_of(rooms)
    opened: list[tuple[Room, Opened]] = []
    for room in rooms:
        alive = _open(base, room, services)
        try:
            for service in alive.services:
                services.add(service)
            _wire(base, room, alive, emitted)
        except ValueError as error:
            raise SettingsError("rooms", say("rooms.told", room=room.name, error=error), _REPAIR) from error
        opened.append((room, alive))
    return tuple(opened)


def _open(base: Foundation, room: Room, services: Services) -> Opened:
    """One room at work. SettingsError in one sentence for one that cannot be opened; the log has all of it."""
    if not room.open:
        return Opened()
    opener = room.place(room.open)
    try:
        alive = opener(base, services)
    except GatewayError:
        raise
    except Exception as error:
        _log().debug("a room cannot be opened", room=room.name, exc_info=True)
        kind = type(error).__name__
        raise SettingsError("rooms", say("rooms.not_opened", room=room.name, kind=kind, error=error)) from error
    if not isinstance(alive, Opened):
        raise SettingsError("rooms", say("rooms.opens", room=room.name, name=type(alive).__name__), _REPAIR)
    return alive


def events_of(rooms: Sequence[Room]) -> frozenset[str]:
    """Every event that these rooms, or the foundation, can emit."""
    from gateway.foundation.lives import LIVES

    drawn: set[str] = set()
    for room in rooms:
        for module in room.lives:
            edges = getattr(room.place(module), "EDGES", ())
            drawn |= {edge.event for edge in edges if getattr(edge, "event", None)}
    of_lives = {edge.event for life in LIVES.values() for edge in life.edges if edge.event is not None}
    families = {event.partition(".")[0] for life in LIVES.values() if life.doubt for event in _told(life)}
    doubts = {f"{family}.{word}" for family in families for word in ("in_doubt", "parked")}
    return frozenset(drawn | of_lives | doubts | {event for room in rooms for event in room.events})


def _told(life: Any) -> tuple[str, ...]:
    return tuple(edge.event for edge in life.edges if edge.event is not None)


def _wire(base: Foundation, room: Room, alive: Opened, emitted: frozenset[str]) -> None:
    for action in alive.actions:
        base.delivery.register(action)
    for name, renew in alive.renews.items():
        base.resolutions.renews(name, renew)
    for notice, take in alive.callbacks.items():
        base.callbacks.on(notice, take)
    for event, hearers in alive.hears.items():
        if event not in emitted:
            raise SettingsError("rooms", say("rooms.hears", room=room.name, event=event), _REPAIR)
        for hear in hearers:
            base.events.subscribe(event, hear)
    for duty in (*alive.comes_round, *(_retention(base, kept) for kept in alive.keeps if kept.forget and kept.days)):
        base.schedules.every(duty.name, duty.crontab, duty.do, each=duty.each)


def _retention(base: Foundation, kept: Keeps) -> Duty:
    """Forget each night what is older than it has to be."""

    async def forget(_slot: datetime) -> None:
        assert kept.forget is not None
        assert kept.days is not None
        number = await kept.forget(base.clock.now() - timedelta(days=kept.days))
        _log().info("what was kept long enough is gone", what=kept.what, number=number)

    return Duty(f"retention of {kept.what}", "15 3 * * *", forget)


def _log() -> Any:
    """The log, loaded when there is something to say: finding rooms is part of every start."""
    import structlog

    return structlog.get_logger(__name__)

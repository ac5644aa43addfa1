"""The life of a kind of record: its states, the edges between them, and the one door through which a state changes.

An edge says from where to where, the event that it emits, what makes it happen, and who may. A room declares its lives
beside its states; ``gateway states`` draws them. ``Living`` is a life at work: it compares in SQL, sets the state with
what belongs to it, ends the doubt about the step, and emits the edge's event, in the caller's transaction. No other
code writes a column that holds states.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Connection, Table, Update, and_, bindparam, update

from gateway.foundation.outcomes import Absent, Accepted, Doubt, Parked, Unsettled
from gateway.foundation.store.base import constant
from gateway.words.clock import Clock, to_micros

if TYPE_CHECKING:  # delivery's own records have lives too
    from gateway.foundation.delivery.events import Events

S = TypeVar("S", bound=StrEnum)
R = TypeVar("R")

SURE: Mapping[str, Any] = {"in_doubt_since_at": None, "doubt_reason": None}
"""What the two columns of doubt hold when there is none."""


@dataclass(frozen=True)
class Edge(Generic[S]):
    """One step. ``start`` None: a life begins. ``event`` None: nobody outside is told. ``who`` may cause it.

    An end that is also a start of its own edge is a step in place (a plan that is made anew).
    """

    start: S | None
    end: S
    event: str | None
    when: str
    who: str = ""


@dataclass(frozen=True)
class Life(Generic[S]):
    """The life of a record: a table, the column that holds its state, and the edges.

    ``key``: the columns, and fields of the record, by which one is found. ``doubt``: the table has the two columns of
    doubt, which a step clears. ``stamped``: the step writes ``updated_at``. Raises ValueError for one step twice, and
    for another life of this name.
    """

    name: str
    table: Table
    edges: tuple[Edge[S], ...]
    column: str = "status"
    key: tuple[str, ...] = ("id",)
    doubt: bool = False
    stamped: bool = True
    _moves: dict[tuple[frozenset[S], S], Update] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        steps = [(one.start, one.end) for one in self.edges]
        if len(set(steps)) != len(steps):
            raise ValueError(f"the life of {self.name} has one step twice")
        if (other := LIVES.setdefault(self.name, self)).table is not self.table or other.column != self.column:
            raise ValueError(f"two lives are called {self.name}: of {other.table.name} and of {self.table.name}")
        LIVES[self.name] = self

    def edge(self, start: S | None, end: S) -> Edge[S] | None:
        """The step between two states, or None when there is none."""
        return next((one for one in self.edges if one.start == start and one.end == end), None)

    def sources(self, end: S) -> tuple[S, ...]:
        """The states from which ``end`` can be reached."""
        return tuple(one.start for one in self.edges if one.end == end and one.start is not None)

    @property
    def states(self) -> tuple[S, ...]:
        """Every state, in the order of the edges."""
        return tuple(dict.fromkeys(state for one in self.edges for state in (one.start, one.end) if state is not None))

    def led(self, events: Sequence[str]) -> frozenset[S | None]:
        """The states in which a record can be after these events, in their order; empty: they do not follow.

        Events of other lives are passed over, and steps that nobody is told of may have been between.
        """
        known = {one.event for one in self.edges if one.event is not None}
        where: set[S | None] = self._silently({None})
        for event in events:
            if event in known:
                where = self._silently({one.end for one in self.edges if one.event == event and one.start in where})
        return frozenset(where)

    def _silently(self, where: set[S | None]) -> set[S | None]:
        """These states, and those to which steps without an event lead from them."""
        reached = set(where)
        while further := {one.end for one in self.edges if one.event is None and one.start in reached} - reached:
            reached |= further
        return reached

    @property
    def ends(self) -> tuple[S, ...]:
        """The states that nothing leaves."""
        starts = {one.start for one in self.edges}
        return tuple(state for state in self.states if state not in starts)

    @cached_property
    def one(self) -> Update:
        """An UPDATE of one record, of columns that are no state. Parameters as those of ``statement``."""
        columns = self.table.c
        return update(self.table).where(and_(*(columns[name] == bindparam(f"of_{name}") for name in self.key)))

    def statement(self, starts: frozenset[S], end: S) -> Update:
        """The compare-and-set of a step, made once. Parameters: ``of_<key>`` and the columns that are set."""
        known = self._moves.get((starts, end))
        if known is None:
            was = self.table.c[self.column].in_([constant(one.value) for one in sorted(starts)])
            known = self.one.where(was).execution_options(life=self.name)
            self._moves[starts, end] = known
        return known


LIVES: dict[str, Life[Any]] = {}
"""Every life that has been declared, by name. Importing a room's states declares its lives."""


class Living(Generic[S, R]):
    """A life at work in a room: ``move`` and ``doubt`` are the only writers of its columns.

    ``tells``: what every event says of a record beside the step's own words (no personal data); None where no event of
    this life is ever emitted. ``subject`` and ``authority`` of its events are the record's fields of these names.
    """

    def __init__(
        self,
        life: Life[S],
        events: Events,
        clock: Clock,
        tells: Callable[[R], Mapping[str, Any]] = lambda _: {},
        *,
        subject: str = "id",
        authority: str = "authority",
    ) -> None:
        self.life = life
        self._events = events
        self._clock = clock
        self._tells = tells
        self._subject = subject
        self._authority = authority

    def begin(self, conn: Connection, record: R, **tell: Any) -> None:
        """A record was inserted in its first state: emit the event of its beginning. Raises ValueError for another."""
        state = getattr(record, self.life.column)
        edge = self.life.edge(None, state)
        if edge is None:
            raise ValueError(f"no {self.life.name} begins as {state}")
        self._emit(conn, record, edge.event, tell)

    def move(
        self, conn: Connection, record: R, end: S, *, tell: Mapping[str, Any] | None = None, **values: Any
    ) -> bool:
        """Take one step: compare, set, clear the doubt, emit. False when the record is in no state that leads there.

        ``values`` are columns that change with the state; ``tell`` is what the event says of the step. The state is
        compared in the database, not in ``record``, which may be older than its row; where steps to ``end`` emit
        different events, ``record`` says which of them is meant.
        """
        starts, event = self._step(record, end)
        if not starts:
            return False
        set_: dict[str, Any] = {self.life.column: end.value}
        if self.life.stamped:
            set_["updated_at"] = to_micros(self._clock.now())
        if self.life.doubt:
            set_ |= SURE
        mine = {f"of_{name}": getattr(record, name) for name in self.life.key}
        done = conn.execute(self.life.statement(starts, end), {**set_, **values, **mine})
        if done.rowcount != 1:
            return False
        self._emit(conn, record, event, tell or {})
        return True

    def doubt(self, conn: Connection, record: R, outcome: Unsettled, **tell: Any) -> None:
        """What delivery said short of an end: doubt begins, ends with "nothing happened" or "accepted", or waits.

        Sets the two columns of doubt, and emits ``<family>.in_doubt`` or ``<family>.parked``: the family is the first
        word of the life's events. The state stays.
        """
        match outcome:
            case Doubt(reason=reason):
                now = to_micros(self._clock.now())
                self._set(conn, record, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, record, f"{self._family}.in_doubt", {**tell, "reason": reason})
            case Absent() | Accepted():
                self._set(conn, record, **SURE)
            case Parked(reason=reason):
                self._set(conn, record, doubt_reason=reason)
                self._emit(conn, record, f"{self._family}.parked", {**tell, "reason": reason})

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _family(self) -> str:
        named = next(one.event for one in self.life.edges if one.event is not None)
        return named.partition(".")[0]

    def _step(self, record: R, end: S) -> tuple[frozenset[S], str | None]:
        """The states from which this step may begin, and its event."""
        into = [one for one in self.life.edges if one.end == end and one.start is not None]
        told = {one.event for one in into}
        if len(told) > 1:
            meant = self.life.edge(getattr(record, self.life.column), end)
            into = [] if meant is None else [one for one in into if one.event == meant.event]
        return frozenset(one.start for one in into if one.start is not None), (into[0].event if into else None)

    def _set(self, conn: Connection, record: R, **values: Any) -> None:
        known = {f"of_{name}": getattr(record, name) for name in self.life.key}
        stamp = {"updated_at": to_micros(self._clock.now())} if self.life.stamped else {}
        conn.execute(self.life.one, {**stamp, **values, **known})

    def _emit(self, conn: Connection, record: R, event: str | None, tell: Mapping[str, Any]) -> None:
        if event is None:
            return
        self._events.emit(
            conn,
            type=event,
            subject=getattr(record, self._subject),
            authority=getattr(record, self._authority),
            data={**self._tells(record), **tell},
        )


def state_columns() -> Collection[tuple[str, str]]:
    """Table and column of every declared life: what ``move`` alone may write."""
    return {(one.table.name, one.column) for one in LIVES.values()}

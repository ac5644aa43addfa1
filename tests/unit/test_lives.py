"""A state changes through its life and nowhere else: compared in SQL, doubt cleared, the edge's event emitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, create_engine, insert, select

from gateway.foundation import lives
from gateway.foundation.lives import Edge, Life, Living
from gateway.foundation.outcomes import Absent, Doubt, Parked
from gateway.words.clock import SystemClock

table = Table(
    "lamp",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("authority", String),
    Column("status", String),
    Column("colour", String),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", String),
    Column("updated_at", BigInteger),
)


class State(StrEnum):
    OFF = "off"
    ON = "on"
    BROKEN = "broken"
    GONE = "gone"


@dataclass(frozen=True)
class Lamp:
    id: str
    authority: str
    status: State


EDGES = (
    Edge(None, State.OFF, "lamp.made", "it is made"),
    Edge(State.OFF, State.ON, "lamp.lit", "somebody needs light"),
    Edge(State.ON, State.BROKEN, "lamp.broke", "it burned out"),
    Edge(State.OFF, State.BROKEN, "lamp.fell", "it fell"),
    Edge(State.BROKEN, State.GONE, None, "it is thrown away"),
)


class Told:
    """Takes events as ``Events`` does."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def emit(self, conn: Connection, *, type: str, subject: str, authority: str, data: dict[str, Any]) -> None:
        assert authority == "office"
        self.events.append((type, subject, data))


@pytest.fixture
def conn() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    table.metadata.create_all(engine)
    with engine.begin() as conn:
        conn.execute(insert(table), {"id": "l1", "authority": "office", "status": "off", "doubt_reason": "why"})
        conn.execute(insert(table), {"id": "l2", "authority": "office", "status": "off"})
        yield conn


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Life[State]:
    monkeypatch.setattr(lives, "LIVES", {})
    return Life("lamps", table, EDGES, doubt=True)


LAMP = Lamp("l1", "office", State.OFF)


def row(conn: Connection, id: str = "l1") -> Any:
    return conn.execute(select(table).where(table.c.id == id)).mappings().one()


def test_a_step_sets_the_state_with_its_columns_and_tells_once(conn: Connection, life: Life[State]) -> None:
    told = Told()
    living = Living(life, told, SystemClock(), lambda lamp: {"lamp": lamp.id})
    assert living.move(conn, LAMP, State.ON, tell={"by": "hand"}, colour="warm")
    assert (row(conn)["status"], row(conn)["colour"], row(conn)["doubt_reason"]) == ("on", "warm", None)
    assert row(conn)["updated_at"] is not None
    assert row(conn, "l2")["status"] == "off"
    assert told.events == [("lamp.lit", "l1", {"lamp": "l1", "by": "hand"})]


def test_the_state_is_compared_in_the_database_and_not_in_the_record(conn: Connection, life: Life[State]) -> None:
    told = Told()
    living = Living(life, told, SystemClock())
    assert living.move(conn, LAMP, State.ON)
    assert not living.move(conn, LAMP, State.ON)
    assert not living.move(conn, LAMP, State.GONE)
    assert len(told.events) == 1


def test_where_steps_to_one_state_tell_different_things_the_record_says_which(
    conn: Connection, life: Life[State]
) -> None:
    told = Told()
    living = Living(life, told, SystemClock())
    assert living.move(conn, LAMP, State.ON)
    assert not living.move(conn, LAMP, State.BROKEN), "it fell only while it was off"
    assert living.move(conn, replace(LAMP, status=State.ON), State.BROKEN)
    assert [one[0] for one in told.events] == ["lamp.lit", "lamp.broke"]


def test_a_step_without_event_tells_nobody(conn: Connection, life: Life[State]) -> None:
    told = Told()
    living = Living(life, told, SystemClock())
    assert living.move(conn, LAMP, State.BROKEN)
    assert living.move(conn, LAMP, State.GONE)
    assert [one[0] for one in told.events] == ["lamp.fell"]


def test_a_beginning_is_told_and_only_a_beginning(conn: Connection, life: Life[State]) -> None:
    told = Told()
    living = Living(life, told, SystemClock())
    living.begin(conn, LAMP, where="hall")
    assert told.events == [("lamp.made", "l1", {"where": "hall"})]
    with pytest.raises(ValueError, match="begins as on"):
        living.begin(conn, replace(LAMP, status=State.ON))


def test_doubt_has_a_date_and_an_end_and_leaves_the_state_alone(conn: Connection, life: Life[State]) -> None:
    told = Told()
    living = Living(life, told, SystemClock())
    living.doubt(conn, LAMP, Doubt("no answer"), effect="light")
    assert row(conn)["in_doubt_since_at"] is not None
    assert row(conn)["doubt_reason"] == "no answer"
    assert row(conn, "l2")["in_doubt_since_at"] is None
    living.doubt(conn, LAMP, Parked("nobody knows"))
    assert row(conn)["doubt_reason"] == "nobody knows"
    assert row(conn)["in_doubt_since_at"] is not None
    living.doubt(conn, LAMP, Absent())
    assert (row(conn)["in_doubt_since_at"], row(conn)["doubt_reason"]) == (None, None)
    assert row(conn)["status"] == "off"
    assert [(one[0], one[2]) for one in told.events] == [
        ("lamp.in_doubt", {"effect": "light", "reason": "no answer"}),
        ("lamp.parked", {"reason": "nobody knows"}),
    ]


def test_a_life_knows_its_states_and_ends(life: Life[State]) -> None:
    assert life.states == (State.OFF, State.ON, State.BROKEN, State.GONE)
    assert life.ends == (State.GONE,)
    assert life.sources(State.BROKEN) == (State.ON, State.OFF)


def test_a_step_that_stands_twice_is_a_mistake(life: Life[State]) -> None:
    with pytest.raises(ValueError, match="twice"):
        Life("lamps", table, (*EDGES, Edge(State.OFF, State.ON, "lamp.lit", "again")))


def test_a_life_says_in_which_states_events_leave_a_record(life: Life[State]) -> None:
    assert life.led([]) == {None}
    assert life.led(["lamp.made", "house.sold", "lamp.lit"]) == {State.ON}
    assert life.led(["lamp.made", "lamp.fell"]) == {State.BROKEN, State.GONE}, "of the last step nobody is told"
    assert life.led(["lamp.lit"]) == life.led(["lamp.made", "lamp.lit", "lamp.fell"]) == frozenset()


@pytest.mark.parametrize("stamped", [True, False])
def test_doubt_is_stamped_as_a_step_is(conn: Connection, monkeypatch: pytest.MonkeyPatch, stamped: bool) -> None:
    monkeypatch.setattr(lives, "LIVES", {})
    living = Living(Life("lamps", table, EDGES, doubt=True, stamped=stamped), Told(), SystemClock())
    living.doubt(conn, LAMP, Doubt("no answer"))
    assert (row(conn)["doubt_reason"], row(conn)["updated_at"] is not None) == ("no answer", stamped)
    assert row(conn, "l2")["doubt_reason"] is None

"""A record is made of a row by the names of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest
from pydantic import BaseModel
from sqlalchemy import create_engine, text

from gateway.foundation.store.rows import changes, columns, reader


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Thing:
    id: str
    colour: Colour
    other: Colour | None
    flag: bool
    note: str | None


def row(sql: str):
    with create_engine("sqlite://").connect() as conn:
        return conn.execute(text(sql)).mappings().one()


def test_enums_and_flags_become_what_the_record_says() -> None:
    thing = reader(Thing)(row("select 'a' as id, 'red' as colour, null as other, 1 as flag, null as note, 7 as more"))
    assert thing == Thing("a", Colour.RED, None, True, None)
    assert isinstance(thing.colour, Colour)
    assert thing.flag is True


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        reader(Thing)(row("select 'a' as id"))


def test_a_word_that_no_state_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="blue"):
        reader(Thing)(row("select 'a' as id, 'blue' as colour, null as other, 0 as flag, null as note"))


def test_only_a_dataclass_is_a_record() -> None:
    with pytest.raises(TypeError):
        reader(int)


class Place(BaseModel):
    page: int


@dataclass(frozen=True, slots=True)
class Placed:
    colour: Colour
    first: Place | None
    places: tuple[Place, ...]


def test_models_come_from_json_and_go_back_into_it() -> None:
    known = {"colour": "red", "first": {"page": 1}, "places": [{"page": 2}, {"page": 3}]}
    placed = reader(Placed)(known)  # type: ignore[arg-type]
    assert placed == Placed(Colour.RED, Place(page=1), (Place(page=2), Place(page=3)))
    assert columns(placed) == known


def test_what_is_none_is_left_to_the_column() -> None:
    assert columns(Placed(Colour.RED, None, ())) == {"colour": "red", "places": []}


def test_only_what_has_become_another_value_is_updated() -> None:
    before = Thing("a", Colour.RED, None, True, "note")
    assert changes(before, before) == {}
    assert changes(before, Thing("a", Colour.RED, Colour.RED, True, None)) == {"other": "red", "note": None}

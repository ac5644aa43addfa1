"""From a row to the record that it is, and back: a frozen dataclass whose fields have the names of the columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from sqlalchemy import RowMapping

T = TypeVar("T")


def reader(record: type[T]) -> Callable[[RowMapping], T]:
    """A function that makes one ``record`` of a row: enums and models by their values, flags as bool.

    The rest is as it is. The row may have more columns than the record has fields. A field without a column is a
    KeyError. Made once, when its module is imported. Raises TypeError for a class that is no dataclass.
    """
    if not is_dataclass(record):
        raise TypeError(f"{record!r} is no dataclass")
    hints = get_type_hints(record)
    names = tuple(one.name for one in fields(record) if one.init)
    converts = tuple((name, convert) for name in names if (convert := _converter(hints[name])) is not None)

    def read(row: RowMapping) -> T:
        values = {name: row[name] for name in names}
        for name, convert in converts:
            if values[name] is not None:
                values[name] = convert(values[name])
        return record(**values)

    return read


def columns(record: Any) -> dict[str, Any]:
    """What is inserted for a new record: the values that ``reader`` makes it of.

    What is None is left out: a column of JSON would hold the word null, which is not NULL.
    """
    known = {one.name: getattr(record, one.name) for one in fields(record) if one.init}
    return {name: _plain(value) for name, value in known.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    """What a value of the database becomes; None where it is already what the record holds."""
    if get_origin(hint) in (Union, UnionType):
        inner = [one for one in get_args(hint) if one is not type(None)]
        return _converter(inner[0]) if len(inner) == 1 else None
    if isinstance(hint, type) and (issubclass(hint, Enum) or hint in (bool, bytes)):
        return hint
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint.model_validate
    if get_origin(hint) is tuple:
        one = _converter(get_args(hint)[0])
        return tuple if one is None else lambda values: tuple(one(value) for value in values)
    return None


def changes(before: Any, after: Any) -> dict[str, Any]:
    """What is updated where a record has become another: the columns in which they differ."""
    return {
        one.name: _plain(value)
        for one in fields(after)
        if one.init and (value := getattr(after, one.name)) != getattr(before, one.name)
    }

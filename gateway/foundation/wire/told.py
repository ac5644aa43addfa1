"""JSON that platforms tell: strict about the members that a model has, calm about the rest.

Members that a model does not have are passed over; ``beyond`` says which they were, for the notes on contract drift. An
optional member that is empty is absent. So a model of an adapter has what is used; members of the contract that nobody
reads are only named, in ``unread``, and refuse nothing.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator


@dataclass(frozen=True)
class Like:
    """In an annotation: what is read later, entry by entry, as this model."""

    model: type[BaseModel]


class Told(BaseModel):
    """What a platform tells. Optional members that are null, blank, ``{}`` or ``[]`` are absent.

    ``unread``: members that the contract has as well, and that nobody reads.
    """

    unread: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, told: Any) -> Any:
        if not isinstance(told, Mapping):
            return told
        needed = _needed(cls)
        return {name: value for name, value in told.items() if name in needed or not _empty(value)}


def beyond(model: type[BaseModel], value: Any) -> Iterator[str]:
    """The paths of the members of a JSON value that a model does not have, such as ``data/traceId``; each once."""
    return iter(dict.fromkeys(_beyond((model,), value, "")))


def _beyond(models: tuple[type[BaseModel], ...], value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _beyond(models, one, path)
        return
    if not isinstance(value, Mapping) or not models:
        return
    for name, member in value.items():
        known = [_members(model)[name] for model in models if name in _members(model)]
        if not known:
            yield f"{path}{name}"
        else:
            yield from _beyond(tuple(one for of in known for one in of), member, f"{path}{name}/")


def _empty(value: Any) -> bool:
    return value is None or value in ({}, []) or (isinstance(value, str) and not value.strip())


@cache
def _needed(model: type[BaseModel]) -> frozenset[str]:
    """Members that a model must have: what is empty there is for the model to judge."""
    return frozenset(of.alias or name for name, of in model.model_fields.items() if of.is_required())


@cache
def _members(model: type[BaseModel]) -> dict[str, tuple[type[BaseModel], ...]]:
    """The members of a model, each with the models that may be in it."""
    unread: frozenset[str] = getattr(model, "unread", frozenset())
    read = {of.alias or name: tuple(_models(of.annotation)) for name, of in model.model_fields.items()}
    return dict.fromkeys(unread, ()) | read


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, Like):
        yield annotation.model
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, Annotated, tuple, list):
        for part in get_args(annotation):
            yield from _models(part)

"""Whatever the API is asked keeps the rules of text: every model of a body, and every model inside it, has one base."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, get_args, get_origin

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator
from snapshots.collect import application

from gateway.words.days import Day, Instant
from gateway.words.text import Ask, JsonObject, readable


@pytest.fixture(scope="module")
def api() -> FastAPI:
    """The built application, every face of it."""
    return application()


def bodies(api: FastAPI) -> Iterator[tuple[str, Any]]:
    """Each route that takes a body, and the type of the body."""
    for route in api.router.routes:
        if isinstance(route, APIRoute):
            for one in route.dependant.body_params:
                yield f"{sorted(route.methods)[0]} {route.path}", one.field_info.annotation


def models(annotation: Any, seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """Every model in a type, and those inside them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        for field in annotation.model_fields.values():
            models(field.annotation, seen)
    for part in get_args(annotation):
        models(part, seen)
    return seen


def test_every_model_of_a_request_derives_from_the_one_base(api: FastAPI) -> None:
    asked = dict(bodies(api))
    assert len(asked) > 30
    strange = {door: names for door, body in asked.items() if (names := names_outside(body))}
    assert strange == {}


def names_outside(body: Any) -> list[str]:
    return sorted(one.__qualname__ for one in models(body, set()) if not issubclass(one, Ask))


def test_an_object_without_a_model_keeps_the_rules_too(api: FastAPI) -> None:
    for door, body in bodies(api):
        for model in models(body, set()):
            for name, field in model.model_fields.items():
                if "dict" in str(field.annotation):
                    assert "readable" in str([field.metadata, field.annotation]), f"{door}: {model.__name__}.{name}"


def asked(api: FastAPI) -> Iterator[tuple[str, Any, Any]]:
    """Every value that a request can give: its name, the type with what is said of it, and the default."""
    for route in api.router.routes:
        if not isinstance(route, APIRoute):
            continue
        there = route.dependant
        single = [*there.query_params, *there.path_params, *there.header_params]
        found: set[type[BaseModel]] = set()
        for one in [*there.body_params, *single]:
            models(one.field_info.annotation, found)
        for model in found:
            for name, field in model.model_fields.items():
                yield f"{model.__name__}.{name}", field.annotation, field.metadata
        for one in single:
            yield f"{route.path} {one.name}", one.field_info.annotation, one.field_info.metadata


def moments(annotation: Any, said: tuple[Any, ...] = ()) -> Iterator[tuple[type, tuple[Any, ...]]]:
    """Each day and instant in a type, with what is said about it."""
    if annotation in (date, datetime):
        yield annotation, said
    said = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    for part in get_args(annotation):
        yield from moments(part, said)


def test_every_day_and_instant_of_every_request_is_read_in_one_way(api: FastAPI) -> None:
    """A bare ``date`` takes numbers for seconds: 0 was 1970 in six places."""
    wanted = {date: get_args(Day)[1], datetime: get_args(Instant)[1]}
    found = [(name, kind, said) for name, type_, meta in asked(api) for kind, said in moments(type_, tuple(meta))]
    assert {name for name, _, _ in found} >= {"DecisionFacts.decided_on", "BreakQuery.day", "ResendRequest.since"}
    assert [name for name, kind, said in found if wanted[kind] not in said] == []


def test_a_model_of_its_own_would_be_noticed() -> None:
    class Alone(BaseModel):
        reason: str

    class Around(Ask):
        inside: list[Alone] | None = None

    assert names_outside(Around) == ["test_a_model_of_its_own_would_be_noticed.<locals>.Alone"]
    assert isinstance(get_args(JsonObject)[1], BeforeValidator)
    assert get_args(JsonObject)[1].func is readable

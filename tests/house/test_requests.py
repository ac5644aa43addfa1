"""Whatever the API is asked keeps the rules of text: every model of a body, and every model inside it, has one base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator
from snapshots.collect import application

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


def test_a_model_of_its_own_would_be_noticed() -> None:
    class Alone(BaseModel):
        reason: str

    class Around(Ask):
        inside: list[Alone] | None = None

    assert names_outside(Around) == ["test_a_model_of_its_own_would_be_noticed.<locals>.Alone"]
    assert isinstance(get_args(JsonObject)[1], BeforeValidator)
    assert get_args(JsonObject)[1].func is readable

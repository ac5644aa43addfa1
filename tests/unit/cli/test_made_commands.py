"""Commands that are made from routes take what the routes take."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from gateway.cli.acting import _members, _option, _route
from gateway.foundation.acts import Act, acts


def texts() -> Iterator[tuple[Act, str, Any]]:
    """Each member of a route's body that is text on the wire."""
    for room, act in acts():
        body = _route(room, act).body_field
        model = None if body is None else body.field_info.annotation
        if hasattr(model, "model_json_schema"):
            schema = model.model_json_schema()["properties"]
            for _, (name, field) in _members(_route(room, act)):
                if "string" in {one.get("type") for one in (schema[name], *schema[name].get("anyOf", ()))}:
                    yield act, name, field


def test_what_is_text_on_the_wire_is_typed_as_text():
    """Yuan are whole fen inside: a command that wants a number there takes no 35.50, and what it sends is refused."""
    found = list(texts())
    assert ("cash take", "amount") in {(act.command, name) for act, name, _ in found}
    wrong = []
    for act, name, field in found:
        shape = typing.get_args(_option(name, field, act)[0])[0]
        wrong += [f"{act.command} --{name}"] if int in (shape, *typing.get_args(shape)) else []
    assert not wrong

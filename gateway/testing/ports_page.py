"""The reference of the ports, written from their code: ``gateway adapters ports``."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo

from gateway.foundation.channels import served_kinds
from gateway.ports.base import Fen, Notice
from gateway.settings import known
from gateway.testing.suites import suite_for
from gateway.words.errors import SettingsError
from gateway.words.saying import say

_HEAD: Final = """# What each port says

Written by `gateway adapters ports` from the code; a test compares. How to write an adapter:
[adding adapters](ADDING_ADAPTERS.md).

**Who fills it.** What a method takes is filled by the core, what it gives by the adapter, a notice by the adapter from
a callback. A field with a default may be left out.

**Units.** `fen` are whole fen 分 (1/100 yuan); `instant` is a time with its zone; `day` a date in Asia/Shanghai;
`bytes` are exact bytes.

*In doubt*: when `find` or `find_refund` asks what became of an effect.

| Error | From an effect | From a question | From `check` | From `open_callback` |
|---|---|---|---|---|
| `NotSentError` | sent again later | asked again later | said | never: no network |
| `BusyError` | sent again when told | asked again when told | said | never |
| `OutcomeUnknownError` | doubt: asked about, never sent again | asked again with growing pauses | said | never |
| `ContractError` | doubt, and an alarm | asked again with pauses, then a person | said | refused; kept as evidence |
| `ContradictionError` | doubt, and an alarm | the same; in doubt a person at once | said | refused; kept as evidence |
| `RejectedError` | final: shown in their words | final; in doubt a person at once | said | never |
| `DeniedError` | the channel stops, an alarm | the channel stops, an alarm | said | never |
| `UnsupportedError` | a fault of the program: a person | the same | said | never |
| `ForgedCallbackError` | never | never | never | refused with one text for all, kept apart |
| `UnreadableCallbackError` | never | never | never | kept, acknowledged if it says how, its subject asked about |
"""
_TYPES: Final[dict[Any, str]] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "yes or no",
    bytes: "bytes",
    date: "day",
    datetime: "instant",
    type(None): "nothing",
}
_SHARED: Final = ("check", "close")


def page(kind: str | None = None) -> str:
    """The reference of every kind, or of one, as Markdown. SettingsError for a kind that no installed room serves."""
    served = served_kinds()
    if kind is not None and kind not in served:
        raise SettingsError("kind", say("rooms.no_suite_kind", kind=kind), known(kind, served))
    chosen = [kind] if kind is not None else sorted(served)
    return "\n".join([_HEAD, *(_port(one, served[one].port) for one in chosen)])


def _port(kind: str, port: type[Any]) -> str:
    methods = [name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")]
    order = {name: place for place, name in enumerate(vars(port))}
    methods = sorted((name for name in methods if name not in _SHARED), key=lambda name: order.get(name, 0))
    effects = getattr(suite_for(kind), "effects", ())
    lines = [f"## `{kind}`: {port.__name__}", "", _sentence(port), ""]
    lines += ["| Method | Is | Takes | Gives | Does |", "|---|---|---|---|---|"]
    models: dict[type[Any], str] = {}
    for name in methods:
        hints = typing.get_type_hints(getattr(port, name))
        gives = hints.pop("return", type(None))
        is_ = "callback" if name == "open_callback" else "effect" if name in effects else "question"
        takes = ", ".join(f"{one}: {_type(hint)}" for one, hint in hints.items())
        lines.append(f"| `{name}` | {is_} | {takes} | {_type(gives)} | {_sentence(getattr(port, name))} |")
        for hint, by in (*((hint, "the core") for hint in hints.values()), (gives, "the adapter")):
            models |= {model: by for model in _models(hint) if model not in models}
    models |= dict.fromkeys(_notices(inspect.getmodule(port)), "the adapter, from a callback")
    for model, by in models.items():
        lines += ["", f"### `{model.__name__}`", "", _prose(model), "", f"Filled by {by}."]
        if fields := _fields(model):
            lines += ["", "| Field | Type | Default |", "|---|---|---|"]
        lines += [f"| `{name}` | {_type_of(info)} | {_default(info)} |" for name, info in fields.items()]
    return "\n".join([*lines, ""])


def _notices(module: Any) -> Iterator[type[BaseModel]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Notice) and found.__module__ == module.__name__:
            yield found


def _models(hint: Any) -> Iterator[type[Any]]:
    """The models in a type, and those in their fields."""
    if inspect.isclass(hint) and (issubclass(hint, BaseModel) or is_pydantic_dataclass(hint)):
        yield hint
        for info in _fields(hint).values():
            yield from _models(info.annotation)
    for part in typing.get_args(hint):
        yield from _models(part)


def _fields(model: type[Any]) -> dict[str, FieldInfo]:
    fields: dict[str, FieldInfo] = model.model_fields if issubclass(model, BaseModel) else model.__pydantic_fields__
    return fields


def _type_of(info: FieldInfo) -> str:
    fen = any(getattr(one, "le", None) == _MOST for one in info.metadata)
    return "fen" if fen else _type(info.annotation)


_MOST: Final = next(one.le for part in typing.get_args(Fen)[1:] for one in part.metadata if hasattr(one, "le"))


def _type(hint: Any) -> str:
    if hint in _TYPES:
        return _TYPES[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return f"list of {_type(parts[0])}"
    if origin is typing.Literal:
        return " · ".join(f"`{one}`" for one in parts)
    if origin is typing.Annotated:
        return _type(parts[0])
    if (parts and origin is not None and not inspect.isclass(origin)) or str(origin) == "<class 'types.UnionType'>":
        return " or ".join(_type(one) for one in parts)
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return " · ".join(f"`{one.value}`" for one in hint)
    return f"`{getattr(hint, '__name__', str(hint))}`"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    return "none" if value in (None, "", ()) else f"`{value}`"


def _sentence(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0].replace("``", "`").replace("|", "or")


def _prose(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").replace("``", "`")

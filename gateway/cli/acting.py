"""Commands of acts: each act has one, written by its room, or made here from what its route asks."""

from __future__ import annotations

import base64
import inspect
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlencode

import typer

from gateway.foundation.acts import Act, acts, looks
from gateway.terminal.output import head, in_words, spoken
from gateway.words.saying import Word, help_in, say, worded

if TYPE_CHECKING:
    from gateway.foundation.rooms import Room
    from gateway.terminal.running import Asking

_SCALARS: tuple[type, ...] = (str, int, bool)
_TOKENS = ("seen",)
"""What stands for a look at a record: programs send it back."""
_WORDED = ("action", "kind", "role", "side", "state", "status", "way_out")
"""Whose values are words of ours, which the catalogue has."""


@cache
def of(group: str) -> Mapping[str, tuple[Room, Act]]:
    """The acts whose command is a verb of this word, by the verb; of several of one command the first."""
    found: dict[str, tuple[Room, Act]] = {}
    for room, act in (*acts(), *looks()):
        word, _, verb = act.command.partition(" ")
        if word == group and verb and " " not in verb:
            found.setdefault(verb, (room, act))
    return found


@cache
def groups() -> tuple[str, ...]:
    """The first words of the commands of acts, in the order of the rooms."""
    return tuple(dict.fromkeys(act.command.partition(" ")[0] for _, act in (*acts(), *looks())))


def group_line(group: str) -> str:
    """What the help says of a word that only acts have."""
    return worded(say(f"acts.group_{group}"), spoken())


def routes_of(command: str) -> list[str]:
    """The routes that do the same as a command."""
    return [act.route for _, act in (*acts(), *looks()) if act.command == command]


def same_as(those: list[str]) -> str:
    """The line that names the other ways to an act."""
    return worded(say("acts.same_as", those=those), spoken())


def made(room: Room, act: Act, told: str | None = None) -> typer.Typer:
    """The command of an act: an argument for each part of its address, an option for each member of its body.

    ``told``: what it says of itself, where that is not the act's sentence.
    """
    from gateway.terminal.login import FromStdin, Login
    from gateway.terminal.output import Json
    from gateway.terminal.running import KeyFile

    route = _route(room, act)
    parameters = [_parameter("ctx", typer.Context)]
    parameters += [_parameter(one.name, Annotated[str, typer.Argument()]) for one in route.dependant.path_params]
    members = dict(_members(route))
    parameters += [_parameter(name, *_option(flag, one, act)) for name, (flag, one) in members.items()]
    common = (("login", Login, None), ("password_stdin", FromStdin, False), ("key_file", KeyFile, None))
    parameters += [_parameter(name, kind, default) for name, kind, default in common]
    parameters.append(_parameter("as_json", Json, False))
    parameters.sort(key=lambda one: one.default is not one.empty)

    def command(**given: Any) -> None:
        _do(act, [one.name for one in route.dependant.path_params], members, given)

    command.__name__, command.__module__ = act.name, f"{room.package}.acts"
    command.__doc__ = told or worded(act.sentence, spoken()) + ("." if spoken() == "en" else "。")
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command(act.command.rpartition(" ")[2])(command)
    return app


def _do(act: Act, places: list[str], members: Mapping[str, tuple[str, Any]], given: dict[str, Any]) -> None:
    from gateway.terminal.confirming import word_on
    from gateway.terminal.login import Identity, asking_as

    ctx, as_json = given["ctx"], given["as_json"]
    where = {name: quote(given[name], safe="") for name in places}
    said = {name for name, (_, one) in members.items() if one.is_required() or given[name] not in (None, [], ())}
    body = {flag: _value(flag, one, given[name]) for name, (flag, one) in members.items() if name in said}
    if body.get("file") and "media_type" in members and "media_type" not in body:
        body["media_type"] = guess_type(given["file"])[0] or "application/octet-stream"
    who = Identity(given["login"], given["password_stdin"], given["key_file"])
    with asking_as(ctx, who) as gateway:
        if act.look is not None and "seen" in members:
            view = _looked(gateway, act.look.format(**where))
            body["seen"] = word_on(view.get("seen"), given["seen"], _lines(view), say("acts.sure"))
        path = act.path.format(**where)
        if act.method in ("DELETE", "GET"):
            asked = urlencode({name: _told(value) for name, value in body.items()}, doseq=True)
            answer = gateway(act.method, f"{path}?{asked}" if asked else path, None)
        else:
            answer = gateway(act.method, path, body if members else None)
    _show(answer, as_json)


def _told(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _looked(gateway: Asking, path: str) -> dict[str, Any]:
    return dict(gateway("GET", path, None))


def _show(answer: Any, as_json: bool) -> None:
    """A record as it is answered: what is plain by name, each list below as a table."""
    from gateway.terminal.output import facts, show, table

    if isinstance(answer, list):
        answer = {"items": answer, "next": None}
    if not isinstance(answer, Mapping):
        show({"done": True}, as_json, say("acts.done"))
        return
    page = answer.keys() == {"items", "next"}
    plain = dict(_plain(answer))
    human: list[Any] = [facts(plain)] if plain and not page else []
    if page and not answer["items"]:
        human.append(say("acts.nothing"))
    for name, rows in answer.items():
        if isinstance(rows, Mapping) and rows and not page:
            human += [*([""] if human else []), facts(dict(_plain(rows, deep=True)), title=head(name))]
        if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
            names = [one for one in rows[0] if one not in _TOKENS]
            cells = ([_said(one, row.get(one)) for one in names] for row in rows)
            human += [*([""] if human else []), table(names, cells, title=None if page else head(name))]
    if page and answer["next"] is not None:
        human += ["", say("acts.more", cursor=answer["next"])]
    show(answer, as_json, *human)


def _lines(view: Mapping[str, Any]) -> list[str]:
    """What is shown before a word on it: everything but the token."""
    from gateway.terminal.confirming import as_lines

    listed = {name: _text(rows) for name, rows in view.items() if isinstance(rows, list) and rows}
    return as_lines({**{name: in_words(value) for name, value in _plain(view, deep=True)}, **listed})


def _plain(view: Mapping[str, Any], *, deep: bool = False) -> Iterator[tuple[str, Any]]:
    """What is plain in a record, by name; ``deep``: what has parts is plain too. No token: people do not read it."""
    for name, value in view.items():
        if value in (None, "", []) or name in _TOKENS or (isinstance(value, Mapping) and not deep):
            continue
        if not (isinstance(value, list) and isinstance(value[0], Mapping)):
            yield name, _said(name, value)


def _said(name: str, value: Any) -> Any:
    """A value for people: the states and kinds of records in words."""
    return Word(value) if name in _WORDED and isinstance(value, str) else _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items() if one is not None)
    return "; ".join(str(_text(one)) for one in value) if isinstance(value, list) else value


# --- from a route -----------------------------------------------------------------------------------------------------


def _route(room: Room, act: Act) -> Any:
    for place in room.routes:
        for route in room.place(place).routes:
            if route.name == act.name:
                return route
    raise LookupError(f"{room.name} has no route {act.name}")


def _members(route: Any) -> Iterator[tuple[str, tuple[str, Any]]]:
    """The members of a route's body, or what it asks beside its path: the parameter's name, the member's, its field."""
    if route.body_field is None:
        for one in route.dependant.query_params:
            yield one.name, (one.alias, one.field_info)
        return
    model = route.body_field.field_info.annotation
    for name, field in model.model_fields.items():
        yield f"given_{name}" if name in ("ctx", "login", "key_file") else name, (field.alias or name, field)


def _option(flag: str, field: Any, act: Act) -> tuple[Any, Any]:
    """The option of a member, and its default; what has parts is given as JSON."""
    kind, many, told = _kind_of(field)
    if told == "JSON":
        told = worded(say("acts.json", example=json.dumps(_shape(field.annotation), ensure_ascii=False)), spoken())
    if field.description is not None:
        help_ = f"{help_in(field.description, spoken())} {told}".strip()
    else:
        help_ = worded(say("acts.option", name=head(flag), told=told), spoken()) if told else head(flag)
    if flag == "reason" and act.reasons:
        usual = [worded(one, spoken()) for one in act.why().values()]
        told = worded(say("acts.usual", words=usual), spoken())
        help_ = told if field.description is None else f"{help_} {told}"
    needed = field.is_required() and flag != "seen" and types.NoneType not in typing.get_args(field.annotation)
    shape: Any = list[kind] if many else kind  # type: ignore[valid-type]
    option = typer.Option(f"--{flag.replace('_', '-')}", help=help_ or None)
    return Annotated[shape if needed else shape | None, option], inspect.Parameter.empty if needed else None


def _kind_of(field: Any) -> tuple[type, bool, str]:
    """``_kind`` of a member, whose annotation has lost what stood beside it."""
    return (str, False, worded(say("acts.yuan"), spoken())) if _is_text(field.metadata) else _kind(field.annotation)


def _kind(annotation: Any) -> tuple[type, bool, str]:
    """What is typed for it, whether it is given several times, and what else is to be known."""
    while typing.get_origin(annotation) in (Annotated, typing.Union, types.UnionType):
        parts = [one for one in typing.get_args(annotation) if one is not types.NoneType]
        if typing.get_origin(annotation) is not Annotated and len(parts) > 1:
            return str, False, "JSON"
        if typing.get_origin(annotation) is Annotated and _is_text(parts[1:]):
            return str, False, worded(say("acts.yuan"), spoken())
        annotation = parts[0]
    if typing.get_origin(annotation) is list or typing.get_args(annotation)[1:] == (...,):
        kind, many, told = _kind(typing.get_args(annotation)[0])
        return (str, False, "JSON") if many or told == "JSON" else (kind, True, told)
    if typing.get_origin(annotation) is Literal:
        return str, False, _choices(typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return str, False, _choices([one.value for one in annotation])
    if annotation in _SCALARS:
        return annotation, False, ""
    if annotation is bytes:
        return str, False, worded(say("acts.file"), spoken())
    has_parts = hasattr(annotation, "model_fields") or typing.get_origin(annotation) is not None or annotation is dict
    return str, False, "JSON" if has_parts else ""


def _is_text(told: Iterable[object]) -> bool:
    """Whether what is said of a member makes a text of it on the wire, as of yuan, which are whole fen inside."""
    schemas = [getattr(one, "json_schema", None) for one in told]
    return any(isinstance(one, dict) and one.get("type") == "string" for one in schemas)


def _choices(words: Iterable[object]) -> str:
    """What may be typed; each with its word in the language of this terminal."""
    named = {str(one): worded(Word(one), spoken()) for one in words}
    return ", ".join(one if said in (one, "") or spoken() == "en" else f"{one} {said}" for one, said in named.items())


def _shape(annotation: Any) -> Any:
    """An example of what has parts, with all its members."""
    while typing.get_origin(annotation) in (Annotated, typing.Union, types.UnionType):
        annotation = next(one for one in typing.get_args(annotation) if one is not types.NoneType)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if hasattr(annotation, "model_fields"):
        return {field.alias or name: _shape(field.annotation) for name, field in annotation.model_fields.items()}
    if origin is dict:
        return {str(_shape(parts[0])): _shape(parts[1])}
    if origin in (list, tuple):
        return [_shape(one) for one in parts if one is not ...]
    if origin is Literal:
        return parts[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation)).value
    return {int: 1, bool: True, date: "2026-11-30"}.get(annotation, "...")


def _value(flag: str, field: Any, given: Any) -> Any:
    """What is sent for what was typed. Raises InvalidProblem for what is no JSON where that is wanted."""
    from gateway.words.errors import InvalidProblem

    if isinstance(given, str) and _kind_of(field)[2] == worded(say("acts.file"), spoken()):
        return base64.b64encode(_content(flag, given)).decode()
    if isinstance(given, str) and _kind_of(field)[2] == "JSON":
        try:
            return json.loads(given)
        except ValueError:
            raise InvalidProblem(say("acts.no_json"), field=f"--{flag}") from None
    return list(given) if isinstance(given, list | tuple) else given


def _content(flag: str, path: str) -> bytes:
    """What stands in a file. Raises InvalidProblem where it cannot be read."""
    from gateway.words.errors import InvalidProblem

    try:
        return Path(path).read_bytes()
    except OSError as error:
        said = say("terminal.unreadable_file", file=path, reason=error.strerror or error)
        raise InvalidProblem(said, field=f"--{flag}") from None


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

"""What the product shows to others, as files in the tree: `make snapshots` rewrites them, a test compares them.

A change here is a change that somebody outside may notice, so it is read before it is committed. Nothing in these files
depends on the day, the version, the machine or the order in which modules load.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
import typer.main
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.app import App, figures_of
from gateway.cli import app
from gateway.faces.build import build
from gateway.foundation import measuring, meters, rooms
from gateway.foundation.channels import ChannelKeys
from gateway.foundation.lives import LIVES, Life
from gateway.foundation.store import schema
from gateway.foundation.wire import WireSettings
from gateway.settings import FACES, Settings
from gateway.words.problems import PROBLEMS

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"


def settings(folder: Path) -> Settings:
    """The settings of an installation without channels, in this folder."""
    return Settings.model_validate(
        {
            "store": {"url": f"sqlite:///{folder / 'gateway.sqlite'}"},
            "keys": {"directory": folder / "keys"},
            "evidence": {"heads": folder / "heads"},
        }
    )


def application() -> FastAPI:
    """The built application, every face of it, over an installation without channels that has been closed again."""

    async def assemble(folder: Path) -> FastAPI:
        chosen = settings(folder)
        schema.migrate(chosen.store.location())
        async with App.open(chosen) as opened:
            return build(opened, FACES)

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(assemble(Path(folder)))


def openapi() -> dict[str, Any]:
    """The description of every path of every face."""
    described = json.loads(json.dumps(application().openapi()))
    del described["info"]["version"]
    return dict(described)


def problems() -> dict[str, Any]:
    """Every problem type: its status, its title and what it means."""
    application()  # loads every room, and so the types that each declares
    return {
        name: {"status": one.status, "title": one.title, "means": one.means, "chinese": one.chinese}
        for name, one in PROBLEMS.items()
    }


def table_of_problems() -> str:
    """The problem types as a page shows them, by status."""
    rows = sorted(PROBLEMS.values(), key=lambda one: one.status)
    lines = [f"| `{one.name}` | {one.status} | {one.means} | {one.chinese} |" for one in rows]
    return "\n".join(["| Type | Status | Means | 中文 |", "|---|---|---|---|", *lines])


def lives() -> dict[str, Any]:
    """The life of every kind of record: its edges, with the event of each and what makes it happen."""
    modules = [room.place(one) for room in rooms.found() for one in room.lives]
    modules.append(import_module("gateway.foundation.delivery.states"))
    drawn = {name: edges(life.edges) for name, life in LIVES.items()}
    for module in modules:  # tables of edges that are no Life yet
        if not any(isinstance(one, Life) for one in vars(module).values()) and hasattr(module, "EDGES"):
            drawn[module.__name__.removeprefix("gateway.")] = edges(module.EDGES)
    return drawn


def edges(steps: Iterable[Any]) -> list[dict[str, Any]]:
    """Edges as plain values, in the order of their table."""
    return [
        {
            "from": None if one.start is None else str(one.start),
            "to": str(one.end),
            "event": getattr(one, "event", None),
            "when": one.when,
        }
        for one in steps
    ]


def defaults() -> dict[str, Any]:
    """Every key that an installation can be told, with its default; ``(needed)`` where there is none."""
    blocks = {"settings": Settings, "channels.NAME": ChannelKeys, "channels.NAME (wire)": WireSettings}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            blocks[name] = type(field.default)
    for room in rooms.found():
        if room.settings is not None:
            blocks[f"rooms.{room.name}"] = room.place(room.settings)
        if room.channel_keys is not None:
            blocks[f"channels.NAME ({room.kind})"] = room.place(room.channel_keys)
    return {name: {key: default(field) for key, field in model.model_fields.items()} for name, model in blocks.items()}


def default(field: FieldInfo) -> Any:
    """A default as JSON has it."""
    if field.is_required():
        return "(needed)"
    value = field.get_default(call_default_factory=True)
    return "(a block)" if isinstance(value, BaseModel) else json.loads(json.dumps(value, default=str))


def commands() -> dict[str, Any]:
    """Every command line: what it is for, its arguments and options."""
    return dict(described(typer.main.get_command(app), "gateway"))


def described(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A command and those below it."""
    command = getattr(command, "whole", command)
    words = [one for one in command.params if one.name != "help"]
    yield (
        name,
        {
            "help": command.help or (command.callback and command.callback.__doc__),
            "arguments": [one.name for one in words if one.param_type_name == "argument"],
            "options": {
                " ".join(one.opts + one.secondary_opts): getattr(one, "help", None)
                for one in words
                if one.param_type_name == "option"
            },
        },
    )
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for word in command.list_commands(context):
            yield from described(command.get_command(context, word), f"{name} {word}")


SNAPSHOTS: dict[str, Callable[[], Any]] = {
    "openapi": openapi,
    "problems": problems,
    "lives": lives,
    "settings": defaults,
    "commands": commands,
}
"""Each snapshot by the name of its file, with what collects it."""


def written(name: str) -> str:
    """A snapshot as it should stand in its file."""
    return json.dumps(SNAPSHOTS[name](), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def table_of_measures() -> str:
    """Everything at ``/metrics`` that is ours: name, labels, what it is."""
    gauges = [one for part in (*measuring.OF_FOUNDATION, *figures_of(rooms.found())) for one in part.measures]
    kinds = {"counter": meters.COUNTERS, "histogram": meters.TIMES, "gauge": (*gauges, measuring.UP, measuring.WAITING)}
    lines = [
        f"| `{one.name}` | {kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |"
        for kind, measures in {**kinds, "info": (meters.BUILD,)}.items()
        for one in sorted(measures, key=lambda one: one.name)
    ]
    return "\n".join(["| Name | Kind | Labels | |", "|---|---|---|---|", *lines])


def when_events_happen() -> dict[str, str]:
    """Each event of the catalogue with when it happens: as the edges say that it marks, or ``event_words.toml``."""
    drawn = json.loads(file_of("lives").read_text(encoding="utf-8")).values()
    words = tomllib.loads((HERE / "event_words.toml").read_text(encoding="utf-8"))
    said = {}
    for name in json.loads(file_of("events").read_text(encoding="utf-8")):
        about, _, word = name.partition(".")
        edges = "; or ".join(sorted({edge["when"] for life in drawn for edge in life if edge["event"] == name}))
        said[name] = words.get(about, {}).get(word) or words["always"].get(word) or edges
    return said


def table_of_events() -> str:
    """Every event under a heading for what it is about, with an example of its data."""
    catalogue = json.loads(file_of("events").read_text(encoding="utf-8"))
    lines: list[str] = []
    for name, when in sorted(when_events_happen().items()):
        heading = f"### {name.partition('.')[0].replace('_', ' ').capitalize()}"
        if heading not in lines:
            lines += ["", heading, "", "| Event | When | Data |", "|---|---|---|"]
        data = json.dumps(catalogue[name]["data"], ensure_ascii=False).replace("|", "\\|")
        lines.append(f"| `{name}` | {when} | `{data}` |")
    return "\n".join(lines[1:])


BLOCKS: dict[str, Callable[[], str]] = {
    "problem types": table_of_problems,
    "measures": table_of_measures,
    "events": table_of_events,
}
"""What stands in a page between two comments of this name, with what collects it."""


def with_blocks(text: str) -> str:
    """A page with every marked block as it should be."""
    for name, collect in BLOCKS.items():
        marks = re.compile(rf"(<!-- {name}:[^>]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if marks.search(text):
            shown = collect()
            text = marks.sub(lambda found, shown=shown: f"{found[1]}{shown}\n{found[2]}", text)
    return text


def file_of(name: str) -> Path:
    """Where a snapshot stands."""
    return HERE / f"{name}.json"


def main() -> None:
    """Rewrite those that are named, or all; and the marked blocks of the pages."""
    for name in sys.argv[1:] or SNAPSHOTS:
        text, file = written(name), file_of(name)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"rewritten: {file.name}")
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if with_blocks(text) != text:
            page.write_text(with_blocks(text), encoding="utf-8")
            print(f"rewritten: {page.name}")


if __name__ == "__main__":
    main()

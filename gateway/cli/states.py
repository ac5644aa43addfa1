"""``gateway states``: the lives of all kinds of records, drawn. What is drawn is what the code follows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from gateway.foundation import rooms
from gateway.foundation.lives import LIVES, Life
from gateway.settings import known
from gateway.terminal.output import Json, show, spoken, table
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import help_in, say


def states(
    what: Annotated[str | None, typer.Argument(help="One kind of record, payments for instance; all if none.")] = None,
    form: Annotated[Literal["text", "mermaid"], typer.Option("--format", help="How to draw.")] = "text",
    as_json: Json = False,
) -> None:
    """Draw the lives of payments, codes, refunds and all other records as tables or Mermaid diagrams."""
    tables = lives()
    if what is not None and what not in tables:
        raise NotFoundProblem(say("terminal.no_states", what=what), cure=known(what, tables))
    chosen = {what: tables[what]} if what else tables
    show(chosen, as_json, *(mermaid(rows) if form == "mermaid" else text(name, rows) for name, rows in chosen.items()))


def lives() -> dict[str, list[dict[str, Any]]]:
    """The edges of every life that the installed rooms declare, as plain values; ``start`` is None where one begins."""
    tables: dict[str, Any] = {}
    for room in rooms.found():
        for place in room.lives:
            module = room.place(place)
            if not any(isinstance(one, Life) for one in vars(module).values()):  # a table that no Life follows yet
                tables[room.name] = module.EDGES
    tables |= {name.replace(" ", "-"): life.edges for name, life in LIVES.items()}
    return {name: [_plain(edge) for edge in tables[name]] for name in sorted(tables)}


def _plain(edge: Any) -> dict[str, Any]:
    return {
        "start": None if edge.start is None else str(edge.start),
        "end": str(edge.end),
        "event": getattr(edge, "event", None),
        "when": edge.when,
        "who": getattr(edge, "who", ""),
    }


def mermaid(rows: list[dict[str, Any]]) -> str:
    """A state diagram; states that nothing leaves are ends."""
    lines = ["stateDiagram-v2"]
    lines += [
        f"    {row['start'] or '[*]'} --> {row['end']}: {help_in(row['when'], spoken()).replace(':', ' -')}"
        for row in rows
    ]
    starts = {row["start"] for row in rows}
    lines += [f"    {end} --> [*]" for end in dict.fromkeys(row["end"] for row in rows) if end not in starts]
    return "\n".join(lines)


def text(name: str, rows: list[dict[str, Any]]) -> Any:
    """The same as a table."""
    begun = say("terminal.new_record")
    return table(
        ["from_state", "to_state", "event", "when", "who"],
        (
            (row["start"] or begun, row["end"], row["event"], *(help_in(row[one], spoken()) for one in ("when", "who")))
            for row in rows
        ),
        title=name,
    )


def _in_words(text: str) -> str:
    return help_in(text, spoken())

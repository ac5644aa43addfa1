"""``gateway states``: the state tables of the rooms, drawn. What is drawn is what the code follows."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import typer

from gateway.settings import known
from gateway.terminal.output import Json, show, table
from gateway.words.errors import NotFoundProblem

# Each module offers EDGES: rows with start, end, event and when.
TABLES = {
    "payments": "gateway.rooms.payments.states",
    "refunds": "gateway.rooms.refunds.states",
    "disclosures": "gateway.rooms.disclosures.states",
    "operations": "gateway.foundation.delivery.states",
    "seals": "gateway.rooms.seals.states",
}


def states(
    what: Annotated[
        str | None, typer.Argument(help="payments, refunds, disclosures, operations or seals; all if none.")
    ] = None,
    form: Annotated[Literal["text", "mermaid"], typer.Option("--format", help="How to draw.")] = "text",
    as_json: Json = False,
) -> None:
    """Draw the lives of payments, refunds, disclosures, operations and seals as tables or Mermaid diagrams."""
    tables = {name: edges(module) for name, module in TABLES.items() if find_spec(module) is not None}
    if what is not None and what not in tables:
        raise NotFoundProblem(f"nothing called {what} has states", cure=known(what, tables))
    chosen = {what: tables[what]} if what else tables
    show(chosen, as_json, *(mermaid(rows) if form == "mermaid" else text(name, rows) for name, rows in chosen.items()))


def edges(module: str) -> list[dict[str, Any]]:
    """The transitions of a room as plain values; ``start`` is None where a life begins."""
    return [
        {"start": _word(one.start), "end": _word(one.end), "event": getattr(one, "event", None), "when": one.when}
        for one in import_module(module).EDGES
    ]


def mermaid(rows: list[dict[str, Any]]) -> str:
    """A state diagram; states that nothing leaves are ends."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {row['start'] or '[*]'} --> {row['end']}: {row['when'].replace(':', ' -')}" for row in rows]
    starts = {row["start"] for row in rows}
    lines += [f"    {end} --> [*]" for end in dict.fromkeys(row["end"] for row in rows) if end not in starts]
    return "\n".join(lines)


def text(name: str, rows: list[dict[str, Any]]) -> Any:
    """The same as a table."""
    return table(
        ["from", "to", "event", "when"],
        ((row["start"] or "(new)", row["end"], row["event"], row["when"]) for row in rows),
        title=name,
    )


def _word(state: Any) -> str | None:
    return None if state is None else str(state)

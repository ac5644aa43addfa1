"""``gateway evidence export``: what crossed the wire of a channel, redacted, one exchange a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from gateway.foundation.evidence import records
from gateway.rooms.evidence.verifying import evidence_of
from gateway.terminal.output import session
from gateway.words.clock import from_micros, rfc3339

_PAGE = 500
_TOLD = ("id", "channel", "direction", "action", "method", "url", "status", "outcome", "request", "response")


def export(
    ctx: typer.Context,
    channel: Annotated[str, typer.Argument(help="The channel.")],
    most: Annotated[int, typer.Option(min=1, help="The newest so many of each node.")] = 1000,
) -> None:
    """What was sent over a channel and answered, redacted, as lines of JSON: what `simulators shadow` reads."""
    evidence = evidence_of(session(ctx))

    def lines(conn: Any) -> Iterator[dict[str, Any]]:
        for node, head in records.counts(conn).items():
            after = max(0, head - most)
            while page := records.chain_of(conn, node, after=after, most=_PAGE):
                for kept in page:
                    if kept.link.channel == channel and kept.link.direction == "out":
                        found = evidence.open(conn, kept.link.id).exchange
                        told = {name: getattr(found, name) for name in _TOLD}
                        yield told | {"started_at": rfc3339(from_micros(found.started_at))}
                after = page[-1].link.seq

    for one in session(ctx).read(lambda conn: list(lines(conn))):
        typer.echo(json.dumps(one, ensure_ascii=False))

"""``gateway demo``: the main job on real parts, with a throw-away database."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli.output import Exit, Json


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running and print where.")] = False,
    as_json: Json = False,
) -> None:
    """Walk one decision all the way: code, seal, service, payment, disclosure, reconciliation, evidence."""
    from gateway.demo.walk import Walk

    out = Console(stderr=as_json, soft_wrap=True)
    result = asyncio.run(Walk(out, keep=keep).run())
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    raise typer.Exit(Exit.OK if result["ok"] else Exit.FOUND)

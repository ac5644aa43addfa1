"""``gateway demo``: the main job from end to end, on loopback and a throw-away database."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from gateway.settings import PREFIX
from gateway.terminal.output import Exit, Json, console, progress, show


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running and print addresses and key.")] = False,
    as_json: Json = False,
) -> None:
    """Walk one decision through everything: entity, payment code, seal, service, payment, disclosure, reconciliation.

    Starts the simulators and a gateway of its own. Exit code 0 only if every step ended as it should.
    """
    from gateway.demo.walk import Walk

    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # the settings of a real installation must not reach the throw-away one
    result = asyncio.run(Walk(progress() if as_json else console(), keep=keep).run())
    if as_json:
        show(result, as_json)
    if not result["ok"]:
        raise typer.Exit(Exit.FOUND)

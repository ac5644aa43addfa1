"""``gateway trigger``: make an event happen at a test gateway, with the simulators beside it."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from typing import Annotated

import typer

from gateway.cli.listen import ApiKey, Url
from gateway.demo.triggers import STEPS, Trigger, TriggerError
from gateway.terminal.output import Json, show, table
from gateway.words.clock import SHANGHAI
from gateway.words.errors import InvalidProblem, UnavailableProblem
from gateway.words.saying import say


def trigger(
    url: Url,
    key: ApiKey,
    event: Annotated[str | None, typer.Argument(help="Its type; none: say what there are.")] = None,
    simulators: Annotated[str, typer.Option(envvar="SIMULATORS", help="Address of the simulators.")] = "",
    authority: Annotated[str, typer.Option(help="Whose decision it is to be.")] = "wangchuan-scjg",
    seconds: Annotated[float, typer.Option(min=1, help="How long to wait for it.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Make an event happen for real: decide, ask for a code, pay at the simulated cashier. Prints it in the end."""
    import httpx

    if event is None:
        steps = {name: list(words) for name, words in STEPS.items()}
        show(
            {"events": steps},
            as_json,
            table(["event", "steps"], ((name, " ".join(one)) for name, one in steps.items())),
        )
        return
    if event not in STEPS:
        raise InvalidProblem(say("trigger.unknown", event=event, events=sorted(STEPS)), field="event")
    if "silence" in STEPS[event] and not simulators:
        raise InvalidProblem(say("trigger.simulators", event=event), field="--simulators")

    async def run() -> dict[str, object]:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as http:
            number = f"TRIGGER-{secrets.token_hex(4).upper()}"
            control = simulators.rstrip("/") + ("" if simulators.rstrip("/").endswith("/_sim") else "/_sim")
            return await Trigger(http, control, authority, number, datetime.now(SHANGHAI).date()).run(event, seconds)

    try:
        came = asyncio.run(run())
    except httpx.TransportError as error:
        raise UnavailableProblem(say("terminal.no_gateway", address=url, error=error)) from error
    except TriggerError as error:
        raise InvalidProblem(say("trigger.refused", words=str(error)), field="event") from error
    except TimeoutError:
        raise UnavailableProblem(say("trigger.late", event=event, seconds=round(seconds))) from None
    show(came, as_json, f"{came['type']}  {came['subject']}  {came['id']}")

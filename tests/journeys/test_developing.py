"""A developer sees events as they happen, gets them sent on signed, and makes one happen with the simulators."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.demo.receiver import Receiver


async def run(*words: str) -> Result:
    """A command of this process, beside the gateway that runs in it."""
    return await asyncio.to_thread(CliRunner().invoke, app, [*words])


def shown(result: Result) -> Any:
    """The JSON that a command printed; the gateway of this process may log before it."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


async def test_a_triggered_payment_is_heard_and_sent_on_signed(site) -> None:
    where = ["--url", site.url, "--key", site.key]
    unknown = await run("trigger", "payment.payed", *where)
    assert (unknown.exit_code, "payment.paid" in unknown.output) == (4, True)
    event = shown(await run("trigger", "payment.paid", *where, "--json"))
    assert event["type"] == "payment.paid"
    doubt = await run("trigger", "payment.in_doubt", *where, "--simulators", site.simulators.ready["url"], "--json")
    assert shown(doubt)["type"] == "payment.in_doubt"

    receiver = Receiver()
    await receiver.start()
    try:
        words = ["listen", *where, "--all", "--type", "payment.pa*", "--count", "1", "--forward-to", receiver.url]
        strange = shown(await run(*words, "--json"))
        assert (strange["id"], strange["answered"]) == (event["id"], "401"), "its receiver does not know the secret"
        receiver.secret = "whsec_" + "a" * 32
        said = await run(*words, "--secret", receiver.secret)
        assert re.search(r"payment\.paid +pay_[0-9a-f]{32}  → 204", said.stdout), said.output
        assert receiver.events[0]["data"]["subject"] == event["subject"]
    finally:
        await receiver.stop()

"""What several commands of this room are told: a channel, a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from gateway.ports.nontax import KIND
from gateway.settings import Settings, known
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import say

Channel = Annotated[str | None, typer.Option(help="The channel; may be left out where there is only one.")]


def one_channel(settings: Settings, name: str | None) -> str:
    """The named channel, or the only one that takes payments. Raises InvalidProblem, NotFoundProblem."""
    chosen = payment_channels(settings, [name] if name else [])
    if len(chosen) != 1:
        raise InvalidProblem(say("reconciliation.several_channels", chosen=chosen), field="channel")
    return chosen[0]


def payment_channels(settings: Settings, names: list[str]) -> list[str]:
    """The named channels, or every one whose adapter speaks to a non-tax platform. Raises NotFoundProblem."""
    taking = [name for name, one in settings.channels.items() if one.adapter.partition(".")[0] == KIND]
    for name in names:
        if name not in taking:
            raise NotFoundProblem(say("reconciliation.no_payment_channel", name=name), cure=known(name, taking))
    return names or taking


def as_day(text: str) -> date:
    """A day as 2026-06-30. Raises InvalidProblem."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidProblem(say("reconciliation.no_day", text=text), field="day") from None

"""What several commands of this room are told: a channel, a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from gateway.ports.nontax import KIND
from gateway.settings import Settings, known
from gateway.words.errors import InvalidProblem, NotFoundProblem

Channel = Annotated[str | None, typer.Option(help="The channel; may be left out where there is only one.")]


def one_channel(settings: Settings, name: str | None) -> str:
    """The named channel, or the only one that takes payments. Raises InvalidProblem, NotFoundProblem."""
    chosen = payment_channels(settings, [name] if name else [])
    if len(chosen) != 1:
        raise InvalidProblem(
            "several channels take payments", field="channel", cure=f"Name one of {', '.join(chosen)}."
        )
    return chosen[0]


def payment_channels(settings: Settings, names: list[str]) -> list[str]:
    """The named channels, or every one whose adapter speaks to a non-tax platform. Raises NotFoundProblem."""
    taking = [name for name, one in settings.channels.items() if one.adapter.partition(".")[0] == KIND]
    for name in names:
        if name not in taking:
            raise NotFoundProblem(f'no channel "{name}" takes payments', cure=known(name, taking))
    return names or taking


def as_day(text: str) -> date:
    """A day as 2026-06-30. Raises InvalidProblem."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidProblem(f"{text} is not a day", field="day", cure="Write it as 2026-06-30.") from None

"""What ``gateway doctor`` says of the rules of publication."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.findings import Finding
from gateway.rooms.disclosures.rules import load
from gateway.settings import Settings
from gateway.words.clock import day_of
from gateway.words.saying import say


def look(
    settings: Settings,
    read: Callable[[Callable[[Connection], Any]], Any],  # noqa: ARG001 - every look has it
) -> Iterable[Finding]:
    """What is to be confirmed of the rules that count today, for the targets that are configured."""
    rules = load()
    used = {channel.adapter for channel in settings.channels.values()}
    targets = {name: profile for name, profile in rules.targets.items() if name in used}
    regime = rules.regime_of(day_of(datetime.now(UTC)))
    marked = [f"{name}: {one}" for name, profile in targets.items() for one in profile.confirm]
    if regime is not None and any(profile.periods == "regimes" for profile in targets.values()):
        marked += [f"{regime.citation}: {one}" for one in regime.confirm]
    if marked:
        return [Finding("disclosures", "warn", say("disclosures.to_confirm", number=len(marked), about=marked))]
    return []

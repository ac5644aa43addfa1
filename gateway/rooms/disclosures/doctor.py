"""What ``gateway doctor`` says of publication: what is late, and what of the rules is to be confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection

from gateway.foundation.findings import Finding
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.options import DisclosureOptions
from gateway.rooms.disclosures.rules import Rules
from gateway.settings import Settings
from gateway.words.clock import day_of
from gateway.words.saying import Both, say

NAMED: Final = 3
"""So many are named by doctor; the command lists the rest."""


def look(
    settings: Settings,
    read: Callable[[Callable[[Connection], Any]], Any],
) -> Iterable[Finding]:
    """Alarms that stand, and what is to be confirmed of the rules that count today for the configured targets."""
    today = day_of(datetime.now(UTC))
    used = {channel.adapter for channel in settings.channels.values()} | settings.channels.keys()
    rules = settings.of_room("disclosures", DisclosureOptions).read()
    if not used & rules.targets.keys():
        return
    alarms = read(lambda conn: records.alarms(conn, today)) or ()
    if late := [f"{one.target}: {one.number}" for one in alarms]:
        number = sum(one.number for one in alarms)
        yield Finding("disclosures", "fail", say("disclosures.late_ones", number=number, at=late))
    if marked := unconfirmed(settings, read):
        yield Finding("disclosures", "warn", say("disclosures.to_confirm", number=len(marked), about=marked[:NAMED]))


def unconfirmed(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> list[Both]:
    """Every rule that counts today for the configured targets and is to be confirmed, each once."""
    used = {channel.adapter for channel in settings.channels.values()} | settings.channels.keys()
    rules = settings.of_room("disclosures", DisclosureOptions).read()
    return list(dict.fromkeys(to_confirm(rules, used, read(records.codes) or (), day_of(datetime.now(UTC)))))


def to_confirm(rules: Rules, used: Iterable[str], codes: Sequence[str], today: date) -> Iterator[Both]:
    """What of the rules counts today, is to be confirmed, and is confirmed by no row of the organ's own."""
    named = [name for name in used if name in rules.targets]
    divisions = tuple(code[2:8] for code in codes)
    for name in named:
        profile = rules.targets[name]
        yield from (_about(name, one) for one in profile.confirm)
        regime = rules.regime_of(profile.periods, today)
        if regime is not None:
            yield from (_about(regime.citation, one) for one in regime.unconfirmed())
    for kind in (rules.exclusions, rules.terms, rules.bases, rules.longest, rules.unperformed, rules.unrepairable):
        confirmed = [(row.when, row.targets) for row in kind if row.own and not row.confirm]
        for row in kind:
            here = not row.when.divisions or any(one.startswith(row.when.divisions) for one in divisions)
            if row.confirm and here and _at(row.targets, named) and (row.when, row.targets) not in confirmed:
                yield _about(row.citation, row.confirm)
    yield from (_about(row.citation, row.confirm) for row in rules.repairs if row.confirm and _at(row.targets, named))
    withdrawal = rules.withdrawal_on(today)
    if withdrawal.confirm:
        yield _about(withdrawal.citation, withdrawal.confirm)


def _about(what: str, confirm: Both) -> Both:
    return Both(f"{what}：{confirm.zh}", f"{what}: {confirm.en}")


def _at(targets: Sequence[str], named: Sequence[str]) -> bool:
    return not targets or bool(set(targets) & set(named))

"""A gateway's real exchanges, held against the simulated systems: no difference, and one planted change alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.foundation.evidence import redact
from gateway.foundation.evidence.tables import exchange
from gateway.ports.base import RawExchange
from gateway.words.clock import from_micros, rfc3339
from simulators import exchanges, systems
from simulators.shadow import Shadow
from simulators.system import System


async def kept(site: Any, channel: str) -> list[exchanges.Recorded]:
    """What the gateway shows people of its exchanges over a channel, as ``gateway evidence export`` writes it."""
    ours = exchange.select().where(exchange.c.channel == channel, exchange.c.direction == "out")
    rows = await site.read(lambda conn: conn.execute(ours).all())
    lines = []
    for row in rows:
        one = await site.app.base.evidence.held(row.id)
        told = (
            channel,
            one.method,
            one.url,
            one.status,
            rfc3339(from_micros(one.started_at)),
            one.request,
            one.response,
        )
        lines.append(exchanges.Recorded(*told).line())
    return exchanges.read(lines)


def shown(raw: Sequence[RawExchange]) -> list[exchanges.Recorded]:
    """The same of exchanges that no gateway kept."""
    found = []
    for one in raw:
        told, at = redact(one), rfc3339(from_micros(one.started_at))
        found.append(exchanges.Recorded(one.channel, one.method, told.url, one.status, at, told.request, told.response))
    return sorted(found, key=lambda one: one.at)


async def drift(told: Sequence[exchanges.Recorded], system: str, made: Sequence[System] = ()) -> list[tuple[str, str]]:
    """Each difference as kind and path."""
    names = {one.channel: system for one in told}
    found = await Shadow(made or systems.load([system]), names).compare(told)
    return [(one.kind, f"{one.operation} {one.path}".strip()) for one in found]


async def one_change_is_found(
    told: Sequence[exchanges.Recorded], system: str, field: str, where: str, made: Sequence[System] = ()
) -> None:
    """No difference; and with one field of the real answers under another name, that and nothing else."""
    assert told
    found = await drift(told, system, made)
    assert found == [], [found, *(one.line() for one in told)][:4]
    quoted = re.compile(rf'(?<=["<:/]){field}(?=[">])')
    changed = [replace(one, response=quoted.sub("Qita", one.response)) for one in told]
    found = await drift(changed, system, made)
    assert {kind for kind, _ in found} == {"missing", "added"}, found
    assert {path.split(" ")[0] for _, path in found} == set(where.split()), found
    assert {path.replace("[]", "").rpartition(".")[2].rpartition(" ")[2] for _, path in found} == {field, "Qita"}, found

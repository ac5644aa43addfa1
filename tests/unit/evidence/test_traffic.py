"""What went out over a channel is counted by hours from the evidence, and what failed is named."""

from __future__ import annotations

from dataclasses import replace

from gateway.foundation.evidence.traffic import HOUR, HOURS, by_hour, failures
from gateway.words.clock import to_micros


async def test_hours_hold_what_began_in_them_and_failures_are_those_of_ones_own(both, raw):
    """Answers from below 500 are no failures; what is older, comes in, or is of another channel does not count."""
    now = to_micros(both.clock.now())
    kept = [
        replace(raw, started_at=now - 1_000_000, ended_at=now),
        replace(raw, started_at=now - 3_000_000, ended_at=now, status=404),
        replace(raw, started_at=now - HOUR - 2, ended_at=now - HOUR + 499_998, status=503),
        replace(raw, started_at=now - HOUR - 1, ended_at=now - HOUR - 1, status=None, outcome="NotSentError"),
        replace(raw, started_at=now - 2 * HOUR - 1, ended_at=now - HOUR, direction="in", outcome="forged"),
        replace(raw, started_at=now - 30 * HOUR, ended_at=now - HOUR, outcome="NotSentError"),
        replace(raw, started_at=now - 1, ended_at=now, channel="other", outcome="NotSentError"),
    ]
    owners = ["anlan", "anlan", None, "wangchuan", None, "anlan", "anlan"]
    pairs = list(zip(kept, owners, strict=True))
    ids = await both.store.write(
        lambda conn: [both.evidence.append(conn, one, "op_1", None, owner) for one, owner in pairs]
    )
    hours = await both.store.read(lambda conn: by_hour(conn, raw.channel, now))
    assert len(hours) == HOURS
    assert [(one.number, one.failed, one.mean, one.longest) for one in hours[-2:]] == [(2, 2, 0.25, 0.5), (2, 0, 2, 3)]
    assert not any(one.number for one in hours[:-2])
    found = await both.store.read(lambda conn: failures(conn, raw.channel, {"anlan"}, now, 10))
    assert [(one.exchange_id, one.status, one.outcome) for one in found] == [(ids[2], 503, "answered")]

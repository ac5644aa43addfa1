"""What delivery measures: what waits and since when, what is in doubt, channels, endpoints, callbacks, duties.

Everything is counted from indexes over what has not ended, or is a row for each channel, endpoint or duty. An age is
told as the instant since when (Unix seconds), so that who asks later sees it grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, bindparam, func, select

from gateway.foundation.delivery import event_records, limits, operation_records
from gateway.foundation.delivery.limits import SECOND
from gateway.foundation.delivery.refused_records import EVERYBODY
from gateway.foundation.delivery.states import UNFINISHED, WAITING, State
from gateway.foundation.delivery.tables import (
    operation,
    refused_tally,
    schedule_run,
    webhook_endpoint,
)
from gateway.foundation.delivery.webhook_records import REMOVED
from gateway.foundation.figures import Figure, Figures, Measure
from gateway.foundation.store.base import constant
from gateway.words.clock import SHANGHAI

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation

OPERATIONS: Final = Measure(
    "gateway_operations", "Operations that have not ended, by channel and state", ("channel", "state")
)
OLDEST_DUE: Final = Measure(
    "gateway_operations_oldest_due_timestamp_seconds",
    "Since when the operation of a channel that waits longest is due; in the future: when the next one is",
    ("channel",),
)
OLDEST_DOUBT: Final = Measure(
    "gateway_operations_oldest_doubt_timestamp_seconds",
    "Since when the oldest effect of a channel is in doubt, those included that wait for a person",
    ("channel",),
)
STOPPED: Final = Measure("gateway_channel_stopped", "1 while a channel is stopped until people resume it", ("channel",))
CIRCUIT: Final = Measure(
    "gateway_channel_circuit_open", "1 while a channel does not answer and only single calls try it", ("channel",)
)
FAILURES: Final = Measure("gateway_channel_failures", "Attempts of a channel in a row without an answer", ("channel",))
ENDPOINTS: Final = Measure(
    "gateway_webhook_endpoints", "Webhook endpoints: active, failing (nothing arrives there) or disabled", ("state",)
)
FAILING: Final = Measure(
    "gateway_webhook_endpoint_failing_timestamp_seconds", "Since when nothing arrives at an endpoint", ("endpoint",)
)
REFUSED: Final = Measure(
    "gateway_callbacks_refused_today", "Messages to the face of callbacks today that were not authentic, on all nodes"
)
DONE: Final = Measure(
    "gateway_schedule_last_success_timestamp_seconds", "When a duty that comes round last ended well", ("schedule",)
)
LAG: Final = Measure("gateway_events_lag_seconds", "Age of the oldest open transaction for which the event feed waits")

_row, _run = operation.c, schedule_run.c
_FIRST_DUE = select(func.min(_row.due_at)).where(
    _row.channel == bindparam("of"), _row.state.in_([constant(state.value) for state in WAITING])
)
_DOUBTS = (
    select(_row.channel, func.min(_row.doubt_since_at))
    .where(_row.state.in_([constant(state.value) for state in UNFINISHED]))
    .where(_row.state.in_([constant(State.UNCERTAIN.value), constant(State.PARKED.value)]))
    .where(_row.doubt_since_at.is_not(None))
    .group_by(_row.channel)
)
_ENDPOINTS = select(webhook_endpoint.c.id, webhook_endpoint.c.failing_since_at, webhook_endpoint.c.disabled_at).where(
    func.coalesce(webhook_endpoint.c.disabled_reason, "") != REMOVED
)
_REFUSED = select(refused_tally.c.seen).where(
    refused_tally.c.on == bindparam("day"), refused_tally.c.source == EVERYBODY
)
_LAST_DONE = (
    select(_run.done_at)
    .where(_run.name == bindparam("of"), _run.done_at.is_not(None))
    .order_by(_run.slot_at.desc())
    .limit(1)
)


def _read(conn: Connection, base: Foundation) -> Iterator[Figure]:
    yield from _operations(conn)
    for channel, one in limits.conditions(conn).items():
        yield STOPPED.at(one.stopped is not None, channel)
        yield CIRCUIT.at(one.open_until is not None, channel)
        yield FAILURES.at(one.failures, channel)
    yield from _webhooks(conn)
    today = base.clock.now().astimezone(SHANGHAI).date()
    yield REFUSED.at(conn.execute(_REFUSED, {"day": today}).scalar_one_or_none() or 0)
    for name in base.schedules.names:
        if (done := conn.execute(_LAST_DONE, {"of": name}).scalar_one_or_none()) is not None:
            yield DONE.at(done / SECOND, name)
    yield LAG.at(event_records.lag(conn))


def _operations(conn: Connection) -> Iterator[Figure]:
    counted = operation_records.counts(conn)
    for (channel, state), number in counted.items():
        yield OPERATIONS.at(number, channel, state)
    for channel in sorted({channel for channel, _ in counted}):
        if (due := conn.execute(_FIRST_DUE, {"of": channel}).scalar_one()) is not None:
            yield OLDEST_DUE.at(due / SECOND, channel)
    for channel, since in conn.execute(_DOUBTS):
        yield OLDEST_DOUBT.at(since / SECOND, channel)


def _webhooks(conn: Connection) -> Iterator[Figure]:
    states = {"active": 0, "failing": 0, "disabled": 0}
    for endpoint, failing, disabled in conn.execute(_ENDPOINTS):
        states["disabled" if disabled is not None else "active" if failing is None else "failing"] += 1
        if failing is not None and disabled is None:
            yield FAILING.at(failing / SECOND, endpoint)
    for state, number in states.items():
        yield ENDPOINTS.at(number, state)


FIGURES: Final = Figures(
    (
        OPERATIONS,
        OLDEST_DUE,
        OLDEST_DOUBT,
        STOPPED,
        CIRCUIT,
        FAILURES,
        ENDPOINTS,
        FAILING,
        REFUSED,
        DONE,
        LAG,
    ),
    _read,
)

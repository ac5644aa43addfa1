"""Webhook endpoints and the deliveries to them: the SQL. A delivery is sent by whoever took it last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    ScalarSelect,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.events import Event
from gateway.foundation.delivery.states import DELIVERY_LIFE, DeliveryState
from gateway.foundation.delivery.tables import (
    event as event_table,
)
from gateway.foundation.delivery.tables import (
    webhook_attempt,
    webhook_delivery,
    webhook_endpoint,
)
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import reader
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

REMOVED = "removed"
TEST = "webhook.test"
"""An event that tells nothing, to see whether an endpoint takes events."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events of an authority are posted to. Empty ``types``: all. Instants in microseconds."""

    id: str
    client_id: str
    authority: str
    url: str
    secret_sealed: bytes
    old_secret_sealed: bytes | None
    old_secret_until_at: int | None
    types: tuple[str, ...]
    ordered: bool
    failing_since_at: int | None
    disabled_at: int | None
    disabled_reason: str | None
    created_at: int

    def secret(self, envelope: Envelope) -> str:
        """The secret that signs now."""
        return envelope.open(self.secret_sealed, _secret_of(self.id)).decode()

    def secrets(self, envelope: Envelope, now: int) -> list[str]:
        """The secret, and in rotation the old one too: whoever checks with either is satisfied."""
        signing = [self.secret(envelope)]
        if self.old_secret_sealed is not None and (self.old_secret_until_at or 0) > now:
            signing.append(envelope.open(self.old_secret_sealed, _secret_of(self.id)).decode())
        return signing


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event on its way to one endpoint. ``taken``: by how many senders so far; only the newest may close it."""

    endpoint_id: str
    event_id: str
    event_seq: int
    subject: str
    state: DeliveryState
    attempts: int
    taken: int
    due_at: int
    last_status: int | None
    last_error: str | None
    delivered_at: int | None


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """One attempt at delivering. ``status`` None: no answer; ``error`` None: delivered."""

    endpoint_id: str
    event_id: str
    taken: int
    node: str
    status: int | None
    error: str | None
    started_at: int
    ended_at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a disabled endpoint: how many deliveries. ``endpoint.disabled_at`` says since when."""

    endpoint: Endpoint
    number: int

    @property
    def removed(self) -> bool:
        """Whether nobody will ever take it."""
        return self.endpoint.disabled_reason == REMOVED


MOST = 1000
"""Deliveries of an endpoint are counted up to so many."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What went to an endpoint: how many wait, how many were given up, both at most ``MOST``, and when the last one
    arrived; None where none of the newest ``MOST`` did.
    """

    queued: int = 0
    failed: int = 0
    delivered_at: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to be made now, and its endpoint."""

    delivery: WebhookDelivery
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class DeliveryStory:
    """A delivery with its attempts, oldest first."""

    delivery: WebhookDelivery
    tries: tuple[WebhookAttempt, ...]


def sealed_secret(envelope: Envelope, endpoint_id: str, secret: str) -> bytes:
    """A signing secret as it is kept."""
    return envelope.seal(secret.encode(), _secret_of(endpoint_id))


def _secret_of(endpoint_id: str) -> str:
    return f"webhook|secret|{endpoint_id}"


def _step(end: DeliveryState) -> Update:
    """A step from ``queued`` by the sender that took the delivery last."""
    step = DELIVERY_LIFE.statement(frozenset((DeliveryState.QUEUED,)), end)
    return step.where(webhook_delivery.c.taken == bindparam("mine")).values(state=end.value)


_endpoint = reader(Endpoint)
_delivery = reader(WebhookDelivery)
_attempt = reader(WebhookAttempt)
_STILL_THERE = func.coalesce(webhook_endpoint.c.disabled_reason, "") != REMOVED
_ADD_DELIVERY = insert(webhook_delivery)
_ADD_ATTEMPT = insert(webhook_attempt)
_LISTENING = select(webhook_endpoint.c.id, webhook_endpoint.c.types).where(
    webhook_endpoint.c.authority == bindparam("authority"), webhook_endpoint.c.disabled_at.is_(None)
)
_QUEUED = webhook_delivery.c.state == constant(DeliveryState.QUEUED.value)
_earlier = webhook_delivery.alias("earlier")
_SENDABLE = (
    _QUEUED,
    webhook_delivery.c.due_at <= bindparam("now"),
    webhook_endpoint.c.disabled_at.is_(None),
    or_(
        webhook_endpoint.c.ordered.is_(False),
        ~exists().where(
            _earlier.c.endpoint_id == webhook_delivery.c.endpoint_id,
            _earlier.c.subject == webhook_delivery.c.subject,
            _earlier.c.event_seq < webhook_delivery.c.event_seq,
            _earlier.c.state == constant(DeliveryState.QUEUED.value),
        ),
    ),
)
_source = webhook_delivery.join(webhook_endpoint, webhook_endpoint.c.id == webhook_delivery.c.endpoint_id)
_LOOK = select(webhook_delivery.c.event_id).select_from(_source).where(*_SENDABLE).limit(1)
_DUE = (
    select(webhook_delivery, webhook_endpoint)
    .select_from(_source)
    .where(*_SENDABLE)
    .order_by(webhook_delivery.c.due_at, webhook_delivery.c.event_seq)
    .limit(20)
    .with_for_update(skip_locked=True, of=webhook_delivery)
)
_SAME = and_(
    webhook_delivery.c.endpoint_id == bindparam("of_endpoint_id"),
    webhook_delivery.c.event_id == bindparam("of_event_id"),
    webhook_delivery.c.taken == bindparam("mine"),
)
_TAKE = update(webhook_delivery).where(_SAME)
_PUT_OFF = update(webhook_delivery).where(_SAME, _QUEUED)
_DELIVERED = _step(DeliveryState.DELIVERED)
_FAILED = _step(DeliveryState.FAILED)
_ACTIVE = update(webhook_endpoint).where(
    webhook_endpoint.c.id == bindparam("of"), webhook_endpoint.c.disabled_at.is_(None)
)
_KNOWN = update(webhook_endpoint).where(webhook_endpoint.c.id == bindparam("of"), _STILL_THERE)
_ROTATE = _KNOWN.values(old_secret_sealed=webhook_endpoint.c.secret_sealed)


# --- endpoints --------------------------------------------------------------------------------------------------------


def add_endpoint(conn: Connection, **values: Any) -> None:
    """A new endpoint."""
    conn.execute(insert(webhook_endpoint), values)


def endpoints(conn: Connection, authorities: Sequence[str] | None) -> list[Endpoint]:
    """Endpoints of these authorities or all; not the removed ones."""
    query = select(webhook_endpoint).where(_STILL_THERE).order_by(webhook_endpoint.c.id)
    if authorities is not None:
        query = query.where(webhook_endpoint.c.authority.in_(authorities))
    return [_endpoint(row) for row in conn.execute(query).mappings()]


def held(conn: Connection, endpoint_id: str, authorities: Sequence[str] | None) -> Endpoint:
    """One endpoint of these authorities, or of any. Raises NotFoundProblem, also for a removed one."""
    query = select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id, _STILL_THERE)
    row = conn.execute(query).mappings().first()
    if row is None or (authorities is not None and row["authority"] not in authorities):
        raise NotFoundProblem(say("webhooks.none"))
    return _endpoint(row)


def remove_endpoint(conn: Connection, endpoint_id: str, now: int) -> bool:
    """Send nothing more to an endpoint, also to one that was disabled; False when there is none."""
    return conn.execute(_KNOWN, {"of": endpoint_id, "disabled_at": now, "disabled_reason": REMOVED}).rowcount == 1


def rotate(conn: Connection, endpoint_id: str, sealed: bytes, until: int) -> bool:
    """A new secret; the old one signs beside it until then. False when there is no such endpoint."""
    values = {"of": endpoint_id, "secret_sealed": sealed, "old_secret_until_at": until}
    return conn.execute(_ROTATE, values).rowcount == 1


def enable(conn: Connection, endpoint_id: str) -> bool:
    """Let a disabled endpoint have what waits for it; False when there is no such endpoint."""
    values = {"of": endpoint_id, "disabled_at": None, "disabled_reason": None, "failing_since_at": None}
    return conn.execute(_KNOWN, values).rowcount == 1


def disable(conn: Connection, endpoint_id: str, reason: str, now: int) -> bool:
    """Disable an active endpoint; False when it was disabled before."""
    return conn.execute(_ACTIVE, {"of": endpoint_id, "disabled_at": now, "disabled_reason": reason}).rowcount == 1


def failing_since(conn: Connection, endpoint_id: str, since: int | None) -> None:
    """Since when nothing arrives at an active endpoint; None: it takes again. The first such instant stays."""
    changed = _ACTIVE if since is None else _ACTIVE.where(webhook_endpoint.c.failing_since_at.is_(None))
    conn.execute(changed, {"of": endpoint_id, "failing_since_at": since})


# --- deliveries -------------------------------------------------------------------------------------------------------


def fan_out(conn: Connection, event: Event) -> None:
    """One delivery for each endpoint that listens to an event; a test goes to the endpoint that it is about."""
    rows = [
        {
            "endpoint_id": endpoint,
            "event_id": event.id,
            "event_seq": event.seq,
            "subject": event.subject,
            "state": DeliveryState.QUEUED.value,
            "attempts": 0,
            "due_at": event.at,
        }
        for endpoint, types in conn.execute(_LISTENING, {"authority": event.authority}).all()
        if (endpoint == event.subject if event.type == TEST else not types or event.type in types)
    ]
    if rows:
        conn.execute(_ADD_DELIVERY, rows)


def any_due(conn: Connection, now: int) -> bool:
    """Whether something can be sent now."""
    return conn.execute(_LOOK, {"now": now}).first() is not None


def due(conn: Connection, now: int) -> list[Due]:
    """Some of what can be sent now, oldest first, kept from other senders in this transaction."""
    rows = conn.execute(_DUE, {"now": now}).mappings()
    return [Due(_delivery(row), _endpoint(row)) for row in rows]


def take(conn: Connection, one: WebhookDelivery, until: int) -> None:
    """Take a delivery; it is due for another sender at ``until``."""
    conn.execute(_TAKE, {**_key(one), "mine": one.taken, "taken": one.taken + 1, "due_at": until})


def close(conn: Connection, one: WebhookDelivery, end: DeliveryState, **values: Any) -> bool:
    """What an attempt led to; False when another sender has taken the delivery: what this one saw does not count."""
    step = {DeliveryState.DELIVERED: _DELIVERED, DeliveryState.FAILED: _FAILED, DeliveryState.QUEUED: _PUT_OFF}[end]
    return conn.execute(step, {**_key(one), "mine": one.taken, **values}).rowcount == 1


def add_attempt(conn: Connection, **values: Any) -> None:
    """One attempt at delivering."""
    conn.execute(_ADD_ATTEMPT, values)


def bring_back(conn: Connection, now: int, latest: int) -> int:
    """What is due later than ``latest`` is due now; how many."""
    late = update(webhook_delivery).where(_QUEUED, webhook_delivery.c.due_at > latest).values(due_at=now)
    return conn.execute(late).rowcount


def waiting(conn: Connection) -> list[Waiting]:
    """What waits for disabled endpoints, removed ones among them; also those for which nothing does."""
    number = select(func.count()).where(webhook_delivery.c.endpoint_id == webhook_endpoint.c.id, _QUEUED)
    disabled = select(webhook_endpoint, number.scalar_subquery().label("number"))
    rows = conn.execute(disabled.where(webhook_endpoint.c.disabled_at.is_not(None)).order_by(webhook_endpoint.c.id))
    return [Waiting(_endpoint(row), row["number"]) for row in rows.mappings()]


def give_up(conn: Connection, endpoint_id: str, why: str, most: int) -> int:
    """Give up some of what waits for an endpoint that is still disabled; how many."""
    there = select(webhook_endpoint.c.id).where(webhook_endpoint.c.disabled_at.is_not(None))
    mine = (webhook_delivery.c.endpoint_id == endpoint_id, _QUEUED)
    some = select(webhook_delivery.c.event_id).where(*mine, webhook_delivery.c.endpoint_id.in_(there)).limit(most)
    step = update(webhook_delivery).where(*mine, webhook_delivery.c.event_id.in_(some))
    step = step.values(state=DeliveryState.FAILED.value, last_error=why)
    return conn.execute(step.execution_options(life=DELIVERY_LIFE.name)).rowcount


def send_again(
    conn: Connection, endpoint_id: str, now: int, *, event: str | None, since: int | None, until: int | None
) -> int:
    """Queue deliveries again: one event, those of a range, or all that were given up; how many."""
    again = update(webhook_delivery).where(webhook_delivery.c.endpoint_id == endpoint_id)
    if event is not None:
        again = again.where(webhook_delivery.c.event_id == event)
    elif since is not None or until is not None:
        chosen = select(event_table.c.id)
        if since is not None:
            chosen = chosen.where(event_table.c.at >= since)
        if until is not None:
            chosen = chosen.where(event_table.c.at < until)
        again = again.where(webhook_delivery.c.event_id.in_(chosen))
    else:
        again = again.where(webhook_delivery.c.state == DeliveryState.FAILED.value)
    # Every state has this step, so that many are moved at once.
    step = again.values(state=DeliveryState.QUEUED.value, attempts=0, due_at=now)
    return conn.execute(step.execution_options(life=DELIVERY_LIFE.name)).rowcount


def deliveries(
    conn: Connection, endpoint_id: str, *, state: DeliveryState | None, before: int | None, limit: int
) -> list[DeliveryStory]:
    """Deliveries to an endpoint, newest event first, with their attempts. ``before``: an event's number."""
    query = select(webhook_delivery).where(webhook_delivery.c.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(webhook_delivery.c.state == state.value)
    if before is not None:
        query = query.where(webhook_delivery.c.event_seq < before)
    query = query.order_by(webhook_delivery.c.event_seq.desc()).limit(limit)
    found = [_delivery(row) for row in conn.execute(query).mappings()]
    tried = select(webhook_attempt).where(
        webhook_attempt.c.endpoint_id == endpoint_id,
        webhook_attempt.c.event_id.in_([one.event_id for one in found]),
    )
    made = [_attempt(row) for row in conn.execute(tried.order_by(webhook_attempt.c.taken)).mappings()]
    return [DeliveryStory(one, tuple(each for each in made if each.event_id == one.event_id)) for one in found]


def _some(state: DeliveryState) -> ScalarSelect[int]:
    # The state stands in the statement itself: a partial index is used only then.
    mine = and_(
        webhook_delivery.c.endpoint_id == bindparam("of"), webhook_delivery.c.state == literal_column(f"'{state}'")
    )
    some = select(webhook_delivery.c.event_seq).where(mine).limit(MOST).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_NEWEST = (
    select(webhook_delivery.c.delivered_at)
    .where(webhook_delivery.c.endpoint_id == bindparam("of"))
    .order_by(webhook_delivery.c.event_seq.desc())
    .limit(MOST)
    .subquery()
)
_TALLY = select(
    _some(DeliveryState.QUEUED),
    _some(DeliveryState.FAILED),
    select(func.max(_NEWEST.c.delivered_at)).scalar_subquery(),
)


def tallies(conn: Connection, endpoint_ids: Sequence[str]) -> dict[str, Tally]:
    """What went to each of these endpoints; not counted beyond ``MOST``, nor read further back for the last arrival."""
    return {one: Tally(*conn.execute(_TALLY, {"of": one}).one()) for one in endpoint_ids}


def types_of(conn: Connection, event_ids: Sequence[str]) -> dict[str, str]:
    """Of which type each of these events is, where it is still there."""
    query = select(event_table.c.id, event_table.c.type).where(event_table.c.id.in_(event_ids))
    return {row[0]: row[1] for row in conn.execute(query)}


def _key(one: WebhookDelivery) -> dict[str, str]:
    return {"of_endpoint_id": one.endpoint_id, "of_event_id": one.event_id}

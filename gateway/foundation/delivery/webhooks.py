"""Webhooks out, in the Standard Webhooks format: id, timestamp, HMAC-SHA256 ``v1`` signature over both and the body.

An event becomes one delivery per endpoint in the event's own transaction; a sender takes what is due. Delivered means
that the endpoint answered 2xx. Source of the format: the Standard Webhooks specification 1.0.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, exists, func, insert, or_, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.events import EVERY, Event, Events
from gateway.foundation.delivery.tables import (
    event as event_table,
)
from gateway.foundation.delivery.tables import (
    webhook_attempt,
    webhook_delivery,
    webhook_endpoint,
)
from gateway.foundation.store import Store
from gateway.foundation.store.base import constant
from gateway.foundation.wire.outward import ForbiddenTargetError, OutwardWire
from gateway.words.clock import Clock, from_micros, rfc3339, to_micros
from gateway.words.errors import ExchangeError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id

log = structlog.get_logger(__name__)

SECOND = 1_000_000
SCHEDULE = (5, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)  # seconds until the next attempt
LEASE = 60 * SECOND
"""How long a sender may be at one delivery before another one takes it."""
DISABLE_AFTER = 5 * 24 * 3600 * SECOND
"""An endpoint to which nothing could be delivered for so long is disabled."""
OVERLAP_SECONDS = 24 * 3600
_LOOK_SECONDS = 60.0
_LONGEST_PAUSE = 2 * SCHEDULE[-1] * SECOND
REMOVED = "removed"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the format gives to every secret
_ADD_DELIVERY = insert(webhook_delivery)
_ADD_ATTEMPT = insert(webhook_attempt)
_LISTENING = select(webhook_endpoint.c.id, webhook_endpoint.c.types).where(
    webhook_endpoint.c.authority == bindparam("authority"), webhook_endpoint.c.disabled_at.is_(None)
)
_earlier = webhook_delivery.alias("earlier")
_SENDABLE = (
    webhook_delivery.c.state == constant("queued"),
    webhook_delivery.c.due_at <= bindparam("now"),
    webhook_endpoint.c.disabled_at.is_(None),
    or_(
        webhook_endpoint.c.ordered.is_(False),
        ~exists().where(
            _earlier.c.endpoint_id == webhook_delivery.c.endpoint_id,
            _earlier.c.subject == webhook_delivery.c.subject,
            _earlier.c.event_seq < webhook_delivery.c.event_seq,
            _earlier.c.state == constant("queued"),
        ),
    ),
)
_source = webhook_delivery.join(webhook_endpoint, webhook_endpoint.c.id == webhook_delivery.c.endpoint_id)
_LOOK = select(webhook_delivery.c.event_id).select_from(_source).where(*_SENDABLE).limit(1)
_DUE = (
    select(
        webhook_delivery,
        webhook_endpoint.c.url,
        webhook_endpoint.c.secret_sealed,
        webhook_endpoint.c.old_secret_sealed,
        webhook_endpoint.c.old_secret_until_at,
        webhook_endpoint.c.failing_since_at,
        webhook_endpoint.c.authority,
    )
    .select_from(_source)
    .where(*_SENDABLE)
    .order_by(webhook_delivery.c.due_at, webhook_delivery.c.event_seq)
    .limit(20)
    .with_for_update(skip_locked=True, of=webhook_delivery)
)

Remember = Callable[[Connection, str], None]


def _forget(conn: Connection, subject: str) -> None:
    """No Idempotency-Key to remember."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header for one message. ``secret`` is ``whsec_`` and base64; ``timestamp`` seconds."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


class Webhooks:
    """Endpoints of case systems and the deliveries to them."""

    def __init__(
        self, store: Store, events: Events, envelope: Envelope, clock: Clock, wire: OutwardWire, node: str = "node-1"
    ) -> None:
        self._store = store
        self._events = events
        self._node = node
        self._envelope = envelope
        self._clock = clock
        self._wire = wire
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        events.subscribe(EVERY, self._fan_out)

    async def add_endpoint(
        self,
        client_id: str,
        authority: str,
        url: str,
        types: Sequence[str] = (),
        *,
        ordered: bool = False,
        remember: Remember = _forget,
    ) -> tuple[str, str]:
        """Register an address; returns its id and the signing secret, which is shown only now.

        ``ordered``: events of one record are delivered one after another, the next when the one before has arrived.
        ``remember(conn, endpoint_id)`` joins the transaction.
        """
        try:
            self._wire.check(url)
        except ValueError as problem:
            raise InvalidProblem(
                str(problem), field="url", cure="Use a public https address, or have it put on webhooks.allow."
            ) from problem
        endpoint_id = new_id("whe")
        secret = _new_secret()
        values = {
            "id": endpoint_id,
            "client_id": client_id,
            "authority": authority,
            "url": url,
            "secret_sealed": self._envelope.seal(secret.encode(), f"webhook|secret|{endpoint_id}"),
            "types": list(types),
            "ordered": ordered,
            "created_at": to_micros(self._clock.now()),
        }

        def unit(conn: Connection) -> None:
            conn.execute(insert(webhook_endpoint), values)
            remember(conn, endpoint_id)

        await self._store.write(unit)
        return endpoint_id, secret

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Send nothing more to an endpoint. Raises NotFoundProblem."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> int:
            return conn.execute(
                update(webhook_endpoint)
                .where(webhook_endpoint.c.id == endpoint_id, webhook_endpoint.c.disabled_at.is_(None))
                .values(disabled_at=now, disabled_reason=REMOVED)
            ).rowcount

        if await self._store.write(unit) == 0:
            raise NotFoundProblem("no such webhook endpoint")

    async def endpoints(self, authorities: Sequence[str] | None = None) -> Sequence[RowMapping]:
        """Endpoints, of these authorities or all, also those disabled because nothing arrived; not the removed ones."""
        return await self._store.read(lambda conn: endpoints_of(conn, authorities))

    async def secret_of(self, endpoint_id: str) -> str:
        """The secret that signs now, for the repetition of the request that made it. Raises NotFoundProblem."""
        statement = select(webhook_endpoint.c.secret_sealed).where(webhook_endpoint.c.id == endpoint_id)
        sealed = await self._store.read(lambda conn: conn.execute(statement).scalar())
        if sealed is None:
            raise NotFoundProblem("no such webhook endpoint")
        return self._envelope.open(sealed, f"webhook|secret|{endpoint_id}").decode()

    async def rotate_secret(
        self, endpoint_id: str, overlap: float = OVERLAP_SECONDS, *, remember: Remember = _forget
    ) -> str:
        """A new signing secret, shown only now; the old one signs beside it for ``overlap`` seconds.

        ``remember(conn, endpoint_id)`` joins the transaction.
        """
        secret = _new_secret()
        sealed = self._envelope.seal(secret.encode(), f"webhook|secret|{endpoint_id}")
        until = to_micros(self._clock.now()) + int(overlap * SECOND)
        changed = await self._change(
            endpoint_id,
            old_secret_sealed=webhook_endpoint.c.secret_sealed,
            old_secret_until_at=until,
            secret_sealed=sealed,
            remember=remember,
        )
        if not changed:
            raise NotFoundProblem("no such webhook endpoint")
        return secret

    async def enable(self, endpoint_id: str) -> None:
        """Let a disabled endpoint have what waits for it. Raises NotFoundProblem."""
        if not await self._change(endpoint_id, disabled_at=None, disabled_reason=None, failing_since_at=None):
            raise NotFoundProblem("no such webhook endpoint")
        self.wake()

    async def _change(self, endpoint_id: str, *, remember: Remember = _forget, **values: Any) -> bool:
        statement = (
            update(webhook_endpoint)
            .where(
                webhook_endpoint.c.id == endpoint_id, func.coalesce(webhook_endpoint.c.disabled_reason, "") != REMOVED
            )
            .values(**values)
        )

        def unit(conn: Connection) -> bool:
            changed = conn.execute(statement).rowcount == 1
            if changed:
                remember(conn, endpoint_id)
            return changed

        return await self._store.write(unit)

    async def deliveries(
        self, endpoint_id: str, *, state: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """Deliveries to an endpoint, newest event first, each with its attempts. ``before``: an event's number."""
        return await self._store.read(
            lambda conn: deliveries_of(conn, endpoint_id, state=state, before=before, limit=limit)
        )

    async def resend(
        self,
        endpoint_id: str,
        *,
        event: str | None = None,
        since: int | None = None,
        until: int | None = None,
        failed: bool = False,
    ) -> int:
        """Deliver again: one event, those that happened in a range (microseconds), or all given up; how many.

        Raises InvalidProblem unless exactly one of the three is asked for.
        """
        ranged = since is not None or until is not None
        if [event is not None, ranged, failed].count(True) != 1:
            raise InvalidProblem(
                "say what to deliver again", cure="One event, a range of time, or all that were given up."
            )
        chosen = select(event_table.c.id)
        if since is not None:
            chosen = chosen.where(event_table.c.at >= since)
        if until is not None:
            chosen = chosen.where(event_table.c.at < until)
        statement = update(webhook_delivery).where(webhook_delivery.c.endpoint_id == endpoint_id)
        if event is not None:
            statement = statement.where(webhook_delivery.c.event_id == event)
        elif ranged:
            statement = statement.where(webhook_delivery.c.event_id.in_(chosen))
        else:
            statement = statement.where(webhook_delivery.c.state == "failed")
        statement = statement.values(state="queued", attempts=0, due_at=to_micros(self._clock.now()))
        again = await self._store.write(lambda conn: conn.execute(statement).rowcount)
        self.wake()
        return again

    async def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """Send nothing more; what is not delivered stays queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._wire.close()

    def wake(self) -> None:
        """Something was written that may have to be sent."""
        self._wake.set()

    def _fan_out(self, conn: Connection, event: Event) -> None:
        endpoints = conn.execute(_LISTENING, {"authority": event.authority}).all()
        rows = [
            {
                "endpoint_id": endpoint,
                "event_id": event.id,
                "event_seq": event.seq,
                "subject": event.subject,
                "state": "queued",
                "attempts": 0,
                "due_at": event.at,
            }
            for endpoint, types in endpoints
            if not types or event.type in types
        ]
        if rows:
            conn.execute(_ADD_DELIVERY, rows)

    async def _run(self) -> None:
        looked = -_LOOK_SECONDS
        while True:
            self._wake.clear()
            try:
                if (at := asyncio.get_running_loop().time()) - looked > _LOOK_SECONDS:
                    await self._bring_back()
                    looked = at
                sent = await self._send_due()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("webhooks could not be sent")
                sent = 0
            if not sent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.25):
                        await self._wake.wait()

    async def _bring_back(self) -> None:
        """What a clock that ran far ahead has put off beyond any pause of the schedule is due now."""
        now = to_micros(self._clock.now())
        statement = (
            update(webhook_delivery)
            .where(webhook_delivery.c.state == "queued", webhook_delivery.c.due_at > now + _LONGEST_PAUSE)
            .values(due_at=now)
        )
        await self._store.write(lambda conn: conn.execute(statement).rowcount)

    async def _send_due(self) -> int:
        now = to_micros(self._clock.now())
        if await self._store.read(lambda conn: conn.execute(_LOOK, {"now": now}).first()) is None:
            return 0

        def take(conn: Connection) -> list[dict[str, Any]]:
            rows = conn.execute(_DUE, {"now": now}).mappings().all()
            taken = []
            for row in rows:
                mine = row["taken"] + 1
                conn.execute(
                    update(webhook_delivery)
                    .where(*_same(row), webhook_delivery.c.taken == row["taken"])
                    .values(taken=mine, due_at=now + LEASE)
                )
                taken.append({**row, "taken": mine})
            return taken

        mine = await self._store.write(take)
        await asyncio.gather(*(self._send(row) for row in mine))
        return len(mine)

    async def _send(self, row: dict[str, Any]) -> None:
        event = await self._store.read(
            lambda conn: conn.execute(select(event_table).where(event_table.c.id == row["event_id"])).mappings().one()
        )
        body = payload(event)
        began = to_micros(self._clock.now())
        stamp = began // SECOND
        headers = {
            "content-type": "application/json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(sign(secret, event["id"], stamp, body) for secret in self._secrets(row)),
        }
        status: int | None = None
        problem: str | None = None
        try:
            answer = await self._wire.post("webhook", row["url"], body, headers)
            status = answer.status_code
            if not answer.is_success:
                problem = f"answered {status}"
        except ForbiddenTargetError as refused:
            problem = f"refused: {refused}"
        except ExchangeError as error:
            problem = str(error)
        await self._store.write(lambda conn: self._close(conn, row, status, problem, began))

    def _secrets(self, row: dict[str, Any]) -> list[str]:
        """The secret, and in rotation the old one too: whoever checks with either is satisfied."""
        sealed = [row["secret_sealed"]]
        if row["old_secret_sealed"] is not None and row["old_secret_until_at"] > to_micros(self._clock.now()):
            sealed.append(row["old_secret_sealed"])
        return [self._envelope.open(one, f"webhook|secret|{row['endpoint_id']}").decode() for one in sealed]

    def _close(
        self, conn: Connection, row: dict[str, Any], status: int | None, problem: str | None, began: int
    ) -> None:
        now = to_micros(self._clock.now())
        attempts = row["attempts"] + 1
        values: dict[str, Any] = {"attempts": attempts, "last_status": status, "last_error": problem}
        if problem is None:
            values |= {"state": "delivered", "delivered_at": now}
        elif attempts > len(SCHEDULE):
            values |= {"state": "failed"}
            log.error("webhook given up", endpoint=row["endpoint_id"], message=row["event_id"], reason=problem)
        else:
            wait = SCHEDULE[attempts - 1]
            jitter = secrets.randbelow(max(1, wait * SECOND // 10))
            values |= {"due_at": now + wait * SECOND + jitter}
        closed = conn.execute(
            update(webhook_delivery)
            .where(*_same(row), webhook_delivery.c.state == "queued", webhook_delivery.c.taken == row["taken"])
            .values(**values)
        )
        if closed.rowcount != 1:  # another sender has taken it: what this one saw is not what counts
            return
        tried = {"node": self._node, "status": status, "error": problem, "started_at": began, "ended_at": now}
        key = {name: row[name] for name in ("endpoint_id", "event_id", "taken")}
        conn.execute(_ADD_ATTEMPT, {**key, **tried})
        self._judge(conn, row, problem, now)

    def _judge(self, conn: Connection, row: dict[str, Any], problem: str | None, now: int) -> None:
        """An endpoint that takes nothing for days is disabled, with an alarm that other endpoints hear."""
        endpoint = update(webhook_endpoint).where(
            webhook_endpoint.c.id == row["endpoint_id"], webhook_endpoint.c.disabled_at.is_(None)
        )
        since = row["failing_since_at"]
        if problem is None:
            if since is not None:
                conn.execute(endpoint.values(failing_since_at=None))
            return
        if since is None:
            conn.execute(endpoint.where(webhook_endpoint.c.failing_since_at.is_(None)).values(failing_since_at=now))
        elif now - since >= DISABLE_AFTER:
            days = (now - since) // (24 * 3600 * SECOND)
            reason = f"nothing could be delivered for {days} days: {problem}"
            if conn.execute(endpoint.values(disabled_at=now, disabled_reason=reason)).rowcount == 1:
                log.error("webhook endpoint disabled", endpoint=row["endpoint_id"], reason=reason)
                self._events.emit(
                    conn,
                    type="webhook.disabled",
                    subject=row["endpoint_id"],
                    authority=row["authority"],
                    data={"reason": reason},
                )


def endpoints_of(conn: Connection, authorities: Sequence[str] | None) -> Sequence[RowMapping]:
    """Endpoints of these authorities or all; not the removed ones."""
    query = select(webhook_endpoint).order_by(webhook_endpoint.c.id)
    query = query.where(func.coalesce(webhook_endpoint.c.disabled_reason, "") != REMOVED)
    if authorities is not None:
        query = query.where(webhook_endpoint.c.authority.in_(authorities))
    return conn.execute(query).mappings().all()


def deliveries_of(
    conn: Connection, endpoint_id: str, *, state: str | None = None, before: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Deliveries to an endpoint, newest event first, with their attempts as ``tries``."""
    query = select(webhook_delivery).where(webhook_delivery.c.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(webhook_delivery.c.state == state)
    if before is not None:
        query = query.where(webhook_delivery.c.event_seq < before)
    rows = conn.execute(query.order_by(webhook_delivery.c.event_seq.desc()).limit(limit)).mappings().all()
    tried = select(webhook_attempt).where(
        webhook_attempt.c.endpoint_id == endpoint_id,
        webhook_attempt.c.event_id.in_([row["event_id"] for row in rows]),
    )
    made = conn.execute(tried.order_by(webhook_attempt.c.taken)).mappings().all()
    return [{**row, "tries": [one for one in made if one["event_id"] == row["event_id"]]} for row in rows]


def _same(row: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        webhook_delivery.c.endpoint_id == row["endpoint_id"],
        webhook_delivery.c.event_id == row["event_id"],
    )


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def payload(event: RowMapping) -> bytes:
    """The body of a webhook: type, timestamp and data, as the format recommends, with our ids."""
    return json.dumps(
        {
            "type": event["type"],
            "timestamp": rfc3339(from_micros(event["at"])),
            "data": {"id": event["id"], "authority": event["authority"], "subject": event["subject"], **event["data"]},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()

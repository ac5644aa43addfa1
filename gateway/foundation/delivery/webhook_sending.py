"""Sends webhooks: takes what is due, posts it signed, notes the answer, and judges the endpoints that take nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import event_records, webhook_records
from gateway.foundation.delivery.events import Event, Events
from gateway.foundation.delivery.states import DeliveryState
from gateway.foundation.delivery.webhook_records import Due, Endpoint
from gateway.foundation.store import Store
from gateway.foundation.store.engine import SQLITE
from gateway.foundation.wire.outward import OutwardWire, in_general
from gateway.words.clock import Clock, from_micros, rfc3339, to_micros
from gateway.words.errors import ExchangeError, UnavailableProblem

log = structlog.get_logger(__name__)

SECOND = 1_000_000
SCHEDULE = (5, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)  # seconds until the next attempt
LEASE = 60 * SECOND
"""How long a sender may be at one delivery before another one takes it."""
DISABLE_AFTER = 5 * 24 * 3600 * SECOND
"""An endpoint to which nothing could be delivered for so long is disabled."""
_LOOK_SECONDS = 60.0
_LONGEST_PAUSE = 2 * SCHEDULE[-1] * SECOND
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the format gives to every secret


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header for one message. ``secret`` is ``whsec_`` and base64; ``timestamp`` seconds."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def payload(event: Event) -> bytes:
    """The body of a webhook: type, timestamp and data, as the format recommends, with our ids."""
    return json.dumps(
        {
            "type": event.type,
            "timestamp": rfc3339(from_micros(event.at)),
            "data": {"id": event.id, "authority": event.authority, "subject": event.subject, **event.data},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


class Sender:
    """Sends on one node what is due; several nodes share the work."""

    def __init__(
        self, store: Store, events: Events, envelope: Envelope, clock: Clock, wire: OutwardWire, node: str
    ) -> None:
        self._store = store
        self._events = events
        self._envelope = envelope
        self._clock = clock
        self._wire = wire
        self._node = node
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

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

    async def bring_back(self) -> None:
        """What a clock that ran far ahead has put off beyond any pause of the schedule is due now."""
        now = to_micros(self._clock.now())
        await self._store.write_beside(lambda conn: webhook_records.bring_back(conn, now, now + _LONGEST_PAUSE))

    async def send_due(self) -> int:
        """Send some of what is due, each by a task of its own; how many."""
        now = to_micros(self._clock.now())
        if not await self._store.read(lambda conn: webhook_records.any_due(conn, now)):
            return 0

        def take(conn: Connection) -> list[Due]:
            found = webhook_records.due(conn, now)
            for one in found:
                webhook_records.take(conn, one.delivery, now + LEASE)
            return [replace(one, delivery=replace(one.delivery, taken=one.delivery.taken + 1)) for one in found]

        mine = await self._store.write_beside(take)
        await asyncio.gather(*(self._send(one) for one in mine))
        return len(mine)

    async def _run(self) -> None:
        looked = -_LOOK_SECONDS
        while True:
            self._wake.clear()
            commits = self._store.commits
            try:
                if (at := asyncio.get_running_loop().time()) - looked > _LOOK_SECONDS:
                    await self.bring_back()
                    looked = at
                sent = await self.send_due()
            except asyncio.CancelledError:
                raise
            except UnavailableProblem as problem:
                log.warning("webhooks could not be sent", reason=str(problem))
                sent = 0
            except Exception:
                log.exception("webhooks could not be sent")
                sent = 0
            if not sent:
                await self._rest(commits)

    async def _rest(self, commits: int) -> None:
        """Until somebody says that there is something, or there may be: something was stored, or a second is over."""
        for _ in range(4):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    await self._wake.wait()
            if self._wake.is_set() or self._store.dialect != SQLITE or self._store.commits != commits:
                return

    async def _send(self, one: Due) -> None:
        event = await self._store.read(lambda conn: event_records.by_id(conn, one.delivery.event_id))
        body = payload(event)
        began = to_micros(self._clock.now())
        stamp = began // SECOND
        signing = one.endpoint.secrets(self._envelope, began)
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(sign(secret, event.id, stamp, body) for secret in signing),
        }
        status: int | None = None
        problem: str | None = None
        try:
            answer = await self._wire.post("webhook", one.endpoint.url, body, headers)
            status = answer.status_code
            if not answer.is_success:
                problem = f"answered {status}"
        except ExchangeError as error:
            problem = in_general(error)
            log.warning("webhook not delivered", endpoint=one.endpoint.id, message=event.id, reason=str(error))
        await self._store.write_beside(lambda conn: self._close(conn, one, status, problem, began))

    def _close(self, conn: Connection, one: Due, status: int | None, problem: str | None, began: int) -> None:
        """Note the answer, unless another sender has taken the delivery meanwhile."""
        now, delivery = to_micros(self._clock.now()), one.delivery
        attempts = delivery.attempts + 1
        values: dict[str, Any] = {"attempts": attempts, "last_status": status, "last_error": problem}
        if problem is None:
            end = DeliveryState.DELIVERED
            values |= {"delivered_at": now}
        elif attempts > len(SCHEDULE):
            end = DeliveryState.FAILED
            log.error("webhook given up", endpoint=one.endpoint.id, message=delivery.event_id, reason=problem)
        else:
            end, wait = DeliveryState.QUEUED, SCHEDULE[attempts - 1]
            jitter = secrets.randbelow(max(1, wait * SECOND // 10))
            values |= {"due_at": now + wait * SECOND + jitter}
        if not webhook_records.close(conn, delivery, end, **values):
            return
        webhook_records.add_attempt(
            conn,
            endpoint_id=delivery.endpoint_id,
            event_id=delivery.event_id,
            taken=delivery.taken,
            node=self._node,
            status=status,
            error=problem,
            started_at=began,
            ended_at=now,
        )
        self._judge(conn, one.endpoint, problem, now)

    def _judge(self, conn: Connection, endpoint: Endpoint, problem: str | None, now: int) -> None:
        """An endpoint that takes nothing for days is disabled, with an alarm that other endpoints hear."""
        since = endpoint.failing_since_at
        if problem is None:
            if since is not None:
                webhook_records.failing_since(conn, endpoint.id, None)
            return
        if since is None:
            webhook_records.failing_since(conn, endpoint.id, now)
        elif now - since >= DISABLE_AFTER:
            days = (now - since) // (24 * 3600 * SECOND)
            reason = f"nothing could be delivered for {days} days: {problem}"
            if webhook_records.disable(conn, endpoint.id, reason, now):
                log.error("webhook endpoint disabled", endpoint=endpoint.id, reason=reason)
                self._events.emit(
                    conn,
                    type="webhook.disabled",
                    subject=endpoint.id,
                    authority=endpoint.authority,
                    data={"reason": reason},
                )

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
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, RowMapping, insert, select, update

from gateway.clock import Clock, from_micros, rfc3339, to_micros
from gateway.crypto.envelope import Envelope
from gateway.delivery.events import EVERY, Event, Events
from gateway.errors import ExchangeError, InvalidProblem, NotFoundProblem
from gateway.identifiers import new_id
from gateway.store import Store
from gateway.store.tables.delivery import event as event_table
from gateway.store.tables.delivery import webhook_delivery, webhook_endpoint
from gateway.wire.outward import ForbiddenTargetError, OutwardWire

log = structlog.get_logger(__name__)

SECOND = 1_000_000
SCHEDULE = (5, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)  # seconds until the next attempt
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the format gives to every secret
_ADD_DELIVERY = insert(webhook_delivery)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header for one message. ``secret`` is ``whsec_`` and base64; ``timestamp`` seconds."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


class Webhooks:
    """Endpoints of case systems and the deliveries to them."""

    def __init__(self, store: Store, events: Events, envelope: Envelope, clock: Clock, wire: OutwardWire) -> None:
        self._store = store
        self._envelope = envelope
        self._clock = clock
        self._wire = wire
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        events.subscribe(EVERY, self._fan_out)

    async def add_endpoint(
        self, client_id: str, authority: str, url: str, types: Sequence[str] = ()
    ) -> tuple[str, str]:
        """Register an address; returns its id and the signing secret, which is shown only now."""
        try:
            self._wire.check(url)
        except ValueError as problem:
            raise InvalidProblem(
                str(problem), field="url", cure="Use a public https address, or have it put on webhooks.allow."
            ) from problem
        endpoint_id = new_id("whe")
        secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        values = {
            "id": endpoint_id,
            "client_id": client_id,
            "authority": authority,
            "url": url,
            "secret_sealed": self._envelope.seal(secret.encode(), f"webhook|secret|{endpoint_id}"),
            "types": list(types),
            "created_at": to_micros(self._clock.now()),
        }
        await self._store.write(lambda conn: conn.execute(insert(webhook_endpoint), values).rowcount)
        return endpoint_id, secret

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Send nothing more to an endpoint. Raises NotFoundProblem."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> int:
            return conn.execute(
                update(webhook_endpoint)
                .where(webhook_endpoint.c.id == endpoint_id, webhook_endpoint.c.disabled_at.is_(None))
                .values(disabled_at=now)
            ).rowcount

        if await self._store.write(unit) == 0:
            raise NotFoundProblem("no such webhook endpoint")

    async def endpoints(self, authorities: Sequence[str]) -> Sequence[RowMapping]:
        """Active endpoints of these authorities."""
        query = (
            select(webhook_endpoint)
            .where(webhook_endpoint.c.authority.in_(authorities), webhook_endpoint.c.disabled_at.is_(None))
            .order_by(webhook_endpoint.c.id)
        )
        return await self._store.read(lambda conn: conn.execute(query).mappings().all())

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
        endpoints = conn.execute(
            select(webhook_endpoint.c.id, webhook_endpoint.c.types).where(
                webhook_endpoint.c.authority == event.authority, webhook_endpoint.c.disabled_at.is_(None)
            )
        ).all()
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
        while True:
            self._wake.clear()
            try:
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

    async def _send_due(self) -> int:
        now = to_micros(self._clock.now())
        query = (
            select(webhook_delivery, webhook_endpoint.c.url, webhook_endpoint.c.secret_sealed)
            .join(webhook_endpoint, webhook_endpoint.c.id == webhook_delivery.c.endpoint_id)
            .where(
                webhook_delivery.c.state == "queued",
                webhook_delivery.c.due_at <= now,
                webhook_endpoint.c.disabled_at.is_(None),
            )
            .order_by(webhook_delivery.c.due_at)
            .limit(20)
        )
        due = await self._store.read(lambda conn: conn.execute(query).mappings().all())
        await asyncio.gather(*(self._send(row) for row in due))
        return len(due)

    async def _send(self, row: RowMapping) -> None:
        event = await self._store.read(
            lambda conn: conn.execute(select(event_table).where(event_table.c.id == row["event_id"])).mappings().one()
        )
        body = payload(event)
        secret = self._envelope.open(row["secret_sealed"], f"webhook|secret|{row['endpoint_id']}").decode()
        stamp = int(self._clock.now().timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(secret, event["id"], stamp, body),
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
        now = to_micros(self._clock.now())
        attempts = row["attempts"] + 1
        values: dict[str, Any] = {"attempts": attempts, "last_status": status, "last_error": problem}
        if problem is None:
            values |= {"state": "delivered", "delivered_at": now}
        elif attempts > len(SCHEDULE):
            values |= {"state": "failed"}
            log.error("webhook given up", endpoint=row["endpoint_id"], event=row["event_id"], reason=problem)
        else:
            wait = SCHEDULE[attempts - 1]
            jitter = secrets.randbelow(max(1, wait * SECOND // 10))
            values |= {"due_at": now + wait * SECOND + jitter}
        await self._store.write(
            lambda conn: (
                conn.execute(
                    update(webhook_delivery)
                    .where(
                        webhook_delivery.c.endpoint_id == row["endpoint_id"],
                        webhook_delivery.c.event_id == row["event_id"],
                        webhook_delivery.c.state == "queued",
                    )
                    .values(**values)
                ).rowcount
            )
        )


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

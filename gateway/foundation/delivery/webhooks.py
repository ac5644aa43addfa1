"""Webhooks out, in the Standard Webhooks format: id, timestamp, HMAC-SHA256 ``v1`` signature over both and the body.

An event becomes one delivery per endpoint in the event's own transaction; a sender takes what is due. Delivered means
that the endpoint answered 2xx. Source of the format: the Standard Webhooks specification 1.0.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import webhook_records
from gateway.foundation.delivery.events import EVERY, Events
from gateway.foundation.delivery.states import DeliveryState
from gateway.foundation.delivery.webhook_records import DeliveryStory, Endpoint, Tally, Waiting
from gateway.foundation.delivery.webhook_sending import SCHEDULE, SECOND, SECRET_PREFIX, Sender, payload, sign
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Store
from gateway.foundation.wire.outward import OutwardWire
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import said_of, say

__all__ = ["SCHEDULE", "Endpoints", "Webhooks", "payload", "sign"]

log = structlog.get_logger(__name__)

OVERLAP_SECONDS = 24 * 3600
_DAY: Final = 24 * 3600 * SECOND
_AT_ONCE: Final = 500


class Endpoints:
    """Endpoints and what went to them, to look at. Nothing here changes anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, authorities: Sequence[str] | None = None) -> list[Endpoint]:
        """Endpoints, of these authorities or all, also those disabled because nothing arrived; not the removed ones."""
        return await self._store.read(lambda conn: webhook_records.endpoints(conn, authorities))

    async def held(self, endpoint_id: str, authorities: Sequence[str] | None = None) -> Endpoint:
        """One endpoint of these authorities, or of any. Raises NotFoundProblem, also for a removed one."""
        return await self._store.read(lambda conn: webhook_records.held(conn, endpoint_id, authorities))

    async def deliveries(
        self, endpoint_id: str, *, state: DeliveryState | None = None, before: int | None = None, limit: int = 50
    ) -> list[DeliveryStory]:
        """Deliveries to an endpoint, newest event first, each with its attempts. ``before``: an event's number."""
        return await self._store.read(
            lambda conn: webhook_records.deliveries(conn, endpoint_id, state=state, before=before, limit=limit)
        )

    async def tallies(self, endpoint_ids: Sequence[str]) -> dict[str, Tally]:
        """How many deliveries wait for each endpoint, how many were given up, and when the last one arrived."""
        return await self._store.read(lambda conn: webhook_records.tallies(conn, endpoint_ids))

    async def types_of(self, event_ids: Sequence[str]) -> dict[str, str]:
        """Of which type each of these events is."""
        return await self._store.read(lambda conn: webhook_records.types_of(conn, event_ids))


class Webhooks:
    """Endpoints of case systems and the deliveries to them."""

    def __init__(
        self, store: Store, events: Events, envelope: Envelope, clock: Clock, wire: OutwardWire, node: str = "node-1"
    ) -> None:
        self._store = store
        self._events = events
        self._envelope = envelope
        self._clock = clock
        self._wire = wire
        self.endpoints = Endpoints(store)
        self.sender = Sender(store, events, envelope, clock, wire, node)
        events.subscribe(EVERY, webhook_records.fan_out)

    async def add_endpoint(
        self,
        client_id: str,
        authority: str,
        url: str,
        types: Sequence[str] = (),
        *,
        ordered: bool = False,
        once: Once = NEVER,
    ) -> tuple[str, str]:
        """Register an address; returns its id and the signing secret, which is shown only now.

        ``ordered``: events of one record are delivered one after another, the next when the one before has arrived.
        """
        try:
            self._wire.check(url)
        except ValueError as problem:
            raise InvalidProblem(said_of(problem), field="url", cure=say("webhooks.use_public")) from problem
        endpoint_id = new_id("whe")
        secret = _new_secret()
        values = {
            "id": endpoint_id,
            "client_id": client_id,
            "authority": authority,
            "url": url,
            "secret_sealed": webhook_records.sealed_secret(self._envelope, endpoint_id, secret),
            "types": list(types),
            "ordered": ordered,
            "created_at": to_micros(self._clock.now()),
        }

        def unit(conn: Connection) -> None:
            webhook_records.add_endpoint(conn, **values)

        await self._store.write(once.about(endpoint_id).first(unit))
        return endpoint_id, secret

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Send nothing more to an endpoint. Raises NotFoundProblem."""
        now = to_micros(self._clock.now())
        if not await self._store.write(lambda conn: webhook_records.remove_endpoint(conn, endpoint_id, now)):
            raise NotFoundProblem(say("webhooks.none"))

    async def secret_of(self, endpoint_id: str) -> str:
        """The secret that signs now, for the repetition of the request that made it. Raises NotFoundProblem."""
        return (await self.endpoints.held(endpoint_id)).secret(self._envelope)

    async def rotate_secret(self, endpoint_id: str, overlap: float = OVERLAP_SECONDS, *, once: Once = NEVER) -> str:
        """A new signing secret, shown only now; the old one signs beside it for ``overlap`` seconds."""
        secret = _new_secret()
        sealed = webhook_records.sealed_secret(self._envelope, endpoint_id, secret)
        until = to_micros(self._clock.now()) + int(overlap * SECOND)

        def unit(conn: Connection) -> None:
            if not webhook_records.rotate(conn, endpoint_id, sealed, until):
                raise NotFoundProblem(say("webhooks.none"))

        await self._store.write(once.about(endpoint_id).first(unit))
        return secret

    async def enable(self, endpoint_id: str) -> None:
        """Let a disabled endpoint have what waits for it. Raises NotFoundProblem."""
        if not await self._store.write(lambda conn: webhook_records.enable(conn, endpoint_id)):
            raise NotFoundProblem(say("webhooks.none"))
        self.wake()

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
            raise InvalidProblem(say("webhooks.what_again"))
        now = to_micros(self._clock.now())
        again = await self._store.write(
            lambda conn: webhook_records.send_again(conn, endpoint_id, now, event=event, since=since, until=until)
        )
        self.wake()
        return again

    async def test(self, endpoint_id: str, by: str, *, once: Once = NEVER) -> None:
        """Post an event that tells nothing to an endpoint, signed like any other. Raises NotFoundProblem."""
        held = await self.endpoints.held(endpoint_id)

        def unit(conn: Connection) -> None:
            self._events.emit(
                conn, type=webhook_records.TEST, subject=held.id, authority=held.authority, data={"by": by}
            )

        await self._store.write(once.about(held.id).first(unit))
        self.wake()

    async def give_up_waiting(self, days: int) -> int:
        """Give up what waits for endpoints that were disabled so many days ago, or were removed; how many deliveries.

        Of each that was disabled an event tells, before anything is given up. Whatever was is failed, and can be sent
        again; its event is where it was.
        """
        now, given_up = to_micros(self._clock.now()), 0
        for one in await self._store.read(webhook_records.waiting):
            disabled_for = (now - (one.endpoint.disabled_at or now)) // _DAY
            if not one.number or (disabled_for < days and not one.removed):
                continue
            why = "the endpoint was removed" if one.removed else f"the endpoint was disabled for {disabled_for} days"
            if not one.removed:
                await self._store.write(partial(self._tell, one=one, why=why))
            while more := await self._store.write(
                partial(webhook_records.give_up, endpoint_id=one.endpoint.id, why=why, most=_AT_ONCE)
            ):
                given_up += more
        return given_up

    def _tell(self, conn: Connection, one: Waiting, why: str) -> None:
        log.error("webhooks given up", endpoint=one.endpoint.id, deliveries=one.number, reason=why)
        self._events.emit(
            conn,
            type="webhook.given_up",
            subject=one.endpoint.id,
            authority=one.endpoint.authority,
            data={"deliveries": one.number, "reason": why},
        )

    async def start(self) -> None:
        """Begin to send."""
        await self.sender.start()

    async def stop(self) -> None:
        """Send nothing more; what is not delivered stays queued."""
        await self.sender.stop()

    def wake(self) -> None:
        """Something was written that may have to be sent."""
        self.sender.wake()


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()

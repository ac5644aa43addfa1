"""Messages that external systems send us: kept, authenticated without network, acknowledged, applied once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, select

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery.service import Delivery
from gateway.foundation.delivery.tables import (
    callback_nonce,
)
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
from gateway.foundation.store.inserting import insert_new
from gateway.ports.base import Incoming, Notice, OpenedCallback, RawExchange, Reply
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ContractError, ForgedCallbackError, NotFoundProblem

log = structlog.get_logger(__name__)

Handler = Callable[[Connection, str, Any, str], "Concerned | None"]


@dataclass(frozen=True)
class Concerned:
    """Whom and what a message turned out to be about, for its evidence."""

    authority: str
    subject: str


@dataclass(frozen=True)
class _Taken:
    applied: bool


class Callbacks:
    """The door for incoming messages. A handler runs in the transaction that keeps the message, possibly twice."""

    def __init__(self, store: Store, channels: Channels, evidence: Evidence, delivery: Delivery, clock: Clock) -> None:
        self._store = store
        self._channels = channels
        self._evidence = evidence
        self._delivery = delivery
        self._clock = clock
        self._handlers: dict[type[Notice], Handler] = {}

    def on(self, notice: type[Notice], handler: Handler) -> None:
        """``handler(conn, channel, notice, exchange_id)`` applies notices of this class and tells what they concern.

        Raises ValueError where somebody takes them already.
        """
        if notice in self._handlers:
            raise ValueError(f"two rooms take {notice.__name__}")
        self._handlers[notice] = handler

    async def take(self, channel_name: str, incoming: Incoming) -> Reply:
        """Answer one message. Raises ForgedCallbackError (nothing changes) and NotFoundProblem.

        The same event again, whatever its nonce: the same acknowledgement and no effect, because what it changes is
        compared with what is known. A known nonce with other bytes is a forgery.
        """
        try:
            channel = self._channels.get(channel_name)
        except KeyError:
            raise NotFoundProblem(f"no channel {channel_name}") from None
        opener = getattr(channel.adapter, "open_callback", None)
        if opener is None or "open_callback" not in channel.info.capabilities:
            raise NotFoundProblem(f"channel {channel_name} takes no callbacks")
        try:
            opened: OpenedCallback = await opener(incoming)
        except (ForgedCallbackError, ContractError) as refused:
            label = "forged" if isinstance(refused, ForgedCallbackError) else "unreadable"
            log.error("callback refused", channel=channel_name, outcome=label, reason=str(refused))
            raw = self._raw(channel_name, channel.info.sensitive, incoming, None, f"{label}: {refused}")
            await self._store.write(lambda conn: self._evidence.append(conn, raw))
            raise
        handler = self._handlers.get(type(opened.notice))
        if handler is None:
            raise NotFoundProblem(f"nothing here takes {opened.notice.kind} notices")
        raw = self._raw(channel_name, channel.info.sensitive, incoming, opened.acknowledge, "answered")
        kept = self._evidence.prepare(raw)
        digest = sm3(incoming.body)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> _Taken:
            if not insert_new(
                conn, callback_nonce, channel=channel_name, nonce=opened.nonce, digest=digest, received_at=now
            ):
                known = conn.execute(
                    select(callback_nonce.c.digest).where(
                        callback_nonce.c.channel == channel_name, callback_nonce.c.nonce == opened.nonce
                    )
                ).scalar_one()
                if bytes(known) != digest:
                    return _Taken(applied=False)
            about = handler(conn, channel_name, opened.notice, kept.id)
            if about is None:
                self._evidence.append(conn, kept, subject=opened.event_key)
            else:
                self._evidence.append(conn, kept, subject=about.subject, authority=about.authority)
            return _Taken(applied=True)

        taken = await self._store.write(unit)
        if not taken.applied:
            raise ForgedCallbackError("this nonce was used before with another body")
        self._delivery.wake(channel_name)
        return opened.acknowledge

    def _raw(
        self, channel: str, sensitive: frozenset[str], incoming: Incoming, reply: Reply | None, outcome: str
    ) -> RawExchange:
        received = to_micros(incoming.received_at)
        return RawExchange(
            channel=channel,
            direction="in",
            action="callback",
            method="POST",
            url=incoming.path,
            request_headers=tuple(incoming.headers.items()),
            request_body=incoming.body,
            status=reply.status if reply else None,
            response_headers=(("content-type", reply.content_type),) if reply else (),
            response_body=reply.body if reply else b"",
            outcome=outcome,
            started_at=received,
            ended_at=to_micros(self._clock.now()),
            sensitive=sensitive,
        )

"""Messages that external systems send us: kept, authenticated without network, acknowledged, applied once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Connection

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import callback_records
from gateway.foundation.delivery.service import Delivery
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
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


_USED = "this nonce was used before with another body"


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
        raw = replace(raw, decrypted=opened.decrypted)
        kept = self._evidence.prepare(raw)
        forged = self._raw(channel_name, channel.info.sensitive, incoming, None, f"forged: {_USED}")
        digest = sm3(incoming.body)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> bool:
            if not callback_records.take_nonce(conn, channel_name, opened.nonce, digest, now):
                self._evidence.append(conn, forged)
                return False
            about = handler(conn, channel_name, opened.notice, kept.id)
            if about is None:
                self._evidence.append(conn, kept, subject=opened.event_key)
            else:
                self._evidence.append(conn, kept, subject=about.subject, authority=about.authority)
            return True

        if not await self._store.write(unit):
            log.error("callback refused", channel=channel_name, outcome="forged", reason=_USED)
            raise ForgedCallbackError(_USED)
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

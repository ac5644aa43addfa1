"""Messages that external systems send us: kept, authenticated without network, acknowledged, applied once.

Whatever an adapter or a room makes of an authentic message, it is kept as evidence. One that cannot be read is listed
for people and told as an event, and what it seems to be about is asked for at once. Of one that is not authentic only
the beginning is kept, beside the evidence and within bounds (``refused_records``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from gateway.foundation.access import records as access_records
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import callback_records, refused_records, unreadable_records
from gateway.foundation.delivery.refused_records import Refused
from gateway.foundation.delivery.service import Delivery
from gateway.foundation.delivery.unreadable_records import Unreadable
from gateway.foundation.evidence import Evidence
from gateway.foundation.evidence.redaction import redact_text
from gateway.foundation.store import Store
from gateway.ports.base import Incoming, Notice, RawExchange, Reply, UnreadableCallbackError
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ContractError, ForgedCallbackError, NotFoundProblem, UnavailableProblem
from gateway.words.saying import say

log = structlog.get_logger(__name__)

Handler = Callable[[Connection, str, Any, str], "Concerned | None"]


@dataclass(frozen=True)
class Concerned:
    """Whom and what a message turned out to be about, for its evidence."""

    authority: str
    subject: str


_USED = "this nonce was used before with another body"
UNREADABLE = "this message could not be read; it is kept"
MOST_LISTED = 200
"""Messages that could not be read and are listed, of one channel in a day; all of them are kept as evidence."""
_DAY = 24 * 3600 * 1_000_000


class Callbacks:
    """The door for incoming messages. A handler runs in the transaction that keeps the message, possibly twice."""

    def __init__(
        self,
        store: Store,
        channels: Channels,
        evidence: Evidence,
        delivery: Delivery,
        envelope: Envelope,
        clock: Clock,
    ) -> None:
        self._store = store
        self._envelope = envelope
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
        """Answer one message. Raises ForgedCallbackError (nothing changes), ContractError and NotFoundProblem.

        The same event again, whatever its nonce: the same acknowledgement and no effect, because what it changes is
        compared with what is known. A known nonce with other bytes is a forgery. A room that fails undoes what it did;
        the message is kept, and the other side is asked to send it again.
        """
        try:
            channel = self._channels.get(channel_name)
        except KeyError:
            raise NotFoundProblem(say("delivery.no_channel", channel_name=channel_name)) from None
        if "open_callback" not in channel.info.capabilities:
            raise NotFoundProblem(say("delivery.no_callbacks", channel_name=channel_name))
        try:
            opened = await channel.opened(incoming)
        except ForgedCallbackError as refused:
            self._count(channel_name, "forged")
            await self._refuse(channel, incoming, str(refused))
            raise
        except ContractError as broken:
            return await self._unreadable(channel, incoming, broken)
        except Exception as fault:
            log.exception("an adapter failed to read a callback", channel=channel_name)
            told = ContractError(f"{UNREADABLE} ({type(fault).__name__})")
            if not await self._may_keep(incoming):  # perhaps it failed before it knew who had sent this
                raise told from None
            return await self._unreadable(channel, incoming, told)
        handler = self._handlers.get(type(opened.notice))
        if handler is None:
            raise NotFoundProblem(say("delivery.no_notices", kind=opened.notice.kind))
        sensitive, text = channel.info.sensitive, opened.decrypted
        raw = self._raw(channel_name, sensitive, incoming, opened.acknowledge, "answered", text)
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

        try:
            taken = await self._store.write(unit)
        except UnavailableProblem:
            raise  # the database is away: nothing can be kept
        except Exception:
            log.exception("a callback could not be applied", channel=channel_name, kind=opened.notice.kind)
            self._count(channel_name, "failed")
            outcome = "failed: not applied"
            failed = self._raw(channel_name, sensitive, incoming, opened.retry_later, outcome, text)
            await self._store.write_beside(lambda conn: self._evidence.append(conn, failed, subject=opened.event_key))
            return opened.retry_later
        if not taken:
            log.error("callback refused", channel=channel_name, outcome="forged", reason=_USED)
            self._count(channel_name, "forged")
            raise ForgedCallbackError(_USED)
        self._count(channel_name, "taken")
        self._delivery.wake(channel_name)
        return opened.acknowledge

    def _count(self, channel: str, outcome: str) -> None:
        self._delivery.node.meters.callback(channel, outcome)

    async def refused(self, *, channel: str | None, before: str | None, limit: int) -> list[tuple[Refused, str]]:
        """Messages that were not authentic, newest first, each with its beginning as it may be shown."""

        def read(conn: Connection) -> list[tuple[Refused, str]]:
            found = refused_records.find(conn, channel=channel, before=before, limit=limit)
            return [(one, refused_records.beginning(conn, self._envelope, one.id)) for one in found]

        return await self._store.read(read)

    async def _refuse(self, channel: Channel, incoming: Incoming, reason: str) -> None:
        """Keep the beginning of a message that is not authentic, as long as its source and its day have room."""
        source, at = refused_records.source_of(incoming.source), incoming.received_at
        told = redact_text(reason, channel.info.sensitive)
        log.error("callback refused", channel=channel.name, outcome="forged", source=source, reason=told)

        def unit(conn: Connection) -> None:
            if refused_records.may_keep(conn, source, at):
                refused_records.keep(conn, self._envelope, channel.name, source, told, incoming.body, at)

        await self._store.write(unit)

    async def _may_keep(self, incoming: Incoming) -> bool:
        source, at = refused_records.source_of(incoming.source), incoming.received_at
        return await self._store.write(lambda conn: refused_records.may_keep(conn, source, at))

    async def _unreadable(self, channel: Channel, incoming: Incoming, broken: ContractError) -> Reply:
        """Keep a message that cannot be read, list it, tell of it, and ask about what it seems to be about.

        The contract's acknowledgement where there was something to ask about; otherwise raises ``broken``,
        which may hold its words for a refusal.
        """
        name, reason = channel.name, str(broken)
        about, thanks, refuse, text = None, None, None, b""
        if isinstance(broken, UnreadableCallbackError):
            about, thanks, refuse, text = broken.about, broken.acknowledge, broken.refuse, broken.decrypted
        log.error("callback refused", channel=name, outcome="unreadable", reason=reason)
        self._count(name, "unreadable")
        handler = None if about is None else self._handlers.get(type(about))
        refused = self._evidence.prepare(
            self._raw(name, channel.info.sensitive, incoming, refuse, f"unreadable: {reason}", text)
        )
        taken = self._evidence.prepare(
            self._raw(name, channel.info.sensitive, incoming, thanks, f"unreadable: {reason}", text)
        )
        digest, now = sm3(incoming.body), to_micros(self._clock.now())

        def unit(conn: Connection) -> Concerned | None:
            exchange_id = refused.id if thanks is None else taken.id
            concerned = None if handler is None else handler(conn, name, about, exchange_id)
            kept = refused if concerned is None or thanks is None else taken
            if concerned is None:
                self._evidence.append(conn, kept)
            else:
                self._evidence.append(conn, kept, subject=concerned.subject, authority=concerned.authority)
            if unreadable_records.number_since(conn, name, now - _DAY) < MOST_LISTED:
                self._list(
                    conn,
                    Unreadable(
                        exchange_id=kept.id,
                        channel=name,
                        digest=digest,
                        reason=redact_text(reason, channel.info.sensitive)[:500],
                        authority=concerned.authority if concerned else None,
                        subject=concerned.subject if concerned else None,
                        received_at=now,
                    ),
                )
            return concerned

        concerned = await self._store.write(unit)
        if concerned is not None:
            self._delivery.wake(name)
        if concerned is None or thanks is None:
            raise broken
        return thanks

    def _list(self, conn: Connection, one: Unreadable) -> None:
        """List a message for people, and tell those whom it is about, or all whom the channel serves."""
        if not unreadable_records.add(conn, one):
            return
        known = access_records.codes(conn) if one.authority is None else ()
        served = [one.authority] if one.authority is not None else self._channels.served(one.channel, known)
        for authority in served:
            self._delivery.events.emit(
                conn,
                type="channel.unreadable_callback",
                subject=one.channel,
                authority=authority,
                data={"exchange": one.exchange_id, "about": one.subject},
            )

    def _raw(
        self,
        channel: str,
        sensitive: frozenset[str],
        incoming: Incoming,
        reply: Reply | None,
        outcome: str,
        decrypted: bytes = b"",
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
            decrypted=decrypted,
        )

"""A channel that was stopped, since the other side refused our credentials, goes again by an operator's word."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.foundation.access import records as access_records
from gateway.foundation.base import Foundation
from gateway.foundation.delivery import limits
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Person, require_operator
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem
from gateway.words.saying import say


async def resume(base: Foundation, channel: str, why: str, *, by: Person, once: Once = NEVER) -> None:
    """Let a stopped channel go again while the gateway runs, and tell every authority that it serves.

    Raises ConflictProblem where it is not stopped, and a 403 Problem for a key.
    """
    require_operator(by, say("operations.resuming"))

    def unit(conn: Connection) -> None:
        stopped = limits.resume_stopped(conn, channel, to_micros(base.clock.now()))
        if stopped is None:
            raise ConflictProblem(say("operations.not_stopped", channel=channel), type="channel-not-stopped")
        told = {"reason": why, "by": by.name, "stopped_for": stopped}
        for authority in base.channels.served(channel, access_records.codes(conn)):
            base.events.emit(conn, type="channel.resumed", subject=channel, authority=authority, data=told)

    await base.store.write(once.about(channel).first(unit))
    base.delivery.wake(channel)


async def stop(base: Foundation, channel: str, why: str, *, by: Person, once: Once = NEVER) -> None:
    """Stop a channel by hand, and tell every authority that it serves. One that is stopped stays so as it is.

    Raises a 403 Problem for a key.
    """
    require_operator(by, say("operations.stopping"))

    def unit(conn: Connection) -> None:
        if limits.stop_channel(conn, channel, why, to_micros(base.clock.now())):
            told = {"reason": why, "by": by.name}
            for authority in base.channels.served(channel, access_records.codes(conn)):
                base.events.emit(conn, type="channel.stopped", subject=channel, authority=authority, data=told)

    await base.store.write(once.about(channel).first(unit))

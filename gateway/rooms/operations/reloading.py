"""A channel's secrets are read anew by an operator's word, and every authority that it serves is told."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.foundation.access import records as access_records
from gateway.foundation.base import Foundation
from gateway.foundation.once import NEVER, Once
from gateway.foundation.renewal import Renewed
from gateway.foundation.two_persons import Person, require_operator
from gateway.words.clock import rfc3339
from gateway.words.saying import say


async def reload(
    base: Foundation, channel: str, why: str, *, by: Person, ask: bool = True, once: Once = NEVER
) -> Renewed:
    """Renew a channel's secrets on this node. Raises what ``Renewal.renew`` does, and a 403 Problem for a key."""
    require_operator(by, say("operations.reloading"))
    renewed = await base.renewal.renew(channel, ask=ask)
    until = None if renewed.old_until is None else rfc3339(renewed.old_until)
    told = {"reason": why, "by": by.name, "node": base.settings.delivery.node, "old_until": until}

    def unit(conn: Connection) -> None:
        for authority in base.channels.served(channel, access_records.codes(conn)):
            base.events.emit(conn, type="channel.reloaded", subject=channel, authority=authority, data=told)

    await base.store.write(once.about(channel).first(unit))
    return renewed

"""Opens the room of operations."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import refused_records
from gateway.foundation.rooms import Keeps, Opened, Services
from gateway.rooms.operations.channel_sights import ChannelSights
from gateway.rooms.operations.service import Operations


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Operations are carried out by the foundation; here people look at them."""

    async def forget(before: datetime) -> int:
        return await base.store.write(partial(refused_records.forget, before=before))

    why = "logs of a network are kept for six months (网络安全法 art. 23(3)); nobody needs them longer"
    refused = Keeps("refused callbacks", refused_records.KEPT_DAYS, why, forget)
    return Opened(services=(Operations(base.store), ChannelSights(base)), keeps=(refused,))

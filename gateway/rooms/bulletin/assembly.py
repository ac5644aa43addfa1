"""Opens the room of the bulletin."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.bulletin.service import Bulletin
from gateway.rooms.bulletin.target import OwnPage
from gateway.words.errors import SettingsError
from gateway.words.saying import say


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Every channel whose adapter is the bulletin gets the page on which it shows what it is told."""
    bulletin = Bulletin(base.store, base.clock)
    for channel in base.channels.all():
        if isinstance(channel.adapter, OwnPage):
            if channel.keys.simulator:  # citizens read it
                raise SettingsError(f"channels.{channel.name}.simulator", say("channels.no_simulator"))
            channel.adapter.show_on(bulletin, channel.name)
    return Opened(
        services=(bulletin,),
        comes_round=(Duty("ended entries of the bulletin", "2 0 * * *", lambda _: bulletin.clear()),),
    )

"""Opens the room of notices."""

from __future__ import annotations

from gateway.foundation import rooms as installed
from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.ports.notice import DeliveredNotice, ReadNotice
from gateway.rooms.decisions import Decisions
from gateway.rooms.notices.occasions import ending, heard
from gateway.rooms.notices.options import NoticeOptions
from gateway.rooms.notices.service import Notices


def open_room(base: Foundation, rooms: Services) -> Opened:
    """What is heard is what the installed rooms emit: a room that is not there is not missed."""
    options = base.settings_of("notices", NoticeOptions)
    notices = Notices(base, rooms.get(Decisions), options)
    emitted = installed.events_of(installed.found())
    planner = notices.planner
    hears = dict.fromkeys(heard(emitted), (planner.hear,))
    for event in ending(emitted):
        hears[event] = (planner.end, *hears.get(event, ()))
    return Opened(
        services=(notices,),
        actions=notices.actions(),
        renews={"notice.send": notices.renewed, "notice.recall": notices.renewed},
        callbacks={DeliveredNotice: notices.take_notice, ReadNotice: notices.take_notice},
        hears=hears,
        comes_round=(Duty("notices to officers", "* * * * *", lambda _: notices.sweep()),),
        notes=notices.notes,
    )

"""Opens the room of impounded vehicles."""

from __future__ import annotations

from anlan_yard.port import VehicleLeft
from anlan_yard.service import Impounds
from anlan_yard.settings import ImpoundSettings
from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.decisions import Decisions


def open_room(base: Foundation, rooms: Services) -> Opened:
    """The room over the foundation and the rooms that it needs."""
    impounds = Impounds(base, rooms.get(Decisions), base.settings_of("impounds", ImpoundSettings))
    return Opened(
        services=(impounds,),
        actions=impounds.actions(),
        renews={"yard.admit": impounds.renewed},
        callbacks={VehicleLeft: impounds.vehicle_left},
        hears={"decision.revoked": (impounds.decision_revoked,)},
        comes_round=(Duty("vehicles held too long", "10 8 * * *", impounds.warn),),
    )

"""Opens the room of seals."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.certificates import load_roots
from gateway.foundation.rooms import Opened, Services
from gateway.ports.seal import SealNotice
from gateway.rooms.decisions import Decisions
from gateway.rooms.seals.service import Seals
from gateway.rooms.seals.verification import Trust


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Roots of trust come from ``[trust] seal_roots``."""
    trust = Trust(load_roots(base.settings.trust.seal_roots, "trust.seal_roots"))
    seals = Seals(base, rooms.get(Decisions), trust)
    return Opened(
        services=(seals,),
        actions=seals.actions(),
        renews={"seal.apply": seals.renewed},
        callbacks={SealNotice: seals.take_notice},
    )

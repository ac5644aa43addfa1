"""Opens the room of seals."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.ports.seal import SealNotice
from gateway.rooms.decisions import Decisions
from gateway.rooms.seals.batches import SealBatches
from gateway.rooms.seals.grants import SealGrants
from gateway.rooms.seals.issuers import Examiner, open_issuers
from gateway.rooms.seals.layers import Layers
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.service import Seals
from gateway.rooms.seals.stops import SealStops
from gateway.rooms.seals.trust import TrustFiles
from gateway.rooms.seals.voidings import SealVoidings
from gateway.rooms.seals.warden import Warden
from gateway.rooms.timestamps import TimeStamps


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Whom seals are believed comes from ``[trust]``, what may be sealed from ``[rooms.seals]``."""
    rules, issuers = base.settings_of("seals", SealRules), open_issuers(base)
    warden = Warden()
    trust = TrustFiles(base.settings.trust)
    examiner = Examiner(trust, warden.verify, issuers, warden.find_words, warden.make_ready)
    layers = Layers(rules.pades, rooms.get(TimeStamps), warden.make_room, base.clock) if rules.pades else None
    seals = Seals(base, rooms.get(Decisions), examiner, rules=rules, layers=layers)
    voidings = SealVoidings(base)
    return Opened(
        services=(
            seals,
            voidings,
            SealStops(base.store, base.events, base.clock),
            SealGrants(base.store, base.envelope, base.clock),
            SealBatches(base.store, seals),
            rules,
        ),
        actions=(*seals.actions(), *voidings.actions()),
        renews={"seal.apply": seals.renewed, "seal.void": voidings.renewed},
        callbacks={SealNotice: seals.take_notice},
        close=issuers.close if issuers else None,
    )

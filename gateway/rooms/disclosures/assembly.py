"""Opens the room of disclosures."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.ports.credit import VerdictNotice
from gateway.rooms.decisions import Corrections, Decisions
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.options import DisclosureOptions
from gateway.rooms.disclosures.organs import Organs
from gateway.rooms.disclosures.questions import REQUESTS
from gateway.rooms.disclosures.seeking import Seeking
from gateway.rooms.disclosures.service import Disclosures


def open_room(base: Foundation, rooms: Services) -> Opened:
    """What is published follows the decision: amended, changed, revoked, or corrected in that."""
    options = base.settings_of("disclosures", DisclosureOptions)
    disclosures = Disclosures(base, rooms.get(Decisions), options.publishing())
    rooms.get(Corrections).leaned_on(records.leans)
    base.reckoning.follow("disclosures", disclosures.following.recount)
    base.reckoning.follow("credit_repairs", disclosures.repairs.recount)
    return Opened(
        services=(
            disclosures,
            disclosures.texts,
            disclosures.marks,
            disclosures.repairs,
            disclosures.inspection,
            Organs(base.store),
            Seeking(base),
        ),
        actions=disclosures.actions(),
        renews={f"credit.{effect}": disclosures.following.renewed for effect in REQUESTS},
        callbacks={VerdictNotice: disclosures.following.take_notice},
        hears={
            f"decision.{word}": (disclosures.following.decision_moved,)
            for word in ("amended", "changed", "revoked", "corrected", "appealed", "appeal_ended")
        }
        | {
            "disclosure.published": (disclosures.following.published,),
            "disclosure.withdrawn": (disclosures.following.withdrawn,),
        },
        comes_round=(
            Duty("disclosure deadlines", "5 * * * *", lambda _: disclosures.following.sweep()),
            Duty("credit repairs", "20 * * * *", lambda _: disclosures.repairs.sweep()),
            Duty("disclosure inspection", "35 * * * *", lambda _: disclosures.inspection.sweep()),
        ),
    )

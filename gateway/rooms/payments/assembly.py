"""Opens the room of payments."""

from __future__ import annotations

from functools import partial

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.ports.nontax import CodeNotice, PaymentNotice, UnreadableNotice
from gateway.rooms.decisions import Corrections, Decisions
from gateway.rooms.payments.due import DueClock, DueDates
from gateway.rooms.payments.options import PaymentOptions
from gateway.rooms.payments.renewal import code_asked_again, void_asked_again
from gateway.rooms.payments.service import Payments


def open_room(base: Foundation, rooms: Services) -> Opened:
    """A payment follows its decision; money is told by callback, by question, by statement."""
    payments = Payments(base, rooms.get(Decisions))
    due = DueClock(base, base.settings_of("payments", PaymentOptions).due_soon_days)
    rooms.get(Corrections).leaned_on(payments.following.money_came)
    base.reckoning.follow("payments", DueDates(base, rooms.get(Decisions)).recount)
    moves = ("served", "amended", "appealed", "appeal_ended", "deferred", "changed", "revoked", "corrected")
    return Opened(
        services=(payments,),
        actions=payments.actions(),
        renews={"nontax.issue": partial(code_asked_again, payments.lives), "nontax.cancel": void_asked_again},
        callbacks={
            PaymentNotice: payments.callbacks.take_paid,
            UnreadableNotice: payments.callbacks.take_unreadable,
            CodeNotice: payments.callbacks.take_code,
        },
        hears={f"decision.{word}": (payments.following.decision_moved,) for word in moves},
        comes_round=(
            Duty("open payments", "20 * * * *", lambda _: payments.sweep()),
            Duty("payments due", "0 8 * * *", lambda _: due.tell()),
        ),
    )

"""Opens the room of cash."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.cash.records import claimed
from gateway.rooms.cash.service import Cash
from gateway.rooms.decisions import Decisions
from gateway.rooms.payments import Payments


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Cash is remitted by a payment of its own, whose life it follows."""
    cash = Cash(base, rooms.get(Decisions))
    base.reckoning.follow("cash", cash.days.recount)
    rooms.get(Payments).hooks.claims(claimed)
    return Opened(
        services=(cash,),
        hears={
            **{f"payment.{word}": (cash.payment_moved,) for word in ("paid", "rejected", "cancelled")},
            "payment.settlement": (cash.settled,),
        },
        comes_round=(Duty("cash duties", "10 8 * * *", lambda _: cash.alarm()),),
    )

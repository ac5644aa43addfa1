"""Opens the room of refunds."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.ports.nontax import RefundNotice
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.unforeseen_money import Exceptions


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Refunds wait for a red receipt, and are one way out of unforeseen money."""
    refunds = Refunds(base)
    exceptions = Exceptions(base, refunds)
    return Opened(
        services=(refunds, exceptions),
        actions=refunds.actions(),
        callbacks={RefundNotice: refunds.filing.told},
        renews={"nontax.refund": refunds.filing.renewed},
        hears={
            "receipt.reversed": (refunds.filing.receipt_reversed,),
            "receipt.refused": (refunds.filing.receipt_reversed,),
            "payment.exception_resolved": (refunds.returns.exception_resolved,),
        },
    )

"""Opens the room of receipts."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Opened, Services
from gateway.ports.nontax import ReceiptNotice
from gateway.rooms.receipts.doctor import roots_of
from gateway.rooms.receipts.service import Receipts


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """A receipt is asked for upon payment, where the channel says so."""
    receipts = Receipts(base, roots_of(base.settings))
    return Opened(
        services=(receipts,),
        actions=receipts.actions(),
        callbacks={ReceiptNotice: receipts.ready},
        renews={"nontax.receipt": receipts.renewed},
        hears={"payment.paid": (receipts.payment_paid,)},
    )

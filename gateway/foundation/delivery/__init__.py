"""Delivery: every intended effect on an external system, durable before it is sent, followed until it is known."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.foundation.delivery.actions import (
        Absent,
        Accepted,
        Action,
        Done,
        Doubt,
        NotYet,
        Operation,
        Outcome,
        Parked,
        Rejected,
        Sent,
        Unsettled,
    )
    from gateway.foundation.delivery.events import Event, Events
    from gateway.foundation.delivery.node import DeliverySettings
    from gateway.foundation.delivery.resolutions import Resolutions
    from gateway.foundation.delivery.service import Delivery
else:
    __getattr__ = late(
        __name__,
        {
            "actions": "Absent Accepted Action Done Doubt NotYet Operation Outcome Parked Rejected Sent Unsettled",
            "events": "Event Events",
            "node": "DeliverySettings",
            "resolutions": "Resolutions",
            "service": "Delivery",
        },
    )

__all__ = [
    "Absent",
    "Accepted",
    "Action",
    "Delivery",
    "DeliverySettings",
    "Done",
    "Doubt",
    "Event",
    "Events",
    "NotYet",
    "Operation",
    "Outcome",
    "Parked",
    "Rejected",
    "Resolutions",
    "Sent",
    "Unsettled",
]

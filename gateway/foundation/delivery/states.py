"""The lives of operations, of what people say about them, and of webhook deliveries."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.delivery.tables import operation, webhook_delivery
from gateway.foundation.lives import Edge, Life


class State(StrEnum):
    """Where an operation stands."""

    QUEUED = "queued"
    SENDING = "sending"
    DONE = "done"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    PENDING = "pending"
    PARKED = "parked"


class ParkedFor(StrEnum):
    """Why an operation waits for a person: the ``code`` of a parked one, by which one kind of work is chosen.

    no-query: it may have happened, and the system offers no query. contradiction: what came back contradicts what was
    asked, or itself. deadline: doubt, or a question, older than patience. gave-up: it never left us, or no answer could
    be used, for so long. unsupported: the adapter cannot do it. fault: a fault of the gateway.
    """

    NO_QUERY = "no-query"
    CONTRADICTION = "contradiction"
    DEADLINE = "deadline"
    GAVE_UP = "gave-up"
    UNSUPPORTED = "unsupported"
    FAULT = "fault"


FINAL = (State.DONE, State.REJECTED)
"""Nothing leaves these. ``parked`` ends the engine's part alone: a person sends it on its way."""
SETTLED = (*FINAL, State.PARKED)
"""Nothing more happens by itself."""
WAITING = (State.QUEUED, State.UNCERTAIN, State.PENDING)
"""A node takes these when they are due."""
ASKED = (State.UNCERTAIN, State.PENDING)
"""From these the other side is asked by our reference; nothing is sent."""
UNFINISHED = (State.QUEUED, State.SENDING, *ASKED, State.PARKED)
"""In this order everywhere: the index of what has not ended names them so."""
FOR_PEOPLE = (State.PARKED, *ASKED)
"""In these a person may send an operation on its way, or say what became of it."""

# Operations emit no events of their own: their rooms do.
EDGES = (
    Edge(None, State.QUEUED, None, "a room wants something outside, in its own transaction"),
    Edge(None, State.SENDING, None, "the same, and the node that wrote it calls at once"),
    Edge(State.QUEUED, State.SENDING, None, "due: a node claims it with a lease, and calls"),
    Edge(State.UNCERTAIN, State.SENDING, None, "due: a node claims it with a lease, and asks by our reference"),
    Edge(State.PENDING, State.SENDING, None, "due: a node claims it with a lease, and asks by our reference"),
    Edge(State.SENDING, State.DONE, None, "the answer, or what was found, is checked and believed"),
    Edge(State.SENDING, State.REJECTED, None, "a business no of the other side"),
    Edge(
        State.SENDING,
        State.QUEUED,
        None,
        "nothing left us, or the other side provably has nothing: called again later",
    ),
    Edge(
        State.SENDING,
        State.UNCERTAIN,
        None,
        "sent without a trustworthy answer, or the lease ended: asked first, never sent again",
    ),
    Edge(
        State.SENDING,
        State.PENDING,
        None,
        "the other side took it and is not ready: asked about when it said, never sent again; no doubt",
    ),
    Edge(
        State.SENDING,
        State.PARKED,
        None,
        "no query is offered, the answers contradict each other, or patience has ended",
    ),
    Edge(State.PARKED, State.QUEUED, None, "a person has it called again; refused while the outcome is unknown"),
    Edge(State.PARKED, State.UNCERTAIN, None, "a person has the other side asked again"),
    Edge(State.PARKED, State.PENDING, None, "the same, about what it took and never finished"),
    Edge(State.UNCERTAIN, State.UNCERTAIN, None, "a person has the other side asked at once"),
    Edge(State.PENDING, State.PENDING, None, "the same"),
    Edge(State.PENDING, State.DONE, None, "a notice brings the answer; or people say that it happened"),
    Edge(State.PENDING, State.REJECTED, None, "a notice says that it was refused; or people say that nothing happened"),
    Edge(State.QUEUED, State.DONE, None, "a notice brings the answer to a call that was thought to have had no effect"),
    Edge(
        State.PARKED,
        State.DONE,
        None,
        "people say that it happened, and what was answered; or a notice brings the answer",
    ),
    Edge(
        State.PARKED,
        State.REJECTED,
        None,
        "people say that it did not happen: sent again as a new operation; or a room cancels it",
    ),
    Edge(State.UNCERTAIN, State.DONE, None, "the same, before patience has ended"),
    Edge(State.UNCERTAIN, State.REJECTED, None, "the same, before patience has ended"),
    Edge(
        State.QUEUED,
        State.REJECTED,
        None,
        "a room cancels what has provably not left us; or a notice says that it was refused",
    ),
)
LIFE = Life("operations", operation, EDGES, column="state")


class DeliveryState(StrEnum):
    """Where one event stands on its way to one endpoint."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


DELIVERY_EDGES = (
    Edge(None, DeliveryState.QUEUED, None, "an event happened to which the endpoint listens"),
    Edge(DeliveryState.QUEUED, DeliveryState.DELIVERED, None, "the endpoint answered 2xx"),
    Edge(
        DeliveryState.QUEUED,
        DeliveryState.FAILED,
        None,
        "every attempt of three days was in vain, or the endpoint is gone or was disabled for too long: given up",
    ),
    Edge(DeliveryState.QUEUED, DeliveryState.QUEUED, None, "somebody has it sent at once, its attempts counted anew"),
    Edge(DeliveryState.FAILED, DeliveryState.QUEUED, None, "somebody has it sent again"),
    Edge(DeliveryState.DELIVERED, DeliveryState.QUEUED, None, "the same; the receiver knows it by its webhook-id"),
)
DELIVERY_LIFE = Life(
    "webhook deliveries",
    webhook_delivery,
    DELIVERY_EDGES,
    column="state",
    key=("endpoint_id", "event_id"),
    stamped=False,
)


class ResolutionState(StrEnum):
    """Where that stands what people say about an operation. Told by dates and names: no column holds it."""

    PROPOSED = "proposed"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"


RESOLUTION_EDGES = (
    Edge(None, ResolutionState.PROPOSED, None, "an operator says what became of an operation"),
    Edge(None, ResolutionState.APPLIED, None, "the same, where one person is enough"),
    Edge(ResolutionState.PROPOSED, ResolutionState.APPLIED, None, "another operator confirms it"),
    Edge(ResolutionState.PROPOSED, ResolutionState.WITHDRAWN, None, "it is taken back before it counts"),
)

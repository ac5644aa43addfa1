"""The life of an operation as values, for ``gateway states``: what ``next_step``, the ledger and people do to it."""

from __future__ import annotations

from dataclasses import dataclass

FINAL = ("done", "rejected")
"""Nothing leaves these. ``parked`` ends the engine's part alone: a person sends it on its way."""


@dataclass(frozen=True)
class Edge:
    """One allowed transition and what makes it happen. Operations emit no events of their own: their rooms do."""

    start: str | None
    end: str
    when: str


EDGES = (
    Edge(None, "queued", "a room wants something outside, in its own transaction"),
    Edge(None, "sending", "the same, and the node that wrote it calls at once"),
    Edge("queued", "sending", "due: a node claims it with a lease, and calls"),
    Edge("uncertain", "sending", "due: a node claims it with a lease, and asks by our reference"),
    Edge("sending", "done", "the answer, or what was found, is checked and believed"),
    Edge("sending", "rejected", "a business no of the other side"),
    Edge("sending", "queued", "nothing left us, or the other side provably has nothing: called again later"),
    Edge(
        "sending", "uncertain", "sent without a trustworthy answer, or the lease ended: asked first, never sent again"
    ),
    Edge("sending", "parked", "no query is offered, the answers contradict each other, or patience has ended"),
    Edge("parked", "queued", "a person has it called again; refused while the outcome is unknown"),
    Edge("parked", "uncertain", "a person has the other side asked again"),
    Edge("parked", "done", "people say that it happened, and what was answered"),
    Edge(
        "parked", "rejected", "people say that it did not happen: sent again as a new operation; or a room cancels it"
    ),
    Edge("uncertain", "done", "the same, before patience has ended"),
    Edge("uncertain", "rejected", "the same, before patience has ended"),
    Edge("queued", "rejected", "a room cancels what has provably not left us"),
)

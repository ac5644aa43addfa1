"""This node: what delivery works with, the kinds of operation it knows, and whether it is stopping."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.actions import Action
from gateway.foundation.delivery.events import Events
from gateway.foundation.delivery.limits import SECOND
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.evidence import Evidence
from gateway.foundation.meters import Meters
from gateway.foundation.once import Once
from gateway.foundation.store import Store
from gateway.foundation.store.engine import SQLITE
from gateway.ports.base import Message
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

LOOK_SECONDS = 1.0
"""How long a pump or a waiter trusts what it last saw."""


@dataclass(frozen=True)
class DeliverySettings:
    """``concurrency``: calls in flight per channel here. ``grace``: seconds that a stop waits for calls to end.

    ``lease``: seconds after which a call that is not heard of counts as cut; ``sweep``: seconds between two looks for
    such calls. ``named``: every node on this database holds its name by a lock, and one that does not is gone.
    """

    node: str = "node-1"
    concurrency: int = 32
    grace: float = 20.0
    lease: float = 60.0
    sweep: float = 60.0
    patience: Patience = field(default_factory=Patience)
    named: bool = False


@dataclass(eq=False)
class Node:
    """What pumps, attempts and leases share on one node.

    ``stopping``: nothing more is claimed. ``wakes``: what each channel's pump waits for. ``asked_under``: the keys of
    requests that wait here for an operation to end, by its id: their status is kept with the outcome.
    ``followed``: which operation carries on what one of these began. ``bases``: on what basis personal data is handed
    over, by the name of an operation, where an organ has set it. ``meters``: where attempts are counted.
    """

    store: Store
    channels: Channels
    evidence: Evidence
    envelope: Envelope
    clock: Clock
    settings: DeliverySettings
    events: Events
    actions: dict[str, Action] = field(default_factory=dict)
    wakes: dict[str, asyncio.Event] = field(default_factory=dict)
    asked_under: dict[str, Once] = field(default_factory=dict)
    followed: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    stopping: bool = False
    meters: Meters = field(default_factory=Meters)

    @property
    def name(self) -> str:
        """Under which name it holds its leases."""
        return self.settings.node

    @property
    def lease(self) -> int:
        """How long a lease lasts, in microseconds."""
        return int(self.settings.lease * SECOND)

    @property
    def alone(self) -> bool:
        """Whether no other node can work on the same ledger: SQLite has one process."""
        return self.store.dialect == SQLITE

    def now(self) -> int:
        """The civil clock, in microseconds."""
        return to_micros(self.clock.now())

    def action(self, name: str) -> Action:
        """The kind of operation of this name. Raises NotFoundProblem."""
        if name not in self.actions:
            raise NotFoundProblem(say("delivery.unknown_action", name=name))
        return self.actions[name]

    def by_deadline(self, kind: str) -> bool:
        """Whether channels of a kind send what is due by its last day."""
        return any(one.by_deadline for name, one in self.actions.items() if name.startswith(f"{kind}."))

    def can_ask(self, action: str, channel: str) -> bool:
        """Whether the other side can be asked what became of an operation of this kind."""
        return self.actions[action].find is not None and self.channels.get(channel).find.offered

    def request_of(self, record: OperationRecord) -> Message:
        """What an operation asks for. Holds personal data. Raises NotFoundProblem for a kind that nobody knows."""
        return record.request(self.envelope, self.action(record.action))

    def wake(self, channel: str | None = None) -> None:
        """Something may be due: let the pump of a channel, or all of them, look now."""
        for name, event in self.wakes.items():
            if channel is None or name == channel:
                event.set()

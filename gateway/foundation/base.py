"""What every room stands on, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from gateway.foundation.http.inside import Inside

if TYPE_CHECKING:  # named here, made by ``opening``
    from gateway.foundation.access import Access
    from gateway.foundation.access.audit import Audit
    from gateway.foundation.access.desk import Desk
    from gateway.foundation.access.people import People
    from gateway.foundation.channels import Channels
    from gateway.foundation.crypto.envelope import Envelope
    from gateway.foundation.crypto.keys import KeyRing
    from gateway.foundation.delivery import Delivery, Events, Resolutions
    from gateway.foundation.delivery.callbacks import Callbacks
    from gateway.foundation.delivery.schedules import Schedules
    from gateway.foundation.delivery.webhooks import Webhooks
    from gateway.foundation.drift import ContractDrift
    from gateway.foundation.evidence import Evidence
    from gateway.foundation.meters import Meters
    from gateway.foundation.reckoning import Reckoning
    from gateway.foundation.renewal import Renewal
    from gateway.foundation.rotation import Rotation
    from gateway.foundation.standing import Standing
    from gateway.foundation.store import Store
    from gateway.foundation.two_persons import TwoPersons
    from gateway.settings import Settings
    from gateway.words.clock import Clock

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Foundation:
    """Store, delivery, events, channels, encryption, terms, clock, evidence, notes, access, counters of one gateway.

    ``opened_at``: when, in microseconds. ``standing``: this node's on a PostgreSQL; None on SQLite.
    ``inside``: the API, asked from within.
    """

    settings: Settings
    clock: Clock
    opened_at: int
    reckoning: Reckoning
    store: Store
    keys: KeyRing
    rotation: Rotation
    renewal: Renewal
    envelope: Envelope
    evidence: Evidence
    drift: ContractDrift
    channels: Channels
    events: Events
    delivery: Delivery
    resolutions: Resolutions
    callbacks: Callbacks
    webhooks: Webhooks
    access: Access
    audit: Audit
    people: People
    desk: Desk
    schedules: Schedules
    two_persons: TwoPersons
    meters: Meters
    standing: Standing | None = None
    inside: Inside = field(default_factory=Inside)

    def settings_of(self, room: str, model: type[M]) -> M:
        """The block ``[rooms.NAME]`` as the room's own model. SettingsError names what is wrong in it."""
        return self.settings.of_room(room, model)

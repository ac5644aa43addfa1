"""A foundation for tests of one room: a real store, real delivery and evidence, and the channels that a test gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.foundation.access import Access
from gateway.foundation.access.audit import Audit
from gateway.foundation.access.desk import Desk
from gateway.foundation.access.people import People
from gateway.foundation.base import Foundation
from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys, KeyRing
from gateway.foundation.delivery import Delivery, DeliverySettings, Resolutions
from gateway.foundation.delivery.callbacks import Callbacks
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.delivery.schedules import Schedules
from gateway.foundation.drift import ContractDrift
from gateway.foundation.evidence import Evidence
from gateway.foundation.reckoning import Reckoning
from gateway.foundation.renewal import Renewal
from gateway.foundation.rooms import Opened
from gateway.foundation.rotation import Rotation
from gateway.foundation.rotation.places import places_of_rooms
from gateway.foundation.store import Store
from gateway.foundation.two_persons import TwoPersons
from gateway.settings import Settings
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import Clock, to_micros

QUICK = DeliverySettings(grace=0.5, patience=Patience(ask_after=0.05, first=0.05, longest=0.2))


def foundation(
    store: Store,
    folder: Path,
    clock: Clock,
    channels: Channels | None = None,
    *,
    settings: Settings | None = None,
    delivery: DeliverySettings = QUICK,
    calendar: WorkingCalendar | None = None,
    keys: KeyRing | None = None,
) -> Foundation:
    """Everything that a room stands on, over this store; keys and heads below ``folder``. No webhooks leave."""
    channels = channels or Channels({}, {})
    keys = keys or FileKeys(folder / "keys")
    envelope = Envelope(keys)
    evidence = Evidence(store, keys, envelope, clock, node=delivery.node, heads=folder / "heads")
    sends = Delivery(store, channels, evidence, envelope, clock, delivery)
    two_persons = TwoPersons(envelope, clock)
    access, audit, chosen = Access(store, clock), Audit(store, evidence, clock), settings or Settings()
    nothing: Any = None
    return Foundation(
        settings=chosen,
        clock=clock,
        opened_at=to_micros(clock.now()),
        reckoning=Reckoning(store, calendar),
        store=store,
        keys=keys,
        rotation=Rotation(store, keys, envelope, evidence, clock, places_of_rooms, beat=0.05, grace=0),
        renewal=Renewal(channels, chosen, quiet=0.1),
        envelope=envelope,
        evidence=evidence,
        drift=ContractDrift(store, clock),
        channels=channels,
        events=sends.events,
        delivery=sends,
        resolutions=Resolutions(store, sends, two_persons, envelope),
        callbacks=Callbacks(store, channels, evidence, sends, envelope, clock),
        webhooks=nothing,
        access=access,
        audit=audit,
        people=People(store, envelope, clock, access, audit, chosen.console),
        desk=Desk(store, envelope, clock),
        schedules=Schedules(store, clock, delivery.node),
        two_persons=two_persons,
        meters=sends.node.meters,
    )


def wire(base: Foundation, opened: Opened) -> None:
    """What a room brings, put where it belongs, as at the start of the gateway."""
    for action in opened.actions:
        base.delivery.register(action)
    for name, renew in opened.renews.items():
        base.resolutions.renews(name, renew)
    for notice, take in opened.callbacks.items():
        base.callbacks.on(notice, take)
    for event, hearers in opened.hears.items():
        for hear in hearers:
            base.events.subscribe(event, hear)

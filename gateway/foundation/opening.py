"""Opens the foundation: the database under its lock or name, keys, evidence, channels, delivery; and lets go of it."""

from __future__ import annotations

import asyncio
import contextlib

from gateway.foundation.access import Access
from gateway.foundation.access.audit import Audit
from gateway.foundation.access.desk import Desk
from gateway.foundation.access.people import People
from gateway.foundation.base import Foundation
from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Algorithm, Envelope
from gateway.foundation.crypto.rings import keys_of_installation
from gateway.foundation.delivery import Delivery, DeliverySettings, Resolutions
from gateway.foundation.delivery.callbacks import Callbacks
from gateway.foundation.delivery.engines import choose
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.delivery.schedules import Schedules
from gateway.foundation.delivery.tokens import Tokens
from gateway.foundation.delivery.webhooks import Webhooks
from gateway.foundation.drift import ContractDrift
from gateway.foundation.evidence import Evidence
from gateway.foundation.meters import Meters
from gateway.foundation.reckoning import Reckoning
from gateway.foundation.renewal import Renewal
from gateway.foundation.rotation import Rotation
from gateway.foundation.rotation.places import places_of_rooms
from gateway.foundation.standing import Standing
from gateway.foundation.store import Store, sealed
from gateway.foundation.store.engine import SQLITE, sqlite_path
from gateway.foundation.store.lock import NodeName
from gateway.foundation.two_persons import TwoPersons
from gateway.foundation.wire.bounds import Timeouts
from gateway.foundation.wire.outward import ACKNOWLEDGED, AllowList, OutwardWire
from gateway.foundation.wire.terms import WireTerms
from gateway.ports.base import Recorder
from gateway.settings import Settings
from gateway.words.clock import Clock, to_micros


async def open_foundation(
    settings: Settings, clock: Clock, stack: contextlib.AsyncExitStack, *, sending: bool
) -> Foundation:
    """Open everything that rooms stand on; ``stack`` lets go of it in the reverse order.

    ``sending`` takes the database's lock: only one such process at a time on SQLite. Nothing is sent before
    ``start``.
    """
    url = settings.store.location()
    standing = None
    if sqlite_path(url) is None:
        settings, standing = await _take_name(settings, url, clock, sending, stack)
    store = Store.open(url, exclusive=sending)
    stack.callback(store.close)
    keys = keys_of_installation(settings.keys, await store.read(sealed.sample))
    envelope = Envelope(keys, Algorithm.SM4_GCM if settings.keys.cipher == "sm4-gcm" else Algorithm.AES_256_GCM)
    node, heads, sign = settings.delivery.node, settings.evidence.heads, settings.evidence.head_every
    evidence = Evidence(
        store, keys, envelope, clock, node=node, heads=heads, sign_seconds=sign, second=settings.evidence.second
    )
    reckoning = Reckoning.of_settings(settings, store)
    schedules = Schedules(store, clock, node)
    schedules.every("days off", "40 4 * * *", lambda _: reckoning.recompute())
    rotation = Rotation(store, keys, envelope, evidence, clock, places_of_rooms)
    await rotation.open()
    stack.push_async_callback(rotation.close)
    if sending or store.dialect != SQLITE:
        rotation.begin()
    drift, shelf = ContractDrift(store, clock), Tokens(store, envelope).shelf
    meters = Meters()
    recorder = meters.recording(evidence.record)
    channels = Channels.build(settings, recorder=recorder, clock=clock, drift=drift.note, shelf=shelf)
    stack.push_async_callback(channels.close)
    renewal = Renewal(channels, settings)
    stack.push_async_callback(renewal.close)
    engine = choose(settings.delivery.engine, url, store.dialect, node)
    delivery = Delivery(store, channels, evidence, envelope, clock, _delivery_settings(settings), engine)
    delivery.node.bases.update(settings.handovers.basis)
    delivery.node.meters = meters
    if standing is not None:
        standing.on_fall(delivery.fall)
    two_persons = TwoPersons(envelope, clock)
    access = Access(store, clock, settings.server.requests_per_minute)
    audit = Audit(store, evidence, clock)
    return Foundation(
        settings=settings,
        clock=clock,
        opened_at=to_micros(clock.now()),
        reckoning=reckoning,
        store=store,
        keys=keys,
        rotation=rotation,
        renewal=renewal,
        envelope=envelope,
        evidence=evidence,
        drift=drift,
        channels=channels,
        events=delivery.events,
        delivery=delivery,
        resolutions=Resolutions(store, delivery, two_persons, envelope),
        callbacks=Callbacks(store, channels, evidence, delivery, envelope, clock),
        webhooks=Webhooks(store, delivery.events, envelope, clock, _outward(settings, recorder, clock), node),
        access=access,
        audit=audit,
        people=People(store, envelope, clock, access, audit, settings.console),
        desk=Desk(store, envelope, clock),
        schedules=schedules,
        two_persons=two_persons,
        meters=meters,
        standing=standing,
    )


async def start(base: Foundation) -> None:
    """Begin to deliver, to tell webhooks, and to tick."""
    await base.evidence.start()
    await base.delivery.start()
    await base.webhooks.start()
    await base.reckoning.start()
    await base.schedules.start()
    await base.drift.start(base.events, base.channels)
    base.rotation.work()


async def stop(base: Foundation) -> None:
    """Claim nothing, let calls end within the grace, mark the rest as in doubt, sign the evidence's head."""
    await base.schedules.stop()
    await base.reckoning.stop()
    await base.delivery.stop()
    await base.drift.stop(base.events, base.channels)
    await base.webhooks.stop()
    await base.evidence.close()


def _outward(settings: Settings, recorder: Recorder, clock: Clock) -> OutwardWire:
    """The way out to the webhook endpoints of case systems."""
    seconds = settings.webhooks.timeout
    timeouts = Timeouts(connect=min(5.0, seconds), read=seconds, write=seconds, total=seconds)
    terms = WireTerms(recorder, timeouts=timeouts, limits=ACKNOWLEDGED, clock=clock)
    return OutwardWire(terms, AllowList(settings.webhooks.allow), ports=settings.webhooks.ports)


async def _take_name(
    settings: Settings, url: str, clock: Clock, sending: bool, stack: contextlib.AsyncExitStack
) -> tuple[Settings, Standing]:
    """Several processes share a PostgreSQL: each has a name of its own, under which it leases and keeps evidence.

    A name that settings give is taken or the start fails; the default one makes room for others.
    """
    block = settings.delivery
    wanted = block.node if sending else f"{block.node}-commands-1"
    given = sending and "node" in block.model_fields_set
    name = await asyncio.to_thread(NodeName.take, url, wanted, others=not given)
    standing = Standing(name, clock)
    stack.callback(standing.close)
    return settings.model_copy(update={"delivery": block.model_copy(update={"node": name.name})}), standing


def _delivery_settings(settings: Settings) -> DeliverySettings:
    block = settings.delivery
    patience = Patience(
        ask_after=block.ask_after,
        first=block.first,
        longest=block.longest,
        doubt_deadline=block.doubt_deadline,
        pending_deadline=block.pending_deadline,
        give_up=block.give_up,
    )
    return DeliverySettings(
        node=block.node,
        concurrency=block.concurrency,
        grace=block.grace,
        lease=block.lease,
        sweep=block.sweep,
        patience=patience,
        named=sqlite_path(settings.store.location()) is None,
    )

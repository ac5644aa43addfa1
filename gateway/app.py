"""Puts the gateway together: opens the store, the channels and the rooms, and wires events between rooms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Gauge

from gateway.foundation.access import Access
from gateway.foundation.channels import Channels, for_every_channel
from gateway.foundation.crypto.envelope import Algorithm, Envelope, installed_keys
from gateway.foundation.delivery import Delivery, DeliverySettings, Events, Resolutions, ledger, limits
from gateway.foundation.delivery.callbacks import Callbacks
from gateway.foundation.delivery.engines import choose
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.delivery.schedules import Schedules
from gateway.foundation.delivery.webhooks import Webhooks
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store, sealed
from gateway.foundation.store.engine import sqlite_path
from gateway.foundation.store.lock import NodeName
from gateway.foundation.wire.channel import Timeouts
from gateway.foundation.wire.outward import AllowList, OutwardWire
from gateway.rooms.cash.service import Cash
from gateway.rooms.decisions import Decisions
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.entities import Entities
from gateway.rooms.payments import Payments
from gateway.rooms.payments.renewal import code_asked_again, void_asked_again
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.reconciliation import Grace, Months, Proposals, Reconciliation
from gateway.rooms.reconciliation.profiles import Profile, load_profiles
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.rooms.seals import Seals, Trust, load_roots
from gateway.settings import Settings
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import Clock, Drift, SystemClock, day_of, to_micros
from gateway.words.errors import GatewayError

log = structlog.get_logger(__name__)

_DRIFT_SECONDS = 5.0


class App:
    """The assembled gateway. ``async with App.open(settings) as app``; ``sending`` makes it deliver as well.

    ``sending`` takes the database's lock: only one such process at a time on SQLite.
    """

    settings: Settings
    clock: Clock
    store: Store
    envelope: Envelope
    evidence: Evidence
    channels: Channels
    events: Events
    delivery: Delivery
    resolutions: Resolutions
    callbacks: Callbacks
    webhooks: Webhooks
    access: Access
    decisions: Decisions
    payments: Payments
    refunds: Refunds
    receipts: Receipts
    cash: Cash
    exceptions: Exceptions
    reconciliation: Reconciliation
    proposals: Proposals
    profiles: dict[str, Profile]
    months: Months
    disclosures: Disclosures
    entities: Entities
    seals: Seals
    schedules: Schedules
    opened_at: int

    def __init__(self) -> None:
        self.stopping = False
        self.metrics = CollectorRegistry()
        self._operations = Gauge(
            "gateway_operations",
            "Operations that have not ended, by channel and state",
            ("channel", "state"),
            registry=self.metrics,
        )
        self._waiting = Gauge("gateway_store_waiting", "Units waiting to be stored", registry=self.metrics)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Settings, *, clock: Clock | None = None, sending: bool = False) -> AsyncIterator[App]:
        """Assemble, serve, and take apart again in the reverse order."""
        app = cls()
        async with contextlib.AsyncExitStack() as stack:
            await app._assemble(settings, clock or SystemClock(), sending, stack)
            yield app
            app.stopping = True

    async def _assemble(
        self, settings: Settings, clock: Clock, sending: bool, stack: contextlib.AsyncExitStack
    ) -> None:
        url = settings.store.location()
        if sqlite_path(url) is None:
            settings = await self._take_name(settings, url, sending, stack)
        self.settings, self.clock, self.opened_at = settings, clock, to_micros(clock.now())
        self._drift = Drift(clock)
        self.profiles = load_profiles(settings.statements)
        self.store = Store.open(url, exclusive=sending)
        stack.callback(self.store.close)
        keys = installed_keys(settings.keys.directory, await self.store.read(sealed.sample))
        algorithm = Algorithm.SM4_GCM if settings.keys.cipher == "sm4-gcm" else Algorithm.AES_256_GCM
        self.envelope = Envelope(keys, algorithm)
        self.evidence = Evidence(
            self.store,
            keys,
            self.envelope,
            clock,
            node=settings.delivery.node,
            heads=settings.evidence.heads,
            sign_seconds=settings.evidence.head_every,
        )
        calendar = (
            WorkingCalendar()
            if settings.calendar.overrides is None
            else WorkingCalendar.load(settings.calendar.overrides)
        )
        self.channels = Channels.build(settings, recorder=self.evidence.record, clock=clock)
        stack.push_async_callback(self.channels.close)
        self.events = Events(clock)
        engine = choose(settings.delivery.engine, url, self.store.dialect, settings.delivery.node)
        self.delivery = Delivery(
            self.store, self.channels, self.evidence, self.envelope, clock, _delivery_settings(settings), engine
        )
        self.resolutions = Resolutions(self.store, self.delivery, self.envelope, clock)
        self.callbacks = Callbacks(self.store, self.channels, self.evidence, self.delivery, clock)
        seconds = settings.webhooks.timeout
        outward = OutwardWire(
            recorder=self.evidence.record,
            allow=AllowList(settings.webhooks.allow),
            timeouts=Timeouts(connect=min(5.0, seconds), read=seconds, write=seconds, total=seconds),
            clock=clock,
        )
        self.webhooks = Webhooks(self.store, self.events, self.envelope, clock, outward, settings.delivery.node)
        self.access = Access(self.store, clock)
        self.decisions = Decisions(self.store, self.events, self.envelope, calendar, clock)
        self.payments = Payments(
            self.store,
            self.delivery,
            self.decisions,
            self.events,
            self.channels,
            self.envelope,
            calendar,
            clock,
            settings.public_url,
        )
        self.refunds = Refunds(self.store, self.delivery, self.events, self.channels, self.envelope, clock)
        self.exceptions = Exceptions(self.store, self.events, clock, self.refunds)
        roots = load_roots(settings.trust.receipt_roots, "trust.receipt_roots")
        self.receipts = Receipts(self.store, self.delivery, self.events, self.channels, self.envelope, clock, roots)
        self.cash = Cash(
            self.store, self.delivery, self.decisions, self.events, self.channels, self.envelope, calendar, clock
        )
        cut_offs = {channel.name: channel.cut_off for channel in self.channels.all()}
        patience = settings.reconciliation
        self.reconciliation = Reconciliation(
            self.store,
            self.channels,
            self.events,
            self.evidence,
            self.envelope,
            clock,
            cut_offs,
            grace=Grace(
                late=timedelta(minutes=patience.late_minutes),
                bank=patience.bank_days,
                treasury=patience.treasury_days,
                receipt=patience.receipt_days or None,
            ),
            returned=self.refunds.money_returned,
            quoted=self.payments.quoted,
        )
        self.proposals = Proposals(self.store, self.events, self.envelope, clock, self.exceptions, self.payments.quoted)
        self.months = Months(self.store, self.events, clock, keys, self.reconciliation.window)
        self.disclosures = Disclosures(
            self.store, self.delivery, self.decisions, self.events, self.channels, self.envelope, calendar, clock
        )
        self.entities = Entities(self.store, self.channels, self.events, self.evidence, self.envelope, clock)
        trust = Trust(load_roots(settings.trust.seal_roots))
        self.seals = Seals(
            self.store, self.delivery, self.decisions, self.events, self.channels, self.envelope, clock, trust
        )
        self.schedules = Schedules(self.store, clock, settings.delivery.node)
        self._wire_rooms()
        if sending:
            stack.push_async_callback(self._stop)
            await self._start()

    async def _take_name(
        self, settings: Settings, url: str, sending: bool, stack: contextlib.AsyncExitStack
    ) -> Settings:
        """Several processes share a PostgreSQL: each has a name of its own, under which it leases and keeps evidence.

        A name that settings give is taken or the start fails; the default one makes room for others.
        """
        block = settings.delivery
        wanted = block.node if sending else f"{block.node}-commands-1"
        given = sending and "node" in block.model_fields_set
        name = await asyncio.to_thread(NodeName.take, url, wanted, others=not given)
        stack.callback(name.release)
        keeping = asyncio.create_task(_keep_name(name))
        stack.callback(keeping.cancel)
        return settings.model_copy(update={"delivery": block.model_copy(update={"node": name.name})})

    def _wire_rooms(self) -> None:
        """What one room does when something happens in another, and what comes round by the clock."""
        for happened in ("served", "amended", "deferred", "changed", "revoked"):
            self.events.subscribe(f"decision.{happened}", self.payments.decision_moved)
        for happened in ("amended", "changed", "revoked"):
            self.events.subscribe(f"decision.{happened}", self.disclosures.decision_moved)
        self.resolutions.renews("nontax.issue", code_asked_again)
        self.resolutions.renews("nontax.cancel", void_asked_again)
        self.resolutions.renews("nontax.refund", self.refunds.renewed)
        self.resolutions.renews("nontax.receipt", self.receipts.renewed)
        for effect in ("submit", "correct", "withdraw", "repair"):
            self.resolutions.renews(f"credit.{effect}", self.disclosures.renewed)
        self.resolutions.renews("seal.apply", self.seals.renewed)
        self.events.subscribe("payment.paid", self.receipts.payment_paid)
        for happened in ("reversed", "refused"):
            self.events.subscribe(f"receipt.{happened}", self.refunds.receipt_reversed)
        self.events.subscribe("payment.exception_resolved", self.refunds.exception_resolved)
        self.events.subscribe("payment.exception_resolved", self.proposals.exception_resolved)
        self.events.subscribe("payment.exception_reopened", self.proposals.exception_reopened)
        self.events.subscribe("receipt.issued", self.reconciliation.receipt_issued)
        for happened in ("paid", "rejected", "cancelled"):
            self.events.subscribe(f"payment.{happened}", self.cash.payment_moved)
        self.events.subscribe("payment.settlement", self.cash.settled)
        self.callbacks.on("paid", self.payments.take_notice)
        self.callbacks.on("verdict", self.disclosures.take_notice)
        self.callbacks.on("seal", self.seals.take_notice)
        self.schedules.every("open payments", "20 * * * *", lambda _: self.payments.sweep())
        self.schedules.every("cash duties", "10 8 * * *", lambda _: self.cash.alarm())
        self.schedules.every("disclosure deadlines", "5 * * * *", lambda _: self.disclosures.sweep())
        self.schedules.every("statements of the day before", "30 6 * * *", self._reconcile_day_before, each=True)
        self.schedules.every("statements that were late", "50 7-23 * * *", lambda _: self._catch_up())
        self.schedules.every("registration changes", "40 * * * *", lambda _: self.entities.pull_every_feed())
        self.schedules.every("retention of evidence", "15 3 * * *", lambda _: self._forget())

    async def _reconcile_day_before(self, slot: datetime) -> None:
        """One statement a channel; a channel that fails does not keep the others from theirs."""
        day = day_of(slot) - timedelta(days=1)
        await for_every_channel(self._with_statements(), lambda name: self.reconciliation.run(name, day, by="schedule"))

    async def _catch_up(self) -> None:
        """Days of the last week whose statement was not to be had, or not to be believed, when its turn came."""
        await for_every_channel(self._with_statements(), lambda name: self.reconciliation.catch_up(name, by="schedule"))

    def _with_statements(self) -> list[str]:
        return [one.name for one in self.channels.all() if "statement" in one.info.capabilities]

    async def _forget(self) -> None:
        """Shred the exact bytes of exchanges that are older than they have to be."""
        keep = self.settings.evidence.keep_days
        if keep is not None:
            forgotten = await self.evidence.forget(to_micros(self.clock.now() - timedelta(days=keep)))
            log.info("exact bytes of old exchanges were shredded", exchanges=forgotten)

    async def _start(self) -> None:
        await self.evidence.start()
        await self.delivery.start()
        await self.webhooks.start()
        await self.schedules.start()

    async def _stop(self) -> None:
        """Claim nothing, let calls end within the grace, mark the rest as in doubt, sign the evidence's head."""
        self.stopping = True
        await self.schedules.stop()
        await self.delivery.stop()
        await self.webhooks.stop()
        await self.evidence.close()

    async def readiness(self) -> tuple[list[str], list[str]]:
        """What keeps the gateway from accepting work, and what is worth knowing."""
        if self.stopping:
            return ["stopping"], []
        try:
            keys = {channel.name: channel.keys for channel in self.channels.all()}
            notes = await self.store.read(lambda conn: limits.notes(conn, keys, self.clock.now()))
            await self.store.prove_writable()
        except GatewayError as problem:
            return [f"database: {problem}"], []
        configured = set(keys)
        orphaned = await self.store.read(lambda conn: ledger.unserved(conn, configured))
        notes += [f"{number} operations wait for {name}, which is no longer configured" for name, number in orphaned]
        if abs(drift := self._drift.seconds()) > _DRIFT_SECONDS:
            notes.append(f"the clock was set by {drift:+.0f} s since the gateway started")
        return [], notes

    async def measure(self) -> None:
        """Bring the metrics up to date."""
        self._waiting.set(self.store.waiting)
        self._operations.clear()
        for (channel, state), number in (await self.store.read(ledger.counts)).items():
            self._operations.labels(channel, state).set(number)


async def _keep_name(name: NodeName) -> None:
    """Take the name again after the database was away. Lost to another process: fences and evidence tell us apart."""
    while True:
        await asyncio.sleep(5)
        try:
            if not await asyncio.to_thread(name.hold):
                log.error("another process has taken this node's name; restart this one", node=name.name)
        except GatewayError as problem:
            log.warning("the node's name could not be confirmed", node=name.name, reason=str(problem))


def _delivery_settings(settings: Settings) -> DeliverySettings:
    block = settings.delivery
    patience = Patience(
        ask_after=block.ask_after,
        first=block.first,
        longest=block.longest,
        doubt_deadline=block.doubt_deadline,
        give_up=block.give_up,
    )
    return DeliverySettings(
        node=block.node,
        concurrency=block.concurrency,
        grace=block.grace,
        lease=block.lease,
        sweep=block.sweep,
        patience=patience,
    )

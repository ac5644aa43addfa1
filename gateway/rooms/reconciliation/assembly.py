"""Opens the room of reconciliation."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.foundation.base import Foundation
from gateway.foundation.channels import for_every_channel
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.payments import Payments
from gateway.rooms.reconciliation.months import Months
from gateway.rooms.reconciliation.profiles import Profiles, load_profiles
from gateway.rooms.reconciliation.proposals import Proposals
from gateway.rooms.reconciliation.service import Grace, Reconciliation
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import day_of


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Statements are fetched by the clock; what they say is matched both ways with our books."""
    payments, patience = rooms.get(Payments), base.settings.reconciliation
    reconciliation = Reconciliation(
        base.store,
        base.channels,
        base.events,
        base.evidence,
        base.envelope,
        base.clock,
        {channel.name: channel.cut_off for channel in base.channels.all()},
        grace=Grace(
            late=timedelta(minutes=patience.late_minutes),
            bank=patience.bank_days,
            treasury=patience.treasury_days,
            receipt=patience.receipt_days or None,
        ),
        returned=rooms.get(Refunds).returns.money_returned,
        quoted=payments.quoted,
    )
    proposals = Proposals(base.store, base.events, base.envelope, base.clock, rooms.get(Exceptions), payments.quoted)
    months = Months(base.store, base.events, base.clock, base.keys, reconciliation.window)

    def with_statements() -> list[str]:
        return [one.name for one in base.channels.all() if "statement" in one.info.capabilities]

    async def reconcile_day_before(slot: datetime) -> None:
        """One statement a channel; a channel that fails does not keep the others from theirs."""
        day = day_of(slot) - timedelta(days=1)
        await for_every_channel(with_statements(), lambda name: reconciliation.run(name, day, by="schedule"))

    async def catch_up(_slot: datetime) -> None:
        """Days of the last week whose statement was not to be had, or not to be believed, when its turn came."""
        await for_every_channel(with_statements(), lambda name: reconciliation.catch_up(name, by="schedule"))

    return Opened(
        services=(reconciliation, proposals, months, Profiles(load_profiles(base.settings.statements))),
        hears={
            "payment.exception_resolved": (proposals.exception_resolved,),
            "payment.exception_reopened": (proposals.exception_reopened,),
            "receipt.issued": (reconciliation.receipt_issued,),
        },
        comes_round=(
            Duty("statements of the day before", "30 6 * * *", reconcile_day_before, each=True),
            Duty("statements that were late", "50 7-23 * * *", catch_up),
        ),
    )

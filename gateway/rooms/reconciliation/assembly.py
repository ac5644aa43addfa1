"""Opens the room of reconciliation."""

from __future__ import annotations

from datetime import timedelta

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.ports.nontax import KIND
from gateway.rooms.decisions import Decisions
from gateway.rooms.payments import Payments
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.reconciliation.months import Months
from gateway.rooms.reconciliation.profiles import Profiles, load_profiles
from gateway.rooms.reconciliation.proposals import Proposals
from gateway.rooms.reconciliation.rules import Grace, Rules
from gateway.rooms.reconciliation.schedule import StatementSchedule
from gateway.rooms.reconciliation.service import Reconciliation
from gateway.rooms.reconciliation.statement_records import dates
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.unforeseen_money import Exceptions


def open_room(base: Foundation, rooms: Services) -> Opened:
    """Statements are fetched by the clock; what they say is matched both ways with our books."""
    payments, patience = rooms.get(Payments), base.settings.reconciliation
    payments.hooks.knows_days(dates)
    rules = Rules(
        {one.name: one.keys_of(PaymentKeys).cut_off for one in base.channels.all() if one.info.kind == KIND},
        Grace(
            late=timedelta(minutes=patience.late_minutes),
            bank=patience.bank_days,
            treasury=patience.treasury_days,
            receipt=patience.receipt_days or None,
        ),
        rooms.get(Refunds).returns.money_returned,
        rooms.get(Refunds).returns.is_expected,
        payments.quoted,
    )
    reconciliation = Reconciliation(base, rules)
    breaks, schedule = reconciliation.breaks, StatementSchedule(reconciliation, base.channels)
    proposals = Proposals(base, breaks, rooms.get(Exceptions), payments.quoted)
    months = Months(base, reconciliation.window, rooms.get(Decisions).clocks_of)
    return Opened(
        services=(reconciliation, breaks, proposals, months, Profiles(load_profiles(base.settings.statements))),
        hears={
            "payment.exception_resolved": (proposals.exception_resolved,),
            "payment.exception_reopened": (proposals.exception_reopened,),
            "receipt.issued": (breaks.receipt_issued,),
        },
        comes_round=(
            Duty("statements of the day before", "30 6 * * *", schedule.day_before, each=True),
            Duty("statements that were late", "50 7-23 * * *", schedule.catch_up),
        ),
    )

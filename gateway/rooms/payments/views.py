"""How payments look from outside."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.http.views import View, instant
from gateway.rooms.payments.hooks import Days
from gateway.rooms.payments.records import Collection, Payment, PaymentLine
from gateway.words.masking import mask_payer
from gateway.words.money import YuanOut
from gateway.words.spelling import same_name


class LineView(View):
    """One line of a payment: 罚款, 没收违法所得 or 加处罚款."""

    kind: str
    item_code: str
    item_name: str
    amount: YuanOut

    @classmethod
    def of(cls, line: PaymentLine) -> LineView:
        """From the record."""
        return cls(kind=line.kind.value, item_code=line.item_code, item_name=line.item_name, amount=line.amount)


class CollectionView(View):
    """Money that arrived, with its three dates: paid, cleared 清算, into the treasury 入库; ``source`` told us first.

    ``payer`` is masked as a person's name is: nobody says whether it is one. ``paid_by_another``: somebody else than
    the bill's payer 代缴, which is normal. Both are null where nobody told who paid.
    """

    bank_serial: str
    amount: YuanOut
    paid_at: str
    cleared_on: date | None
    treasury_on: date | None
    pay_mode: str
    payer: str | None
    paid_by_another: bool | None
    source: Literal["callback", "query", "statement"]

    @classmethod
    def of(cls, money: Collection, days: Days, envelope: Envelope, named: str) -> CollectionView:
        """From the record; ``named`` is the payer whom the bill names."""
        payer = money.payer(envelope)
        cleared, treasury = days.get((money.code, money.bank_serial), (None, None))
        return cls(
            bank_serial=money.bank_serial,
            amount=money.amount,
            paid_at=instant(money.paid_at),
            cleared_on=cleared,
            treasury_on=treasury,
            pay_mode=money.pay_mode,
            payer=None if payer is None else mask_payer(payer),
            paid_by_another=None if payer is None else not same_name(payer, named),
            source=money.source,
        )


class PaymentSummary(View):
    """A payment in a list. ``in_doubt_since``: its outcome at the platform is being found out since then.

    ``being_paid_since``: the platform says since then that somebody is paying.
    """

    id: str
    authority: str
    decision_number: str
    instalment: int
    line_group: str
    channel: str
    status: str
    settlement: str
    amount: YuanOut
    paid_amount: YuanOut | None
    surcharge_paid: YuanOut | None
    replaces: str | None
    code: str | None
    valid_until: date | None
    due_on: date | None
    due_provisional: bool
    being_paid_since: str | None
    in_doubt_since: str | None
    doubt_reason: str | None
    reason: str | None
    paid_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def fields(cls, payment: Payment) -> dict[str, Any]:
        """The values of a payment under their public names."""
        return {
            "id": payment.id,
            "authority": payment.authority,
            "decision_number": payment.decision_number,
            "instalment": payment.instalment,
            "line_group": payment.line_group,
            "channel": payment.channel,
            "status": payment.status.value,
            "settlement": payment.settlement.value,
            "amount": payment.amount,
            "paid_amount": payment.paid_amount,
            "surcharge_paid": payment.surcharge_paid,
            "replaces": payment.replaces,
            "code": payment.code,
            "valid_until": payment.valid_until_on,
            "due_on": payment.due_on,
            "due_provisional": payment.due_provisional,
            "being_paid_since": instant(payment.being_paid_since_at),
            "in_doubt_since": instant(payment.in_doubt_since_at),
            "doubt_reason": payment.doubt_reason,
            "reason": payment.reason,
            "paid_at": instant(payment.paid_at),
            "created_at": instant(payment.created_at),
            "updated_at": instant(payment.updated_at),
        }

    @classmethod
    def of(cls, payment: Payment) -> PaymentSummary:
        """From the record."""
        return cls(**cls.fields(payment))

"""What is under way at a target for one disclosure. ``asking`` follows what was sent; ``withdrawals`` win over it.

All functions of a connection, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.lives import Living
from gateway.ports.credit import CorrectRequest, DisclosureRecord, MarkRequest, SubmitRequest, WithdrawRequest
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import questions, records
from gateway.rooms.disclosures.asking import Asking, last_day_of
from gateway.rooms.disclosures.publication import key_of
from gateway.rooms.disclosures.publication import reason as public_reason
from gateway.rooms.disclosures.questions import (
    Effect,
    EffectRequest,
    EffectWord,
    MarkEffect,
)
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.rules import Rules
from gateway.rooms.disclosures.states import LIFE, OVER, SHOWN, Status
from gateway.rooms.disclosures.withdrawals import Withdrawals
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.masking import Public
from gateway.words.saying import Sentence, say


class Effects:
    """One effect at a time per disclosure. ``move`` is the only door for its state.

    ``asking`` asks the target, ``withdrawals`` knows what is owed.
    """

    def __init__(self, base: Foundation, rules: Rules) -> None:
        self.life: Living[Status, Disclosure] = Living(LIFE, base.events, base.clock, _tells)
        self.envelope = base.envelope
        self._clock = base.clock
        self._channels = base.channels
        self._delivery = base.delivery
        self._events = base.events
        self.asking = Asking(base)
        self.withdrawals = Withdrawals(self, base, rules)

    def lock(self, conn: Connection, disclosure_id: str, of: Container[str] | None = None) -> Disclosure:
        """One disclosure, if it is of these authorities or none are named, held until the end of the transaction.

        Raises NotFoundProblem.
        """
        found = records.lock(conn, disclosure_id)
        if found is None or (of is not None and found.authority not in of):
            raise NotFoundProblem(say("disclosures.none"))
        return found

    def move(self, conn: Connection, disclosure: Disclosure, end: Status, **values: Any) -> bool:
        """One step of its life; the event says the columns that change with it. A step that is none is not taken.

        What becomes public, or ends, is looked at soon afterwards.
        """
        told = {name: str(value) if isinstance(value, date) else value for name, value in values.items()}
        told = self._fit_to_tell(conn, disclosure, told)
        today = day_of(self._clock.now())
        if end in OVER:
            values["look_on"] = today
        elif end in SHOWN or end is Status.SHIELDED:
            values["look_on"] = today + timedelta(days=1)
        return self.life.move(conn, disclosure, end, tell=told, **values)

    def idle(
        self, conn: Connection, disclosure_id: str, word: Sentence, of: Container[str] | None, states: Container[Status]
    ) -> Disclosure:
        """One disclosure in one of these states with nothing under way, held. Raises as ``lock``, and ConflictProblem.

        ``word``: what cannot be done otherwise.
        """
        disclosure = self.lock(conn, disclosure_id, of)
        if disclosure.status not in states:
            raise ConflictProblem(
                say("disclosures.not_shown", status=disclosure.status, word=word),
                type="disclosure-not-shown",
                disclosure_status=disclosure.status,
            )
        if disclosure.withdraw_wanted_at is not None:
            raise ConflictProblem(say("disclosures.withdrawing", word=word), type="withdrawal-under-way")
        if disclosure.effect is not None:
            raise ConflictProblem(say("disclosures.busy", effect=EffectWord(disclosure.effect)), type="disclosure-busy")
        return disclosure

    def can(self, target: str, capability: str) -> bool:
        """Whether a method of the port works at a target."""
        return self._channels.get(target).can(capability)

    def adapter_of(self, target: str) -> str:
        """The name of the adapter that speaks at a target."""
        return self._channels.get(target).info.name

    def tell(self, conn: Connection, disclosure: Disclosure, what: str, **data: Any) -> None:
        """Emit ``disclosure.<what>``, which is no step of its life. A reason is told as the public reads it."""
        data = self._fit_to_tell(conn, disclosure, data)
        self._events.emit(
            conn,
            type=f"disclosure.{what}",
            subject=disclosure.id,
            authority=disclosure.authority,
            data={**_tells(disclosure), **data},
        )

    def alarm_late(self, conn: Connection, disclosure: Disclosure, now: int) -> None:
        """It should be public by now, and is not."""
        records.change(conn, disclosure.id, now, late_at=now)
        self.tell(conn, disclosure, "late", submit_by_on=str(disclosure.submit_by_on), status=disclosure.status.value)

    # --- sending ---------------------------------------------------------------------------------------------------

    def new_reference(self, disclosure: Disclosure) -> str:
        """A reference for the next effect."""
        return self._delivery.new_reference(disclosure.target)

    def send(self, conn: Connection, disclosure: Disclosure, effect: Effect, ask: EffectRequest, now: int) -> None:
        """Have an effect sent; its answer is awaited."""
        operation = self._delivery.enqueue(
            conn,
            action=f"credit.{effect}",
            channel=disclosure.target,
            authority=disclosure.authority,
            subject=disclosure.id,
            request=ask,
            wanted_by=last_day_of(disclosure),
        )
        records.change(
            conn,
            disclosure.id,
            now,
            effect=effect,
            awaiting="answer",
            effect_operation=operation.id,
            effect_reference=ask.reference,
        )

    def want_by(self, conn: Connection, disclosure_id: str, last_day: date) -> None:
        """What waits to be sent for a disclosure has another last day."""
        self._delivery.want_by(conn, disclosure_id, last_day)

    def submit(self, conn: Connection, disclosure: Disclosure, now: int) -> None:
        """Send the decision to its target, in the words that are kept."""
        ask = SubmitRequest(reference=self.new_reference(disclosure), record=disclosure.sent(self.envelope))
        self.send(conn, disclosure, "submit", ask, now)

    def correct(
        self, conn: Connection, disclosure: Disclosure, record: DisclosureRecord, reason: str, now: int
    ) -> None:
        """Have other words shown; they stand sealed as ``pending`` in the disclosure."""
        words = self._public(conn, disclosure, reason)
        ask = CorrectRequest(reference=self.new_reference(disclosure), record=record, reason=words)
        self.send(conn, disclosure, "correct", ask, now)

    def mark(self, conn: Connection, disclosure: Disclosure, effect: MarkEffect, reason: str, now: int) -> bool:
        """Have a mark set or lifted; whether the target can be told. Where it cannot, its page is waited for."""
        mark, lifted = questions.MARKED[effect]
        ask = MarkRequest(
            reference=self.new_reference(disclosure),
            key=key_of(disclosure.sent(self.envelope)),
            mark=mark,
            lifted=lifted,
            reason=self._public(conn, disclosure, reason),
        )
        if told := self.can(disclosure.target, "mark"):
            self.send(conn, disclosure, effect, ask, now)
        else:
            records.change(conn, disclosure.id, now, effect=effect, awaiting="page", effect_reference=ask.reference)
            self.asking.page(conn, disclosure, effect, ask.reference, now)
        return told

    def take_off(
        self, conn: Connection, disclosure: Disclosure, effect: Literal["withdraw", "end"], reason: str, now: int
    ) -> None:
        """Have it taken off the target's page, with words for the public."""
        key, words = key_of(disclosure.sent(self.envelope)), self._public(conn, disclosure, reason)
        ask = WithdrawRequest(reference=self.new_reference(disclosure), key=key, reason=words)
        self.send(conn, disclosure, effect, ask, now)

    def _fit_to_tell(self, conn: Connection, disclosure: Disclosure, data: dict[str, Any]) -> dict[str, Any]:
        """What an event may say: events leave as webhooks, so that no reason names a person in them."""
        reason = data.get("reason")
        return data if not reason else {**data, "reason": self._public(conn, disclosure, reason)}

    def _public(self, conn: Connection, disclosure: Disclosure, reason: str) -> Public:
        return public_reason(reason, fetch_decision(conn, self.envelope, disclosure.decision_id))


def _tells(disclosure: Disclosure) -> dict[str, Any]:
    return {"decision_number": disclosure.decision_number, "target": disclosure.target}

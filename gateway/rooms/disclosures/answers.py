"""What targets say of an effect, and what the public sees of it, in the transaction that closes the ledger's row.

Nothing is claimed to be public before its page was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from gateway.foundation.delivery import Absent, Action, Done, Doubt, Operation, Outcome, Parked, Rejected
from gateway.ports.credit import FieldError, Submission, SubmissionState
from gateway.rooms.disclosures import questions, records
from gateway.rooms.disclosures.comparison import Amiss, Kind, differences
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.findings import Findings
from gateway.rooms.disclosures.questions import Effect, Page, PageQuery, VerdictQuery
from gateway.rooms.disclosures.records import IDLE, SURE, Disclosure
from gateway.rooms.disclosures.states import SHOWN, UNPUBLISHED, Status
from gateway.words.clock import Clock, day_of, to_micros

_WORDS: dict[Effect, str] = {
    "submit": "publication",
    "correct": "correction",
    "withdraw": "withdrawal",
    "repair": "repair",
    "end": "end",
    "object": "objection",
    "settle": "objection",
    "appeal": "appeal_mark",
    "decide": "appeal_mark",
    "shield": "shielding",
    "unshield": "shielding",
}


class Answers:
    """Takes outcomes from delivery, and says what follows for the disclosure."""

    def __init__(self, effects: Effects, findings: Findings, clock: Clock) -> None:
        self._effects = effects
        self._findings = findings
        self._clock = clock

    def actions(self) -> tuple[Action, ...]:
        """The kinds of operation: the effects, and two questions about them."""
        effects = tuple(
            Action(
                name=f"credit.{effect}",
                request_model=request_model,
                answer_model=Submission,
                call=questions.caller(effect),
                find=questions.find,
                check=questions.check,
                record=partial(self._answered, effect),
                two_persons=False,
                hands_over=questions.hands_over,
                by_deadline=True,
                not_sent=self._not_sent,
            )
            for effect, request_model in questions.REQUESTS.items()
        )
        verdict = Action(
            name="credit.verdict",
            request_model=VerdictQuery,
            answer_model=Submission,
            call=questions.verdict(self._clock),
            check=questions.check,
            record=self._judged,
            effectful=False,
        )
        read_back = Action(
            name="credit.read_back",
            request_model=PageQuery,
            answer_model=Page,
            call=questions.read_back(self._clock),
            check=questions.check_page,
            record=self._seen,
            effectful=False,
            hands_over=questions.hands_over,
        )
        return (*effects, verdict, read_back)

    def _now(self) -> int:
        return to_micros(self._clock.now())

    def _answered(self, effect: Effect, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What came of sending an effect."""
        now = self._now()
        disclosure = self._effects.lock(conn, operation.subject)
        match outcome:
            case Done(answer=Submission() as answer):
                self._apply(conn, disclosure, effect, answer, now)
            case Rejected(reason=reason, code=code):
                errors = (FieldError(field="", code=code, message=reason),)
                self._refused(conn, disclosure, effect, reason, errors, now)
            case Doubt() | Parked():
                self._effects.life.doubt(conn, disclosure, outcome, effect=effect)
            case Absent():
                self._effects.life.doubt(conn, disclosure, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _not_sent(self, conn: Connection, operation: Operation) -> None:
        """An effect would be sent again: not where a withdrawal was asked for while it was under way."""
        disclosure = self._effects.lock(conn, operation.subject)
        mine = disclosure.effect_operation == operation.id and disclosure.effect != "withdraw"
        if mine and disclosure.withdraw_wanted_at is not None:
            self._effects.withdrawals.stop_sending(conn, disclosure, self._now())

    def _judged(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The verdict came."""
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Submission):
            return
        disclosure = self._effects.lock(conn, operation.subject)
        mine = disclosure.effect_reference == outcome.answer.reference
        if mine and disclosure.awaiting == "verdict" and disclosure.effect is not None:
            self._apply(conn, disclosure, disclosure.effect, outcome.answer, self._now())

    def _apply(self, conn: Connection, disclosure: Disclosure, effect: Effect, answer: Submission, now: int) -> None:
        """The target's word on an effect: taken in, accepted, or refused with the fields it names."""
        receipt = answer.receipt[:64] or disclosure.receipt
        match answer.state:
            case SubmissionState.PENDING:
                records.change(conn, disclosure.id, now, awaiting="verdict", receipt=receipt, **SURE)
                if effect == "submit":
                    self._effects.move(conn, disclosure, Status.SUBMITTED, receipt=answer.receipt)
                self._effects.asking.verdict(conn, disclosure, answer.reference, now)
            case SubmissionState.ACCEPTED:
                records.change(
                    conn, disclosure.id, now, awaiting="page", field_errors=[], reason=None, receipt=receipt, **SURE
                )
                if effect == "submit":
                    self._effects.move(conn, disclosure, Status.ACCEPTED, receipt=answer.receipt)
                if disclosure.withdraw_wanted_at is not None and effect != "withdraw":
                    self._effects.withdrawals.send(conn, disclosure, now)
                else:
                    self._effects.asking.page(conn, disclosure, effect, answer.reference, now)
            case SubmissionState.REJECTED:
                words = "; ".join(f"{one.field} {one.message}".strip() for one in answer.field_errors)
                records.change(conn, disclosure.id, now, receipt=receipt, **SURE)
                self._refused(conn, disclosure, effect, words or "审核不通过", answer.field_errors, now)

    def _refused(
        self,
        conn: Connection,
        disclosure: Disclosure,
        effect: Effect,
        reason: str,
        errors: Sequence[FieldError],
        now: int,
    ) -> None:
        named = [one.model_dump() for one in errors]
        records.change(conn, disclosure.id, now, field_errors=named, reason=reason, pending_sealed=None, **IDLE, **SURE)
        if effect == "submit" and disclosure.status in UNPUBLISHED:
            self._effects.move(conn, disclosure, Status.REJECTED, reason=reason, field_errors=named)
            return
        self._effects.tell(conn, disclosure, f"{_WORDS[effect]}_refused", reason=reason, field_errors=named)
        if disclosure.withdraw_wanted_at is not None and effect != "withdraw":
            self._effects.withdrawals.send(conn, disclosure, now)

    def _seen(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The public page was read: only now is anything claimed about it."""
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Page):
            return
        disclosure, page = self._effects.lock(conn, operation.subject), outcome.answer
        if disclosure.effect_reference != page.about or disclosure.awaiting != "page":
            return
        now = self._now()
        records.change(conn, disclosure.id, now, **IDLE)
        match disclosure.effect:
            case "submit" | "correct" | "unshield" as effect:
                self._shown(conn, disclosure, effect, page, now)
                return
            case "object":
                records.change(conn, disclosure.id, now, objection_marked_at=now)
                return
            case "settle":
                records.change(conn, disclosure.id, now, objection_marked_at=None)
                return
            case "appeal":
                records.change(conn, disclosure.id, now, appeal_marked_at=now)
                return
            case "decide":
                records.change(conn, disclosure.id, now, appeal_marked_at=None)
                return
            case "repair":
                self._effects.move(conn, disclosure, Status.REPAIRED, repair_number=disclosure.repair_number)
            case "shield":
                self._effects.move(conn, disclosure, Status.SHIELDED, reason=disclosure.shield_reason)
            case "end":
                self._effects.move(conn, disclosure, Status.ENDED, publish_until_on=disclosure.publish_until_on)
            case _:
                self._effects.move(conn, disclosure, Status.WITHDRAWN, reason=disclosure.withdraw_reason)
        self._as_it_should(conn, disclosure, now)

    def _as_it_should(self, conn: Connection, disclosure: Disclosure, now: int) -> None:
        """The page of its target is as it should be: what was amiss with it is no more."""
        self._findings.seen(conn, disclosure, disclosure.target, None, now)
        if disclosure.effect in ("shield", "unshield"):
            self._findings.mended(conn, disclosure, Kind.BY_HAND)

    def _shown(self, conn: Connection, disclosure: Disclosure, effect: Effect, page: Page, now: int) -> None:
        """The page shows an entry: the one that was sent, or another."""
        entry, envelope = page.entry, self._effects.envelope
        assert entry is not None, "the question was asked until there was an entry"
        sent = disclosure.correction(envelope) if effect == "correct" else disclosure.sent(envelope)
        if fields := differences(sent, entry):
            reason = f"公示平台展示的{'、'.join(fields)}与报送的不一致"
            records.change(conn, disclosure.id, now, reason=reason, pending_sealed=None)
            self._effects.tell(conn, disclosure, "differs", reason=reason, fields=list(fields), url=entry.url)
            self._findings.seen(conn, disclosure, disclosure.target, Amiss(Kind.ALTERED, fields), now, entry.url)
            records.look_next(conn, disclosure.id, day_of(self._clock.now()) + timedelta(days=1))
            return
        if effect == "submit":
            self._effects.move(conn, disclosure, Status.PUBLISHED, published_on=entry.published_on, url=entry.url)
        elif effect == "unshield":
            self._effects.move(conn, disclosure, Status.PUBLISHED, reason=disclosure.shield_reason)
        else:
            assert disclosure.pending_sealed is not None, "a correction was under way"
            assert disclosure.pending_version is not None, "a correction is of a version of the facts"
            records.change(
                conn,
                disclosure.id,
                now,
                record_sealed=disclosure.pending_sealed,
                former_sealed=disclosure.record_sealed,
                decision_version=disclosure.pending_version,
                pending_sealed=None,
                pending_version=None,
            )
            shown = disclosure.status in SHOWN
            end = Status.CORRECTED if shown else Status.PUBLISHED  # it was published otherwise than it was sent
            self._effects.move(conn, disclosure, end, url=entry.url)
        self._as_it_should(conn, disclosure, now)

"""What can be done with disclosures 公示.

One effect is under way per disclosure at a time: sent, judged by the target, then read back from its public page. A
withdrawal that is owed waits for what is under way, and then wins over everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import (
    Absent,
    Action,
    Delivery,
    Done,
    Doubt,
    Event,
    Events,
    Operation,
    Outcome,
    Parked,
    Rejected,
)
from gateway.foundation.store import Store
from gateway.ports.base import Message
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureRecord,
    FieldError,
    RepairRequest,
    Submission,
    SubmissionState,
    SubmitRequest,
    VerdictNotice,
    WithdrawRequest,
)
from gateway.rooms.decisions import Decision, Decisions, EventKind
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import questions, records
from gateway.rooms.disclosures.deadlines import submit_by, withdraw_by
from gateway.rooms.disclosures.publication import Organ, Plan, Refusal, key_of, plan, record
from gateway.rooms.disclosures.questions import Effect, EffectRequest, Page, PageQuery, VerdictQuery
from gateway.rooms.disclosures.rules import Rules, TargetProfile, load
from gateway.rooms.disclosures.states import SHOWN, UNPUBLISHED, Status, edge
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import Clock, day_of, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import check_uscc, new_id

Remember = Callable[[Connection, str], None]
SWEPT_AT_ONCE = 500
_IDLE: Mapping[str, Any] = {"effect": None, "awaiting": None}
_SURE: Mapping[str, Any] = {"in_doubt_since_at": None, "doubt_reason": None}


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


class Disclosures:
    """Publish, correct, withdraw, repair, and watch the clocks. Registers its actions with delivery.

    ``profiles``: by channel name, what a target shows and how soon, where it differs from the rules' own profile for
    its adapter. Subscribe ``decision_moved`` to ``decision.amended``, ``decision.changed`` and ``decision.revoked``,
    and ``take_notice`` to verdict notices; call ``sweep`` every hour or so.
    """

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        decisions: Decisions,
        events: Events,
        channels: Channels,
        envelope: Envelope,
        calendar: WorkingCalendar,
        clock: Clock,
        *,
        rules: Rules | None = None,
        profiles: Mapping[str, TargetProfile] | None = None,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._decisions = decisions
        self._events = events
        self._channels = channels
        self._envelope = envelope
        self._calendar = calendar
        self._clock = clock
        self._rules = rules or load()
        self._profiles = dict(profiles or {})
        for effect, request_model in questions.REQUESTS.items():
            delivery.register(
                Action(
                    name=f"credit.{effect}",
                    request_model=request_model,
                    answer_model=Submission,
                    call=questions.caller(effect),
                    find=questions.find,
                    check=questions.check,
                    record=partial(self._answered, effect),
                    two_persons=False,
                )
            )
        delivery.register(
            Action(
                name="credit.verdict",
                request_model=VerdictQuery,
                answer_model=Submission,
                call=questions.verdict(clock),
                check=questions.check,
                record=self._judged,
                effectful=False,
            )
        )
        delivery.register(
            Action(
                name="credit.read_back",
                request_model=PageQuery,
                answer_model=Page,
                call=questions.read_back(clock),
                check=questions.check_page,
                record=self._read,
                effectful=False,
            )
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def set_organ(self, authority: str, organ: Organ, valid_from: date) -> None:
        """Say under which names and unified codes an authority publishes, from a day on. Raises InvalidProblem."""
        for field, code in (("code", organ.code), ("source_code", organ.source_code)):
            try:
                check_uscc(code)
            except ValueError as problem:
                raise InvalidProblem(str(problem), field=field) from problem
        await self._store.write(lambda conn: records.set_organ(conn, authority, organ, valid_from))

    async def request(
        self,
        authority: str,
        number: str,
        *,
        targets: Sequence[str] | None = None,
        override_reason: str | None = None,
        remember: Remember = _forget,
    ) -> tuple[str, ...]:
        """Publish a decision at the authority's targets, or at those named; the ids, one a target, in their order.

        Where the law or a target's profile forbids it, the disclosure is NOT_PUBLISHABLE and says by which rule.
        What is live already is returned as it is. ``override_reason`` publishes what is only "in principle" not shown.
        Raises NotFoundProblem, ConflictProblem, InvalidProblem.
        """
        decision = await self._decisions.get(authority, number)
        if decision.revoked:
            raise ConflictProblem("this decision was revoked; nothing is to be published", type="decision-revoked")
        chosen = self._targets(authority, targets)
        now = self._clock.now()
        today, at = day_of(now), to_micros(now)
        organ = await self._store.read(lambda conn: records.organ_of(conn, authority, today))
        if organ is None:
            raise ConflictProblem(
                f"authority {authority} has no name and unified code to publish under on {today}",
                type="no-disclosing-organ",
                cure="Record the authority with `gateway authorities create`.",
            )
        plans = []
        for channel in chosen:
            profile = self._profile(channel)
            found = plan(
                decision.facts, profile, self._rules, self._calendar, today=today, override_reason=override_reason
            )
            plans.append((channel.name, profile, found))

        def unit(conn: Connection) -> tuple[str, ...]:
            records.lock_decision(conn, decision.id)
            ids = []
            for target, profile, found in plans:
                before = records.latest(conn, decision.id, target)
                if before is not None and self._stands(before, decision, found):
                    ids.append(before["id"])
                elif isinstance(found, Refusal):
                    ids.append(self._refuse(conn, decision, target, found, at))
                else:
                    sent = record(decision, organ, profile, found.until)
                    ids.append(self._plan(conn, decision, target, sent, found, override_reason, today, at))
            remember(conn, decision.id)
            return tuple(ids)

        ids = await self._store.write(unit)
        self._wake(channel.name for channel in chosen)
        return ids

    async def correct(self, disclosure_id: str, reason: str, *, remember: Remember = _forget) -> None:
        """Replace what is shown by the decision's present facts 更正; number, organ and party stay.

        Raises NotFoundProblem, and ConflictProblem unless it is shown and nothing else is under way.
        """
        row = await self.get(disclosure_id)
        decision = await self._decisions.get(row["authority"], row["decision_number"])
        channel = self._channels.get(row["target"])
        now = self._clock.now()
        today, at = day_of(now), to_micros(now)

        def unit(conn: Connection) -> None:
            remember(conn, disclosure_id)
            held = self._shown_and_idle(conn, disclosure_id, "corrected")
            organ = records.organ_of(conn, held["authority"], today)
            assert organ is not None, "what is shown was published under a name"
            former = self._record(held)
            corrected = record(decision, organ, self._profile(channel), held["publish_until_on"])
            if key_of(corrected) != key_of(former):
                raise ConflictProblem(
                    "a correction keeps number, organ and party, by which the target knows the publication",
                    type="disclosure-key-changed",
                    cure="Withdraw it, then publish the decision anew.",
                )
            if corrected == former:
                raise ConflictProblem(
                    "what is shown already equals the decision's facts",
                    type="nothing-to-correct",
                    cure="Store the corrected facts first: PUT /v1/decisions/{authority}/{number}.",
                )
            pending = self._envelope.seal(corrected.model_dump_json().encode(), _context(disclosure_id))
            records.change(conn, disclosure_id, at, pending_sealed=pending, pending_version=decision.version)
            self._emit(conn, held, "disclosure.correction_requested", reason=reason)
            ask = CorrectRequest(reference=self._new_reference(held), record=corrected, reason=reason)
            self._send(conn, held, "correct", ask, at)

        await self._store.write(unit)
        self._wake([row["target"]])

    async def withdraw(self, disclosure_id: str, reason: str, *, remember: Remember = _forget) -> None:
        """Take a publication back 撤回, with an explanation for the public (行政处罚法 art. 48).

        What has not left us never will; what is under way is waited for; then the withdrawal wins. Withdrawing again
        changes nothing. Raises NotFoundProblem, and ConflictProblem where nothing is published.
        """
        now = self._clock.now()

        def unit(conn: Connection) -> str:
            remember(conn, disclosure_id)
            row = self._hold(conn, disclosure_id)
            status = Status(row["status"])
            if status is not Status.WITHDRAWN:
                if status not in (*UNPUBLISHED, *SHOWN):
                    raise ConflictProblem(
                        f"a disclosure that is {status.value} is not shown, so it cannot be withdrawn",
                        type="disclosure-not-shown",
                        disclosure_status=status.value,
                    )
                self._owe_withdrawal(conn, row, reason, day_of(now), to_micros(now))
            return str(row["target"])

        self._wake([await self._store.write(unit)])

    async def repair(self, disclosure_id: str, repair_number: str, *, remember: Remember = _forget) -> None:
        """End a publication early after repair 信用修复, under the number of the repair's decision.

        Raises NotFoundProblem, InvalidProblem before the minimum period has passed, and ConflictProblem unless it is
        shown and nothing else is under way.
        """
        now = self._clock.now()
        at = to_micros(now)

        def unit(conn: Connection) -> str:
            remember(conn, disclosure_id)
            row = self._shown_and_idle(conn, disclosure_id, "repaired")
            earliest = row["repair_from_on"]
            if earliest is not None and day_of(now) < earliest:
                raise InvalidProblem(
                    f"the minimum period of publication lasts until {earliest} ({row['citation']})",
                    type="minimum-period",
                    cure=f"Repair it on {earliest} or later.",
                    earliest=str(earliest),
                )
            records.change(conn, disclosure_id, at, repair_number=repair_number)
            self._emit(conn, row, "disclosure.repair_requested", repair_number=repair_number)
            key = key_of(self._record(row))
            ask = RepairRequest(reference=self._new_reference(row), key=key, repair_number=repair_number)
            self._send(conn, row, "repair", ask, at)
            return str(row["target"])

        self._wake([await self._store.write(unit)])

    async def get(self, disclosure_id: str) -> RowMapping:
        """One disclosure's row. Raises NotFoundProblem."""
        row = await self._store.read(lambda conn: records.fetch(conn, disclosure_id))
        if row is None:
            raise NotFoundProblem("no such disclosure")
        return row

    def record_of(self, row: RowMapping) -> DisclosureRecord | None:
        """What was sent to the target; None where nothing was."""
        return None if row["record_sealed"] is None else self._record(row)

    # --- what happens elsewhere ---------------------------------------------------------------------------------------

    def renewed(self, conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
        """People found out that a report never arrived: it goes again under a new reference.

        Unless a withdrawal is owed by now: then it never goes, and the withdrawal wins.
        """
        at = new.created_at
        records.change(conn, new.subject, at, effect_operation=new.id, effect_reference=new.reference)
        row = self._hold(conn, new.subject)
        if row["withdraw_wanted_at"] is not None and row["effect"] != "withdraw":
            self._stop_sending(conn, row, at)

    def take_notice(self, conn: Connection, channel: str, notice: VerdictNotice, _exchange_id: str) -> None:
        """A target says that it has decided: a hint to ask now."""
        row = records.by_reference(conn, channel, notice.reference)
        if row is not None:
            self._delivery.hurry(conn, channel, subject=row["id"])

    def decision_moved(self, conn: Connection, event: Event) -> None:
        """A decision was changed or revoked, or amended so that it must not be public: its publications are withdrawn.

        The clock runs from the day of the event; for amended facts, from today. The reason is read by the public, so
        it never says why something is secret.
        """
        decision = fetch_decision(conn, self._envelope, event.subject)
        assert decision is not None
        now = self._clock.now()
        today = day_of(now)
        if event.type == "decision.amended":
            if not any(exclusion.holds(decision.facts, today) for exclusion in self._rules.exclusions):
                return
            reason, since = "依法不予公开", today
        else:
            causes = [one for one in decision.events if one.kind in (EventKind.CHANGED, EventKind.REVOKED)]
            cause = causes[-1]
            words = "该行政处罚决定已被撤销" if cause.kind is EventKind.REVOKED else "该行政处罚决定已变更"
            reason, since = (f"{words}：{cause.reason}" if cause.reason else words)[:500], cause.on
        for row in records.of_decision(conn, decision.id):
            if Status(row["status"]) in (*UNPUBLISHED, *SHOWN):
                self._owe_withdrawal(conn, self._hold(conn, row["id"]), reason, since, to_micros(now))

    async def sweep(self) -> int:
        """Raise the alarm about what is late, end what is over, recompute what was provisional; how many rows moved."""
        now = self._clock.now()
        moved = await self._store.write(lambda conn: self._sweep(conn, day_of(now), to_micros(now)))
        return int(moved)

    def _sweep(self, conn: Connection, today: date, now: int) -> int:
        moved = 0
        for row in records.provisional(conn, SWEPT_AT_ONCE):
            sent = self._record(row)
            last = submit_by(sent.decided_on, self._profile(self._channels.get(row["target"])), self._calendar)
            if (last.on, last.provisional) != (row["submit_by_on"], row["submit_by_provisional"]):
                records.change(conn, row["id"], now, submit_by_on=last.on, submit_by_provisional=last.provisional)
                self._emit(conn, row, "disclosure.deadline", submit_by_on=str(last.on), provisional=last.provisional)
                moved += 1
        for row in records.late_submissions(conn, today, SWEPT_AT_ONCE):
            self._alarm_late(conn, row, now)
            moved += 1
        for row in records.late_withdrawals(conn, today, SWEPT_AT_ONCE):
            records.change(conn, row["id"], now, withdraw_late_at=now)
            self._emit(conn, row, "disclosure.withdrawal_late", withdraw_by_on=str(row["withdraw_by_on"]))
            moved += 1
        for row in records.over(conn, today, SWEPT_AT_ONCE):
            moved += self._move(conn, row, Status.ENDED, now, publish_until_on=row["publish_until_on"])
        return moved

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _answered(self, effect: Effect, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What came of sending an effect."""
        now = to_micros(self._clock.now())
        row = self._hold(conn, operation.subject)
        match outcome:
            case Done(answer=Submission() as answer):
                self._apply(conn, row, effect, answer, now)
            case Rejected(reason=reason, code=code):
                errors = (FieldError(field="", code=code, message=reason),)
                self._refused(conn, row, effect, reason, errors, now)
            case Doubt(reason=reason):
                records.change(conn, row["id"], now, in_doubt_since_at=now, doubt_reason=reason)
                self._emit(conn, row, "disclosure.in_doubt", effect=effect, reason=reason)
            case Absent():
                records.change(conn, row["id"], now, **_SURE)
                if row["withdraw_wanted_at"] is not None:
                    self._stop_sending(conn, row, now)
            case Parked(reason=reason):
                records.change(conn, row["id"], now, doubt_reason=reason)
                self._emit(conn, row, "disclosure.parked", effect=effect, reason=reason)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _judged(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The verdict came."""
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Submission):
            return
        row = self._hold(conn, operation.subject)
        if row["effect_reference"] == outcome.answer.reference and row["awaiting"] == "verdict":
            self._apply(conn, row, row["effect"], outcome.answer, to_micros(self._clock.now()))

    def _apply(self, conn: Connection, row: RowMapping, effect: Effect, answer: Submission, now: int) -> None:
        """The target's word on an effect: taken in, accepted, or refused with the fields it names."""
        sure: dict[str, Any] = {**_SURE, "receipt": answer.receipt[:64] or row["receipt"]}
        match answer.state:
            case SubmissionState.PENDING:
                records.change(conn, row["id"], now, awaiting="verdict", **sure)
                if effect == "submit":
                    self._move(conn, row, Status.SUBMITTED, now, receipt=answer.receipt)
                query = VerdictQuery(reference=answer.reference, asked_at=now)
                self._ask(conn, row, "credit.verdict", query, now)
            case SubmissionState.ACCEPTED:
                records.change(conn, row["id"], now, awaiting="page", field_errors=[], reason=None, **sure)
                if effect == "submit":
                    self._move(conn, row, Status.ACCEPTED, now, receipt=answer.receipt)
                if row["withdraw_wanted_at"] is not None and effect != "withdraw":
                    self._send_withdrawal(conn, row, now)
                else:
                    self._ask_page(conn, row, effect, answer.reference, now)
            case SubmissionState.REJECTED:
                words = "; ".join(f"{one.field} {one.message}".strip() for one in answer.field_errors)
                records.change(conn, row["id"], now, **sure)
                self._refused(conn, row, effect, words or "审核不通过", answer.field_errors, now)

    def _refused(
        self, conn: Connection, row: RowMapping, effect: Effect, reason: str, errors: Sequence[FieldError], now: int
    ) -> None:
        named = [one.model_dump() for one in errors]
        known = {**_IDLE, **_SURE, "field_errors": named, "reason": reason, "pending_sealed": None}
        records.change(conn, row["id"], now, **known)
        if effect == "submit":
            self._move(conn, row, Status.REJECTED, now, reason=reason, field_errors=named)
            return
        word = {"correct": "correction", "withdraw": "withdrawal", "repair": "repair"}[effect]
        self._emit(conn, row, f"disclosure.{word}_refused", reason=reason, field_errors=named)
        if row["withdraw_wanted_at"] is not None and effect != "withdraw":
            self._send_withdrawal(conn, row, now)

    def _read(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """The public page was read: only now is anything claimed about it."""
        if not isinstance(outcome, Done) or not isinstance(outcome.answer, Page):
            return
        row, page = self._hold(conn, operation.subject), outcome.answer
        if row["effect_reference"] != page.about or row["awaiting"] != "page":
            return
        now, effect = to_micros(self._clock.now()), row["effect"]
        records.change(conn, row["id"], now, **_IDLE)
        entry = page.entry
        if effect in ("submit", "correct"):
            assert entry is not None
            sent = self._record(row, pending=effect == "correct")
            if entry.content != sent.content:
                reason = "公示平台展示的处罚内容与报送的不一致"
                records.change(conn, row["id"], now, reason=reason, pending_sealed=None)
                self._emit(conn, row, "disclosure.differs", reason=reason, url=entry.url)
            elif effect == "submit":
                known = {"published_on": entry.published_on, "url": entry.url}
                self._move(conn, row, Status.PUBLISHED, now, **known)
            else:
                records.change(
                    conn,
                    row["id"],
                    now,
                    record_sealed=row["pending_sealed"],
                    decision_version=row["pending_version"],
                    pending_sealed=None,
                    pending_version=None,
                )
                self._move(conn, row, Status.CORRECTED, now, url=entry.url)
        elif effect == "repair":
            self._move(conn, row, Status.REPAIRED, now, repair_number=row["repair_number"])
        else:
            self._move(conn, row, Status.WITHDRAWN, now, reason=row["withdraw_reason"])

    # --- withdrawals --------------------------------------------------------------------------------------------------

    def _owe_withdrawal(self, conn: Connection, row: RowMapping, reason: str, happened_on: date, now: int) -> None:
        """Note that a withdrawal is owed, and begin it unless something else must end first."""
        if row["withdraw_wanted_at"] is None:
            last = withdraw_by(happened_on, self._rules, self._calendar)
            records.change(
                conn,
                row["id"],
                now,
                withdraw_wanted_at=now,
                withdraw_by_on=last.on,
                withdraw_by_provisional=last.provisional,
                withdraw_reason=reason,
            )
            self._emit(
                conn,
                row,
                "disclosure.withdrawal_requested",
                reason=reason,
                withdraw_by_on=str(last.on),
                citation=last.citation,
            )
            row = self._hold(conn, row["id"])
        if row["effect"] == "withdraw":
            return
        if row["awaiting"] == "answer":
            self._stop_sending(conn, row, now)
        elif row["awaiting"] in (None, "page") and row["status"] != Status.PLANNED.value:
            self._send_withdrawal(conn, row, now)

    def _stop_sending(self, conn: Connection, row: RowMapping, now: int) -> None:
        """Stop an effect that has provably not left us; otherwise its outcome is waited for."""
        if not self._delivery.cancel(conn, row["effect_operation"], "撤回在先，不再报送"):
            return
        records.change(conn, row["id"], now, pending_sealed=None, **_IDLE)
        if row["effect"] == "submit":
            self._move(conn, row, Status.WITHDRAWN, now, reason=row["withdraw_reason"])
        else:
            self._send_withdrawal(conn, row, now)

    def _send_withdrawal(self, conn: Connection, row: RowMapping, now: int) -> None:
        row = self._hold(conn, row["id"])
        key = key_of(self._record(row))
        ask = WithdrawRequest(reference=self._new_reference(row), key=key, reason=row["withdraw_reason"])
        self._send(conn, row, "withdraw", ask, now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _targets(self, authority: str, wanted: Sequence[str] | None) -> list[Channel]:
        routed = self._channels.route(authority, "disclosures")
        if not routed:
            raise ConflictProblem(
                f"no channel takes disclosures for authority {authority}",
                type="no-channel",
                cure='Add a [[routes]] block with capability = "disclosures" to the settings.',
            )
        names = [channel.name for channel in routed]
        if wanted is not None and (unknown := [name for name in wanted if name not in names]):
            raise InvalidProblem(
                f"authority {authority} does not publish at {', '.join(unknown)}",
                field="targets",
                cure=f"Choose among {', '.join(names)}.",
            )
        return [channel for channel in routed if wanted is None or channel.name in wanted]

    def _profile(self, channel: Channel) -> TargetProfile:
        found = self._profiles.get(channel.name) or self._rules.targets.get(channel.info.name)
        if found is None:
            raise ConflictProblem(
                f"nothing says what the target {channel.name} shows and how soon",
                type="no-target-profile",
                cure=f"Give the channel a profile; known ones: {', '.join(self._rules.targets)}.",
            )
        return found

    def _stands(self, before: RowMapping, decision: Decision, found: Plan | Refusal) -> bool:
        """Whether a request finds its answer in the disclosure that is already there."""
        status = Status(before["status"])
        same_facts = before["decision_version"] == decision.version
        if status is Status.NOT_PUBLISHABLE:
            return same_facts and isinstance(found, Refusal) and found.reason == before["reason"]
        if status is Status.WITHDRAWN:
            if same_facts and any(event.kind is EventKind.CHANGED for event in decision.events):
                raise ConflictProblem(
                    "the decision was changed, but its facts are those that were withdrawn",
                    type="decision-not-amended",
                    cure="Store the changed facts first: PUT /v1/decisions/{authority}/{number}.",
                )
            return False
        if status is Status.REJECTED:
            return False
        if not same_facts and status in (*UNPUBLISHED, *SHOWN):
            raise ConflictProblem(
                f"{before['target']} has this decision with earlier facts",
                type="disclosure-outdated",
                cure="Correct or withdraw that disclosure.",
                disclosure=before["id"],
                location=f"/v1/disclosures/{before['id']}",
            )
        return True

    def _refuse(self, conn: Connection, decision: Decision, target: str, found: Refusal, now: int) -> str:
        values = _identity(decision, target, now) | {
            "status": Status.NOT_PUBLISHABLE.value,
            "citation": found.citation,
            "reason": found.reason,
        }
        records.add(conn, values)
        self._entered(conn, values, reason=found.reason, citation=found.citation, overridable=found.overridable)
        return str(values["id"])

    def _plan(
        self,
        conn: Connection,
        decision: Decision,
        target: str,
        sent: DisclosureRecord,
        found: Plan,
        override_reason: str | None,
        today: date,
        now: int,
    ) -> str:
        values = _identity(decision, target, now)
        values |= {
            "status": Status.PLANNED.value,
            "record_sealed": self._envelope.seal(sent.model_dump_json().encode(), _context(values["id"])),
            "citation": found.citation,
            "override_reason": override_reason,
            "submit_by_on": found.by.on,
            "submit_by_provisional": found.by.provisional,
            "submit_citation": found.by.citation,
            "publish_until_on": found.until,
            "repair_from_on": found.repair_from,
        }
        records.add(conn, values)
        self._entered(conn, values, submit_by_on=str(found.by.on), provisional=found.by.provisional)
        row = self._hold(conn, values["id"])
        if found.by.on < today:
            self._alarm_late(conn, row, now)
        ask = SubmitRequest(reference=self._new_reference(row), record=sent)
        self._send(conn, row, "submit", ask, now)
        return str(values["id"])

    def _send(self, conn: Connection, row: RowMapping, effect: Effect, ask: EffectRequest, now: int) -> None:
        operation = self._delivery.enqueue(
            conn,
            action=f"credit.{effect}",
            channel=row["target"],
            authority=row["authority"],
            subject=row["id"],
            request=ask,
        )
        records.change(
            conn,
            row["id"],
            now,
            effect=effect,
            awaiting="answer",
            effect_operation=operation.id,
            effect_reference=ask.reference,
        )

    def _ask(self, conn: Connection, row: RowMapping, action: str, query: VerdictQuery | PageQuery, now: int) -> None:
        self._delivery.enqueue(
            conn,
            action=action,
            channel=row["target"],
            authority=row["authority"],
            subject=row["id"],
            request=query,
            not_before=now + int(questions.SHORTEST * 1_000_000) if action == "credit.verdict" else None,
        )

    def _ask_page(self, conn: Connection, row: RowMapping, effect: Effect, about: str, now: int) -> None:
        sent = self._record(row, pending=effect == "correct")
        query = PageQuery(
            about=about,
            key=key_of(sent),
            shown=effect in ("submit", "correct"),
            content=sent.content,
            former=self._record(row).content if effect == "correct" else None,
            asked_at=now,
        )
        self._ask(conn, row, "credit.read_back", query, now)

    def _hold(self, conn: Connection, disclosure_id: str) -> RowMapping:
        row = records.hold(conn, disclosure_id)
        if row is None:
            raise NotFoundProblem("no such disclosure")
        return row

    def _shown_and_idle(self, conn: Connection, disclosure_id: str, word: str) -> RowMapping:
        row = self._hold(conn, disclosure_id)
        if Status(row["status"]) not in SHOWN:
            raise ConflictProblem(
                f"a disclosure that is {row['status']} cannot be {word}",
                type="disclosure-not-shown",
                cure="Only what the public sees can be; wait until it is PUBLISHED.",
                disclosure_status=row["status"],
            )
        if row["withdraw_wanted_at"] is not None:
            raise ConflictProblem(f"it is being withdrawn, so it cannot be {word}", type="withdrawal-under-way")
        if row["effect"] is not None:
            raise ConflictProblem(
                f"its {row['effect']} is still under way", type="disclosure-busy", cure="Wait until that has ended."
            )
        return row

    def _move(self, conn: Connection, row: RowMapping, end: Status, now: int, **values: Any) -> bool:
        """One step of the state table with the event that it carries. A step that the table lacks is not taken."""
        held = self._hold(conn, row["id"])
        step = edge(Status(held["status"]), end)
        if step is None or not records.move(conn, row["id"], end, now, **values):
            return False
        told = {name: str(value) if isinstance(value, date) else value for name, value in values.items()}
        self._emit(conn, row, step.event, **told)
        return True

    def _entered(self, conn: Connection, values: Mapping[str, Any], **data: Any) -> None:
        first = edge(None, Status(values["status"]))
        assert first is not None
        self._emit(conn, values, first.event, **data)

    def _alarm_late(self, conn: Connection, row: RowMapping, now: int) -> None:
        records.change(conn, row["id"], now, late_at=now)
        self._emit(conn, row, "disclosure.late", submit_by_on=str(row["submit_by_on"]), status=row["status"])

    def _record(self, row: RowMapping, *, pending: bool = False) -> DisclosureRecord:
        blob = row["pending_sealed"] if pending else row["record_sealed"]
        return DisclosureRecord.model_validate_json(self._envelope.open(blob, _context(row["id"])))

    def _new_reference(self, row: RowMapping) -> str:
        return self._delivery.new_reference(row["target"])

    def _wake(self, targets: Any) -> None:
        for target in targets:
            self._delivery.wake(target)

    def _emit(self, conn: Connection, row: Any, type: str, **data: Any) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=row["id"],
            authority=row["authority"],
            data={"decision_number": row["decision_number"], "target": row["target"], **data},
        )


def _context(disclosure_id: str) -> str:
    return f"disclosure|record|{disclosure_id}"


def _identity(decision: Decision, target: str, now: int) -> dict[str, Any]:
    return {
        "id": new_id("dsc"),
        "authority": decision.authority,
        "decision_id": decision.id,
        "decision_number": decision.number,
        "decision_version": decision.version,
        "target": target,
        "created_at": now,
        "updated_at": now,
    }


def disclosures_of(conn: Connection, decision: Decision) -> Sequence[RowMapping]:
    """All disclosures of a decision, for its one view."""
    return records.of_decision(conn, decision.id)

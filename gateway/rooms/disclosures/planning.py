"""Whether, where and until when a decision is published: what a request makes of it at each target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.reckoning import Reckoning
from gateway.ports.credit import DisclosureRecord, SubmitRequest
from gateway.rooms.decisions import Decision, EventKind
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.deadlines import Deadline, submit_by
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.full_text import FullTexts
from gateway.rooms.disclosures.publication import Organ, Plan, Refusal, plan, record
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.rules import Rules, TargetProfile
from gateway.rooms.disclosures.states import SHOWN, UNPUBLISHED, Status
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import say


@dataclass(frozen=True)
class Intent:
    """What the rules say of one decision at one target, found before the transaction."""

    target: str
    profile: TargetProfile
    found: Plan | Refusal


class Planning:
    """Chooses targets, asks the rules, and enters what follows. ``profiles``: as ``Disclosures`` takes them."""

    def __init__(
        self,
        effects: Effects,
        channels: Channels,
        reckoning: Reckoning,
        rules: Rules,
        profiles: Mapping[str, TargetProfile],
        texts: FullTexts,
    ) -> None:
        self._effects = effects
        self._channels = channels
        self._reckoning = reckoning
        self._rules = rules
        self._profiles = dict(profiles)
        self._texts = texts

    def intents(
        self, decision: Decision, wanted: Sequence[str] | None, override_reason: str | None, today: date
    ) -> list[Intent]:
        """What is to be done at the authority's targets, or at those named. Raises ConflictProblem, InvalidProblem."""
        chosen = []
        for channel in self._targets(decision.authority, wanted):
            profile = self._profile(channel)
            calendar = self._reckoning.of(decision.authority).calendar
            found = plan(decision.facts, profile, self._rules, calendar, today=today, override_reason=override_reason)
            if isinstance(found, Plan):
                found = _without_code(decision, profile) or found
            if isinstance(found, Plan):
                require_complete(decision, channel.name, profile)
            chosen.append(Intent(channel.name, profile, found))
        return chosen

    def profile_of(self, target: str) -> TargetProfile:
        """What a target shows and how soon. Raises ConflictProblem where nothing says so."""
        return self._profile(self._channels.get(target))

    def deadline_of(self, disclosure: Disclosure) -> Deadline:
        """The last day to have it published, by the calendar as it is known now."""
        decided_on = disclosure.sent(self._effects.envelope).decided_on
        calendar = self._reckoning.of(disclosure.authority).calendar
        return submit_by(decided_on, self.profile_of(disclosure.target), calendar)

    def enter(
        self,
        conn: Connection,
        decision: Decision,
        organ: Organ,
        intent: Intent,
        override_reason: str | None,
        today: date,
        now: int,
    ) -> str:
        """The disclosure that answers a request at one target: the one that stands, or a new one. Returns its id."""
        before = records.latest(conn, decision.id, intent.target)
        if before is not None and (
            self._shows_already(conn, before, decision, organ, intent) or _stands(before, decision, intent.found)
        ):
            return before.id
        if isinstance(intent.found, Refusal):
            return self._refuse(conn, decision, intent.target, intent.found, now)
        text = self._texts.public(conn, decision)
        sent = record(decision, organ, intent.profile, intent.found.until, text)
        return self._plan(conn, decision, intent.target, sent, intent.found, override_reason, today, now)

    def _shows_already(
        self, conn: Connection, before: Disclosure, decision: Decision, organ: Organ, intent: Intent
    ) -> bool:
        """Whether the facts were amended in nothing that this target is told, such as who works the case."""
        until = before.publish_until_on
        if before.status not in (*UNPUBLISHED, *SHOWN) or until is None or isinstance(intent.found, Refusal):
            return False
        text = self._texts.public(conn, decision)
        return record(decision, organ, intent.profile, until, text) == before.sent(self._effects.envelope)

    def _targets(self, authority: str, wanted: Sequence[str] | None) -> list[Channel]:
        routed = self._channels.route(authority, "disclosures")
        if not routed:
            raise ConflictProblem(
                say("disclosures.no_channel", authority=authority),
                type="no-channel",
            )
        names = [channel.name for channel in routed]
        if wanted is not None and (unknown := [name for name in wanted if name not in names]):
            raise InvalidProblem(
                say("disclosures.no_target", authority=authority, unknown=unknown, names=names),
                field="targets",
            )
        return [channel for channel in routed if wanted is None or channel.name in wanted]

    def _profile(self, channel: Channel) -> TargetProfile:
        found = self._profiles.get(channel.name) or self._rules.targets.get(channel.info.name)
        if found is None:
            raise ConflictProblem(
                say("disclosures.no_profile", channel=channel.name, targets=self._rules.targets),
                type="no-target-profile",
            )
        return found

    def _refuse(self, conn: Connection, decision: Decision, target: str, found: Refusal, now: int) -> str:
        new = Disclosure(
            id=new_id("dsc"),
            authority=decision.authority,
            decision_id=decision.id,
            decision_number=decision.number,
            decision_version=decision.version,
            target=target,
            status=Status.NOT_PUBLISHABLE,
            citation=found.citation,
            reason=found.reason,
            created_at=now,
            updated_at=now,
        )
        records.add(conn, new)
        self._effects.life.begin(conn, new, reason=found.reason, citation=found.citation, overridable=found.overridable)
        return new.id

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
        disclosure_id = new_id("dsc")
        new = Disclosure(
            id=disclosure_id,
            authority=decision.authority,
            decision_id=decision.id,
            decision_number=decision.number,
            decision_version=decision.version,
            target=target,
            status=Status.PLANNED,
            record_sealed=records.seal_record(self._effects.envelope, disclosure_id, sent),
            citation=found.citation,
            override_reason=override_reason,
            submit_by_on=found.by.on,
            submit_by_provisional=found.by.provisional,
            submit_citation=found.by.citation,
            publish_until_on=found.until,
            repair_from_on=found.repair_from,
            created_at=now,
            updated_at=now,
        )
        records.add(conn, new)
        self._effects.life.begin(conn, new, submit_by_on=str(found.by.on), provisional=found.by.provisional)
        if found.by.on < today:
            self._effects.alarm_late(conn, new, now)
        ask = SubmitRequest(reference=self._effects.new_reference(new), record=sent)
        self._effects.send(conn, new, "submit", ask, now)
        return new.id


def _without_code(decision: Decision, profile: TargetProfile) -> Refusal | None:
    """A refusal for a party that has no unified code at all, where that is all that the target lacks."""
    reason = decision.facts.party.no_uscc_reason
    if not reason or profile.unmet(decision.facts).keys() != {"party.uscc"}:
        return None
    words = f"本渠道须有统一社会信用代码（party.uscc），当事人没有：{reason}"
    return Refusal(words, profile.period_citation or profile.submit_citation)


def require_complete(decision: Decision, target: str, profile: TargetProfile) -> None:
    """That the target gets all that it asks for. Raises InvalidProblem naming what is wanting, by its API name."""
    unmet = profile.unmet(decision.facts)
    if not unmet:
        return
    raise InvalidProblem(
        say("disclosures.unmet", target=target, unmet=unmet.values()),
        type="disclosure-incomplete",
        field=next(iter(unmet)),
        errors=[{"field": name, "in": "decision", "reason": words} for name, words in unmet.items()],
    )


def _stands(before: Disclosure, decision: Decision, found: Plan | Refusal) -> bool:
    """Whether a request finds its answer in the disclosure that is already there. Raises ConflictProblem."""
    same_facts = before.decision_version == decision.version
    if before.status is Status.NOT_PUBLISHABLE:
        return same_facts and isinstance(found, Refusal) and found.reason == before.reason
    if before.status is Status.WITHDRAWN:
        if same_facts and any(event.kind is EventKind.CHANGED for event in decision.events):
            raise ConflictProblem(
                say("disclosures.not_amended"),
                type="decision-not-amended",
            )
        return False
    if before.status is Status.REJECTED:
        return False
    if not same_facts and before.status in (*UNPUBLISHED, *SHOWN):
        raise ConflictProblem(
            say("disclosures.outdated", target=before.target),
            type="disclosure-outdated",
            disclosure=before.id,
            location=f"/v1/disclosures/{before.id}",
        )
    return True

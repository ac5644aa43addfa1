"""Whether, where and until when a decision is published: what a request makes of it at each target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import cast, get_args

from sqlalchemy import Connection

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.reckoning import Reckoning
from gateway.ports.credit import DisclosureRecord
from gateway.rooms.decisions import Decision, EventKind
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.full_text import FullTexts
from gateway.rooms.disclosures.judging import Bench, Judgement, Plan, Reading, Refusal, Wanting
from gateway.rooms.disclosures.publication import Organ, record
from gateway.rooms.disclosures.questions import EffectWord
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.rules import Ground, RepairTerm, Rules, TargetProfile, Unrepairable
from gateway.rooms.disclosures.states import SHOWN, UNPUBLISHED, Status
from gateway.rooms.disclosures.validation import Objection, objections
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import Both, Sentence, say


@dataclass(frozen=True)
class Told:
    """What a request says beside the decision itself.

    ``override_reason`` publishes what is only in principle not shown. ``bases``: upon what the publication relies, by
    target, and under "" at every other. ``draft``: nothing leaves before it is released.
    """

    override_reason: str | None = None
    bases: Mapping[str, Relied] = field(default_factory=dict)
    draft: bool = False


NOTHING_MORE = Told()


@dataclass(frozen=True)
class Relied:
    """The basis of a publication 公示依据, and where it stands. ``confirm``: of a row that is still to be confirmed."""

    ground: Ground
    citation: str
    confirm: Both | None = None


_BASIS = re.compile(r"(?P<ground>[a-z_]+)(?:@(?P<target>[^:：]{1,60}))?[:：](?P<citation>.{1,300})")


def relied_on(told: Sequence[str]) -> dict[str, Relied]:
    """Bases in one line each, ``GROUND:CITATION`` or ``GROUND@TARGET:CITATION``, by target. Raises InvalidProblem."""
    found: dict[str, Relied] = {}
    for one in told:
        match = _BASIS.fullmatch(one)
        if match is None or match["ground"] not in get_args(Ground):
            raise InvalidProblem(say("disclosures.basis_form", told=one), field="basis")
        found[match["target"] or ""] = Relied(cast("Ground", match["ground"]), match["citation"].strip())
    return found


@dataclass(frozen=True)
class Intent:
    """What the rules say of one decision at one target, found before anything is written; ``sent``: as it would go."""

    target: str
    profile: TargetProfile
    found: Judgement
    basis: Relied | None
    sent: DisclosureRecord | None = None


class Planning:
    """Chooses targets, asks the rules, and enters what follows. ``reading``: as for ``Publishing``."""

    def __init__(
        self,
        effects: Effects,
        channels: Channels,
        reckoning: Reckoning,
        rules: Rules,
        texts: FullTexts,
        reading: Reading,
    ) -> None:
        self._effects = effects
        self._channels = channels
        self._reckoning = reckoning
        self._rules = rules
        self._texts = texts
        self._reading = reading

    def intents(
        self, conn: Connection, decision: Decision, organ: Organ, wanted: Sequence[str] | None, told: Told, today: date
    ) -> list[Intent]:
        """What is to be done at the authority's targets, or at those named.

        Whatever one of them would refuse is told of all together, and then nothing is entered anywhere: what one target
        refuses must not be public at another before anybody knows. Raises ConflictProblem, InvalidProblem.
        """
        found = self.judged(conn, decision, organ, wanted, told, today)
        require_complete({one.target: one.found for one in found if isinstance(one.found, Wanting)})
        return found

    def judged(
        self, conn: Connection, decision: Decision, organ: Organ, wanted: Sequence[str] | None, told: Told, today: date
    ) -> list[Intent]:
        """The same without refusing what is incomplete: each target's ``found`` says so."""
        bench, text = self.bench(decision.authority, today), self._texts.public(conn, decision)
        chosen = []
        for channel in self._targets(decision.authority, wanted):
            profile, case = self._profile(channel), self.case(decision, organ, channel)
            found = bench.judge(case, profile, override_reason=told.override_reason)
            basis = self._basis(case, told)
            sent = None
            if not isinstance(found, Refusal):
                until = found.until if isinstance(found, Plan) else decision.facts.decided_on  # a day that fits
                sent = record(decision, organ, profile, until, text)
                found = _complete(decision, found, objections(channel, sent), basis)
            chosen.append(Intent(channel.name, profile, found, basis, sent if isinstance(found, Plan) else None))
        return chosen

    def bench(self, authority: str, today: date) -> Bench:
        """By what an authority's decisions are judged today."""
        return Bench(self._rules, self._reckoning.of(authority).calendar, today, self._reading.older)

    def case(self, decision: Decision, organ: Organ, channel: Channel) -> Case:
        """A decision at a target, as the rules look at it."""
        return Case(decision.facts, organ.code, channel.name, channel.info.name)

    def again(self, decision: Decision, organ: Organ, disclosure: Disclosure, today: date) -> Judgement:
        """What the rules say today of what is planned or shown already.

        One that turns out to be minor is refused like any other, unless it is public and only its period is to shrink.

        Raises KeyError, ConflictProblem where the target is known no more.
        """
        channel = self._channels.get(disclosure.target)
        bench, case = self.bench(decision.authority, today), self.case(decision, organ, channel)
        reason, shown = disclosure.override_reason, disclosure.published_on
        found = bench.judge(case, self._profile(channel), override_reason=reason, published_on=shown)
        if isinstance(found, Refusal) and found.kind == "minor" and shown and self._reading.minor == "shorten":
            return bench.judge(case, self._profile(channel), override_reason="已予公示", published_on=shown)
        return found

    def require_complete_at(
        self, conn: Connection, decision: Decision, organ: Organ, disclosure: Disclosure, today: date
    ) -> None:
        """That a target gets all that it asks for with a correction. Raises InvalidProblem."""
        assert disclosure.basis_ground is not None, "what is shown has a basis"
        relied = Relied(disclosure.basis_ground, disclosure.basis_citation or "")
        told = Told(disclosure.override_reason, {"": relied})
        judged = self.judged(conn, decision, organ, (disclosure.target,), told, today)
        require_complete({one.target: one.found for one in judged if isinstance(one.found, Wanting)})

    @staticmethod
    def organ(conn: Connection, authority: str, today: date) -> Organ:
        """Who publishes for an authority. Raises ConflictProblem."""
        found = records.organ_of(conn, authority, today)
        if found is None:
            raise ConflictProblem(
                say("disclosures.no_organ", authority=authority, today=today), type="no-disclosing-organ"
            )
        return found

    def sector(
        self, conn: Connection, decision: Decision, disclosure: Disclosure, today: date
    ) -> tuple[bool, str] | None:
        """``at_maximum`` by the organ of the day; None where there is none."""
        organ = records.organ_of(conn, decision.authority, today)
        return None if organ is None else self.at_maximum(decision, organ, disclosure, today)

    def at_maximum(
        self, decision: Decision, organ: Organ, disclosure: Disclosure, today: date
    ) -> tuple[bool, str] | None:
        """What is said of duties that are not performed at the maximum: whether it ends, and where that stands.

        None where the order leaves it to the rules of the sector, and there is no row of theirs.
        """
        channel = self._channels.get(disclosure.target)
        case, profile = self.case(decision, organ, channel), self._profile(channel)
        row = self._rules.unperformed_at(case, today)
        if row is not None:
            return row.at_maximum == "ends", row.citation
        regimes = self.bench(decision.authority, today).regimes(case, profile, disclosure.published_on)
        if regimes and all(one.at_maximum == "ends" for one in regimes):
            return True, regimes[0].citation
        return None

    def of_repair(
        self, decision: Decision, organ: Organ, target: str, today: date
    ) -> tuple[RepairTerm, Unrepairable | None]:
        """By which rows a publication is repaired, and by which it is not. Raises KeyError: no such target any more."""
        channel = self._channels.get(target)
        case = self.case(decision, organ, channel)
        term = self._rules.repair_term(channel.name, channel.info.name, today)
        return term, self._rules.unrepairable_at(case, today)

    def profile_of(self, target: str) -> TargetProfile:
        """What a target shows. Raises ConflictProblem where nothing says so."""
        return self._profile(self._channels.get(target))

    def digest(self, today: date) -> str:
        """What holds today, in a word: what was judged under another one is judged again."""
        return self._rules.digest(today, self._reading.older, self._reading.minor)

    def enter(
        self,
        conn: Connection,
        decision: Decision,
        organ: Organ,
        intent: Intent,
        told: Told,
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
        assert isinstance(intent.found, Plan), "what is incomplete was refused before"
        assert intent.sent is not None, "what is planned has a record"
        return self._plan(conn, decision, intent, intent.sent, told, today, now)

    def _basis(self, case: Case, told: Told) -> Relied | None:
        known = told.bases.get(case.target) or told.bases.get("")
        row = None if known else self._rules.basis(case)
        if row is None or (row.confirm and self._reading.confirmed_only):
            return known
        return Relied(row.ground, row.citation, row.confirm)

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
        targets = self._rules.targets
        found = targets.get(channel.name) or targets.get(channel.info.name)
        if found is None:
            raise ConflictProblem(
                say("disclosures.no_profile", channel=channel.name, targets=targets),
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
        intent: Intent,
        sent: DisclosureRecord,
        told: Told,
        today: date,
        now: int,
    ) -> str:
        disclosure_id, found, basis = new_id("dsc"), intent.found, intent.basis
        assert isinstance(found, Plan), "only what was judged to be published is planned"
        assert basis is not None, "what has no basis was refused before"
        new = Disclosure(
            id=disclosure_id,
            authority=decision.authority,
            decision_id=decision.id,
            decision_number=decision.number,
            decision_version=decision.version,
            target=intent.target,
            status=Status.DRAFT if told.draft else Status.PLANNED,
            record_sealed=records.seal_record(self._effects.envelope, disclosure_id, sent),
            citation=found.citation,
            override_reason=told.override_reason,
            basis_ground=basis.ground,
            basis_citation=basis.citation,
            judged_under=self.digest(today),
            submit_by_on=found.by.on,
            submit_by_provisional=found.by.provisional,
            submit_citation=found.by.citation,
            pass_on_by_on=found.by.pass_on,
            publish_until_on=found.until,
            repair_from_on=found.repair_from,
            created_at=now,
            updated_at=now,
        )
        records.add(conn, new)
        days = {"submit_by_on": str(found.by.on), "provisional": found.by.provisional}
        self._effects.life.begin(conn, new, **days, basis=basis.ground, basis_citation=basis.citation)
        if found.by.on < today:
            self._effects.alarm_late(conn, new, now)
        if not told.draft:
            self._effects.submit(conn, new, now)
        return new.id


def _complete(
    decision: Decision, found: Plan | Wanting, refused: tuple[Objection, ...], basis: Relied | None
) -> Judgement:
    """What else is wanting: what the target's table asks for, and the basis of publication."""
    reason = decision.facts.party.no_uscc_reason
    unmet = {one.field: one.reason for one in refused}
    if isinstance(found, Plan) and reason and unmet.keys() == {"party.uscc"}:
        words = f"本渠道须有统一社会信用代码（party.uscc），当事人没有：{reason}"
        return Refusal(words, found.citation)
    if isinstance(found, Wanting):
        unmet |= found.fields
    if basis is None:
        unmet["bases"] = say("disclosures.basis_wanted")
    return Wanting(unmet, found.citation, found.by, refused) if unmet else found


def require_complete(wanting: Mapping[str, Wanting]) -> None:
    """That every target gets all that it asks for. Raises InvalidProblem naming all that is wanting, by its API name.

    ``wanting``: by target. Each fault says at which target it is, and by which rule.
    """
    if not wanting:
        return
    faults: list[dict[str, str | Sentence]] = [
        {
            "field": name,
            "in": "decision",
            "reason": words,
            "target": target,
            "rule": one.citation,
            **next((objection.told() for objection in one.objections if objection.field == name), {}),
        }
        for target, one in wanting.items()
        for name, words in one.fields.items()
    ]
    said = [say("disclosures.unmet_at", target=target, unmet=[*one.fields.values()]) for target, one in wanting.items()]
    raise InvalidProblem(
        say("disclosures.unmet", targets=said),
        type="disclosure-incomplete",
        field=str(faults[0]["field"]),
        errors=faults,
    )


def _stands(before: Disclosure, decision: Decision, found: Judgement) -> bool:
    """Whether a request finds its answer in the disclosure that is already there. Raises ConflictProblem."""
    same_facts = before.decision_version == decision.version
    if before.status is Status.NOT_PUBLISHABLE:
        return same_facts and isinstance(found, Refusal) and found.reason == before.reason
    if before.status is Status.WITHDRAWN:
        if before.effect is not None:  # it is being taken off again: that would hit what is published anew
            raise ConflictProblem(say("disclosures.busy", effect=EffectWord(before.effect)), type="disclosure-busy")
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

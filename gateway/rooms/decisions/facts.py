"""What a case system tells us about a decision, and what may happen to it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.foundation.evidence.redaction import MASK, redact_text
from gateway.rooms.decisions.party import Name, Party, Warned
from gateway.words.days import Day
from gateway.words.identifiers import clean_text
from gateway.words.in_texts import mask_places
from gateway.words.law import FieldOfLaw
from gateway.words.masking import mask_person
from gateway.words.money import Yuan
from gateway.words.penalty_kinds import FINE, check_kind, is_confiscation, split_kinds
from gateway.words.saying import FieldName, UnfitError, say
from gateway.words.text import Ask

LongText = Annotated[
    str, Field(min_length=1, max_length=20_000), AfterValidator(lambda text: clean_text(text, multiline=True))
]


Kind = Annotated[Name, AfterValidator(check_kind)]
_ADULT = 18  # 民法典 art. 17
_ANSWERABLE = 14  # 行政处罚法 art. 30: under that age nobody is punished
_LONGEST_AGO = 5  # years after which no act is punished any more: 行政处罚法 art. 36


class Officer(Ask):
    """An officer 执法人员 who works the case. ``number``: of the certificate 执法证号. Personal data."""

    name: Name
    number: Annotated[str, Field(min_length=3, max_length=40), AfterValidator(clean_text)]


class DecisionFacts(Ask):
    """The facts of one penalty decision 行政处罚决定书.

    Amounts are decimal yuan on the wire. ``surcharge_stated``: whether the document itself states the surcharge
    加处罚款 (国务院令235号 art. 7); without it none is ever computed. ``payment_days``: how many days from receipt the
    document gives; null: as many as the law (行政处罚法 art. 67). ``seriousness`` 失信程度 is classified by the
    authority, never by us, by a standard of its sector: ``seriousness_standard``, and the day from which that holds.
    ``violation_on``: the day of the act, or the last one. ``party_is_minor`` need not be said
    where a document's number tells the birthday; it must not contradict it. ``penalty_kinds``: a kind an element;
    elements that join several are split. ``valid_until`` 处罚有效期, ``case_name`` 案件名称 and ``remark`` 备注 are for
    targets that ask for them. ``officers`` 执法人员 are told what happens to their case; they are in no event and
    nothing that is published.
    """

    procedure: Literal["simple", "ordinary"]
    party: Party
    violation: LongText
    facts: LongText
    basis: LongText
    penalty_kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=20), BeforeValidator(split_kinds)]
    content: LongText
    fine: Yuan | None = None
    confiscated: Yuan | None = None
    licence: Name | None = None
    decided_on: Day
    violation_on: Day | None = None
    valid_until: Day | None = None
    surcharge_stated: bool = False
    payment_days: Annotated[int, Field(ge=1, le=365)] | None = None
    seriousness: Literal["minor", "general", "serious"] | None = None
    seriousness_standard: Name | None = None
    seriousness_standard_on: Day | None = None
    field_of_law: FieldOfLaw = "other"
    withheld: Literal["state_secret", "forbidden_by_law", "security", "privacy"] | None = None
    party_is_minor: bool | None = None
    full_text: LongText | None = None
    case_name: Name | None = None
    remark: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(clean_text)] | None = None
    officers: Annotated[tuple[Officer, ...], Field(max_length=20)] = ()

    def masked(self) -> Self:
        """The same with numbers, plates and home addresses masked in texts; those of the party are by themselves."""
        known = {name: text for name in _LONG_TEXTS if (text := getattr(self, name)) is not None}
        return self.model_copy(update={name: mask_places(redact_text(text), MASK) for name, text in known.items()})

    def for_official_use(self) -> Self:
        """The same, with the party in full where it is written as JSON."""
        return self.model_copy(update={"party": self.party.for_official_use()})

    def left_masked(self, known: DecisionFacts | None) -> str | None:
        """A field that holds what somebody was shown masked, where these facts are to take the place of ``known``.

        A number or an address with an asterisk is none; a text may have had its asterisks before.
        """
        for name, value in self.party.personal():
            if value.is_masked:
                return f"party.{name}"
        return None if known is None else _masked_text(self, known, _LONG_TEXTS)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fine is not None and self.fine == 0:
            raise UnfitError(say("decisions.fine_zero"))
        if self.confiscated is not None and self.confiscated == 0:
            raise UnfitError(say("decisions.confiscated_zero"))
        if self.fine is not None and FINE not in self.penalty_kinds:
            raise UnfitError(say("decisions.fine_not_named"))
        if self.confiscated is not None and not any(map(is_confiscation, self.penalty_kinds)):
            raise UnfitError(say("decisions.confiscation_not_named"))
        if self.surcharge_stated and self.fine is None:
            raise UnfitError(say("decisions.surcharge_without_fine"))
        if self.valid_until is not None and self.valid_until < self.decided_on:
            raise UnfitError(say("decisions.valid_until_before"))
        if len({one.number for one in self.officers}) < len(self.officers):
            raise UnfitError(say("decisions.officer_twice"))
        if self.violation_on is not None and self.violation_on > self.decided_on:
            raise UnfitError(say("decisions.violation_after"))
        if self.seriousness is None and (self.seriousness_standard or self.seriousness_standard_on):
            raise UnfitError(say("decisions.standard_without_class"))
        self._of_age()
        return self

    def _of_age(self) -> None:
        """What the party's document says of its age must be possible, and must not be contradicted. ValueError."""
        born_on, acted_on = self.party.born_on, self.violation_on or self.decided_on
        if born_on is None:
            return
        if born_on > acted_on:
            act = "violation_on" if self.violation_on else "decided_on"
            raise UnfitError(say("decisions.born_after_act", act=FieldName(act)))
        if age_on(born_on, acted_on) < _ANSWERABLE:
            raise UnfitError(say("decisions.under_fourteen"))
        if self.party_is_minor is False and age_on(born_on, acted_on) < _ADULT:
            raise UnfitError(say("decisions.was_a_minor"))
        grown = _ADULT if self.violation_on else _ADULT + _LONGEST_AGO
        if self.party_is_minor and age_on(born_on, acted_on) >= grown:
            raise UnfitError(say("decisions.was_of_age"))

    @property
    def minor(self) -> bool:
        """Whether the party was a minor 未成年人 on the day of the act: as said, or as its document tells.

        Where the day of the act is not told, that of the decision stands for it.
        """
        born_on = self.party.born_on
        if self.party_is_minor is not None or born_on is None:
            return bool(self.party_is_minor)
        return age_on(born_on, self.violation_on or self.decided_on) < _ADULT

    def warnings(self) -> tuple[Warned, ...]:
        """What is unusual about these facts and taken nevertheless."""
        found = self.party.warnings()
        born_on = self.party.born_on
        if born_on is None or self.party_is_minor is not None:
            return found
        if self.minor:
            return (*found, Warned("party_is_minor", say("decisions.warn_minor")))
        if self.violation_on is None and age_on(born_on, self.decided_on) < _ADULT + _LONGEST_AGO:
            return (*found, Warned("violation_on", say("decisions.warn_violation_on")))
        return found


def age_on(born_on: date, day: date) -> int:
    """Full years of age on a day. A year is full from the day after the birthday, as 法释〔2006〕1号 art. 2 counts."""
    return day.year - born_on.year - ((day.month, day.day) <= (born_on.month, born_on.day))


class EventKind(StrEnum):
    """What can happen to a decision."""

    SERVED = "served"
    APPEALED = "appealed"
    APPEAL_ENDED = "appeal_ended"
    DEFERRAL_APPLIED = "deferral_applied"
    DEFERRED = "deferred"
    URGED = "urged"
    CHANGED = "changed"
    REVOKED = "revoked"


class AppealKind(StrEnum):
    """What an appeal is: 行政复议, or 行政诉讼."""

    RECONSIDERATION = "reconsideration"
    SUIT = "suit"


class DecisionEvent(Ask):
    """One event, and the day on which it happened.

    served 送达: ``method`` (直接 留置 委托 邮寄 电子 公告) and ``evidence``; ``on`` is the day of receipt, for a
    publication the day on which it was published. Post that came back counts on ``on`` only because it is said so:
    ``undelivered``, with evidence. ``shown_by``: what an electronic service's day rests upon.
    deferral_applied: an application, which moves nothing; ``until`` is what is asked for. deferred 延期: approved on
    ``on``, applied for on ``applied_on``; ``until``, the new last day to pay (行政处罚法 art. 66).
    appealed / appeal_ended: 复议 or 诉讼 (``appeal_kind``), between which no surcharge runs (art. 73). ``appeal`` is
    the appeal's id: the caller's own, or made here; its end names it. ``party``: who appealed, if not the party.
    urged 催告: ``on`` is the day on which the reminder was served (行政强制法 arts 35, 54).
    changed / revoked: ``reason``; both make publications be withdrawn (art. 48).
    """

    kind: EventKind
    on: Day
    method: Literal["direct", "left", "entrusted", "post", "electronic", "publication"] | None = None
    evidence: Annotated[str, Field(max_length=500), AfterValidator(clean_text)] | None = None
    undelivered: Literal["refused", "returned"] | None = None
    shown_by: Literal["arrival", "sent"] | None = None
    appeal: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(clean_text)] | None = None
    appeal_kind: AppealKind | None = None
    party: Name | None = None
    applied_on: Day | None = None
    until: Day | None = None
    reason: Annotated[str, Field(max_length=2000), AfterValidator(clean_text)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind is EventKind.SERVED and self.method is None:
            raise UnfitError(say("decisions.method_missing"))
        if self.kind is EventKind.DEFERRED and self.until is None:
            raise UnfitError(say("decisions.until_missing"))
        if self.kind in (EventKind.CHANGED, EventKind.REVOKED) and not self.reason:
            raise UnfitError(say("decisions.reason_missing", kind=self.kind))
        if self.kind is EventKind.APPEALED and self.appeal_kind is None:
            raise UnfitError(say("decisions.appeal_kind_missing"))
        if self.kind is EventKind.APPEAL_ENDED and self.appeal is None:
            raise UnfitError(say("decisions.appeal_missing"))
        if self.undelivered is not None and self.evidence is None:
            raise UnfitError(say("decisions.undelivered_evidence"))
        if self.applied_on is not None and self.applied_on > self.on:
            raise UnfitError(say("decisions.applied_after", applied_on=self.applied_on, on=self.on))
        for name in sorted(self.model_fields_set - {"kind", "on"}):
            if getattr(self, name) is not None and not self._belongs(name):
                raise UnfitError(say("decisions.not_of_event", field=FieldName(name), kind=self.kind))
        return self

    def masked(self) -> Self:
        """The same with the name of who appealed masked, and numbers, plates and home addresses in texts."""
        texts = {name: text for name in _TEXTS if (text := getattr(self, name)) is not None}
        known = {name: mask_places(redact_text(text), MASK) for name, text in texts.items()}
        party = None if self.party is None else mask_person(self.party)
        return self.model_copy(update={**known, "party": party})

    def unmasked_by(self, known: Self) -> Self:
        """The same where a field that comes back as it was shown masked is that of the event which is ``known``."""
        shown, names = known.masked(), ("party", *_TEXTS)
        back = {name: getattr(known, name) for name in names if getattr(self, name) == getattr(shown, name)}
        return self.model_copy(update=back)

    def left_masked(self, known: DecisionEvent | None) -> str | None:
        """A field that holds what somebody was shown masked, where this event is to take the place of ``known``."""
        if "*" in (self.party or ""):
            return "party"
        return None if known is None else _masked_text(self, known, _TEXTS)

    def _belongs(self, name: str) -> bool:
        """Whether a field says anything about an event like this one."""
        methods = {"undelivered": "post", "shown_by": "electronic"}
        if name in methods:
            return self.kind is EventKind.SERVED and self.method == methods[name]
        return self.kind in _FIELDS.get(name, EventKind)

    def data(self) -> dict[str, Any]:
        """Everything but kind, day and the name of who appealed, as JSON values."""
        return self.model_dump(mode="json", exclude={"kind", "on", "party"}, exclude_none=True)


def _masked_text(new: Ask, known: Ask, names: Sequence[str]) -> str | None:
    """The first of these texts that has a mask in it which the known one does not have."""
    texts = ((name, getattr(new, name) or "", getattr(known, name) or "") for name in names)
    return next((name for name, text, before in texts if MASK in text and MASK not in before), None)


_LONG_TEXTS = ("violation", "facts", "basis", "content", "full_text", "case_name", "remark")
_TEXTS = ("evidence", "reason")

_FIELDS = {
    "method": (EventKind.SERVED,),
    "appeal": (EventKind.APPEALED, EventKind.APPEAL_ENDED),
    "appeal_kind": (EventKind.APPEALED,),
    "party": (EventKind.APPEALED,),
    "applied_on": (EventKind.DEFERRED,),
    "until": (EventKind.DEFERRED, EventKind.DEFERRAL_APPLIED),
}
"""Of which events a field says something; one that is not here, of any."""

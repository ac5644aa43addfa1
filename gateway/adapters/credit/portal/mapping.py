"""Between our words and those of a disclosure portal: pure functions. Source: contracts/portal/v1/openapi.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

import contracts
from gateway.foundation.wire.envelope import Head, Results
from gateway.foundation.wire.told import Told
from gateway.ports.credit import DisclosureKey, DisclosureRecord, FieldError, Shown, Submission, SubmissionState
from gateway.words.errors import ContractError
from gateway.words.spelling import number_key, same_name

RESULTS = Results(contracts.code_table("portal", "v1", "results"))
STATES = {"pending": SubmissionState.PENDING, "ok": SubmissionState.ACCEPTED, "rejected": SubmissionState.REJECTED}


def summary(record: DisclosureRecord) -> dict[str, Any]:
    """What the public reads first: number, party, kind of violation, content, organ, date. No ID numbers at all."""
    party = record.party
    words = {
        "decisionNumber": record.decision_number,
        "partyName": party.name,
        "partyCategory": party.category,
        "partyCode": None if party.category == "natural_person" else party.uscc,
        "violation": record.violation,
        "penaltyKinds": list(record.penalty_kinds),
        "content": record.content,
        "authorityName": record.authority_name,
        "authorityCode": record.authority_code,
        "decidedOn": record.decided_on.isoformat(),
        "publishUntil": record.publish_until.isoformat(),
    }
    return {name: value for name, value in words.items() if value}


def publication(reference: str, record: DisclosureRecord) -> dict[str, Any]:
    """Summary and, where there is one, full text under our reference."""
    text = {"fullText": record.full_text} if record.full_text else {}
    return {"reference": reference, "summary": summary(record), **text}


def key(of: DisclosureKey) -> dict[str, str]:
    """The key of a published decision in the portal's words."""
    return {"decisionNumber": of.decision_number, "authorityCode": of.authority_code, "partyName": of.party_name}


# --- answers -------------------------------------------------------------------------------------------------------


class WireFieldError(Told):
    """One refused field, in the portal's words."""

    field: str
    code: str = ""
    message: str = ""


class Problem(Head):
    """A refusal, with the fields that it refuses."""

    fieldErrors: tuple[WireFieldError, ...] = ()


class WireSubmission(Told):
    """What the portal knows under one reference."""

    unread: ClassVar[frozenset[str]] = frozenset({"kind", "receivedAt"})

    reference: str
    state: str
    receipt: str
    reason: str | None = None


class SubmissionAnswer(Head):
    """The answer to an effect, or to a query by reference."""

    submission: WireSubmission


class WireKey(Told):
    """The key of an entry."""

    decisionNumber: str
    authorityCode: str
    partyName: str


class WireSummary(Told):
    """What is compared of a summary."""

    unread: ClassVar[frozenset[str]] = frozenset(
        {"decisionNumber", "partyName", "partyCategory", "partyCode", "violation", "penaltyKinds"}
        | {"authorityName", "authorityCode", "decidedOn", "publishUntil"}
    )

    content: str = Field(min_length=1)


class WireShown(Told):
    """One entry as the public sees it."""

    unread: ClassVar[frozenset[str]] = frozenset({"fullText", "explanation"})

    state: Literal["PUBLISHED", "WITHDRAWN", "REPAIRED", "ENDED"]
    key: WireKey
    summary: WireSummary | None = None
    publishedOn: str | None = None
    url: str


class ShownAnswer(Head):
    """What the public sees under one decision number."""

    records: tuple[WireShown, ...]


class ReadyAnswer(Head):
    """The portal is there and takes our signature."""

    unread: ClassVar[frozenset[str]] = frozenset({"now"})


def submission(answer: WireSubmission, effects: Mapping[str, str]) -> Submission:
    """The portal's word on an effect. ContractError for a state that codes/states.csv does not know."""
    effect = effects.get(answer.state, "")
    if effect not in STATES:
        raise ContractError(f"the portal answered with an unknown state {answer.state!r}")
    refused = effect == "rejected"
    errors = (FieldError(field="", code=answer.state, message=answer.reason or "审核不通过"),) if refused else ()
    return Submission(reference=answer.reference, state=STATES[effect], receipt=answer.receipt, field_errors=errors)


def refused(reference: str, problem: Problem) -> Submission:
    """A publication whose fields the portal refused: nothing happened, and it says which."""
    errors = tuple(FieldError(field=one.field, code=one.code, message=one.message) for one in problem.fieldErrors)
    return Submission(reference=reference, state=SubmissionState.REJECTED, receipt="", field_errors=errors)


def shown(records: Sequence[WireShown], of: DisclosureKey) -> Shown | None:
    """The entry of this party among those shown under a decision number."""
    for record in records:
        told = record.key
        same = told.authorityCode == of.authority_code and same_name(told.partyName, of.party_name)
        if same and number_key(told.decisionNumber) == number_key(of.decision_number):
            return Shown.model_validate(
                {
                    "key": of,
                    "state": record.state.lower(),
                    "content": record.summary.content if record.summary else None,
                    "published_on": record.publishedOn,
                    "url": record.url,
                }
            )
    return None

"""Between our words and the penalty table of Credit China: pure functions of their arguments.

Source: 发改办财金〔2018〕424号 (field names), contracts/credit/v1/openapi.json. The table itself: ``penalty_table``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

import contracts
from gateway.adapters.credit.marking import Marks, seen
from gateway.adapters.credit.penalty_table import same_name
from gateway.foundation.wire.envelope import Head, Results
from gateway.foundation.wire.told import Told
from gateway.ports.credit import (
    DisclosureKey,
    FieldError,
    Shown,
    Submission,
    SubmissionState,
)
from gateway.words.days import told_day
from gateway.words.errors import ContractError
from gateway.words.spelling import number_key

RESULTS = Results(contracts.code_table("credit", "v1", "results"))


def key(of: DisclosureKey) -> dict[str, str]:
    """The key of a published decision in the words of the table."""
    return {"CF_WSH": of.decision_number, "CF_CFJGDM": of.authority_code, "CF_XDR_MC": of.party_name.for_official_use()}


# --- answers -------------------------------------------------------------------------------------------------------


class Token(Head):
    """A bearer token; ``expiresIn`` in seconds."""

    accessToken: str = Field(min_length=1)
    expiresIn: int = Field(gt=0)


class Receipt(Head):
    """The platform took something in."""

    unread: ClassVar[frozenset[str]] = frozenset({"receivedAt", "count"})

    receiptNo: str = Field(min_length=1)


class WireFieldError(Told):
    """One refused field, in the platform's words."""

    field: str
    code: str = ""
    message: str = ""


class WireSubmission(Told):
    """What the platform knows under one source id."""

    unread: ClassVar[frozenset[str]] = frozenset({"kind", "receivedAt", "decidedAt"})

    sourceId: str
    state: str
    receiptNo: str
    reason: str | None = None
    fieldErrors: tuple[WireFieldError, ...] = ()


class SubmissionAnswer(Head):
    """The answer to a query by source id."""

    submission: WireSubmission


class WireShown(Told):
    """One entry as the public sees it."""

    unread: ClassVar[frozenset[str]] = frozenset({"CF_CFLB", "explanation"})

    state: Literal["PUBLISHED", "WITHDRAWN", "REPAIRED", "ENDED", "SHIELDED"]
    CF_WSH: str
    CF_CFJGDM: str
    CF_XDR_MC: str
    CF_NR: str | None = None
    CF_XDR_SHXYM: str | None = None
    CF_WFXW: str | None = None
    CF_JDRQ: str | None = None
    CF_GSJZQ: str | None = None
    CF_CFJG: str | None = None
    publishedOn: str | None = None
    marks: tuple[str, ...] = ()
    url: str


class ShownAnswer(Head):
    """What the public sees under one decision number."""

    records: tuple[WireShown, ...]


STATES = {"pending": SubmissionState.PENDING, "ok": SubmissionState.ACCEPTED, "rejected": SubmissionState.REJECTED}


def submission(answer: WireSubmission, effects: Mapping[str, str]) -> Submission:
    """The platform's word on a submission. ``effects``: state to effect, from codes/verdicts.csv.

    ContractError for a state that the contract does not know: it is not final, and never success.
    """
    effect = effects.get(answer.state, "")
    if effect not in STATES:
        raise ContractError(f"the platform answered with an unknown state {answer.state!r}")
    errors = tuple(FieldError(field=one.field, code=one.code, message=one.message) for one in answer.fieldErrors)
    if answer.reason and effect == "rejected" and not errors:
        errors = (FieldError(field="", code=answer.state, message=answer.reason),)
    return Submission(reference=answer.sourceId, state=STATES[effect], receipt=answer.receiptNo, field_errors=errors)


def shown(records: Sequence[WireShown], of: DisclosureKey, marks: Marks = "told") -> Shown | None:
    """The entry of this party among those shown under a decision number."""
    for record in records:
        same = number_key(of.decision_number) == number_key(record.CF_WSH) and of.authority_code == record.CF_CFJGDM
        if same and same_name(record.CF_XDR_MC, of.party_name.for_official_use()):
            return Shown.model_validate(
                {
                    "key": of,
                    "state": record.state.lower(),
                    "content": record.CF_NR,
                    "published_on": record.publishedOn,
                    "url": record.url,
                    "party_code": record.CF_XDR_SHXYM,
                    "violation": record.CF_WFXW,
                    "authority_name": record.CF_CFJG,
                    "decided_on": told_day(record.CF_JDRQ),
                    "publish_until": told_day(record.CF_GSJZQ),
                    **seen(record.marks, marks),
                },
                strict=False,
            )
    return None

"""What is asked before a seal is used: a seal of the right kind, and an approval that holds what the document needs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.rooms.seals.approvals import LONGEST, Approval
from gateway.rooms.seals.rules import SealRules
from gateway.words.errors import InvalidProblem

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
TITLE = "行政处罚决定书"


def approval(**more: Any) -> Approval:
    return Approval.model_validate({"approved_by": "周某", "number": "用印7", "approved_on": "2026-09-14", **more})


def decision(procedure: str) -> Any:
    return SimpleNamespace(facts=SimpleNamespace(procedure=procedure))


def test_legal_review_that_is_due_has_a_reference() -> None:
    with pytest.raises(ValidationError, match="legal_review is missing"):
        approval(legal_review_due=True)
    assert approval(legal_review_due=True, legal_review="法审9").text == "周某审批，用印7，2026-09-14；法制审核法审9"


def test_an_approval_in_parts_fits_what_the_service_takes() -> None:
    long = "长" * 40
    told = approval(approved_by=long, number=long, head_decision=long, legal_review=long).text
    assert len(told) <= LONGEST


def test_an_ordinary_decision_needs_the_heads_decision_and_other_papers_do_not() -> None:
    rules = SealRules()
    with pytest.raises(InvalidProblem) as told:
        rules.require_approved(approval(), TITLE, decision("ordinary"), NOW)
    assert (told.value.type, told.value.field) == ("approval-incomplete", "approval_record.head_decision")
    for title, about in (("缴款通知书", decision("ordinary")), (TITLE, decision("simple")), (TITLE, None)):
        rules.require_approved(approval(), title, about, NOW)
    rules.require_approved(approval(head_decision="案审1"), TITLE, decision("ordinary"), NOW)


def test_an_installation_may_ask_for_the_parts_and_for_legal_review_of_every_ordinary_decision() -> None:
    rules = SealRules(approval="record", legal_review="ordinary")
    SealRules().require_approved(None, TITLE, decision("ordinary"), NOW)
    with pytest.raises(InvalidProblem, match="in its parts"):
        rules.require_approved(None, TITLE, None, NOW)
    with pytest.raises(InvalidProblem, match="legal review"):
        rules.require_approved(approval(head_decision="案审1"), TITLE, decision("ordinary"), NOW)


def test_nothing_is_approved_tomorrow() -> None:
    with pytest.raises(InvalidProblem, match="future"):
        SealRules().require_approved(approval(approved_on="2026-09-17"), TITLE, None, NOW)


USES = SealRules.model_validate(
    {"uses": {kind: {"kind": kind} for kind in ("organ", "department", "business", "personal")}}
)


@pytest.mark.parametrize(
    ("procedure", "fit"), [("ordinary", {"organ"}), ("simple", {"organ", "personal"})], ids=["art. 59", "art. 52"]
)
def test_a_decision_bears_a_seal_of_the_kind_that_its_procedure_asks(procedure: str, fit: set[str]) -> None:
    for kind in USES.uses:
        USES.require_fit(kind, "送达回证", decision(procedure))  # other papers of the case bear any
        if kind in fit:
            USES.require_fit(kind, TITLE, decision(procedure))
        else:
            with pytest.raises(InvalidProblem) as told:
                USES.require_fit(kind, TITLE, decision(procedure))
            assert told.value.type == "seal-not-for-document"


def test_a_seal_seals_the_titles_that_the_settings_name_and_an_unlisted_one_as_they_say() -> None:
    use = {"S1": {"kind": "business", "titles": ["送达回证"]}}
    rules = SealRules.model_validate({"uses": use})
    rules.require_fit("S1", "送达回证", None)
    with pytest.raises(InvalidProblem, match="seals 送达回证"):
        rules.require_fit("S1", "通知书", None)
    rules.require_fit("S2", "通知书", None)
    with pytest.raises(InvalidProblem, match="do not say"):
        SealRules.model_validate({"uses": use, "unlisted": "refuse"}).require_fit("S2", "送达回证", None)
    assert (rules.kind_of("S1"), rules.kind_of("S2")) == ("business", None)

"""The settings ``[rooms.seals]``: what an installation asks before a seal is used."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.rooms.seals.approvals import Approval
from gateway.words.clock import day_of
from gateway.words.errors import InvalidProblem

if TYPE_CHECKING:
    from gateway.rooms.decisions import Decision

Title = Annotated[str, Field(min_length=1, max_length=200)]


class SealRules(BaseModel):
    """``decision_titles``: titles of documents that are the decision itself; other papers of a case are not.

    ``approval``: "text" takes an approval as one text or in its parts, "record" in its parts only. ``legal_review``:
    "stated" asks for the reference where the case system says that it is due (行政处罚法 art. 58), "ordinary" for every
    decision of the ordinary procedure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision_titles: Annotated[tuple[Title, ...], Field(max_length=50)] = ("行政处罚决定书",)
    approval: Literal["text", "record"] = "text"
    legal_review: Literal["stated", "ordinary"] = "stated"

    def approved(self, given: str | Approval, title: str, decision: Decision | None, now: datetime) -> Approval | None:
        """The approval in its parts, or None for a text. Raises InvalidProblem for what does not suffice."""
        if isinstance(given, str):
            if self.approval == "record":
                raise _incomplete("the approval is needed in its parts", "approval")
            return None
        if given.approved_on > day_of(now):
            raise InvalidProblem(f"approved_on {given.approved_on} lies in the future", field="approval.approved_on")
        if self.is_ordinary(title, decision):
            if given.head_decision is None:
                raise _incomplete("the head's decision (行政处罚法 art. 57) is missing", "approval.head_decision")
            if given.legal_review is None and self.legal_review == "ordinary":
                raise _incomplete("the legal review 法制审核 is missing", "approval.legal_review")
        return given

    def is_ordinary(self, title: str, decision: Decision | None) -> bool:
        """Whether a document is a decision of the ordinary procedure."""
        return decision is not None and title in self.decision_titles and decision.facts.procedure == "ordinary"


def _incomplete(why: str, field: str) -> InvalidProblem:
    return InvalidProblem(
        why,
        field=field,
        type="approval-incomplete",
        cure="Send approved_by, number, approved_on and the references that the case needs.",
    )

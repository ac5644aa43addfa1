"""The approval of a use of a seal 用印审批 in its parts: who, under which number, when, and on what it rests."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.words.days import Day
from gateway.words.identifiers import clean_text
from gateway.words.text import Ask

Short = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(clean_text)]
LONGEST: Final = 200
"""Characters of an approval as the contract with seal services carries it."""


class Approval(Ask):
    """Who approved 审批人, under which number 审批单号, on which day.

    ``head_decision``: reference of the decision of the organ's head 负责人决定 (行政处罚法 art. 57). ``legal_review``:
    reference of the legal review 法制审核 (art. 58). ``legal_review_due``: whether art. 58 asks for it in this case;
    the case system knows, the gateway does not. True without a reference is refused.
    """

    approved_by: Short
    number: Short
    approved_on: Day
    head_decision: Short | None = None
    legal_review: Short | None = None
    legal_review_due: bool = False

    @model_validator(mode="after")
    def _reviewed(self) -> Self:
        if self.legal_review_due and self.legal_review is None:
            raise ValueError("legal_review is missing though it is due (行政处罚法 art. 58)")
        return self

    @property
    def text(self) -> str:
        """As one text, which the seal service is told and lists show: at most ``LONGEST`` characters."""
        parts = [f"{self.approved_by}审批，{self.number}，{self.approved_on.isoformat()}"]
        if self.legal_review is not None:
            parts.append(f"法制审核{self.legal_review}")
        if self.head_decision is not None:
            parts.append(f"负责人决定{self.head_decision}")
        return "；".join(parts)

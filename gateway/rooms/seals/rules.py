"""The settings ``[rooms.seals]``: what an installation asks before a seal is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.rooms.seals.approvals import Approval
from gateway.rooms.seals.layers import PadesKeys
from gateway.rooms.seals.vouchers import VoucherSigners
from gateway.words.clock import day_of
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Sentence, say
from gateway.words.wrong import shaped

if TYPE_CHECKING:
    from gateway.rooms.decisions import Decision

Title = Annotated[str, Field(min_length=1, max_length=200)]
Titles = Annotated[tuple[Title, ...], Field(max_length=50)]
SealId = Annotated[str, Field(pattern=shaped(r"^[0-9A-Za-z-]{1,32}$", "shapes.seal_id"))]


class SealKind(StrEnum):
    """What a seal is: 法定名称章, 部门章, 业务专用章, 个人名章 (国办发〔2025〕33号 art. 3)."""

    ORGAN = "organ"
    DEPARTMENT = "department"
    BUSINESS = "business"
    PERSONAL = "personal"


_MAY_SEAL: Mapping[str, frozenset[SealKind]] = {
    "ordinary": frozenset({SealKind.ORGAN}),
    "simple": frozenset({SealKind.ORGAN, SealKind.PERSONAL}),
}
"""Which kinds seal a decision, by its procedure. Ordinary: the organ's seal (行政处罚法 art. 59). Simple: the officers
sign or stamp (art. 52), for which a seal in a person's name stands; the organ's is not refused."""


class SealUse(BaseModel):
    """What a seal is, and the titles of documents that it may seal; none: of any title."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: SealKind
    titles: Titles = ()


class SealRules(BaseModel):
    """``decision_titles``: titles of documents that are the decision itself; other papers of a case are not.

    ``approval``: "text" takes an approval as one text or in its parts, "record" in its parts only. ``legal_review``:
    "stated" asks for the reference where the case system says that it is due (行政处罚法 art. 58), "ordinary" for every
    decision of the ordinary procedure. ``uses``: by the seal's number, what it is and may seal; ``unlisted``: whether
    a seal that stands there not may be used (for anything) or is refused. ``pades``: by authority, or "*" for all
    others, who signs a further layer over sealed PDF files, for readers that know no seals. ``vouchers``: whose
    signatures those of 电子一般缴款书 are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision_titles: Titles = ("行政处罚决定书", "当场行政处罚决定书")
    approval: Literal["text", "record"] = "text"
    legal_review: Literal["stated", "ordinary"] = "stated"
    uses: Annotated[Mapping[SealId, SealUse], Field(max_length=1000)] = Field(default_factory=dict)
    unlisted: Literal["use", "refuse"] = "use"
    pades: PadesKeys = Field(default_factory=dict)
    vouchers: VoucherSigners = VoucherSigners()

    def kind_of(self, seal_id: str) -> SealKind | None:
        """What a seal is; None where the settings do not say."""
        use = self.uses.get(seal_id)
        return None if use is None else use.kind

    def require_fit(self, seal_id: str, title: str, decision: Decision | None) -> None:
        """Raises InvalidProblem for a seal that may not seal such a document."""
        use = self.uses.get(seal_id)
        if use is None:
            if self.unlisted == "refuse":
                raise _unfit(say("seals.unlisted"))
            return
        if use.titles and title not in use.titles:
            raise _unfit(say("seals.other_title", titles=use.titles, title=title))
        if decision is not None and title in self.decision_titles:
            fit = _MAY_SEAL[decision.facts.procedure]
            if use.kind not in fit:
                raise _unfit(say(f"seals.kind_{decision.facts.procedure}", kinds=sorted(fit)))

    def require_approved(self, given: Approval | None, title: str, decision: Decision | None, now: datetime) -> None:
        """Raises InvalidProblem for an approval in its parts (None: it is a text) that does not suffice."""
        if given is None:
            if self.approval == "record":
                raise _incomplete(say("seals.approval_parts"), "approval_record")
            return
        if given.approved_on > day_of(now):
            raise InvalidProblem(
                say("seals.approved_in_future", approved_on=given.approved_on), field="approval_record.approved_on"
            )
        if self.is_ordinary(title, decision):
            if given.head_decision is None:
                raise _incomplete(say("seals.no_head_decision"), "approval_record.head_decision")
            if given.legal_review is None and self.legal_review == "ordinary":
                raise _incomplete(say("seals.no_legal_review"), "approval_record.legal_review")

    def is_ordinary(self, title: str, decision: Decision | None) -> bool:
        """Whether a document is a decision of the ordinary procedure."""
        return decision is not None and title in self.decision_titles and decision.facts.procedure == "ordinary"


def _unfit(why: Sentence) -> InvalidProblem:
    return InvalidProblem(
        why,
        field="seal_id",
        type="seal-not-for-document",
        cure=say("seals.choose_seal"),
    )


def _incomplete(why: Sentence, field: str) -> InvalidProblem:
    return InvalidProblem(
        why,
        field=field,
        type="approval-incomplete",
        cure=say("seals.send_approval"),
    )

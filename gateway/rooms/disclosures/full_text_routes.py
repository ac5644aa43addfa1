"""Full texts over HTTP: as the public would read them, and a person's word that they may."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.persons import Plainly
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.two_persons import person
from gateway.foundation.http.views import View, instant
from gateway.rooms.disclosures.full_text import Choices, FullTexts, Preview
from gateway.rooms.disclosures.public_text import Finding, Kind
from gateway.words.masking import mask_account, mask_address, mask_document, mask_person, mask_phone

router = APIRouter(prefix="/v1/full-texts", tags=["disclosures"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
Confirmer = Annotated[Principal, Depends(operator("disclosures:write"))]
TheTexts = Annotated[FullTexts, Depends(service(FullTexts))]

_MASKS = {
    Kind.ID_NUMBER: mask_document,
    Kind.CONTACT: mask_phone,
    Kind.ACCOUNT: mask_account,
    Kind.PLATE: mask_document,
    Kind.ADDRESS: mask_address,
}


class TextAsk(Choices):
    """Which decision's full text, and what a person adds to the rules."""

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str = Field(min_length=1, max_length=128)


class TextConfirmation(TextAsk):
    """The same with ``seen`` of the preview that is confirmed."""

    seen: str = Field(min_length=1, max_length=64)


class FindingView(View):
    """One place: a slice of the original's characters, what stands there, and what the public reads instead.

    ``was`` is masked for operators who did not ask for persons plainly.
    """

    kind: Kind
    words: str
    start: int
    end: int
    was: str
    becomes: str

    @classmethod
    def of_text(cls, found: Finding, original: str, plainly: bool) -> FindingView:
        """From what was found in a text."""
        was = original[found.start : found.end]
        shown = was if plainly else _MASKS.get(found.kind, mask_person)(was)
        return cls(
            kind=found.kind,
            words=found.kind.chinese,
            start=found.start,
            end=found.end,
            was=shown,
            becomes=found.becomes,
        )


class FullTextView(View):
    """A full text as the public would read it. ``seen`` is what a confirmation names.

    ``stands``: exactly this was confirmed; ``confirmed_by`` and ``confirmed_at`` tell of what was confirmed last.
    """

    authority: str
    decision_number: str
    version: int
    text: str
    findings: list[FindingView]
    kept: list[FindingView]
    seen: str
    stands: bool
    confirmed_by: str | None
    confirmed_at: str | None

    @classmethod
    def of(cls, preview: Preview, plainly: bool) -> FullTextView:
        """From its preview."""
        known = preview.confirmed
        return cls(
            authority=preview.decision.authority,
            decision_number=preview.decision.number,
            version=preview.decision.version,
            text=preview.text,
            findings=[FindingView.of_text(one, preview.original, plainly) for one in preview.found],
            kept=[FindingView.of_text(one, preview.original, plainly) for one in preview.kept],
            seen=preview.seen,
            stands=preview.stands,
            confirmed_by=None if known is None else known.confirmed_by,
            confirmed_at=None if known is None else instant(known.confirmed_at),
        )


@router.post("/preview", response_model=FullTextView, responses=responses(400, 413))
async def preview_full_text(texts: TheTexts, who: Reader, ask: TextAsk, plainly: Plainly) -> FullTextView:
    """What would be hidden in a decision's full text, place by place, and how it would read. Changes nothing."""
    require_authority(who, ask.authority, "decision")
    return FullTextView.of(await texts.preview(ask.authority, ask.decision_number, ask), plainly)


@router.post("/confirmation", response_model=FullTextView, responses=responses(400, 409, 413))
async def confirm_full_text(
    texts: TheTexts, who: Confirmer, ask: TextConfirmation, key: KeyedRequest, plainly: Plainly
) -> FullTextView:
    """A person confirms the text that was seen; it is what goes to targets that show full texts from now on."""
    require_authority(who, ask.authority, "decision")
    by = person(who)
    found = await key.shows(
        who,
        ask,
        lambda once: texts.confirm(ask.authority, ask.decision_number, ask, ask.seen, by=by, once=once),
        lambda conn, decision_id: texts.look(conn, decision_id, ask),
    )
    return FullTextView.of(found, plainly)

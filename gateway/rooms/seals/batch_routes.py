"""Batches over HTTP: up to 500 documents in one request, with a result for each."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.language import spoken
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask, View
from gateway.rooms.seals import SealAsk
from gateway.rooms.seals.batches import MOST, Item, ItemResult, Result, SealBatches
from gateway.rooms.seals.routes import SealRequest
from gateway.rooms.seals.views import SealedDocumentView
from gateway.words.errors import Problem

router = APIRouter(prefix="/v1", tags=["seals"], responses=responses(401, 403, 422, 503))

Writer = Annotated[Principal, Depends(may("seals:write"))]
TheBatches = Annotated[SealBatches, Depends(service(SealBatches))]


class BatchRequest(Ask):
    """Documents to be sealed. ``refused_again``: what was refused before is asked for anew."""

    items: Annotated[tuple[SealRequest, ...], Field(min_length=1, max_length=MOST)]
    refused_again: bool = False


class ItemProblem(View):
    """Why an item was not accepted: the type's last part, the reason, the field, the cure."""

    type: str
    detail: str
    field: str | None
    cure: str | None

    @classmethod
    def of(cls, problem: Problem) -> ItemProblem:
        """From the problem that a single request would be answered with."""
        said, cure = problem.detail_in(spoken()), problem.cure_in(spoken())
        return cls(type=problem.type, detail=said, field=problem.field, cure=cure)


class ItemView(View):
    """What became of one item; ``number`` is its place in the request, from 0."""

    number: int
    result: Result
    document: SealedDocumentView | None
    problem: ItemProblem | None


class BatchView(View):
    """The results in the order of the request, and how many there are of each."""

    accepted: int
    known: int
    refused: int
    not_tried: int
    items: list[ItemView]

    @classmethod
    def of(cls, results: tuple[ItemResult, ...]) -> BatchView:
        """From the results."""
        counts = {name: sum(one.result == name for one in results) for name in get_args(Result)}
        items = [
            ItemView(
                number=number,
                result=one.result,
                document=None if one.document is None else SealedDocumentView.of(one.document),
                problem=None if one.problem is None else ItemProblem.of(one.problem),
            )
            for number, one in enumerate(results)
        ]
        return cls(**counts, items=items)


@router.post("/sealed-documents/batches", response_model=BatchView, responses=responses(400, 404, 413))
async def seal_batch(batches: TheBatches, who: Writer, ask: BatchRequest) -> BatchView:
    """Have up to 500 documents sealed 批量用印. No signature is waited for; webhooks tell how each ended.

    It needs no Idempotency-Key: an item is known again by its decision, its file and its seal. The same request again
    goes on where the first one stopped, and says where the rest stands.
    """
    for one in ask.items:
        require_authority(who, one.authority, "authority")
    items = [
        Item(SealAsk(**{name: getattr(one, name) for name in SealAsk.model_fields}), one.document) for one in ask.items
    ]
    return BatchView.of(await batches.seal(items, asked_by=who.name, refused_again=ask.refused_again))

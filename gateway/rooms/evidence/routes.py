"""Evidence over HTTP: one exchange as it may be shown."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.evidence import Exact, Exchange
from gateway.foundation.evidence.second import last_lines
from gateway.foundation.handovers import DataKind, HandsOver, note
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.persons import WHOLE
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base
from gateway.foundation.http.views import View, instant
from gateway.words.clock import to_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["evidence"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("evidence:read"))]
OperatorReader = Annotated[Principal, Depends(operator("evidence:read"))]


def text_of(body: bytes) -> str:
    """Exact bytes as text, where they are UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()


class ExchangeView(View):
    """One request and answer on the wire 交互留痕, with secrets and personal data masked."""

    id: str
    node: str
    seq: int
    channel: str
    direction: Literal["out", "in"]
    action: str
    operation: str | None
    subject: str | None
    method: str
    url: str
    request: str
    response: str
    status: int | None
    outcome: str
    started_at: str
    ended_at: str
    chain: str

    @classmethod
    def of(cls, found: Exchange) -> ExchangeView:
        """From its record."""
        return cls.showing(
            found,
            operation=found.operation_id,
            started_at=instant(found.started_at),
            ended_at=instant(found.ended_at),
            chain=found.chain.hex(),
        )


class ExactView(View):
    """The exact bytes of an exchange, as text where they are UTF-8, else as ``base64:``. Personal data."""

    id: str
    request: str
    response: str
    decrypted: str
    read_length: int | None = Field(description="where only the beginning of the answer was kept: bytes of all of it")
    read_digest: str | None = Field(description="and its SM3")

    @classmethod
    def of(cls, exchange_id: str, exact: Exact) -> ExactView:
        """From what was kept."""
        bodies = (exact.request_body, exact.response_body, exact.decrypted)
        request, response, decrypted = map(text_of, bodies)
        length, digest = exact.read or (None, None)
        return cls(
            id=exchange_id,
            request=request,
            response=response,
            decrypted=decrypted,
            read_length=length,
            read_digest=digest,
        )


async def exact_of(base: Foundation, exchange_id: str, reader: str) -> ExactView:
    """The exact bytes of one exchange, and a line in the supply log that ``reader`` has them.

    Raises NotFoundProblem, also where retention has shredded them.
    """
    opened = await base.store.read(lambda conn: base.evidence.open(conn, exchange_id))
    if opened.exact is None:
        raise NotFoundProblem(say("evidence.shredded"))
    found, at = opened.exchange, to_micros(base.clock.now())
    about = {"subject": found.subject or exchange_id, "authority": found.authority, "by": reader}
    handed = HandsOver((DataKind.DOCUMENT,)).on(base.settings.handovers.basis, "exact")
    await base.store.write(lambda conn: note(conn, handed, at, "exact", reader, **about))
    return ExactView.of(exchange_id, opened.exact)


@router.get("/evidence/{exchange_id}/exact", response_model=ExactView, dependencies=[WHOLE])
async def get_exact_bytes(base: Base, who: OperatorReader, exchange_id: str) -> ExactView:
    """The exact bytes of an exchange, for operators who may unmask and say why; written down."""
    return await exact_of(base, exchange_id, who.name)


@router.get("/evidence/{exchange_id}", response_model=ExchangeView)
async def get_exchange(base: Base, who: Reader, exchange_id: str) -> ExchangeView:
    """One exchange. The exact bytes are for operators, under `/exact`."""
    found = await base.evidence.held(exchange_id)
    if found.authority is None and who.kind != "operator":  # statements are of many authorities
        raise NotFoundProblem(say("evidence.none"))
    if found.authority is not None:
        require_authority(who, found.authority, "exchange")
    return ExchangeView.of(found)


class HeadView(View):
    """How far the evidence of a node has been signed: the digest (SM3, hex) of its last signed line."""

    node: str
    seq: int
    digest: str


@router.get("/evidence-heads", response_model=list[HeadView])
async def get_evidence_heads(base: Base, who: Reader) -> list[HeadView]:  # noqa: ARG001
    """The signed heads as they are now. Who keeps them can prove later that the evidence was rolled back.

    `gateway evidence verify --seen FILE` holds such lines against the evidence.
    """
    return [HeadView.showing(one) for one in await asyncio.to_thread(list, last_lines(base.evidence.heads))]

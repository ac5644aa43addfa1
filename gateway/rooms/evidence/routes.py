"""Evidence over HTTP: one exchange as it may be shown."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from sqlalchemy import Connection, select

from gateway.foundation.access import Principal
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import View, instant
from gateway.words.errors import NotFoundProblem

router = APIRouter(prefix="/v1", tags=["evidence"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("evidence:read"))]


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


@router.get("/evidence/{exchange_id}", response_model=ExchangeView)
async def get_exchange(gateway: Gateway, who: Reader, exchange_id: str) -> ExchangeView:
    """One exchange. The exact bytes are for `gateway evidence show --exact`."""

    def query(conn: Connection) -> ExchangeView:
        row = conn.execute(select(exchange).where(exchange.c.id == exchange_id)).mappings().first()
        if row is None or (row["authority"] is None and who.kind != "operator"):  # statements are of many authorities
            raise NotFoundProblem("no such exchange")
        if row["authority"] is not None:
            own(who, row["authority"], "exchange")
        names = ("id", "node", "seq", "channel", "direction", "action", "subject", "method", "url", "status", "outcome")
        return ExchangeView(
            **{name: row[name] for name in names},
            operation=row["operation_id"],
            request=row["request"],
            response=row["response"],
            started_at=instant(row["started_at"]) or "",
            ended_at=instant(row["ended_at"]) or "",
            chain=bytes(row["chain"]).hex(),
        )

    return await gateway.store.read(query)

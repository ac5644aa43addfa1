"""Liveness on every face; readiness and metrics on a face of their own."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from gateway.faces.assembled import Gateway

alive_router = APIRouter(tags=["health"])
router = APIRouter(tags=["health"])


class Health(BaseModel):
    """``ok``, or what is missing."""

    status: str
    problems: list[str] = []


@alive_router.get("/healthz", response_model=Health)
async def is_alive() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not ready"}})
async def ready(gateway: Gateway, response: Response) -> Health:
    """The gateway accepts work: not stopping, store writable. A stopped channel is named but is no reason to refuse."""
    blocking, notes = await gateway.readiness()
    if blocking:
        response.status_code = 503
        return Health(status="not ready", problems=blocking + notes)
    return Health(status="ok", problems=notes)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "ok"}})
async def metrics(gateway: Gateway) -> Response:
    """Prometheus text format; answered also while the database is away."""
    return Response(await gateway.measuring.text(), media_type=CONTENT_TYPE_LATEST)

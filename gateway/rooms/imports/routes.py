"""The template for decisions over HTTP."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may
from gateway.foundation.http.downloads import download
from gateway.foundation.http.problems import responses
from gateway.foundation.sheets import XLSX
from gateway.rooms.imports.template import template

router = APIRouter(prefix="/v1", tags=["decisions"], responses=responses(401, 403, 503))


@router.get(
    "/imports/decisions-template.xlsx",
    response_class=Response,
    responses={
        200: {
            "description": "The empty workbook",
            "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_decisions_template(who: Annotated[Principal, Depends(may("decisions:read"))]) -> Response:
    """The workbook 导入模板 that officials fill in with decisions, each column explained, words to choose from.

    ``gateway decisions import`` takes it once it is filled in. It offers the codes of the caller's authorities.
    """
    made = await asyncio.to_thread(template, sorted(who.authorities or ()))
    return download(made, XLSX, "处罚决定导入模板.xlsx")

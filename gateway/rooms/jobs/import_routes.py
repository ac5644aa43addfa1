"""Imports as jobs, over HTTP: a file of open bills or of decisions, taken row by row once two people have said so."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import spoken
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.rooms.jobs.import_files import FileOptions, ImportFiles, ImportKind
from gateway.rooms.jobs.kinds import SCOPES
from gateway.rooms.jobs.routes import JobView, TheJobs, Writer, allowed
from gateway.words.text import Ask

router = APIRouter(prefix="/v1", tags=["jobs"], responses=responses(401, 403, 422, 503))

_FILE: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class ImportAsk(Ask):
    """What a file holds, and why it is brought in.

    ``sheet``: of a workbook with several. ``hidden``: rows that nobody sees there are taken too. ``publish``: each
    decision at every target of its authority.
    """

    kind: ImportKind
    reason: str = Field(min_length=1, max_length=500)
    sheet: str | None = Field(default=None, max_length=60)
    hidden: bool = False
    publish: bool = False


class _Uploaded(ImportAsk):
    digest: str


@router.post(
    "/import-files",
    status_code=201,
    response_model=JobView,
    responses=responses(400, 404, 409, 413),
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
)
async def propose_import(
    jobs: TheJobs,
    files: Annotated[ImportFiles, Depends(service(ImportFiles))],
    who: Writer,
    request: Request,
    key: KeyedRequest,
    response: Response,
    about: Annotated[ImportAsk, Query()],
) -> JobView:
    """Have the rows of a file taken in, once a second operator has confirmed it. Up to 5,000 rows.

    A row that cannot be taken is not applicable, and says why: the job that waits is the preview.
    """
    allowed(who, SCOPES[about.kind])
    body = await request.body()
    options = FileOptions(sheet=about.sheet, hidden=about.hidden, publish=about.publish)
    plan = await files.planned(about.kind, body, about.reason, who, options)
    ask = _Uploaded(**about.model_dump(), digest=sm3(body).hex())
    job_id = await key.once(who, ask, lambda once: jobs.propose(plan, who=who, language=spoken(), once=once))
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    return JobView.of_sight(await jobs.of(job_id))

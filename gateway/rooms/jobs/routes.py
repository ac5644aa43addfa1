"""Jobs over HTTP: proposed, confirmed, stopped; how far each has come, and what became of each row."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.http.authorization import may
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import spoken
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Cursor, Limit, Page, View, after, cursor_after, encode_cursor, instant
from gateway.rooms.jobs.break_sheets import planned, written
from gateway.rooms.jobs.kinds import SCOPES, JobAsk, Planning
from gateway.rooms.jobs.records import Job, JobRow, Result, Standing
from gateway.rooms.jobs.service import Jobs, JobSight
from gateway.words.errors import NotFoundProblem, Problem
from gateway.words.saying import say
from gateway.words.text import Ask

router = APIRouter(prefix="/v1", tags=["jobs"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("jobs:read"))]
Writer = Annotated[Principal, Depends(may("jobs:write"))]
TheJobs = Annotated[Jobs, Depends(service(Jobs))]
ThePlanning = Annotated[Planning, Depends(service(Planning))]

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHEET = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_WORKBOOK: dict[int | str, dict[str, Any]] = {200: {"content": {_XLSX: {}}, "description": "The workbook"}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {_XLSX: {}, "text/csv": {}}, "description": "The file that the job has made"}
}


class JobHeadView(View):
    """A job in a list. ``number``: of its rows."""

    id: str
    kind: str
    state: Standing
    reason: str
    number: int
    two_persons: bool
    proposed_by: str
    proposed_at: str
    confirmed_by: str | None
    begun_at: str | None
    ended_at: str | None
    stopped_by: str | None

    @classmethod
    def of(cls, job: Job) -> JobHeadView:
        """From its record."""
        names = ("id", "kind", "reason", "number", "two_persons")
        return cls(
            **{name: getattr(job, name) for name in names},
            state=job.standing,
            proposed_by=job.proposed_name,
            proposed_at=instant(job.proposed_at),
            confirmed_by=job.confirmed_name,
            begun_at=instant(job.begun_at),
            ended_at=instant(job.ended_at),
            stopped_by=job.stopped_name,
        )


class JobView(JobHeadView):
    """A job with how far it has come. ``seen`` stands for its rows: the confirmation sends it back."""

    done: int
    not_applicable: int
    failed: int
    left: int
    seen: str | None

    @classmethod
    def of_sight(cls, sight: JobSight) -> JobView:
        """From what people see."""
        counts = {name: sight.results.get(name, 0) for name in ("done", "not_applicable", "failed")}
        left = sight.results.get(None, 0)
        return cls(**JobHeadView.of(sight.job).model_dump(), **counts, left=left, seen=sight.seen)


class JobRowView(View):
    """What became of one row. ``why``: where it was not done; ``result`` is null until its turn."""

    number: int
    subject: str
    result: Result | None
    why: str | None
    at: str | None

    @classmethod
    def of(cls, row: JobRow) -> JobRowView:
        """From its record."""
        return cls(number=row.number, subject=row.subject, result=row.result, why=row.why, at=instant(row.at))


class BreakSheetAsk(Ask):
    """Why the breaks of an uploaded sheet are explained as it says."""

    reason: str = Field(min_length=1, max_length=500)


class _Uploaded(BreakSheetAsk):
    digest: str


@router.post("/jobs", status_code=201, response_model=JobView, responses=responses(400, 404, 409, 413))
async def propose_job(
    jobs: TheJobs, planning: ThePlanning, who: Writer, ask: JobAsk, key: KeyedRequest, response: Response
) -> JobView:
    """Freeze what a job is to do, and do it row by row as you. Where money may move a second operator confirms it."""
    allowed(who, SCOPES[ask.kind])
    plan = await planning.plan(ask, who)
    job_id = await key.once(who, ask, lambda once: jobs.propose(plan, who=who, language=spoken(), once=once))
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    return JobView.of_sight(await jobs.of(job_id))


@router.get("/jobs", response_model=Page[JobHeadView])
async def list_jobs(jobs: TheJobs, who: Reader, cursor: Cursor = None, limit: Limit = 50) -> Page[JobHeadView]:
    """Jobs of whoever sees no more than you, newest first."""
    found = await jobs.find(who.authorities, after(cursor), limit)
    return Page(items=[JobHeadView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/jobs/{job_id}", response_model=JobView, responses=responses(404))
async def get_job(jobs: TheJobs, who: Reader, job_id: str) -> JobView:
    """One job, and how far it has come."""
    return JobView.of_sight(await _own(jobs, who, job_id))


@router.get("/jobs/{job_id}/rows", response_model=Page[JobRowView], responses=responses(404))
async def list_job_rows(
    jobs: TheJobs, who: Reader, job_id: str, cursor: Cursor = None, limit: Limit = 50
) -> Page[JobRowView]:
    """Its rows with their results, in their order."""
    await _own(jobs, who, job_id)
    last = after(cursor)
    found = await jobs.rows(job_id, None if last is None else int(last), limit)
    following = None if len(found) < limit else encode_cursor(str(found[-1].number))
    return Page(items=[JobRowView.of(one) for one in found], next=following)


@router.get("/jobs/{job_id}/file", response_class=Response, responses={**_FILE, **responses(404)})
async def get_job_file(jobs: TheJobs, who: Reader, job_id: str) -> Response:
    """The file that an export has made, for whoever asked for it."""
    sight = await _own(jobs, who, job_id)
    if sight.job.proposed_by != who.client_id:
        raise NotFoundProblem(say("jobs.no_file"))
    content = await jobs.file(job_id)
    return Response(content, media_type=_XLSX if content.startswith(b"PK") else "text/csv; charset=utf-8")


@router.post("/jobs/{job_id}/confirmation", response_model=JobView, responses=responses(400, 404, 409, 413))
async def confirm_job(jobs: TheJobs, who: Writer, job_id: str, ask: Confirmation, key: KeyedRequest) -> JobView:
    """Confirm what another operator has proposed, as you saw it; then it begins."""
    sight = await _own(jobs, who, job_id)
    allowed(who, SCOPES[sight.job.kind])
    await key.once(who, ask, lambda once: jobs.confirm(job_id, by=person(who), seen=ask.seen, once=once))
    return JobView.of_sight(await jobs.of(job_id))


@router.post("/jobs/{job_id}/stop", response_model=JobView, responses=responses(400, 404, 409))
async def stop_job(jobs: TheJobs, who: Writer, job_id: str, key: KeyedRequest) -> JobView:
    """Stop a job after the row at which it is, or withdraw it before it began. What was done stays done."""
    await _own(jobs, who, job_id)
    await key.once(who, None, lambda once: jobs.stop(job_id, by=person(who, alone=True), once=once))
    return JobView.of_sight(await jobs.of(job_id))


# --- the spreadsheet of breaks --------------------------------------------------------------------------------------


@router.get("/break-sheets", response_class=Response, responses=_WORKBOOK)
async def get_break_sheet(
    base: Base,
    who: Writer,
    channel: Annotated[str | None, Query(max_length=60)] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Open breaks as a workbook, each with its id and version; what explains one is written beside it."""
    allowed(who, SCOPES["breaks"])
    name, content = await written(base, who, channel, kind)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=_XLSX, headers=headers)


@router.post(
    "/break-sheets",
    status_code=201,
    response_model=JobView,
    responses=responses(400, 404, 409, 413),
    openapi_extra={"requestBody": {"required": True, "content": _SHEET}},
)
async def propose_break_sheet(
    base: Base,
    jobs: TheJobs,
    who: Writer,
    request: Request,
    key: KeyedRequest,
    response: Response,
    about: Annotated[BreakSheetAsk, Query()],
) -> JobView:
    """Have the breaks of a filled-in workbook explained as it says, once a second operator has confirmed it.

    A row whose break is another one by now is not applicable, and says why.
    """
    allowed(who, SCOPES["breaks"])
    body = await request.body()
    plan = await planned(base, who, body, about.reason)
    ask = _Uploaded(reason=about.reason, digest=sm3(body).hex())
    job_id = await key.once(who, ask, lambda once: jobs.propose(plan, who=who, language=spoken(), once=once))
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    return JobView.of_sight(await jobs.of(job_id))


def allowed(who: Principal, scope: str) -> None:
    """Raises a 403 Problem for whoever may not do what the rows of the job do; a key is no person."""
    if who.kind != "operator":
        raise Problem(say("http.operator"), type="operator-needed")
    if scope not in who.scopes:
        raise Problem(say("http.scope", scope=scope), type="scope-missing")


async def _own(jobs: Jobs, who: Principal, job_id: str) -> JobSight:
    """A job of somebody who sees no more than the caller; another one looks as if there were none."""
    sight = await jobs.of(job_id)
    if not set(sight.job.authorities) <= set(who.authorities):
        raise NotFoundProblem(say("jobs.none"))
    return sight

"""Jobs 作业 on the console: what each is to do, how far it has come, what became of each row; confirmed and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import Whose
from gateway.foundation.screens import (
    ActPage,
    Block,
    Code,
    Facts,
    FileOf,
    Files,
    Form,
    Found,
    Head,
    Listing,
    Look,
    Moment,
    Named,
    Note,
    Page,
    Row,
    Screen,
    Served,
    Table,
    Tag,
    Tone,
    Waits,
    Wanted,
)
from gateway.rooms.imports.template import template
from gateway.rooms.jobs.acts import ACTS
from gateway.rooms.jobs.break_sheets import written
from gateway.rooms.jobs.forms import FORMS, SHEET, TEMPLATE, TEMPLATED, title_of
from gateway.rooms.jobs.kinds import SCOPES
from gateway.rooms.jobs.records import Job, JobRow
from gateway.rooms.jobs.service import Jobs, JobSight
from gateway.words.errors import NotFoundProblem, Problem
from gateway.words.saying import Word, say

_NAME: Final = "jobs"
_ACTS: Final = by_name(*ACTS)
_WHOSE: Final = Whose(screen=_NAME, told=say("jobs.wait"), label=say("jobs.wait"), mine=False, wide=True)
_ROWS: Final = 500
_MOST: Final = 200
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TONES: Final[dict[str, Tone]] = {
    "proposed": "wait",
    "going_on": "warn",
    "done": "good",
    "stopped": "bad",
    "not_applicable": "warn",
    "failed": "bad",
}


async def _waits(look: Look, whose: str) -> list[Job]:
    """Jobs that wait for a second word: mine to give, or another's about mine."""
    found = await look.get(Jobs).find(look.who.authorities, None, _MOST)
    waits = [one for one in found if one.standing == "proposed"]
    return [one for one in waits if (one.proposed_by == look.who.client_id) == (whose == "others")]


async def _find(look: Look, wanted: Wanted) -> Found:
    whose = look.asked.get("whose")
    if whose in ("second", "others"):
        rows = [_row(one) for one in await _waits(look, whose)]
        return Found(rows, None, len(rows), _MOST)
    found = await look.get(Jobs).find(look.who.authorities, wanted.cursor, wanted.limit)
    return Found.page([_row(one) for one in found], wanted)


def _row(one: Job) -> Row:
    cells = (title_of(one.kind), _tag(one.standing), one.number, one.reason, one.proposed_name, Moment(one.proposed_at))
    return Row(one.id, cells)


async def _seen(look: Look, job_id: str) -> JobSight:
    sight = await look.get(Jobs).of(job_id)
    if not set(sight.job.authorities) <= set(look.who.authorities):
        raise NotFoundProblem(say("jobs.none"))
    return sight


async def _one(look: Look, job_id: str) -> Page:
    sight = await _seen(look, job_id)
    job, rows = sight.job, await look.get(Jobs).rows(job_id, limit=_ROWS)
    blocks: list[Block] = [_facts(sight)]
    acts = ["stop"] if job.ended_at is None else []
    if job.standing == "proposed":
        told, confirm = await look.to_confirm(job_id, _ACTS["confirm_job"], next(iter(job.authorities), ""))
        blocks += told
        acts = [*confirm, *acts]
    if any(row.answer_sealed is not None for row in rows) and job.proposed_by == look.who.client_id:
        blocks.append(Files(Named("file"), [FileOf("file", say("jobs.screen_file"))]))
    tags, whole = (_tag(job.standing),), [*blocks, _table(job, rows)]
    return Page(title=title_of(job.kind), tags=tags, lead=job.reason, blocks=whole, acts=acts)


def _facts(sight: JobSight) -> Facts:
    job, results = sight.job, sight.results
    return Facts(
        None,
        [
            (Named("job_id"), Code(job.id)),
            (say("jobs.screen_rows"), job.number),
            (say("jobs.screen_done"), results.get("done", 0)),
            (Word("not_applicable"), results.get("not_applicable", 0)),
            (Word("failed"), results.get("failed", 0)),
            (say("jobs.screen_left"), results.get(None, 0)),
            (Named("reason"), job.reason),
            (Named("proposed_by"), job.proposed_name),
            (Named("proposed_at"), Moment(job.proposed_at)),
            (Named("confirmed_by"), job.confirmed_name),
            (Named("ended_at"), Moment(job.ended_at)),
            (Named("stopped_by"), job.stopped_name),
        ],
    )


def _table(job: Job, rows: Sequence[JobRow]) -> Table:
    heads = (
        Head(Named("number"), number=True),
        Head(Named("subject")),
        Head(Named("result")),
        Head(Named("why")),
        Head(Named("at"), small=True),
    )
    cells = [
        Row(
            None,
            (row.number, row.subject, None if row.result is None else _tag(row.result), row.why, Moment(row.at)),
        )
        for row in rows
    ]
    note = say("jobs.screen_more", id=job.id) if job.number > len(rows) else None
    return Table(say("jobs.screen_each"), heads, cells, say("jobs.empty"), note)


def _tag(word: str) -> Tag:
    return Tag(Word(word), _TONES.get(word, "plain"))


async def _confirm_form(look: Look, job_id: str) -> Form:
    sight = await _seen(look, job_id)
    rows = await look.get(Jobs).rows(job_id, limit=_ROWS)
    button = say("jobs.screen_confirm", number=sight.results.get(None, 0))
    return Form(button, (_facts(sight), _table(sight.job, rows)), seen=sight.seen or "")


async def _confirm(look: Look, job_id: str) -> None:
    sight = await _seen(look, job_id)
    if not look.may(SCOPES[sight.job.kind]):
        raise Problem(say("http.scope", scope=SCOPES[sight.job.kind]), type="scope-missing")
    await look.get(Jobs).confirm(job_id, by=look.person, seen=look.asked.get("seen", ""), once=look.once)


async def _stop_form(look: Look, job_id: str) -> Form:
    sight = await _seen(look, job_id)
    return Form(say("jobs.screen_stop"), (_facts(sight), Note(say("jobs.screen_stays"))))


async def _stop(look: Look, job_id: str) -> None:
    await _seen(look, job_id)
    await look.get(Jobs).stop(job_id, by=look.person, once=look.once)


async def _file(look: Look, job_id: str, name: str) -> Served:
    if name == SHEET:
        if not look.may(SCOPES["breaks"]):
            raise Problem(say("http.scope", scope=SCOPES["breaks"]), type="scope-missing")
        called, content = await written(look.base, look.who, look.asked.get("channel"), look.asked.get("kind"))
        return Served(content, _XLSX, called)
    if name == TEMPLATE:
        if not look.may(TEMPLATED):
            raise Problem(say("http.scope", scope=TEMPLATED), type="scope-missing")
        return Served(await asyncio.to_thread(template, sorted(look.who.authorities)), _XLSX, "处罚决定导入模板.xlsx")
    sight = await _seen(look, job_id)
    if sight.job.proposed_by != look.who.client_id:
        raise NotFoundProblem(say("jobs.no_file"))
    content = await look.get(Jobs).file(job_id)
    book = content.startswith(b"PK")
    return Served(content, _XLSX if book else "text/csv; charset=utf-8", f"{job_id}.{'xlsx' if book else 'csv'}")


SCREEN = Screen(
    name=_NAME,
    title=say("jobs.screen"),
    scope="jobs:read",
    place=75,
    ids="job",
    lists=Listing(
        filters=(_WHOSE.filter,),
        heads=(
            Head(Named("kind")),
            Head(Named("status")),
            Head(say("jobs.screen_rows"), number=True),
            Head(Named("reason")),
            Head(Named("proposed_by"), small=True),
            Head(Named("proposed_at"), small=True),
        ),
        find=_find,
        empty=say("jobs.screen_empty"),
        acts=[one.name for one in FORMS],
    ),
    one=_one,
    file=_file,
    acts=(
        *FORMS,
        ActPage(name="confirm", of=_ACTS["confirm_job"], form=_confirm_form, do=_confirm, money=True),
        ActPage(name="stop", of=_ACTS["stop_job"], form=_stop_form, do=_stop, danger=True),
    ),
)


async def waiting(look: Look) -> Sequence[Waits]:
    """Jobs that wait for a second person's word: mine to give, or another's about mine."""
    if not look.may("jobs:write"):
        return ()
    second, others = [len(await _waits(look, whose)) for whose in ("second", "others")]
    return _WHOSE.waits(second, others)

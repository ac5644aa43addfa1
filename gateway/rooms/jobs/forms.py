"""Forms that begin a job: one for each kind, made from what the kind asks; its rows are seen before it begins.

What is shown is what begins: the form sends back the digest of the rows, and where they are others by then, nothing
begins and the new ones are shown.
"""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from gateway.foundation.acts import by_name
from gateway.foundation.delivery.states import ParkedFor
from gateway.foundation.screens import (
    ActPage,
    Block,
    Choice,
    Done,
    Fact,
    Facts,
    Field,
    FileOf,
    Files,
    Form,
    Head,
    Joins,
    Look,
    Named,
    Note,
    Row,
    Table,
    To,
)
from gateway.ports.nontax import KIND
from gateway.rooms.jobs import break_sheets
from gateway.rooms.jobs.acts import ACTS
from gateway.rooms.jobs.break_sheets import EXPORTING
from gateway.rooms.jobs.import_files import PUBLISHING, FileOptions, ImportFiles, ImportKind
from gateway.rooms.jobs.kinds import ASKS, SCOPES, JobAsk, Kind, Planning
from gateway.rooms.jobs.service import Jobs, Plan, digest_of
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem
from gateway.words.saying import Sentence, Word, say
from gateway.words.wrong import reason_of

SHEET: Final = "breaks.xlsx"
TEMPLATE: Final = "decisions.xlsx"
TEMPLATED: Final = "decisions:read"
"""The right to have the workbook that is filled in with decisions."""
_NAME: Final = "jobs"
_ACTS: Final = by_name(*ACTS)
_SHOWN: Final = 50
"""So many rows are shown before a job begins; all of them are counted."""
_NAMED: Final = 12
"""So many rows that were left out are named."""
_LISTED: Final = ("channels", "endpoints")
"""What a person chooses one of, or leaves open for all."""


async def _of_sheet(look: Look, content: bytes) -> Plan:
    return await break_sheets.planned(look.base, look.who, content, look.asked.get("reason", ""))


async def _of_import(kind: ImportKind, look: Look, content: bytes) -> Plan:
    asked = look.asked
    options = FileOptions(asked.get("sheet") or None, bool(asked.get("hidden")), bool(asked.get("publish")))
    return await look.get(ImportFiles).planned(kind, content, asked.get("reason", ""), look.who, options)


UPLOADS: Final[Mapping[str, Callable[[Look, bytes], Awaitable[Plan]]]] = {
    "breaks": _of_sheet,
    "bills": partial(_of_import, "bills"),
    "decisions": partial(_of_import, "decisions"),
}
"""Kinds whose rows stand in a file: what makes the plan of it."""
_ASKS: Final[Mapping[str, tuple[str, ...]]] = {
    **{str(kind): names for kind, names in ASKS.items()},
    "breaks": ("file",),
    "bills": ("file", "sheet", "hidden"),
    "decisions": ("file", "sheet", "hidden", "publish"),
}
"""What the form of each kind asks, beside why."""
_OF: Final[Mapping[str, str]] = {
    "breaks": "propose_break_sheet",
    "bills": "propose_import",
    "decisions": "propose_import",
}
_MONEY: Final = ("retry", "bills", "decisions")
"""Kinds by which money may move: who proposes one proves again who it is, as who confirms it does."""


async def _plan(look: Look, kind: str) -> Plan | None:
    """What would be done; None while the form is empty. Raises InvalidProblem, NotFoundProblem."""
    asked = look.asked
    if kind in UPLOADS:
        file = look.files.get("file")
        return None if file is None else await UPLOADS[kind](look, file.content)
    if not asked.get("reason"):
        return None
    told = {name: value for name in ASKS[typing.cast(Kind, kind)] if (value := _typed(name, asked.get(name, "")))}
    try:
        ask = JobAsk.model_validate({"kind": kind, "reason": asked["reason"], **told})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidProblem(reason_of(first), field=str(first["loc"][0])) from None
    return await look.get(Planning).plan(ask, look.who)


def _typed(name: str, text: str) -> Any:
    """A member as it was typed. Raises InvalidProblem for a filter that is none."""
    if name in _LISTED:
        return [text] if text else None
    if name in ("since", "until") and text:
        return f"{text}:00+08:00" if text.count(":") == 1 else text
    if name != "filter":
        return text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any("=" not in line for line in lines):
        raise InvalidProblem(say("exports.no_filter"), field="filter")
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}


async def _form(kind: str, look: Look, _id: str) -> Form:
    plan = await _plan(look, kind)
    what: list[Block] = [Note(say(f"jobs.form_{kind}"))]
    if kind == "breaks" and look.may(EXPORTING):
        what.append(Files(say("jobs.form_sheet"), [FileOf(SHEET, say("jobs.form_download"))], _NAME))
    if kind == "decisions" and look.may(TEMPLATED):
        what.append(Files(say("jobs.form_sheet"), [FileOf(TEMPLATE, say("jobs.form_template"))], _NAME))
    fields = [await _field(look, kind, name) for name in _ASKS[kind] if name != "publish" or look.may(PUBLISHING)]
    fields.append(Field("reason", Named("reason"), "area"))
    if plan is None:
        return Form(say("jobs.form_begin"), what, fields, reviewed=True)
    left = [one for one in plan.rows if one.why is None]
    button = say("jobs.form_propose" if plan.two_persons else "jobs.form_start", number=len(left))
    return Form(button, (*what[:1], *_preview(plan)), fields, seen=digest_of(plan.rows).hex(), reviewed=True)


def _preview(plan: Plan) -> Sequence[Block]:
    """What would be done: how many rows, and the first of them; those that cannot be done say why."""
    left = sum(one.why is None for one in plan.rows)
    facts = Facts(
        None,
        [
            (say("jobs.screen_rows"), len(plan.rows)),
            (say("jobs.form_possible"), left),
            (Word("not_applicable"), len(plan.rows) - left),
            *_left_out(plan),
            (say("jobs.form_persons"), say("jobs.form_two" if plan.two_persons else "jobs.form_one")),
        ],
    )
    heads = (Head(Named("number"), number=True, small=True), Head(Named("subject")), Head(Named("why")))
    shown = sorted(enumerate(plan.rows, start=1), key=lambda one: one[1].why is None)[:_SHOWN]
    rows = [Row(None, (number, one.subject, one.why)) for number, one in shown]
    more = say("jobs.form_more", number=len(plan.rows), shown=_SHOWN) if len(plan.rows) > _SHOWN else None
    return facts, Table(say("jobs.form_rows"), heads, rows, say("jobs.empty"), more)


def _left_out(plan: Plan) -> list[Fact]:
    """How many rows of a file ask for nothing, and which: who forgot one finds it."""
    if not plan.left_out:
        return []
    first, number = plan.left_out[:_NAMED], len(plan.left_out)
    said = say("jobs.form_left_out_rows", number=number, first=first)
    return [(say("jobs.form_left_out"), said)]


async def _do(kind: str, look: Look, _id: str) -> Done:
    for scope in ("jobs:write", SCOPES[kind]):
        if not look.may(scope):
            raise Problem(say("http.scope", scope=scope), type="scope-missing")
    plan = await _plan(look, kind)
    if plan is None:
        raise InvalidProblem(say("jobs.empty"))
    if look.asked.get("seen") != digest_of(plan.rows).hex():
        raise ConflictProblem(say("jobs.other_rows"), type="changed-since-seen")
    job_id = await look.get(Jobs).propose(plan, who=look.who, language=look.language, once=look.once)
    return Done(To("", _NAME, job_id))


# --- fields -----------------------------------------------------------------------------------------------------------


async def _field(look: Look, kind: str, name: str) -> Field:
    """One member of what a kind asks, as people choose or type it."""
    label = say(f"jobs.field_{name}")
    if name == "file":
        return Field(name, label if kind == "breaks" else say("jobs.field_import"), "file")
    if name in ("hidden", "publish"):
        return Field(name, label, "flag", required=False)
    if name == "sheet":
        return Field(name, label, required=False)
    if name in ("first", "last"):
        return Field(name, label, "day", required=name == "first")
    if name in ("since", "until"):
        return Field(name, label, "moment", required=kind == "webhooks" and name == "since")
    if name == "filter":
        return Field(name, label, "area", required=False, hint=say("jobs.field_filter_hint"))
    choices = await _CHOICES[name](look)
    required = name in ("list", "form")
    every = [] if required else [Choice("", say("jobs.every"))]
    return Field(name, label, "choice", required=required, choices=[*every, *choices])


async def _channels(look: Look) -> Sequence[Choice]:
    served = [one.name for one in look.base.channels.all() if look.base.channels.served(one.name, look.who.authorities)]
    return [Choice(one, one) for one in served]


async def _paying(look: Look) -> Sequence[Choice]:
    paying = {one.name for one in look.base.channels.all() if one.info.kind == KIND}
    return [one for one in await _channels(look) if one.value in paying]


async def _endpoints(look: Look) -> Sequence[Choice]:
    found = await look.base.webhooks.endpoints.find(list(look.who.authorities))
    return [Choice(one.id, one.url) for one in found]


async def _actions(look: Look) -> Sequence[Choice]:
    return [Choice(one, Word(one)) for one in sorted(look.base.delivery.node.actions)]


async def _reasons(_look: Look) -> Sequence[Choice]:
    return [Choice(one.value, say(f"operations.why_{one.value.replace('-', '_')}")) for one in ParkedFor]


async def _of(name: str, _look: Look) -> Sequence[Choice]:
    """The values of a member that allows a few words."""
    parts = typing.get_args(typing.get_type_hints(JobAsk)[name])
    words = [word for part in parts for word in (typing.get_args(part) or (part,)) if isinstance(word, str)]
    return [Choice(word, Word(word)) for word in words]


_CHOICES: Final[Mapping[str, Callable[[Look], Awaitable[Sequence[Choice]]]]] = {
    "channels": _paying,
    "channel": _channels,
    "endpoints": _endpoints,
    "action": _actions,
    "parked_for": _reasons,
    "list": partial(_of, "list"),
    "form": partial(_of, "form"),
}


# --- pages ------------------------------------------------------------------------------------------------------------


def _page(kind: str, name: str = "") -> ActPage:
    """The form of one kind. ``name``: in its address, where that is not the kind."""
    of = _ACTS[_OF.get(kind, "propose_job")]
    return ActPage(
        name=name or kind,
        of=replace(of, scope=SCOPES[kind]),
        called=_called(kind),
        form=partial(_form, kind),
        do=partial(_do, kind),
        money=kind in _MONEY,
    )


def _called(kind: str) -> Sentence:
    return say(f"jobs.called_{kind}")


def title_of(kind: str) -> Sentence | Word:
    """What a job of a kind does, in words."""
    return _called(kind) if kind in ASKS or kind in UPLOADS else Word(kind)


FORMS: Final = tuple(_page(kind) for kind in (*ASKS, *UPLOADS))
"""One for each kind that there is."""
ON_BREAKS = Joins(screen="breaks", acts=(_page("breaks", "sheet"),))
ON_DAYS = Joins(screen="reconciliation", acts=(_page("reconcile", "run"),))
ON_DOUBT = Joins(screen="operations", acts=(_page("retry", "retry-all"),))

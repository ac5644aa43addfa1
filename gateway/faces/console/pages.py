"""The console's addresses: signing in, lists, records, acts. Every act is a plain link or form; no script is needed.

The pages know no room: what they show comes from ``Room.screens``, drawn by ``drawing``. What is done here is written
down in the operator audit before it is done. Whether somebody may do it the services decide; here only what they may
is drawn.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.types import Scope

from gateway.faces.assembled import Gateway
from gateway.faces.console import gate
from gateway.faces.console.drawing import HOME, address
from gateway.faces.console.own_page import own_page
from gateway.faces.console.reader import HEADERS, SCRIPT, STYLE, Reader, Stranger
from gateway.faces.console.sent import sent
from gateway.foundation.access.audit import Act
from gateway.foundation.http.persons import RIGHT as UNMASKS
from gateway.foundation.http.problems import beside, fault, problem_of
from gateway.foundation.narrowing import Narrowed, narrowed
from gateway.foundation.once import Once, RepeatedProblem
from gateway.foundation.screens import (
    ActPage,
    Choice,
    Done,
    Form,
    Found,
    Listing,
    Note,
    Page,
    Right,
    Screen,
    Upload,
    Wanted,
)
from gateway.words.errors import GatewayError, InvalidProblem, NotFoundProblem, Problem
from gateway.words.saying import Language, say

router = APIRouter(prefix=HOME, include_in_schema=False)

NO_RECORD: Final = "-"
"""Stands for the record in the address of an act that is about none."""
_FRAME: Final = ("mark", "once", "step", "seen", "proof_password", "proof_code", "from")
_BESIDE: Final = ("cursor", "n", "done", "from")
"""What stands in the address of a list beside what narrows it."""
_SECRET: Final = ("password",)
_USUAL: Final = "_usual"
"""Behind the name of a reason: the usual one that was chosen."""
_KEPT: Final = "kept."
"""Before the name of a field: under which id its file is kept since it was looked at."""

Serve = Callable[[Reader], Awaitable[Response]]


# --- signing in -------------------------------------------------------------------------------------------------------


_KEPT_LONG: Final = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
"""For what has another address after a change."""


@router.get("/look/console.css")
async def style() -> Response:
    """How the pages look."""
    return Response(STYLE, media_type="text/css; charset=utf-8", headers=_KEPT_LONG)


@router.get("/look/at_hand.js")
async def script() -> Response:
    """What is only at hand: copying, and keys."""
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers=_KEPT_LONG)


@router.get("/language/{to}")
async def choose_language(request: Request, to: str) -> Response:
    """Chinese or English from now on, on the page from which one comes."""
    answer = _redirect(_own_address(request.query_params.get("to", "")))
    gate.keep_language(answer, Language.ENGLISH if to == Language.ENGLISH.value else Language.CHINESE)
    return answer


@router.get("/type/{size}")
async def choose_type(request: Request, size: str) -> Response:
    """Large type or the usual one from now on, on the page from which one comes."""
    answer = _redirect(_own_address(request.query_params.get("to", "")))
    gate.keep_type(answer, large=size == "large")
    return answer


@router.get("/keys/{word}")
async def choose_keys(request: Request, word: str) -> Response:
    """Single keys do something from now on, or nothing, on the page from which one comes."""
    answer = _redirect(_own_address(request.query_params.get("to", "")))
    gate.keep_keys(answer, on=word == "on")
    return answer


@router.get("/sign-in")
async def sign_in_page(request: Request, gateway: Gateway) -> Response:
    """The form to sign in with."""
    return _sign_in(Stranger(gateway, request), to=_own_address(request.query_params.get("to", "")))


@router.post("/sign-in")
async def sign_in(request: Request, gateway: Gateway) -> Response:
    """Let somebody in, and lead to where they wanted to go: a form that was typed before a session's end is kept."""
    stranger = Stranger(gateway, request)
    fields: dict[str, str] = {}
    try:
        fields, _ = await sent(request)
        gate.require_own_form(request, fields, signed_in=False)
        cookie, visit = await gateway.base.people.sign_in(
            fields.get("login", ""), fields.get("password", ""), fields.get("code", ""), gate.source_of(request)
        )
    except Problem as problem:
        again = {"to": _own_address(fields.get("to", "")), "kept": fields.get("kept", "")}
        return _sign_in(stranger, problem, fields.get("login", ""), **again)
    to = _own_address(fields.get("to", ""))
    answer: Response = _redirect(f"{HOME}/me" if visit.lacks else to)
    if fields.get("kept") and not visit.lacks:
        answer = _go_on(stranger, to, fields["kept"], gate.mark_of(cookie))
    gate.keep(request, answer, cookie)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, gateway: Gateway) -> Response:
    """End the session."""

    async def serve(reader: Reader) -> Response:
        fields, _ = await sent(request)
        gate.require_own_form(request, fields)
        await gateway.base.people.sign_out(reader.visit)
        answer = _redirect(f"{HOME}/sign-in")
        gate.let_go(request, answer)
        return answer

    return await _served(request, gateway, serve)


def _sign_in(
    stranger: Stranger, wrong: Problem | None = None, login: str = "", *, to: str = HOME, kept: str = ""
) -> Response:
    title = stranger.pen.own("sign_in")
    said = None if wrong is None else wrong.detail_in(stranger.language)
    status = 200 if wrong is None else wrong.status
    return stranger.page("sign_in.html", title, status, wrong=said, login=login, to=to, kept=kept)


def _go_on(stranger: Stranger, to: str, kept: str, mark: str) -> Response:
    """What was typed before the session ended, to be sent on by a button: nothing is done by itself."""
    try:
        fields = {str(name): str(value) for name, value in json.loads(kept).items()}
    except (ValueError, AttributeError):
        return _redirect(to)
    return stranger.page("go_on.html", stranger.pen.own("go_on"), to=to, fields=fields, mark_now=mark)


# --- somebody who is signed in ----------------------------------------------------------------------------------------


@router.get("")
async def home(request: Request, gateway: Gateway) -> Response:
    """The first screen that the person may open."""

    async def serve(reader: Reader) -> Response:
        return _redirect(address(min(reader.screens.values(), key=lambda one: one.place).name))

    return await _served(request, gateway, serve)


@router.api_route("/me", methods=["GET", "POST"])
async def me(request: Request, gateway: Gateway) -> Response:
    """The person's own: password, one-time codes."""
    return await _served(request, gateway, own_page, lacking=True)


@router.get("/{screen}")
async def screen_page(request: Request, gateway: Gateway, screen: str) -> Response:
    """What a screen opens with: its list, or a page of its own."""

    async def serve(reader: Reader) -> Response:
        known = reader.screen(screen)
        if known.lists is not None:
            return await _list(reader, known, known.lists)
        if known.page is None:
            raise NotFoundProblem(say("console.no_screen"))
        asked = _asked(request)
        return _record(reader, known, None, await known.page(reader.look(asked=asked)), {})

    return await _served(request, gateway, serve)


@router.api_route("/{screen}/-/views", methods=["GET", "POST"])
async def views_of_list(request: Request, gateway: Gateway, screen: str) -> Response:
    """A person's views of a list: made, named otherwise, taken away."""

    async def serve(reader: Reader) -> Response:
        known, desk, who = reader.screen(screen), reader.base.desk, reader.visit.who.client_id
        if known.lists is None:
            raise NotFoundProblem(say("console.no_screen"))
        if request.method == "POST":
            fields, _ = await sent(request)
            gate.require_own_form(request, fields)
            name = fields.get("name", "")
            if "view" in fields:
                await desk.change_view(who, fields["view"], None if fields.get("step") == "remove" else name)
                return _redirect(address(known.name, NO_RECORD, "views"))
            asked = (await _narrowed(reader, known.lists, dict(parse_qsl(fields.get("from", ""))))).asked
            await desk.save_view(who, known.name, name, urlencode(asked))
            return _redirect(address(known.name, asked=asked))
        title = reader.pen.own("views_of", what=reader.pen.words(known.title))
        views = await desk.views(who, known.name)
        return reader.page("views.html", title, at=known.name, screen=known, views=views, back=address(known.name))

    return await _served(request, gateway, serve)


@router.get("/{screen}/{id}")
async def record_page(request: Request, gateway: Gateway, screen: str, id: str) -> Response:
    """One record of a screen."""

    async def serve(reader: Reader) -> Response:
        known = reader.screen(screen)
        if known.one is None:
            raise NotFoundProblem(say("console.no_screen"))
        asked = _asked(request)
        plainly = await _plainly(reader, known, id, asked)
        look = reader.look(asked=asked, plainly=plainly)
        page = await known.one(look, id)
        more = [(one.first, await one.blocks(look, id)) for one in known.joined if one.blocks is not None]
        acts = [act for one in known.joined if one.now is not None for act in await one.now(look, id)]
        first, last = ([block for at, those in more if at is where for block in those] for where in (True, False))
        notes = next((at for at, one in enumerate(page.blocks) if not isinstance(one, Note)), len(page.blocks))
        blocks = (*page.blocks[:notes], *first, *page.blocks[notes:], *last)
        page = replace(page, blocks=blocks, acts=(*page.acts, *acts))
        return _record(reader, known, id, page, await _around(reader, known, id), plainly=plainly)

    return await _served(request, gateway, serve)


@router.get("/{screen}/{id}/file/{name}")
async def record_file(request: Request, gateway: Gateway, screen: str, id: str, name: str) -> Response:
    """A file of a record."""

    async def serve(reader: Reader) -> Response:
        known = reader.screen(screen)
        asked = _asked(request)
        plainly = await _plainly(reader, known, id, asked)
        made = await known.file_of(reader.look(asked=asked, plainly=plainly), id, name)
        place = "inline" if made.inline else "attachment"
        headers = {"Content-Disposition": f"{place}; filename*=UTF-8''{quote(made.name)}"}
        return Response(made.content, media_type=made.media_type, headers=HEADERS | headers)

    return await _served(request, gateway, serve)


@router.api_route("/{screen}/{id}/{act}", methods=["GET", "POST"])
async def act_page(request: Request, gateway: Gateway, screen: str, id: str, act: str) -> Response:
    """An act: what it asks and will do, and on POST the doing."""

    async def serve(reader: Reader) -> Response:
        known = reader.screen(screen)
        meant = known.act(act)
        if meant is None:
            raise NotFoundProblem(say("console.no_screen"))
        reader.require(meant.scope)
        fields, files = await sent(request) if request.method == "POST" else (_asked(request), {})
        files = {**await _kept(reader, fields), **files}
        doing = _Doing(reader, known, id, meant, fields, files)
        return await doing.form() if request.method == "GET" else await doing.sent()

    return await _served(request, gateway, serve)


async def _kept(reader: Reader, fields: Mapping[str, str]) -> dict[str, Upload]:
    """The files that were looked at before and are kept since. Raises NotFoundProblem for what is gone."""
    found = {}
    for name, upload_id in fields.items():
        if name.startswith(_KEPT):
            called, content = await reader.base.desk.kept(reader.visit.who.client_id, upload_id)
            found[name.removeprefix(_KEPT)] = Upload(called, content, upload_id)
    return found


async def _served(request: Request, gateway: Gateway, serve: Serve, *, lacking: bool = False) -> Response:
    """Serve somebody who is signed in; others are asked to sign in first, and keep what they had typed.

    ``lacking``: also for who has to change the password first.
    """
    visit = await gate.visitor(request, gateway)
    if visit is None:
        return await _ask_who(request, Stranger(gateway, request))
    if visit.lacks and not lacking and request.url.path != f"{HOME}/sign-out":
        return _redirect(f"{HOME}/me")
    reader = Reader(gateway, request, visit)
    try:
        return await serve(reader)
    except Problem as problem:
        return reader.problem(problem)
    except Exception as error:
        known = fault(error, request.url.path)
        return reader.problem(Problem(say("http.internal_error", fault=known), type="internal-error"))


def refusal(gateway: Gateway, error: Exception, scope: Scope) -> Response:
    """What no page could serve (another method, a body too large or that is none), said on a page all the same."""
    problem = problem_of(error, scope["path"])
    answer = Stranger(gateway, Request(scope)).problem(problem)
    answer.headers.update(beside(error, problem))
    return answer


async def _ask_who(request: Request, stranger: Stranger) -> Response:
    if request.method != "POST" or request.url.path == f"{HOME}/me":  # passwords are not kept
        to = "" if request.url.path == HOME else stranger.here
        return _redirect(f"{HOME}/sign-in?{urlencode({'to': to})}" if to else f"{HOME}/sign-in")
    fields, _ = await sent(request)
    kept = {name: value for name, value in fields.items() if name not in _FRAME and not name.endswith(_SECRET)}
    if "from" in fields:
        kept["from"] = fields["from"]
    ended = Problem(say("console.session_ended"), type="not-authenticated")
    return _sign_in(stranger, ended, to=stranger.here, kept=json.dumps(kept, ensure_ascii=False))


# --- lists ------------------------------------------------------------------------------------------------------------


async def _list(reader: Reader, screen: Screen, lists: Listing) -> Response:
    query = dict(reader.request.query_params)
    asked, choices, unknown = await _narrowed(reader, lists, query)
    look = reader.look(asked=asked)
    wrong: str | None = None
    try:
        found = await lists.find(look, Wanted(query.get("cursor") or None))
    except InvalidProblem as problem:
        found, wrong = Found(()), problem.detail_in(reader.language)
    start = _number(query.get("n"))
    return reader.page(
        "list.html",
        reader.pen.words(screen.title),
        at=screen.name,
        screen=screen,
        lists=lists,
        found=found,
        wrong=wrong,
        unknown=[(reader.pen.words(label), value) for label, value in unknown],
        asked=asked,
        choices=choices,
        chips=_chips(reader, screen, lists, asked, choices),
        start=start,
        rows_from=urlencode({**asked, **_position(query.get("cursor"), start)}),
        more=_more(screen, asked, found, start),
        acts=_acts(reader, screen, NO_RECORD, lists.acts, urlencode(asked) or None, asked),
        views=await reader.base.desk.views(reader.visit.who.client_id, screen.name),
        done=_done(screen, query),
    )


async def _narrowed(reader: Reader, lists: Listing, query: Mapping[str, str]) -> Narrowed:
    filters = {one.name for one in lists.filters}
    meant = {name: value for name, value in query.items() if name in filters or name not in _BESIDE}
    return await narrowed(lists, reader.look(), meant)


def _chips(
    reader: Reader,
    screen: Screen,
    lists: Listing,
    asked: Mapping[str, str],
    choices: Mapping[str, Sequence[Choice]],
) -> list[dict[str, str]]:
    """Each thing that narrows a list, with the address of the list without it."""
    chips = []
    for one in lists.filters:
        if one.name in asked:
            words = {choice.value: reader.pen.words(choice.words) for choice in choices[one.name]}
            rest = {name: value for name, value in asked.items() if name != one.name}
            value = words.get(asked[one.name], asked[one.name])
            label = reader.pen.words(one.label)
            chips.append({"label": label, "value": value, "without": address(screen.name, asked=rest)})
    return chips


def _more(screen: Screen, asked: Mapping[str, str], found: Found, start: int) -> str | None:
    """The address of the next page."""
    if found.next is None:
        return None
    return address(screen.name, asked={**asked, **_position(found.next, start + len(found.rows))})


def _position(cursor: str | None, start: int) -> dict[str, str]:
    return {"cursor": cursor, "n": str(start)} if cursor else {}


async def _around(reader: Reader, screen: Screen, id: str) -> dict[str, Any]:
    """Where a record stands in the list from which one comes: back to it, the one before and the one after."""
    came = reader.request.query_params.get("from", "")
    query = dict(parse_qsl(came))
    if screen.lists is None:
        return {"back": address(screen.name)}
    asked = (await _narrowed(reader, screen.lists, query)).asked
    start = _number(query.get("n"))
    back = address(screen.name, asked={**asked, **_position(query.get("cursor"), start)})
    if "from" not in reader.request.query_params:
        return {"back": back}
    try:
        found = await screen.lists.find(reader.look(asked=asked), Wanted(query.get("cursor") or None))
    except Problem:
        return {"back": back}
    ids = [one.id for one in found.rows]
    if id not in ids:
        return {"back": back}
    place = ids.index(id)

    def to(other: str | None) -> str | None:
        return None if other is None else address(screen.name, other, asked={"from": came})

    return {
        "back": back,
        "before": to(ids[place - 1]) if place else None,
        "after": to(ids[place + 1]) if place + 1 < len(ids) else None,
        "place": start + place,
        "total": found.total,
        "most": found.most,
    }


# --- one record -------------------------------------------------------------------------------------------------------


def _record(
    reader: Reader,
    screen: Screen,
    id: str | None,
    page: Page,
    around: Mapping[str, Any],
    *,
    plainly: bool = False,
) -> Response:
    came = reader.request.query_params.get("from")
    title = reader.pen.words(page.title)
    return reader.page(
        "record.html",
        title,
        at=screen.name,
        screen=screen,
        id=id,
        page=page,
        around={"back": None, "before": None, "after": None, "place": None, "total": None, "most": None, **around},
        acts=_acts(reader, screen, id or NO_RECORD, page.acts, came),
        came=came,
        plainly=plainly,
        may_unmask=page.masked and not plainly and UNMASKS in reader.visit.who.scopes,
        done=_done(screen, reader.request.query_params),
    )


def _acts(
    reader: Reader,
    screen: Screen,
    id: str,
    names: Sequence[str],
    came: str | None,
    given: Mapping[str, str] | None = None,
) -> list[tuple[ActPage, str]]:
    """The acts that the person may do now, each with its address. ``given``: the filter, to begin its form with."""
    known = [one for name in names if (one := screen.act(name)) and reader.may(one.scope)]
    asked = {**(given or {}), **({} if came is None else {"from": came})}
    return [(one, address(screen.name, id, one.name, asked=asked)) for one in known]


def _done(screen: Screen, query: Mapping[str, str]) -> ActPage | None:
    """The act from which one comes, to say that it is done."""
    return screen.act(query.get("done", ""))


async def _plainly(reader: Reader, screen: Screen, id: str, asked: Mapping[str, str]) -> bool:
    """Whether persons are shown unmasked: for who may, with a reason, written down before."""
    reason = asked.get("unmask", "")
    if not reason:
        return False
    if UNMASKS not in reader.visit.who.scopes:
        raise Problem(say("console.lacks_right", right=Right(UNMASKS)), type="scope-missing")
    begun = await reader.base.audit.begin(
        reader.visit.name, Act("read", f"GET {HOME}/{screen.name}/{{id}}", id[:200], reason=reason[:500])
    )
    await reader.base.audit.end(begun, 200)
    return True


# --- acts -------------------------------------------------------------------------------------------------------------


class _Doing:
    """One act, asked for or being done."""

    def __init__(
        self,
        reader: Reader,
        screen: Screen,
        id: str,
        act: ActPage,
        fields: Mapping[str, str],
        files: Mapping[str, Upload],
    ) -> None:
        self._reader, self._screen, self._id, self._act = reader, screen, id, act
        self._fields = fields
        self._key = fields.get("once") or secrets.token_hex(12)
        typed = {
            name: value
            for name, value in fields.items()
            if name == "seen" or (name not in _FRAME and not name.startswith(_KEPT))
        }
        self._typed = typed
        self._look = reader.look(asked=typed, files=files, once=self._once())

    async def form(self, problem: Problem | None = None, *, review: bool = False) -> Response:
        """The page of the act, with what was typed and what is wrong with it."""
        made = await self._made(problem)
        review = review and made.reviewed
        if review or problem is not None:
            await self._keep_files()
        proof = self._act.money and not self._reader.visit.fresh and (review or not made.reviewed)
        title = self._reader.pen.words(self._act.title)
        typed = self._look.asked if review else self._typed
        return self._reader.page(
            "form.html",
            f"{self._reader.pen.own('error')} {title}" if problem else title,
            200 if problem is None else problem.status,
            at=self._screen.name,
            heading=title,
            screen=self._screen,
            act=self._act,
            form=made,
            review=review,
            values={one.name: typed.get(one.name, one.value) for one in made.fields},
            usual={one.name: typed.get(one.name + _USUAL, "") for one in made.fields},
            choices={one.name: one.choices for one in made.fields},
            problem=None if problem is None else self._told(problem, made),
            once=self._key,
            proof=proof,
            factor=self._reader.visit.has_factor,
            came=self._came,
            back=self._back(),
            files=any(one.kind == "file" for one in made.fields),
            kept={name: one for name, one in self._look.files.items() if one.kept},
        )

    async def _keep_files(self) -> None:
        """What was uploaded is kept until it is taken, so that nobody uploads it twice. Raises InvalidProblem."""
        desk, kept = self._reader.base.desk, {}
        for name, one in self._look.files.items():
            upload_id = one.kept or await desk.keep(self._reader.visit.who.client_id, one.name, one.content)
            kept[name] = replace(one, kept=upload_id)
        self._look = replace(self._look, files=kept)

    async def _made(self, problem: Problem | None) -> Form:
        """The form; where what was typed is what is wrong, as it was before anything was typed."""
        try:
            return await self._act.form(self._look, self._id)
        except Problem:
            if problem is None:
                raise
            return await self._act.form(replace(self._look, asked={}, files={}), self._id)

    async def sent(self) -> Response:
        """What was sent: shown once more where the act wants that, else done."""
        gate.require_own_form(self._reader.request, self._fields)
        step = self._fields.get("step", "")
        if step == "change":
            return await self.form()
        try:
            made = await self._act.form(self._look, self._id)
            self._look = replace(self._look, asked=self._reasoned(made))
            self._require_filled(made)
            if made.reviewed and step != "do":
                return await self.form(review=True)
            await self._prove()
            return self._after(await self._do())
        except RepeatedProblem:
            return self._after(None)
        except Problem as problem:
            try:
                return await self.form(problem, review=problem.field == "proof_password")
            except Problem:  # nothing of it can be done any more: what came first is said
                return self._reader.problem(problem)

    async def _do(self) -> Done | None:
        """Do it, written down before and after."""
        told = {name: value for name, value in self._look.asked.items() if not name.endswith(_SECRET)}
        body = json.dumps(told, ensure_ascii=False).encode()
        action = f"POST {HOME}/{self._screen.name}/{{id}}/{self._act.name}"
        audit = self._reader.base.audit
        reason = told.get("reason") or None
        subject = (self._id if self._id != NO_RECORD else self._screen.name)[:200]
        begun = await audit.begin(self._reader.visit.name, Act("act", action, subject, reason=reason))
        try:
            done = await self._act.do(self._look, self._id)
        except Problem as refused:
            await audit.end(begun, refused.status, body)
            raise
        except GatewayError:
            await audit.end(begun, 500, body)
            raise
        await audit.end(begun, 200, body)
        for one in self._look.files.values():
            if one.kept:
                await self._reader.base.desk.let_go(self._reader.visit.who.client_id, one.kept)
        return done

    async def _prove(self) -> None:
        """Who moves money has proved just now who it is. Raises InvalidProblem."""
        visit = self._reader.visit
        if not self._act.money or visit.fresh:
            return
        password, code = self._fields.get("proof_password", ""), self._fields.get("proof_code", "")
        proved = await self._reader.base.people.prove(visit, password, code)
        if proved is None:
            raise InvalidProblem(say("console.not_proved"), field="proof_password")
        self._reader.visit = proved

    def _reasoned(self, made: Form) -> dict[str, str]:
        """What was typed, with each reason as one text: the usual one that was chosen, then the person's own words."""
        asked = {name: value for name, value in self._typed.items() if not name.endswith(_USUAL)}
        for one in made.fields:
            chosen = self._typed.get(one.name + _USUAL)
            usual = [self._reader.pen.words(each.words) for each in one.choices if each.value == chosen]
            if one.kind == "reason":
                asked[one.name] = "；".join(part for part in (*usual, asked.get(one.name, "")) if part)
        return asked

    def _require_filled(self, made: Form) -> None:
        for one in made.fields:
            given = one.name in self._look.files if one.kind == "file" else self._look.asked.get(one.name)
            if one.required and not given and one.kind != "flag":
                words = self._reader.pen.words(one.label)
                raise InvalidProblem(say("console.needed", field=words), field=one.name)

    def _after(self, done: Done | None) -> Response:
        if done is not None and done.page is not None:
            return _record(self._reader, self._screen, None, done.page, {"back": self._back()})
        if done is not None and done.to is not None:
            more = () if done.to.id is None else (done.to.id,)
            known = done.to.screen == self._screen.name
            asked = {**done.to.asked, **({"done": self._act.name} if known else {})}
            return _redirect(address(done.to.screen, *more, asked=asked))
        return _redirect(self._back({"done": self._act.name}))

    @property
    def _came(self) -> str | None:
        return self._fields.get("from")

    def _back(self, more: Mapping[str, str] | None = None) -> str:
        asked = {**({} if self._came is None else {"from": self._came}), **(more or {})}
        if self._id == NO_RECORD or self._screen.one is None:
            return address(self._screen.name, asked={**dict(parse_qsl(self._came or "")), **(more or {})})
        return address(self._screen.name, self._id, asked=asked)

    def _told(self, problem: Problem, made: Form) -> dict[str, Any]:
        """What is wrong, beside the field that it is about where there is one."""
        language = self._reader.language
        whole = problem.field or ""
        known = {one.name for one in made.fields} | {"proof_password"}
        field = whole if whole in known else whole.rpartition(".")[2]
        return {
            "detail": problem.detail_in(language),
            "cure": problem.cure_in(language),
            "field": field if field in known else None,
        }

    def _once(self) -> Once:
        """The effect once for this form, however often it is sent."""
        who, path = self._reader.visit.who.client_id, self._reader.request.url.path[:200]
        sealed = self._reader.base.envelope.seal(b"", f"console.once|{who}|{path}|{self._key}", pack=False)
        return Once(who, path, self._key, sealed, self._reader.base.clock)


# --- inside -----------------------------------------------------------------------------------------------------------


def _asked(request: Request) -> dict[str, str]:
    return {name: value.strip() for name, value in request.query_params.items()}


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 8 else 1


def _own_address(to: str) -> str:
    """An address of the console itself; its first page for any other."""
    own = to == HOME or to.startswith((f"{HOME}/", f"{HOME}?"))
    steps = unquote(to.partition("?")[0]).split("/")
    plain = "\\" not in to and to.isprintable() and not {"", ".", ".."} & set(steps[1:])
    return to if own and plain else HOME


def _redirect(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303, HEADERS)

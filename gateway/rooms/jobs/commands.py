"""``gateway jobs``: many requests as one record, at the command line; and breaks explained in a spreadsheet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from gateway.terminal.confirming import Seen, as_lines, word_on
from gateway.terminal.login import FromStdin, Identity, Login, asking_as
from gateway.terminal.output import Exit, Json, facts, in_words, progress, show, table
from gateway.terminal.running import Asking, Caller, KeyFile, goes_on
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

app = typer.Typer(help="Jobs 作业: many steps as one record, with a result for each.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why, for the record.")]
_SECONDS = 1.0


@app.command("start")
def start(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="reconcile, retry, webhooks or export.")],
    reason: Reason,
    first: Annotated[str | None, typer.Option("--from", help="reconcile: the first day, as 2026-11-01.")] = None,
    last: Annotated[str | None, typer.Option("--until", help="reconcile: the last day; yesterday if none.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="reconcile, retry: of this channel; may be repeated.")
    ] = None,
    action: Annotated[str | None, typer.Option(help="retry: those of one kind, for example nontax.issue.")] = None,
    parked_for: Annotated[str | None, typer.Option(help="retry: those parked for this.")] = None,
    since: Annotated[
        str | None, typer.Option(help="webhooks, retry: events, or parked, from this instant on, RFC 3339.")
    ] = None,
    before: Annotated[str | None, typer.Option(help="webhooks, retry: before this instant, RFC 3339.")] = None,
    endpoint: Annotated[list[str] | None, typer.Option(help="webhooks: to this endpoint; may be repeated.")] = None,
    what: Annotated[str | None, typer.Option("--list", help="export: which list.")] = None,
    wanted: Annotated[
        list[str] | None, typer.Option("--filter", help="export: as status=PAID; may be repeated.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended. Exit code 1 if a row was not done.")
    ] = False,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Begin a job, or propose it for a second person: days to reconcile, parked work, webhooks, an export."""
    if any("=" not in one for one in wanted or ()):
        raise InvalidProblem(say("exports.no_filter"), field="--filter")
    asked = {
        "kind": kind,
        "reason": reason,
        "first": first,
        "last": last,
        "action": action,
        "parked_for": parked_for,
        "since": since,
        "until": before,
        "endpoints": endpoint or [],
        "list": what,
        "filter": dict(one.split("=", 1) for one in wanted or ()),
        **({"channels": channel or []} if kind == "reconcile" else {"channel": next(iter(channel or ()), None)}),
    }
    with asking_as(ctx, Identity(login, password_stdin, key_file), every=True) as gateway:
        made = dict(gateway("POST", "/v1/jobs", asked))
        told = _waited(gateway, made["id"]) if wait or not goes_on(ctx, Caller(key_file)) else made
        rows = _rows(gateway, told["id"]) if told["ended_at"] is not None else []
    _show(told, rows, as_json)


@app.command("breaks")
def breaks(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The workbook: written with --out, else read as it was filled in.")],
    out: Annotated[bool, typer.Option("--out", help="Write open breaks into a new workbook to be filled in.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    channel: Annotated[str | None, typer.Option(help="Of one channel.")] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Explain many breaks in a spreadsheet: write it, fill it in, hand it in; a second person confirms the job."""
    who = Identity(login, password_stdin, key_file)
    if out:
        if file.exists():
            raise InvalidProblem(say("audit.there", file=file), field="FILE")
        path = "/v1/break-sheets" + (f"?{urlencode({'channel': channel})}" if channel else "")
        with asking_as(ctx, who, every=True) as gateway:
            content = bytes(gateway("GET", path, None))
        with file.open("xb") as written:
            written.write(content)
        show({"file": str(file), "bytes": len(content)}, as_json, say("exports.written", file=file, bytes=len(content)))
        return
    if not file.is_file():
        raise InvalidProblem(say("jobs.no_such_file", file=file), field="FILE")
    if not reason:
        raise InvalidProblem(say("jobs.needs_reason"), field="--reason")

    def over_http(gateway: Asking) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        path = f"/v1/break-sheets?{urlencode({'reason': reason})}"
        made = dict(gateway("POST", path, file.read_bytes()))
        return made, _rows(gateway, made["id"])

    with asking_as(ctx, who, every=True) as gateway:
        made, rows = over_http(gateway)
    _show(made, rows, as_json, code=False)


@app.command("import")
def import_file(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="bills or decisions.")],
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 or GB 18030, XLSX, or for decisions JSON Lines.")],
    reason: Reason,
    publish: Annotated[
        bool, typer.Option("--publish", help="decisions: publish each at every target of its authority.")
    ] = False,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Of a workbook with several.")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Take hidden and filtered rows too.")] = False,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Bring open bills or decisions in from a file, row by row; a second person confirms the job.

    What cannot be taken is shown with its reason before anybody confirms. Take the job back with stop, and bring the
    mended file.
    """
    if not file.is_file():
        raise InvalidProblem(say("jobs.no_such_file", file=file), field="file")
    asked = {"kind": kind, "reason": reason, "hidden": str(hidden).lower(), "publish": str(publish).lower()}
    path = f"/v1/import-files?{urlencode(asked | ({} if sheet is None else {'sheet': sheet}))}"
    with asking_as(ctx, Identity(login, password_stdin, key_file), every=True) as gateway:
        made = dict(gateway("POST", path, file.read_bytes()))
        rows = _rows(gateway, made["id"])
    _show(made, rows, as_json, code=False)


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Jobs, newest first."""
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        found = gateway("GET", "/v1/jobs", None)["items"]
    names = ("id", "kind", "state", "number", "proposed_by", "proposed_at", "reason")
    heads = ("job", *names[1:])
    rows = ([_word(name, one[name]) for name in names] for one in found)
    show({"jobs": found}, as_json, table(heads, rows))


@app.command("show")
def show_job(
    ctx: typer.Context,
    job: Annotated[str, typer.Argument(help="A job's id.")],
    to: Annotated[Path | None, typer.Option("--to", help="Write the file that it has made into this new file.")] = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """One job: how far it has come, and what became of each row."""
    with asking_as(ctx, Identity(login, password_stdin, key_file)) as gateway:
        told = dict(gateway("GET", f"/v1/jobs/{quote(job, safe='')}", None))
        rows = _rows(gateway, job)
        content = None if to is None else bytes(gateway("GET", f"/v1/jobs/{quote(job, safe='')}/file", None))
    if to is not None and content is not None:
        with to.open("xb") as written:
            written.write(content)
    _show(told, rows, as_json, code=False)


@app.command("confirm")
def confirm(
    ctx: typer.Context,
    job: Annotated[str, typer.Argument(help="A job's id.")],
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Confirm what another operator has proposed, as you see it; then it begins."""

    def over_http(gateway: Asking) -> dict[str, Any]:
        path = f"/v1/jobs/{quote(job, safe='')}"
        told = gateway("GET", path, None)
        first = [f"{one['subject']}  {one['why'] or ''}" for one in _rows(gateway, job)[:20]]
        about = as_lines({name: told[name] for name in ("kind", "number", "not_applicable", "reason", "proposed_by")})
        word = word_on(told["seen"], seen, [*about, *first], say("jobs.begin"))
        begun = dict(gateway("POST", f"{path}/confirmation", {"seen": word}))
        return begun if goes_on(ctx, Caller(key_file)) else _waited(gateway, job)

    with asking_as(ctx, Identity(login, password_stdin, key_file), every=True) as gateway:
        told = over_http(gateway)
    _show(told, [], as_json)


# --- inside ---------------------------------------------------------------------------------------------------------


def _waited(gateway: Asking, job: str) -> dict[str, Any]:
    """Wait until a job has ended, or waits for a second person."""
    with progress().status(in_words(say("jobs.working"))) as status:
        while True:
            told = dict(gateway("GET", f"/v1/jobs/{quote(job, safe='')}", None))
            if told["state"] != "going_on":
                return told
            counts = {name: told[name] for name in ("done", "not_applicable", "failed", "left")}
            status.update(in_words(say("jobs.so_far", **counts)))
            time.sleep(_SECONDS)


def _rows(gateway: Asking, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = urlencode({"limit": 200} | ({} if cursor is None else {"cursor": cursor}))
        page = gateway("GET", f"/v1/jobs/{quote(job, safe='')}/rows?{asked}", None)
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found


def _show(told: dict[str, Any], rows: list[dict[str, Any]], as_json: bool, *, code: bool = True) -> None:
    hidden, heads = ("seen", "two_persons"), {"number": say("jobs.screen_rows"), "left": say("jobs.screen_left")}
    known = {heads.get(name, name): _word(name, value) for name, value in told.items() if name not in hidden}
    human: list[Any] = [facts(known)]
    if rows:
        names = ("number", "subject", "result", "why")
        human += ["", table(names, ([_word(name, one[name]) for name in names] for one in rows))]
    if told["state"] == "proposed":
        human += ["", say("jobs.to_confirm", id=told["id"])]
    elif told["state"] == "going_on":
        human += ["", say("jobs.goes_on", id=told["id"])]
    show({**told, "rows": rows} if rows else told, as_json, *human)
    if code and told["state"] == "done" and told["not_applicable"] + told["failed"]:
        raise typer.Exit(Exit.FOUND)


def _word(name: str, value: Any) -> Any:
    return Word(value) if name in ("state", "result", "kind") and value is not None else value

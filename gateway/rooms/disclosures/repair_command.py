"""``gateway disclosures repair``: requests for credit repair 信用修复, answered by one person, confirmed by another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.rooms.disclosures.repairs import Answer, RepairAsk, RepairFilter, find
from gateway.rooms.disclosures.states import RepairStatus
from gateway.settings import known
from gateway.terminal.confirming import Seen, as_lines, word_on
from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, facts, in_words, parse_day, session, show, table
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Credit repair 信用修复: take in, look, answer, confirm.", no_args_is_help=True)

Corrected = Annotated[str | None, typer.Option(help="The paper that proves that the breach is corrected.")]
Commitment = Annotated[str | None, typer.Option(help="The commitment 信用承诺: which paper.")]
Performed = Annotated[str | None, typer.Option(help="Proof of performance, where the money did not come here.")]


@app.command("receive")
def receive(
    ctx: typer.Context,
    authority: Annotated[str, typer.Argument(help="The authority, as in the settings.")],
    number: Annotated[str, typer.Argument(help="The decision number 决定书文号.")],
    received: Annotated[str, typer.Option(help="The day on which it came, as 2027-01-05: the clock runs from it.")],
    forwarded_by: Annotated[str, typer.Option("--from", help="Who forwarded it: 信用中国, GSXT, or the party.")],
    corrected: Corrected = None,
    commitment: Commitment = None,
    performed: Performed = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Take a request for repair in, and say by when it is to be answered."""
    ask = RepairAsk(
        received_on=parse_day(received, "--received"),
        forwarded_by=forwarded_by,
        corrected=corrected,
        commitment=commitment,
        performed=performed,
    )

    def over_http(http: Asking) -> dict[str, Any]:
        papers = {"corrected": corrected, "commitment": commitment, "performed": performed}
        told = {"received_on": str(ask.received_on), "forwarded_by": forwarded_by, **papers}
        return dict(http("POST", "/v1/credit-repairs", {"authority": authority, "decision_number": number, **told}))

    _show(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


@app.command("list")
def list_requests(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="received, proposed, granted, refused, done.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """Requests for repair, newest first."""
    states = {str(one).lower(): one for one in RepairStatus}
    if status is not None and status not in states:
        raise InvalidProblem(
            say("disclosures.no_status", status=status), field="--status", cure=known(status, list(states))
        )
    wanted = RepairFilter(authorities=None, status=None if status is None else states[status], limit=limit)
    rows = [
        {
            "id": one.id,
            "authority": one.authority,
            "decision_number": one.decision_number,
            "status": one.status,
            "received_on": one.received_on,
            "forwarded_by": one.forwarded_by,
            "answer_by": one.answer_by_on,
            "end_by": one.end_by_on,
            "late": one.late_at is not None,
        }
        for one in session(ctx).read(partial(find, wanted=wanted))
    ]
    names = ("id", "decision_number", "status", "forwarded_by", "answer_by", "end_by")
    shown = table(names, ([Word(row[name]) if name == "status" else row[name] for name in names] for row in rows))
    show({"repairs": rows}, as_json, shown if rows else say("disclosures.repairs_none"))


@app.command("show")
def show_request(
    ctx: typer.Context,
    repair: str,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """One request: what is wanting for a grant, and what a confirmation sends back."""

    def over_http(http: Asking) -> dict[str, Any]:
        return dict(http("GET", f"/v1/credit-repairs/{repair}", None))

    _show(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


@app.command("answer")
def answer(
    ctx: typer.Context,
    repair: str,
    grant: Annotated[str | None, typer.Option(help="Grant it: the number of the decision on repair.")] = None,
    refuse: Annotated[str | None, typer.Option(help="Refuse it: the reason.")] = None,
    corrected: Corrected = None,
    commitment: Commitment = None,
    performed: Performed = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Propose the authority's answer; nothing leaves before another operator confirms it."""
    if (grant is None) == (refuse is None):
        raise InvalidProblem(say("disclosures.repair_one_answer"), field="--grant")
    papers = {"corrected": corrected, "commitment": commitment, "performed": performed}
    said = Answer(grants=grant is not None, number=grant, reason=refuse, **papers)

    def over_http(http: Asking) -> dict[str, Any]:
        told = {"grants": said.grants, "number": grant, "reason": refuse, **papers}
        return dict(http("POST", f"/v1/credit-repairs/{repair}/answer", told))

    _show(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


@app.command("confirm")
def confirm(
    ctx: typer.Context,
    repair: str,
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Confirm another operator's answer, as you see it: what is granted ends at every target."""

    def word(view: Mapping[str, Any]) -> str:
        return word_on(view["seen"], seen, as_lines(_facts(view)), say("disclosures.repair_confirm"))

    def over_http(http: Asking) -> dict[str, Any]:
        path = f"/v1/credit-repairs/{repair}"
        return dict(http("POST", f"{path}/confirmation", {"seen": word(http("GET", path, None))}))

    _show(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


def _facts(view: Mapping[str, Any]) -> dict[str, Any]:
    """A request by the words that people read."""
    names = ("decision_number", "forwarded_by", "received_on", "answer_by", "status", "number", "reason", "end_by")
    called = {"number": "repair_number"}
    told = {called.get(name, name): view[name] for name in names}
    return {"repair": view["id"], **told, "status": in_words(Word(view["status"]))}


def _show(view: Mapping[str, Any], as_json: bool) -> None:
    shown: list[Any] = [facts(_facts(view))]
    if view["wanting"]:
        shown += ["", say("disclosures.repair_wanting", wanting=list(view["wanting"].values()))]
    if view["seen"] is not None:
        shown += ["", say("disclosures.repair_to_confirm", id=view["id"])]
    show(view, as_json, *shown)

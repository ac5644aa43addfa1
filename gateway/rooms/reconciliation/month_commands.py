"""``gateway reconcile close`` and ``reopen``: a month is closed 月结 by one person and opened again by two.

At a terminal both show what they are about before they ask for a word on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.rooms.reconciliation.balance import month_days
from gateway.rooms.reconciliation.options import Channel, one_channel
from gateway.terminal.confirming import Seen, at_a_terminal, word_on
from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, in_words, session, show
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Sentence, say

if TYPE_CHECKING:
    pass


def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    channel: Channel = None,
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Close and freeze a month 月结; its balance statement is signed."""
    name = one_channel(session(ctx).settings, channel)

    def word(books: str, items: int, token: str | None) -> str | None:
        """What is closed was looked at, where somebody sits at the terminal; a script says so itself, or does not."""
        if token is None or (seen is None and not at_a_terminal()):
            return seen
        about = say("reconciliation.to_close", channel=name, month=month, yuan=books, items=items)
        return word_on(token, seen, [in_words(about)], say("reconciliation.close_this"))

    def over_http(http: Asking) -> dict[str, Any]:
        balance = http("GET", f"/v1/balance?channel={name}&month={month}", None)
        said = word(balance["adjusted_books"], len(balance["items"]), balance["seen"])
        return _answered(http("POST", "/v1/month-closes", {"channel": name, "month": month, "seen": said}))

    _show_close(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


def reopen(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    reason: Annotated[str | None, typer.Option(help="Why; said by the first person.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Agree as the second person 复核.")] = False,
    channel: Channel = None,
    seen: Seen = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Open a closed month again: one operator asks with a reason, another one confirms what they see of it."""
    if (reason is None) != confirm:
        raise InvalidProblem(say("reconciliation.reason_or_confirm"), field="--reason")
    name = one_channel(session(ctx).settings, channel)
    month_days(month)
    nothing = NotFoundProblem(say("reconciliation.not_closed", month=month, channel=name))

    def word(told: dict[str, Any]) -> str:
        """What is opened again was looked at."""
        return word_on(told["seen"], seen, [in_words(one) for one in _lines(told)], say("reconciliation.open_again"))

    def over_http(http: Asking) -> dict[str, Any]:
        items = http("GET", f"/v1/month-closes?channel={name}&limit=200", None)["items"]
        row = next((one for one in items if one["month"] == month and one["state"] != "reopened"), None)
        if row is None:
            raise nothing
        path = f"/v1/month-closes/{row['id']}"
        if reason is not None:
            return _answered(http("POST", f"{path}/reopening", {"reason": reason}))
        return _answered(http("POST", f"{path}/confirmation", {"seen": word(_answered(row))}))

    _show_close(as_operator(ctx, Identity(login, password_stdin, key_file), over_http), as_json)


def _answered(view: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "channel", "month", "state", "digest", "closed_by", "asked_by", "reason", "seen")
    same = {name: view[name] for name in names}
    return same | {"balance": view["balance"]["adjusted_books"], "items": len(view["balance"]["items"])}


def _show_close(told: dict[str, Any], as_json: bool) -> None:
    show(told, as_json, *_lines(told))


def _lines(told: dict[str, Any]) -> list[Sentence]:
    """A close in words, with who wants it open again and why."""
    lines = [
        say(f"reconciliation.month_{told['state']}", channel=told["channel"], month=told["month"]),
        say("reconciliation.month_balance", yuan=told["balance"], items=told["items"], digest=told["digest"]),
    ]
    if told["reason"] is not None:
        asked = {name: told[name] for name in ("closed_by", "asked_by", "reason")}
        lines.append(say("reconciliation.month_asked", **asked))
    return lines

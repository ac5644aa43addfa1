"""``gateway reconcile close`` and ``reopen``: a month is closed 月结 by one person and opened again by two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.rooms.reconciliation import MonthClose
from gateway.rooms.reconciliation.balance import month_days
from gateway.rooms.reconciliation.options import Channel, one_channel
from gateway.terminal.login import Asking, FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, session, show
from gateway.terminal.running import KeyFile
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.money import format_yuan

if TYPE_CHECKING:
    from gateway.app import App
    from gateway.foundation.delivery import Person


def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    channel: Channel = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Close and freeze a month 月结; its balance statement is signed."""
    name = one_channel(session(ctx).settings, channel)

    async def act(gateway: App, who: Person) -> dict[str, Any]:
        return _closed(await gateway.months.close(name, month, by=who))

    def over_http(http: Asking) -> dict[str, Any]:
        return _answered(http("POST", "/v1/month-closes", {"channel": name, "month": month}))

    _show_close(as_operator(ctx, Identity(login, password_stdin, key_file), act, over_http), as_json)


def reopen(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="As 2026-06.")],
    reason: Annotated[str | None, typer.Option(help="Why; said by the first person.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Agree as the second person 复核.")] = False,
    channel: Channel = None,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Open a closed month again: one operator asks with a reason, another one confirms."""
    if (reason is None) != confirm:
        raise InvalidProblem("either ask with --reason, or --confirm what somebody else asked", field="--reason")
    name = one_channel(session(ctx).settings, channel)
    month_days(month)
    nothing = NotFoundProblem(f"{month} is not closed for {name}", cure="gateway reconcile report balance shows it.")

    async def act(gateway: App, who: Person) -> dict[str, Any]:
        held = await gateway.months.closed(name, month)
        if held is None:
            raise nothing
        if reason is not None:
            return _closed(await gateway.months.ask_to_reopen(held.id, reason, by=who))
        return _closed(await gateway.months.confirm_reopening(held.id, by=who))

    def over_http(http: Asking) -> dict[str, Any]:
        items = http("GET", f"/v1/month-closes?channel={name}&limit=200", None)["items"]
        row = next((one for one in items if one["month"] == month and one["state"] != "reopened"), None)
        if row is None:
            raise nothing
        path = f"/v1/month-closes/{row['id']}"
        if reason is not None:
            return _answered(http("POST", f"{path}/reopening", {"reason": reason}))
        return _answered(http("POST", f"{path}/confirmation", None))

    _show_close(as_operator(ctx, Identity(login, password_stdin, key_file), act, over_http), as_json)


def _closed(close: MonthClose) -> dict[str, Any]:
    balance = close.balance
    return {
        "id": close.id,
        "channel": close.channel,
        "month": close.month,
        "state": str(close.state),
        "balance": format_yuan(balance.adjusted_books),
        "items": len(balance.items),
        "digest": close.digest.hex(),
    }


def _answered(view: dict[str, Any]) -> dict[str, Any]:
    same = {name: view[name] for name in ("id", "channel", "month", "state", "digest")}
    return same | {"balance": view["balance"]["adjusted_books"], "items": len(view["balance"]["items"])}


def _show_close(told: dict[str, Any], as_json: bool) -> None:
    words = {
        "closed": "closed and frozen 月结",
        "reopening": "waits for a second person 复核: gateway reconcile reopen --confirm",
        "reopened": "open again",
    }
    show(
        told,
        as_json,
        f"{told['channel']} {told['month']}: {words[told['state']]}",
        f"调节后余额 {told['balance']} 元, 未达账项 {told['items']}, SM3 {told['digest']}",
    )

"""``gateway payments``: what is demanded and paid, what goes back, and open bills of another system."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gateway.rooms.payments import ExceptionFilter, Payment, PaymentFilter, Unforeseen
from gateway.rooms.payments.details import find, find_exceptions, known_as
from gateway.rooms.payments.surcharge_command import explain
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import RefundStatus
from gateway.terminal.output import Exit, Json, progress, session, show, table
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import InvalidProblem
from gateway.words.money import format_yuan

app = typer.Typer(
    help="Payments 缴款: list them, look at one, see what goes back, import open bills.", no_args_is_help=True
)


@app.command("list")
def list_payments(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="REQUESTED, ISSUED, PAID, EXPIRED, …")] = None,
    authority: Annotated[str | None, typer.Option(help="Of one authority.")] = None,
    code: Annotated[str | None, typer.Option(help="The payment code 缴款码.")] = None,
    decision: Annotated[str | None, typer.Option(help="The decision number 决定书文号.")] = None,
    in_doubt: Annotated[bool, typer.Option("--in-doubt", help="Only those whose outcome is being found out.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Payments, newest first."""
    narrow = PaymentFilter(
        authorities=None if authority is None else (authority,),
        status=status,
        code=code,
        decision_number=decision,
        in_doubt=True if in_doubt else None,
        limit=limit,
    )
    found = session(ctx).read(find(narrow))
    shown = [_payment(one) for one in found]
    names = ("id", "decision_number", "code", "amount", "status", "settlement", "due_on", "paid_at")
    show({"payments": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


@app.command("show")
def show_payment(ctx: typer.Context, payment: str, as_json: Json = False) -> None:
    """One payment by its id or its code: lines, money, refunds and its story."""

    known, refunds = session(ctx).read(
        lambda conn: (seen := known_as(conn, payment), refund_records.of_payment(conn, seen.payment.id))
    )
    found = {
        **_payment(known.payment),
        "lines": [
            {"kind": one.kind.value, "item_code": one.item_code, "amount": format_yuan(one.amount)}
            for one in known.lines
        ],
        "money": [
            {
                "bank_serial": one.bank_serial,
                "amount": format_yuan(one.amount),
                "paid_at": _moment(one.paid_at),
                "source": one.source,
            }
            for one in known.collections
        ],
        "exceptions": [_exception(one) for one in known.exceptions],
        "refunds": [_refund(one) for one in refunds],
        "events": [{"type": one.type, "at": _moment(one.at)} for one in known.timeline],
    }
    shown = {
        "lines": None,
        "money": None,
        "exceptions": ("id", "kind", "state", "resolution", "refund_id", "refund_status", "opened_at"),
        "refunds": ("id", "bank_serial", "amount", "reason", "status", "waits_for", "refunded_at"),
        "events": None,
    }
    facts = table(["", ""], ((name, value) for name, value in found.items() if name not in shown and value is not None))
    facts.show_header = False
    human: list[Any] = [facts]
    for name, columns in shown.items():
        if rows := found[name]:
            names = columns or tuple(rows[0])
            human += ["", table(names, ([one[column] for column in names] for one in rows), title=name)]
    show(found, as_json, *human)


app.command("explain")(explain)


@app.command("refunds")
def list_refunds(
    ctx: typer.Context,
    status: Annotated[RefundStatus | None, typer.Option(help="Where it stands.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Refunds 退付, newest first."""
    wanted = refund_records.RefundFilter(status=status, limit=limit)
    shown = [_refund(one) for one in session(ctx).read(lambda conn: refund_records.find(conn, wanted))]
    names = ("id", "decision_number", "code", "amount", "reason", "status", "waits_for", "created_at")
    show({"refunds": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


@app.command("exceptions")
def list_exceptions(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="open, proposed or resolved; all if none.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Exceptions 异常缴款 with the refund that each leads to, newest first."""
    found = session(ctx).read(find_exceptions(ExceptionFilter(state=state, limit=limit)))
    shown = [_exception(one) for one in found]
    names = ("id", "payment_id", "kind", "proposal", "state", "resolution", "refund_id", "refund_status", "opened_at")
    show({"exceptions": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


@app.command("import")
def import_bills(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 or GB 18030, or XLSX, with a header line.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row and write nothing.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Import the good rows although others are bad.")] = False,
    as_json: Json = False,
) -> None:
    """Bring open bills of another system in, with the codes they have. Exit code 1 if rows are bad.

    Without --partial a bad row keeps the whole file out. A code that is known already is left as it is.
    """
    from gateway.app import App
    from gateway.rooms.imports.service import ImportReport, Imports

    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidProblem(f"{file} cannot be read: {error.strerror}", field="file") from error

    async def run() -> ImportReport:
        bar = Progress(TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), console=progress(), transient=True)
        with session(ctx).changing() as settings, bar:
            task = bar.add_task("", total=None)
            async with App.open(settings) as gateway:
                return await gateway.get(Imports).run(
                    content,
                    by="command line",
                    dry_run=dry_run,
                    partial=partial,
                    progress=lambda done, all_: bar.update(task, completed=done, total=all_),
                )

    report = asyncio.run(run())
    counts = {name: report.count(name) for name in ("new", "known", "bad")}
    told = "imported" if report.written else "would be imported"
    show(
        {"written": report.written, **counts, "rows": [vars(one) for one in report.rows]},
        as_json,
        table(["line", "code", "reason"], ((r.line, r.code, r.reason) for r in report.rows if r.outcome == "bad"))
        if counts["bad"]
        else "No bad rows.",
        f"{counts['new']} {told}, {counts['known']} known already, {counts['bad']} bad.",
    )
    if counts["bad"]:
        raise typer.Exit(Exit.FOUND)


def _payment(payment: Payment) -> dict[str, Any]:
    """What may be shown: the bill itself names the payer and stays sealed."""
    return {
        "id": payment.id,
        "authority": payment.authority,
        "decision_number": payment.decision_number,
        "instalment": payment.instalment,
        "channel": payment.channel,
        "status": payment.status.value,
        "settlement": payment.settlement.value,
        "code": payment.code,
        "reason": payment.reason,
        "amount": format_yuan(payment.amount),
        "paid_amount": None if payment.paid_amount is None else format_yuan(payment.paid_amount),
        "valid_until": payment.valid_until_on,
        "due_on": payment.due_on,
        "in_doubt_since": _moment(payment.in_doubt_since_at),
        "paid_at": _moment(payment.paid_at),
        "created_at": _moment(payment.created_at),
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "decision_number": refund.decision_number,
        "code": refund.code,
        "bank_serial": refund.bank_serial,
        "reason": refund.reason.value,
        "status": refund.status.value,
        "origin": refund.origin.value,
        "waits_for": None if refund.waits_for is None else refund.waits_for.value,
        "amount": format_yuan(refund.amount),
        "refunded_at": _moment(refund.refunded_at),
        "created_at": _moment(refund.created_at),
    }


def _exception(odd: Unforeseen) -> dict[str, Any]:
    return {
        "id": odd.id,
        "payment_id": odd.payment_id,
        "kind": odd.kind.value,
        "proposal": odd.proposal,
        "state": odd.state.value,
        "resolution": odd.resolution,
        "refund_id": odd.refund_id,
        "refund_status": None if odd.refund_status is None else odd.refund_status.value,
        "reason": odd.reason,
        "opened_at": _moment(odd.opened_at),
        "resolved_at": _moment(odd.resolved_at),
    }


def _moment(micros: int | None) -> str | None:
    return None if micros is None else rfc3339(from_micros(micros))

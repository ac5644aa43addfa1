"""``gateway payments refunds`` and ``gateway payments exceptions``: what goes back, and money that no bill foresaw."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.rooms.refunds import exception_records, records
from gateway.rooms.refunds.exception_records import ExceptionFilter, ExceptionWithRefund
from gateway.rooms.refunds.records import Refund, RefundFilter
from gateway.rooms.refunds.states import RefundStatus
from gateway.terminal.output import Json, moment, session, show, table
from gateway.words.money import format_yuan


def list_refunds(
    ctx: typer.Context,
    status: Annotated[RefundStatus | None, typer.Option(help="Where it stands.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Refunds 退付, newest first."""
    wanted = RefundFilter(status=status, limit=limit)
    shown = [refund_row(one) for one in session(ctx).read(lambda conn: records.find(conn, wanted))]
    names = ("id", "decision_number", "code", "amount", "reason", "status", "waits_for", "created_at")
    show({"refunds": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


def list_exceptions(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="open, proposed or resolved; all if none.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Exceptions 异常缴款 with the refund that each leads to, newest first."""
    wanted = ExceptionFilter(state=state, limit=limit)
    found = session(ctx).read(lambda conn: exception_records.find(conn, wanted))
    shown = [exception_row(one) for one in found]
    names = ("id", "payment_id", "kind", "proposal", "state", "resolution", "refund_id", "refund_status", "opened_at")
    show({"exceptions": shown}, as_json, table(names, ([one[name] for name in names] for one in shown)))


def refund_row(refund: Refund) -> dict[str, Any]:
    """A refund as a row of a table."""
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
        "refunded_at": moment(refund.refunded_at),
        "created_at": moment(refund.created_at),
    }


def exception_row(odd: ExceptionWithRefund) -> dict[str, Any]:
    """An exception as a row of a table."""
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
        "opened_at": moment(odd.opened_at),
        "resolved_at": moment(odd.resolved_at),
    }

"""The story of a break in plain words: what both sides say, the likely cause, what happened, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from gateway.clock import SHANGHAI, from_micros
from gateway.money import format_yuan
from gateway.reconciliation import records
from gateway.reconciliation.matching import CHINESE, BreakKind
from gateway.reconciliation.records import Break
from gateway.reconciliation.report import age_in_days
from gateway.store.tables.delivery import event
from gateway.store.tables.evidence import exchange
from gateway.store.tables.payments import collection, payment, payment_exception

# Likely cause, and what to do. Proposals: a person decides.
_CAUSES = {
    BreakKind.PLATFORM_ONLY: ("平台有款,我方未收到通知。", "已按对账文件补记;如仍未决,请核对缴款码。"),
    BreakKind.OURS_ONLY: ("我方有款,平台对账文件没有。", "向平台核实该流水;确认前不得视为到账。"),
    BreakKind.AMOUNT_DIFFERS: ("实缴金额与缴款单不一致。", "退回来款并请当事人按缴款单重缴,两人复核。"),
    BreakKind.STATUS_DIFFERS: ("款项缴到已作废或已失效的缴款单。", "按规定退付,两人复核。"),
    BreakKind.PAID_TWICE: ("同一笔罚款收到两次付款。", "退付多缴的一笔,两人复核。"),
    BreakKind.UNKNOWN_CODE: ("缴款码不是我方开具,或尚未收到开具结果。", "查明归属后认领,或退回,两人复核。"),
    BreakKind.REFUND_UNMATCHED: ("平台有退付,我方没有对应的退付申请。", "向财政部门核实退付依据。"),
    BreakKind.CROSS_DAY: ("临近日切缴款,可能列入次日对账文件。", "等待次日对账,届时自动消除或转为短款。"),
    BreakKind.WRONG_UNIT: ("款项记到了其他执收单位。", "请平台更正执收单位。"),
    BreakKind.WRONG_ITEM: ("款项记到了其他收入项目。", "请平台更正收入项目。"),
    BreakKind.RECEIPT_MISSING: ("已缴款但未取得票据。", "重新申请财政电子票据。"),
    BreakKind.STATEMENT_CHANGED: ("平台在日终之后更改了对账文件。", "核对更改内容,向平台索取说明。"),
    BreakKind.CONTINUITY: ("上日余额加本日开具减本日了结,不等于本日余额。", "检查数据库是否被直接改动,核验交互留痕。"),
}


@dataclass(frozen=True)
class Explanation:
    """What is known of a break: sentences in order, the proposed cause and way out, ids of exchanges as evidence."""

    about: Break
    age: int
    cause: str
    proposal: str
    story: tuple[str, ...]
    exchanges: tuple[str, ...]


def explained(conn: Connection, id: str, now: datetime) -> Explanation | None:
    """The explanation of a break; None if there is none with this id."""
    one = records.fetch_break(conn, id)
    if one is None:
        return None
    cause, proposal = _CAUSES[one.kind]
    story = [f"{one.day} {one.channel} {CHINESE[one.kind]}:缴款码 {one.code or '—'},流水号 {one.bank_serial or '—'}。"]
    story.append(f"我方 {_yuan(one.ours)},对方 {_yuan(one.theirs)}。")
    money = conn.execute(
        select(collection).where(
            collection.c.channel == one.channel,
            collection.c.code == one.code,
            collection.c.bank_serial == one.bank_serial,
        )
    ).mappings()
    sources = {"callback": "回调通知", "query": "查询", "statement": "对账文件"}
    for row in money:
        story.append(
            f"{_at(row['paid_at'])} 缴款 {format_yuan(row['amount'])} 元,"
            f"{_at(row['received_at'])} 由{sources[row['source']]}得知。"
        )
        unforeseen = select(payment_exception.c.kind).where(payment_exception.c.collection_id == row["id"])
        story += [f"异常缴款:{kind}。" for kind in conn.execute(unforeseen).scalars()]
    line = records.line_of(conn, one.channel, one.code, one.bank_serial)
    if line is not None:
        story.append(f"现行对账文件第 {line['line']} 行:{format_yuan(line['amount'])} 元,{_at(line['paid_at'])}。")
    elif one.code:
        story.append("现行对账文件没有这笔款项。")
    subjects = [one.id, one.channel]
    if one.payment_id is not None:
        subjects.append(one.payment_id)
        bill = conn.execute(select(payment).where(payment.c.id == one.payment_id)).mappings().one()
        story.append(f"决定书 {bill['decision_number']},应缴 {format_yuan(bill['amount'])} 元,状态 {bill['status']}。")
        happened = select(event.c.type, event.c.at).where(event.c.subject == one.payment_id).order_by(event.c.seq)
        story += [f"{_at(at)} {type}" for type, at in conn.execute(happened)]
    for action in records.actions_of(conn, id):
        story.append(f"{_at(action['proposed_at'])} {action['proposed_by']} 提出 {action['action']}:{action['reason']}")
        if action["confirmed_by"]:
            story.append(f"{_at(action['confirmed_at'])} {action['confirmed_by']} 复核。")
    if one.closed_at is not None:
        story.append(f"{_at(one.closed_at)} {one.state}:{one.reason}({one.closed_by or '自动'})")
    start = (one.opened_at - 3 * 86_400_000_000, one.opened_at + 60_000_000)
    seen = (
        select(exchange.c.id)
        .where(
            or_(
                exchange.c.subject == one.payment_id,
                (exchange.c.channel == one.channel)
                & (exchange.c.action == "statement")
                & exchange.c.ended_at.between(*start),
            )
        )
        .order_by(exchange.c.started_at.desc())
        .limit(20)
    )
    exchanges = tuple(conn.execute(seen).scalars())
    return Explanation(one, age_in_days(one, now), cause, proposal, tuple(story), exchanges)


def _yuan(amount: int | None) -> str:
    return "无" if amount is None else f"{format_yuan(amount)} 元"


def _at(instant: int) -> str:
    return f"{from_micros(instant).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"

"""The story of a break in plain words: what both sides say, the likely cause, what happened, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from gateway.rooms.payments.states import CHINESE as STATUS
from gateway.rooms.reconciliation import explanation_records, proposal_records, statement_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.explanation_records import Arrival, Bill
from gateway.rooms.reconciliation.matching import CHINESE, BreakKind, Side
from gateway.rooms.reconciliation.statement_records import KeptLine
from gateway.rooms.reconciliation.states import CHINESE as STATES
from gateway.rooms.refunds.unforeseen_money import CHINESE as EXCEPTIONS
from gateway.rooms.refunds.unforeseen_money import WAYS_OUT as WAYS_OUT_OF_EXCEPTIONS
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.money import format_yuan

WAYS_OUT: Final = {**WAYS_OUT_OF_EXCEPTIONS, "attribute": "认领"}

_MOST_EXCHANGES: Final = 20
_SIDES: Final = {Side.PLATFORM: "平台", Side.BANK: "银行", Side.TREASURY: "国库"}
_SOURCES: Final = {"callback": "回调通知", "query": "查询", "statement": "对账文件"}
_SETTLEMENTS: Final = {"none": "无款项", "pending": "待对账", "matched": "已对平", "broken": "有差错"}
_EVENTS: Final = {
    "payment.requested": "申请缴款码",
    "payment.imported": "从其他系统迁入",
    "payment.issued": "取得缴款码",
    "payment.rejected": "平台拒绝开单",
    "payment.in_doubt": "结果待核实",
    "payment.paid": "记为已缴款",
    "payment.cancelling": "申请作废",
    "payment.cancelled": "已作废",
    "payment.cancel_refused": "平台拒绝作废",
    "payment.expired": "缴款码失效",
    "payment.being_paid": "平台显示正在缴款",
    "payment.payable_again": "平台显示未缴成,可重新缴款",
    "payment.refunded_at_platform": "平台显示已退付",
    "payment.void_at_platform": "平台显示已作废,并非我方申请",
    "payment.exception": "异常缴款",
    "payment.exception_proposed": "提出处理意见",
    "payment.exception_resolved": "处理意见已复核",
    "payment.exception_reopened": "处理未果,重新打开异常",
    "payment.settlement": "对账结果",
    "refund.proposed": "提出退付",
    "refund.confirmed": "退付已复核",
    "refund.filed": "退付已提交财政",
    "refund.approved": "财政已批准退付",
    "refund.refunded": "已退付",
    "refund.returned": "平台自行退回",
    "refund.refused": "退付未获批准",
    "refund.dismissed": "退付已撤回",
    "receipt.issued": "取得票据",
    "receipt.refused": "未取得票据",
    "receipt.reversed": "票据已冲红",
}

# Likely cause, and what to do. Proposals: a person decides.
_CAUSES = {
    BreakKind.PLATFORM_ONLY: ("平台有款,我方未收到通知。", "已按对账文件补记;如仍未决,请核对缴款码。"),
    BreakKind.OURS_ONLY: ("我方有款,{side}对账文件没有。", "向{side}核实该流水;确认前不得视为到账。"),
    BreakKind.AMOUNT_DIFFERS: ("同一流水,我方与{side}记载的金额不一致。", "按银行凭证核对,请记载有误的一方更正。"),
    BreakKind.STATUS_DIFFERS: ("款项缴到已作废或已失效的缴款单。", "按规定退付,两人复核。"),
    BreakKind.PAID_TWICE: ("同一笔罚款收到两次付款。", "退付多缴的一笔,两人复核。"),
    BreakKind.UNKNOWN_CODE: (
        "缴款码不是我方开具,或尚未收到开具结果。",
        "查明归属后认领,两人复核;确非我方款项的,写明去向后销记。",
    ),
    BreakKind.REFUND_UNMATCHED: ("平台有退付,我方没有对应的退付申请。", "向财政部门核实退付依据。"),
    BreakKind.CROSS_DAY: ("临近日切缴款,可能列入次日对账文件。", "等待次日对账,届时自动消除或转为短款。"),
    BreakKind.WRONG_UNIT: ("款项记到了其他执收单位。", "请平台更正执收单位。"),
    BreakKind.WRONG_ITEM: ("款项记到了其他收入项目。", "请平台更正收入项目。"),
    BreakKind.RECEIPT_MISSING: ("已缴款但未取得票据。", "重新申请财政电子票据。"),
    BreakKind.STATEMENT_CHANGED: ("平台在日终之后更改了对账文件。", "核对更改内容,向平台索取说明。"),
    BreakKind.UNREADABLE_LINE: (
        "{side}对账文件中有一行像是本单位款项,但无法识别;原因见对账记录的说明。",
        "核对文件原件和格式设置,更正后重新对账。",
    ),
    BreakKind.CONTINUITY: ("上日余额加本日开具减本日了结,不等于本日余额。", "检查数据库是否被直接改动,核验交互留痕。"),
}


# Where payments know more: what was unforeseen about the money.
_OF_EXCEPTIONS = {
    "amount_differs": ("实缴金额与缴款单不一致。", "退回来款并请当事人按缴款单重缴,两人复核。"),
    "paid_after_expiry": ("缴款码失效后到账,缴款义务仍在。", "入账,或退付后重新开单,两人复核。"),
    "paid_after_cancel": ("款项缴到已作废的缴款单。", "按规定退付,两人复核。"),
}


@dataclass(frozen=True)
class Explanation:
    """What is known of a break: sentences in order, the proposed cause and way out, ids of exchanges as evidence.

    ``line``: what the side's statement says of its money now; ``money``: what our books say of it; ``bill``: what it is
    for, where that is known. ``happened``: instants (microseconds) with what happened then.
    """

    about: Break
    age: int
    cause: str
    proposal: str
    story: tuple[str, ...]
    exchanges: tuple[str, ...]
    line: KeptLine | None
    money: tuple[Arrival, ...]
    bill: Bill | None
    happened: tuple[tuple[int, str], ...]


def explained(conn: Connection, one: Break, now: datetime) -> Explanation:
    """The explanation of a break."""
    side = _SIDES[one.side]
    cause, proposal = (words.format(side=side) for words in _OF_EXCEPTIONS.get(_odd(conn, one), _CAUSES[one.kind]))
    story = [
        f"{one.day_on} {one.channel} {CHINESE[one.kind]}:缴款码 {one.code or '—'},流水号 {one.bank_serial or '—'}。"
    ]
    story.append(f"我方 {_yuan(one.ours)},{side} {_yuan(one.theirs)}。")
    line = statement_records.fetch_line(conn, one.channel, one.code, one.bank_serial, one.side)
    if line is not None:
        where = f"{line.day_on} 的{side}对账文件(第 {line.version} 版)第 {line.line} 行"
        story.append(f"{where}:{format_yuan(line.amount)} 元,{_at(line.paid_at)}。")
    elif one.code and one.kind is not BreakKind.RECEIPT_MISSING:
        story.append(f"现行{side}对账文件没有这笔款项。")
    bill = None if one.payment_id is None else explanation_records.fetch_bill(conn, one.payment_id)
    if bill is not None:
        status = STATUS[bill.status]
        story.append(f"决定书 {bill.decision_number},应缴 {format_yuan(bill.amount)} 元,现状:{status}。")
    money = tuple(explanation_records.arrivals(conn, one))
    happened = sorted([*_money(money), *_life(conn, one), *_handling(conn, one)], key=lambda step: step[0])
    story += [f"{_at(at)} {words}" for at, words in happened]
    exchanges = explanation_records.exchange_ids(conn, one, _MOST_EXCHANGES)
    return Explanation(
        about=one,
        age=one.age_in_days(now),
        cause=cause,
        proposal=proposal,
        story=tuple(story),
        exchanges=exchanges,
        line=line,
        money=money,
        bill=bill,
        happened=tuple(happened),
    )


def _odd(conn: Connection, one: Break) -> str:
    """What payments found unforeseen about the money of a break; banks and treasuries know nothing of bills."""
    return explanation_records.kind_of_exception(conn, one) if one.side is Side.PLATFORM else ""


def _money(arrivals: Sequence[Arrival]) -> Iterator[tuple[int, str]]:
    """When the money came, and how we learnt of it."""
    for money in arrivals:
        yield money.paid_at, f"缴款 {format_yuan(money.amount)} 元,流水号 {money.bank_serial}。"
        yield money.received_at, f"由{_SOURCES[money.source]}得知这笔款项。"


def _life(conn: Connection, one: Break) -> Iterator[tuple[int, str]]:
    """What happened to the payment, in words; what nobody asks about here is left out."""
    if one.payment_id is None:
        return
    for happened in explanation_records.happenings(conn, one.payment_id):
        if (words := _EVENTS.get(happened.type)) is None:
            continue
        data = happened.data
        details = [EXCEPTIONS.get(str(data.get("kind", "")), ""), WAYS_OUT.get(str(data.get("way_out", "")), "")]
        if happened.type.startswith("refund."):
            details.append(f"{data['amount']} 元")
        if happened.type in ("payment.paid", "payment.settlement"):
            details.append(_SETTLEMENTS.get(str(data.get("settlement", "")), ""))
        told = ",".join(detail for detail in details if detail)
        yield happened.at, f"{words}({told})。" if told else f"{words}。"


def _handling(conn: Connection, one: Break) -> Iterator[tuple[int, str]]:
    """What people and runs did about the break itself."""
    yield one.opened_at, "对账发现差错。"
    for proposal in proposal_records.of_break(conn, one.id):
        words = WAYS_OUT[proposal.action]
        yield proposal.proposed_at, f"{proposal.proposed_name} 提出{words}:{proposal.reason}"
        if proposal.confirmed_at:
            yield proposal.confirmed_at, f"{proposal.confirmed_name} 复核。"
    if one.closed_at is not None:
        yield one.closed_at, f"{STATES[one.state]}:{one.reason}({one.closed_by or '自动'})"


def _yuan(amount: int | None) -> str:
    return "无" if amount is None else f"{format_yuan(amount)} 元"


def _at(instant: int) -> str:
    return f"{from_micros(instant).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"

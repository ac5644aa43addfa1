"""The notice 缴款通知 that an authority serves with or after its decision: one payment, on A4, with its QR code.

Its fields are those of the electronic payment notices that finance departments issue: unit code and name, day of
issue, payment code, payer, items with code, name and amount, total in figures and in words. It is no receipt and says
so: only finance's own document proves collection (行政处罚法 art. 70).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from gateway.ports.nontax import IssueRequest
from gateway.rooms.decisions import Clocks, Decision, EventKind, payment_term
from gateway.rooms.payments.accrual import rate_of
from gateway.rooms.payments.bill import LineKind
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.rooms.payments.states import Status
from gateway.typography import Item, QrBlock, Voucher, chinese_date, render_voucher, render_voucher_ofd
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.law import Matter
from gateway.words.money import format_yuan, yuan_in_words
from gateway.words.saying import said_of, say
from gateway.words.terms import Terms

TITLE = "罚没款缴款通知"
NOT_A_RECEIPT = "本通知不作为收款收据"
KINDS = {LineKind.FINE: "罚款", LineKind.CONFISCATED: "没收违法所得", LineKind.SURCHARGE: "加处罚款"}


@dataclass(frozen=True)
class Letterhead:
    """Who serves the notice, and where the party can ask."""

    authority: str
    telephone: str | None


def due_words(payment: Payment, decision: Decision, terms: Terms) -> str:
    """The last day to pay and how it came about, in the words of the notice."""
    due = payment.due_on
    days, rule = payment_term(decision.facts, terms)
    worked = "个工作日" if rule.unit == "working_days" else "日"
    if due is None:
        return f"自收到行政处罚决定书之日起{days}{worked}内"
    said = chinese_date(due)
    deferral = next(
        (one for one in decision.events if one.kind is EventKind.DEFERRED and one.until == due),
        None,
    )
    clocks = Clocks(decision.facts, decision.events, terms)
    received, known = clocks.receipt(), clocks.due(payment.planned_due_on)
    if deferral is not None:
        return f"{said}（{chinese_date(deferral.on)}经批准延期缴纳）"
    if payment.planned_due_on == due:
        return f"{said}（按经批准的分期缴纳计划，第{payment.instalment}期）"
    if received is None or known is None:
        return said
    if known.rule is not None and known.rule.matter is Matter.AFTER_APPEAL:
        return f"{said}（行政复议、行政诉讼结束后，自次日起重新计算{days}{worked}）"
    nominal = received.on + timedelta(days=days)
    rolled = (
        ""
        if nominal == due or rule.unit == "working_days"
        else f"，该日为{chinese_date(nominal)}，遇休息日或节假日顺延"
    )
    provisional = "；节假日安排尚未公布，以公布的安排为准" if payment.due_provisional else ""
    way = "公告期满视为送达" if received.rules else "送达"
    return f"{said}（决定书于{chinese_date(received.on)}{way}，自次日起算第{days}{worked}{rolled}{provisional}）"


def warnings(lines: Sequence[PaymentLine], decision: Decision, terms: Terms, telephone: str | None) -> tuple[str, ...]:
    """What the party is told below the table; the surcharge is threatened only where the decision states it.

    行政处罚法 (2021) art. 66 (deferral), 67 (bank or electronic payment), 72 (surcharge), 73 (appeal).
    """
    call = f"联系电话：{telephone}。" if telephone else ""
    said = [
        "请扫描上方二维码核对后缴款，或者凭缴款码到代理银行柜面、通过网上银行的非税缴款功能缴款。"
        "请勿向个人账户转账；任何人以“代缴手续费”“保证金”等名义索要款项的，请拒绝并向执收单位核实。",
    ]
    if decision.facts.surcharge_stated and any(one.kind is LineKind.FINE for one in lines):
        per_cent = rate_of(Clocks(decision.facts, decision.events, terms)).per_cent
        said.append(
            "到期不缴纳罚款的，依照《中华人民共和国行政处罚法》第七十二条的规定，"
            f"每日按罚款数额的百分之{_in_words(per_cent)}加处罚款，"
            "加处罚款的数额不超出罚款的数额。"
        )
    said += [
        "如不服行政处罚决定，可以依照决定书载明的途径和期限申请行政复议或者提起行政诉讼。"
        "复议、诉讼期间处罚不停止执行，法律另有规定的除外。",
        f"确有经济困难，需要延期或者分期缴纳罚款的，可以向作出决定的机关书面申请，经批准后暂缓或者分期缴纳。{call}",
        "缴款后由财政部门的财政票据证明收款。" + NOT_A_RECEIPT + "。",
    ]
    return tuple(said)


def _in_words(per_cent: int) -> str:
    return "零一二三四五六七八九十"[per_cent] if per_cent <= 10 else str(per_cent)


def form(
    payment: Payment,
    lines: Sequence[PaymentLine],
    bill: IssueRequest,
    decision: Decision,
    *,
    terms: Terms,
    letterhead: Letterhead,
    payer_page: str,
) -> Voucher:
    """What the notice of an issued payment says. Raises ConflictProblem unless the payment waits to be paid."""
    if payment.status is not Status.ISSUED:
        raise ConflictProblem(
            say("payments.notice_not_waiting", status=payment.status),
            type="payment-not-issued",
            payment_status=payment.status.value,
        )
    amount = format_yuan(payment.amount)
    until = payment.valid_until_on
    return Voucher(
        title=TITLE,
        stamp=f"（{NOT_A_RECEIPT}）",
        fields=(
            ("执收单位编码", bill.unit_code),
            ("执收单位名称", bill.unit_name),
            ("业务生成日期", chinese_date(bill.bill_date)),
            ("决定书文号", payment.decision_number),
            ("缴款码", payment.code or ""),
            ("缴款人", bill.payer_name),
        ),
        items=tuple(
            Item(one.item_code, f"{one.item_name}（{KINDS[one.kind]}）", format_yuan(one.amount)) for one in lines
        ),
        total=f"¥{amount}",
        total_in_words=yuan_in_words(payment.amount),
        wide=(
            ("缴款事由", decision.facts.violation),
            ("缴款期限", due_words(payment, decision, terms)),
            ("缴款码有效期", f"至{chinese_date(until)}" if until else "以缴费平台显示为准"),
            ("执收单位电话", letterhead.telephone or "见行政处罚决定书"),
        ),
        qr=QrBlock(
            payer_page,
            (
                f"缴款码：{payment.code}",
                f"应缴金额：{amount}元",
                "扫描二维码，核对执收单位、决定书文号与金额后缴款。",
                "请勿向个人账户转账。",
            ),
        ),
        notes=warnings(lines, decision, terms, letterhead.telephone),
        issuer=letterhead.authority,
        day=chinese_date(bill.bill_date),
        footer=f"{bill.unit_name}  {payment.decision_number}",
    )


def printed(voucher: Voucher, kind: Literal["pdf", "ofd"] = "pdf") -> bytes:
    """The notice as a file; both kinds have the same characters in the same places.

    Raises InvalidProblem (422) that names a character which the document's font cannot print.
    """
    try:
        return render_voucher(voucher) if kind == "pdf" else render_voucher_ofd(voucher)
    except ValueError as problem:
        raise InvalidProblem(
            said_of(problem),
            type="character-not-printable",
            cure=say("payments.other_font"),
        ) from problem

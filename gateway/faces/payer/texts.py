"""Everything the payer's pages say, in Chinese and English, in one place. Each state has a title and a sentence.

Each page adds the authority 执法机关, its telephone, and 请勿向个人账户转账.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.rooms.payments import Status
from gateway.rooms.refunds.states import RefundStatus

Both = tuple[str, str]


@dataclass(frozen=True)
class Message:
    """What a page says first about a state.

    ``tone`` colours it; ``can_pay``: the cashier takes money in this state; ``poll``: seconds between two looks at
    whether the state has changed, 0 for never.
    """

    title: Both
    text: Both
    tone: str
    can_pay: bool = False
    poll: int = 0


MESSAGES: Mapping[str, Message] = {
    "requested": Message(
        ("正在取码", "Requesting code"),
        (
            "正在向缴费平台取码，请稍候，本页会自动更新。",
            "The payment code is being requested. This page updates itself.",
        ),
        "wait",
        poll=5,
    ),
    "issued": Message(
        ("待缴款", "To be paid"),
        ("请核对以下信息后缴款。", "Please check the details below, then pay."),
        "due",
        can_pay=True,
        poll=10,
    ),
    "being_paid": Message(
        ("缴款处理中", "Payment in progress"),
        (
            "缴费平台显示此笔款项正在缴纳，请不要重复缴款。处理完成后本页会自动更新。",
            "The payment platform says that this bill is being paid. Please do not pay again. This page updates "
            "itself.",
        ),
        "wait",
        poll=5,
    ),
    "overdue": Message(
        ("已逾期", "Overdue"),
        (
            "已超过缴款期限，仍可缴款。如有异议，可依决定书载明的途径申请复议或起诉。",
            "The time to pay has passed; you can still pay. If you disagree, use the remedies named in the decision.",
        ),
        "warn",
        can_pay=True,
        poll=10,
    ),
    "closed": Message(
        ("缴费平台结算中", "Cashier closed"),
        (
            "缴费平台结算中，预计{time}恢复，请届时再试。",
            "The payment platform is settling its day. It is expected back at {time}; please try again then.",
        ),
        "wait",
        poll=60,
    ),
    "doubt": Message(
        ("结果确认中", "Confirming"),
        (
            "正在核实缴款结果。如已扣款，请不要再次缴款。核实完成后本页会自动更新，您可以先离开。",
            "The result of your payment is being checked. If you were charged, do not pay again. This page updates "
            "itself when the check is done; you may leave.",
        ),
        "wait",
        poll=5,
    ),
    "long_doubt": Message(
        ("结果确认中", "Confirming"),
        (
            "核实时间较长，已转人工处理，请保留付款凭证，无需重复缴款。",
            "The check takes longer than usual and was handed to staff. Keep your proof of payment; you need not pay "
            "again.",
        ),
        "wait",
        poll=30,
    ),
    "code_doubt": Message(
        ("取码结果核实中", "Code being checked"),
        (
            "缴费平台是否已生成缴款码正在核实，现在无法缴款。核实完成后本页会自动更新，您可以先离开。",
            "It is being checked whether the platform made the payment code, so nothing can be paid yet. This page "
            "updates itself when the check is done; you may leave.",
        ),
        "wait",
        poll=15,
    ),
    "void_doubt": Message(
        ("正在作废", "Being cancelled"),
        (
            "此缴款单正在作废，请不要缴款。若已付款，请保留凭证并联系执法机关。",
            "This bill is being cancelled: please do not pay it. If you did, keep the proof and call the authority.",
        ),
        "warn",
        poll=30,
    ),
    "paid": Message(
        ("已缴款", "Paid"),
        ("已收到您的缴款，无需再付。", "Your payment has arrived. Nothing more is to be paid."),
        "good",
    ),
    "refunded": Message(
        ("已退付", "Refunded"),
        ("款项已按规定退还，办理结果见本页。", "The money was returned under the rules; see below."),
        "good",
    ),
    "expired": Message(
        ("缴款码已失效", "Code expired"),
        (
            "此缴款码已失效，但缴款义务仍在。请联系执法机关重新取码。",
            "This payment code has expired, but the duty to pay remains. Please ask the authority for a new code.",
        ),
        "warn",
    ),
    "cancelled": Message(
        ("已作废", "Cancelled"),
        (
            "此缴款单已作废，请不要缴款。若已付款，请保留凭证并联系执法机关。",
            "This bill was cancelled: please do not pay it. If you did, keep the proof and call the authority.",
        ),
        "warn",
    ),
    "rejected": Message(
        ("未能取得缴款码", "No code"),
        (
            "缴费平台未能生成缴款码，请不要缴款，并联系执法机关。",
            "The payment platform gave no code. Please do not pay, and call the authority.",
        ),
        "warn",
    ),
    "late_money": Message(
        ("已收到款项", "Money received"),
        (
            "已收到您的款项，但该缴款单已失效。工作人员将核实并按规定处理，请勿再付。",
            "Your money arrived for a bill that is no longer valid. Staff will check and handle it under the rules; "
            "do not pay again.",
        ),
        "warn",
    ),
    "amount_differs": Message(
        ("款项核实中", "Amount being checked"),
        (
            "已收到您的款项，但金额与应缴金额不一致。工作人员正在核实，请保留付款凭证，请勿再付。",
            "Your money arrived, but its amount differs from the amount due. Staff are checking it. Keep your proof "
            "of payment; do not pay again.",
        ),
        "wait",
    ),
    "paid_twice": Message(
        ("重复缴款", "Paid twice"),
        (
            "该笔罚款收到两次付款。多缴的金额将按规定退还，办理进度可在本页查看；"
            "需要收款账户时执法机关会正式通知您，不会索要密码或验证码。",
            "This fine was paid twice. What was paid too much is returned under the rules; its progress is shown on "
            "this page. If an account is needed, the authority tells you formally. Nobody asks for passwords or codes.",
        ),
        "warn",
    ),
    "unknown": Message(
        ("未查到缴款信息", "Nothing found"),
        (
            "未查到缴款信息，请核对二维码是否完整或联系执法机关。",
            "No payment was found. Check that the QR code is complete, or call the authority.",
        ),
        "warn",
    ),
    "silent": Message(
        ("暂时无法查询", "Not available now"),
        (
            "系统暂时无法查询，请过几分钟再打开本页。在缴费平台缴款不受影响；如已缴款，请保留付款凭证，不要重复缴款。",
            "Nothing can be looked up at the moment. Please open this page again in a few minutes. Paying at the "
            "payment platform is not affected; if you have paid, keep your proof of payment and do not pay again.",
        ),
        "wait",
    ),
    "misread": Message(
        ("无法打开", "Cannot be opened"),
        (
            "网址或者提交的内容有误，请重新扫描决定书上的二维码，或者按缴款码查询。如已缴款，请不要重复缴款。",
            "The address, or what was sent to it, is not right. Please scan the QR code on the decision again, or look "
            "the payment up by its code. If you have paid, do not pay again.",
        ),
        "warn",
    ),
}

DOUBTS: Mapping[Status, str] = {Status.REQUESTED: "code_doubt", Status.CANCELLING: "void_doubt"}
"""Doubt that is not about money: whether a code was made, or a bill voided."""

OWED_STATUSES = frozenset({Status.REQUESTED, Status.ISSUED, Status.EXPIRED})
"""Statuses in which a surcharge goes on."""

COLLECTED: Mapping[str, Both] = {
    "quoted_at_payment": (
        "加处罚款由缴费平台在付款时一并收取，以付款当日缴费平台收银页面显示的金额为准。",
        "The platform's cashier takes it together with the bill; what it shows on the day of payment applies.",
    ),
    "separate_bill": (
        "由执法机关另行开具缴款单收取。",
        "The authority sends another bill for it.",
    ),
    "reissue": (
        "执法机关换开缴款单时一并列入，届时请按新的缴款单缴款。",
        "It stands in the bill that the authority issues in place of this one; then pay that one.",
    ),
    "manual": (
        "缴纳方式请咨询执法机关。",
        "Please ask the authority how to pay it.",
    ),
}
"""How a channel collects a surcharge (``PaymentKeys.surcharge``); only where it is quoted is it part of the sum."""

OWED = frozenset(
    {"requested", "code_doubt", "issued", "being_paid", "overdue", "closed", "expired", "doubt", "long_doubt"}
)
"""States in which money is owed as far as anybody knows; in the others no amount is called due."""

KINDS: Mapping[str, Both] = {
    "fine": ("罚款", "Fine"),
    "confiscated": ("没收违法所得", "Confiscated gains"),
    "surcharge": ("加处罚款", "Surcharge"),
}

REFUNDS: Mapping[str, Both] = {
    RefundStatus.PROPOSED: ("退付办理中", "Being handled"),
    RefundStatus.CONFIRMED: ("退付办理中", "Being handled"),
    RefundStatus.FILED: ("已提交财政部门审核", "With the finance department"),
    RefundStatus.APPROVED: ("财政部门已批准，等待退回", "Approved, on its way"),
    RefundStatus.REFUNDED: ("已退付", "Refunded"),
    RefundStatus.REFUSED: ("未获批准，请联系执法机关", "Not approved; please call the authority"),
}

FOUND_BY_STATUS: Mapping[Status, str] = {
    Status.REQUESTED: "requested",
    Status.ISSUED: "issued",
    Status.PAID: "paid",
    Status.EXPIRED: "expired",
    Status.REJECTED: "rejected",
    Status.CANCELLING: "cancelled",
    Status.CANCELLED: "cancelled",
}

_WORDS: Mapping[str, Both] = {
    "page": ("罚款缴纳", "Payment of a fine"),
    "language": ("English", "中文"),
    "due": ("应缴金额", "Amount due"),
    "billed": ("缴款单金额", "Amount of the bill"),
    "received": ("实缴金额", "Amount paid"),
    "yuan": ("元", "yuan"),
    "surcharge_until": ("加处罚款（截至{on}）", "Surcharge (up to {on})"),
    "surcharge_rate": (
        "到期不缴纳的，每日按罚款数额的{rate}%加处罚款，总额不超过{cap}元，现已计{days}日。",
        "After the last day to pay, {rate}% of the fine is added a day, {cap} yuan at most; {days} days count so far.",
    ),
    "not_in_bill": ("不含加处罚款", "Surcharge not included"),
    "due_here": ("本缴款单应缴金额", "Amount due on this bill"),
    "surcharge_apart": (
        "以上金额不在本缴款单内，缴清本缴款单并不缴清加处罚款。",
        "This amount is not in this bill: paying the bill does not pay it.",
    ),
    "surcharge_how": ("如何缴纳加处罚款", "How to pay it"),
    "pay": ("去缴款", "Pay now"),
    "pay_note": (
        "点击后进入财政部门缴费平台，可用微信、支付宝、云闪付付款；可由他人代缴。",
        "Opens the finance department's cashier: WeChat Pay, Alipay or UnionPay. Somebody else may pay for you.",
    ),
    "have_paid": ("我已付款", "I have paid"),
    "not_paid": ("还没有付款，返回缴款", "I have not paid yet: go back"),
    "open_again": ("重新打开", "Open again"),
    "look_again": ("刷新查看结果", "Look again"),
    "details": ("缴款信息", "Details"),
    "why": ("违法行为", "Violation"),
    "decision": ("决定书文号", "Decision no."),
    "party": ("当事人", "Party"),
    "by": ("缴款期限", "Pay by"),
    "by_unknown": ("自收到决定书之日起{days}日内", "{days} days from receipt of the decision"),
    "by_unknown_worked": ("自收到决定书之日起{days}个工作日内", "{days} working days from receipt of the decision"),
    "provisional": ("（暂定）", " (provisional)"),
    "code": ("缴款码", "Payment code"),
    "valid_until": ("缴款码有效期至", "Code valid until"),
    "paid_at": ("缴款时间", "Paid at"),
    "serial": ("付款流水号", "Serial number"),
    "pay_mode": ("付款渠道", "Paid through"),
    "receipt_head": ("财政票据", "Receipt"),
    "receipt_code": ("票据代码", "Receipt code"),
    "receipt_number": ("票据号码", "Receipt number"),
    "receipt_check": ("校验码", "Check code"),
    "receipt_on": ("开票日期", "Issued on"),
    "receipt_amount": ("金额（元）", "Amount (yuan)"),
    "receipt_verify": ("到票据查验平台核对", "Check it with the receipts platform"),
    "genuine": ("如何核对本页真伪", "Is this page genuine?"),
    "genuine_host": ("本页网址应以 {host} 开头。", "The address of this page begins with {host}."),
    "genuine_official": ("也可从官方网站进入：", "You may also come from the official site: "),
    "genuine_call": (
        "如有疑问，请拨打决定书或官方网站上的执法机关电话核实。执法机关不会索要密码、验证码。",
        "If in doubt, call the authority under the number in the decision or on its official site. Nobody asks for "
        "passwords or codes.",
    ),
    "privacy": ("个人信息说明", "Privacy"),
    "privacy_text": (
        "本页只显示缴款所需的信息，来自作出处罚决定的执法机关，当事人姓名或者名称已部分隐去。本页不使用 Cookie，"
        "不加载第三方内容；点击缴款后进入财政部门缴费平台，付款信息由其处理。查询、更正个人信息，请联系执法机关。",
        "This page shows what is needed to pay, as the authority that made the decision has it; the party's name is "
        "partly hidden. It uses no cookies and loads nothing from others. Paying happens at the finance department's "
        "cashier, which handles your payment data. To see or correct your data, please call the authority.",
    ),
    "organiser": ("主办单位", "Run by"),
    "site_code": ("网站标识码", "Site code"),
    "contact": ("联系方式", "Contact"),
    "authority": ("执法机关", "Authority"),
    "unit": ("执收单位", "Collecting unit"),
    "telephone": ("电话", "Telephone"),
    "never": ("请勿向个人账户转账。", "Never transfer money to a personal account."),
    "renewed": ("查看重新开具的缴款单", "Open the bill that replaces this one"),
    "refunds": ("退付进度", "Refunds"),
    "receipt": ("下载财政票据", "Download the receipt"),
    "receipt_wait": ("财政票据开具中，开具后可在本页下载。", "The receipt is being issued; it will be offered here."),
    "receipt_ask": ("如需财政票据，请联系执收单位开具。", "For a receipt, please call the collecting unit."),
    "other_ways": ("其他缴款方式", "Other ways to pay"),
    "to_slip": ("柜面或对公转账缴款单", "Slip for bank counter or company transfer"),
    "remedy": ("对处罚决定不服怎么办", "If you disagree with the decision"),
    "remedy_text": (
        "可以依照行政处罚决定书载明的途径和期限，申请行政复议或者提起行政诉讼。复议、诉讼期间处罚不停止执行，"
        "法律另有规定的除外。",
        "You may apply for administrative reconsideration or bring a suit, as the decision says and within the time "
        "it names. Meanwhile the penalty stays in force unless the law says otherwise.",
    ),
    "deferral": ("一次缴清有困难怎么办", "If you cannot pay at once"),
    "deferral_text": (
        "确有经济困难，需要延期或者分期缴纳罚款的，可以向执法机关书面申请，经批准后暂缓或者分期缴纳。"
        "请在缴款期限届满前申请。",
        "If you are in real difficulty, apply to the authority in writing to pay later or by instalments. It takes "
        "effect once approved. Please apply before the last day to pay.",
    ),
    "slip": ("罚没款缴款单", "Payment slip"),
    "slip_not": ("本缴款单不作为收款收据", "This slip is not a receipt"),
    "slip_print": ("请打印或截屏保存本页。", "Print this page or keep a screenshot."),
    "unit_code": ("执收单位编码", "Unit code"),
    "item": ("收入项目", "Income item"),
    "amount": ("金额（元）", "Amount (yuan)"),
    "in_words": ("大写", "In words"),
    "counter": ("银行柜面缴款", "At a bank counter"),
    "counter_text": (
        "到当地非税收入代理银行网点，向柜员出示缴款码，核对执收单位、决定书文号和金额后付款。可付现金或者刷卡。",
        "Show the payment code at a branch of a bank that collects non-tax revenue. Check unit, decision number and "
        "amount, then pay in cash or by card.",
    ),
    "company": ("单位对公账户缴款", "From a company account"),
    "company_text": (
        "在企业网银的“非税缴款”或“缴费”功能中输入缴款码，由对公账户付款。请勿用普通转账代替，"
        "普通转账不带缴款码，款项无法自动入账。",
        "Enter the payment code in the non-tax payment function of your company's online bank. Do not use an ordinary "
        "transfer instead: it carries no payment code and cannot be matched.",
    ),
    "scan": ("也可扫描二维码在手机上缴款", "Or scan to pay by telephone"),
    "back": ("返回", "Back"),
    "find": ("查询缴款信息", "Find a payment"),
    "find_text": (
        "请输入缴款码和决定书文号末尾的数字，两项均印在决定书或缴款通知上。",
        "Enter the payment code and the number at the end of the decision number. Both are printed on the decision "
        "or the notice.",
    ),
    "find_code": ("缴款码（20位数字）", "Payment code (20 digits)"),
    "find_digits": (
        "决定书文号末尾的数字（如“第102号”填102）",
        "Number at the end of the decision number (102 for 第102号)",
    ),
    "find_name": ("决定书上的当事人姓名或名称", "Name of the party, as on the decision"),
    "find_button": ("查询", "Find"),
    "find_wrong": (
        "未查到缴款信息，请核对缴款码和决定书文号后再试。",
        "No payment was found. Please check the code and the decision number.",
    ),
    "find_often": (
        "多次查询未果。请同时填写决定书上的当事人姓名或名称，或者扫描决定书上的二维码。",
        "There were too many wrong tries. Please enter the party's name as well, as the decision has it, or scan the "
        "QR code on the decision.",
    ),
}


def words(english: bool) -> dict[str, str]:
    """All words of one language, by their key."""
    return {key: both[english] for key, both in _WORDS.items()}

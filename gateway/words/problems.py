"""Every kind of problem that a caller can be told: one status each, and what it means, in English and Chinese.

A problem's type is public and stable: callers decide by it. What is told of one problem (the detail, the field, the
cure) is said where it is raised. ``declare`` adds the types of a room that comes from elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    408: "Request too slow",
    409: "Conflict",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Not acceptable value",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}
"""What each status of an answer is called; it is the title of a problem (RFC 9457, 3.1.3)."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. ``name`` ends its URI; ``means`` is for developers, ``chinese`` for officials."""

    name: str
    status: int
    means: str
    chinese: str

    @property
    def title(self) -> str:
        """Its short name, which never differs between two problems of this type."""
        return TITLES[self.status]


PROBLEMS: dict[str, ProblemType] = {}
"""Every type that was declared, by name."""


def declare(status: int, **types: tuple[str, str]) -> None:
    """Declare types of one status: each name (``_`` stands for ``-``) with what it means in English and in Chinese.

    ValueError for a status that no problem has, an ill-formed name, and a name that means something else already.
    """
    if status not in TITLES:
        raise ValueError(f"no problem has the status {status}")
    for key, (means, chinese) in types.items():
        made = ProblemType(key.replace("_", "-"), status, means, chinese)
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", made.name):
            raise ValueError(f"{made.name!r} is no name of a problem type")
        if PROBLEMS.setdefault(made.name, made) != made:
            raise ValueError(f"the problem type {made.name} is declared already, with another status or meaning")


def problem_type(name: str) -> ProblemType:
    """One type. ValueError where nobody has declared it: a programming fault."""
    try:
        return PROBLEMS[name]
    except KeyError:
        raise ValueError(f"the problem type {name} is declared nowhere: see gateway.words.problems") from None


# --- the request ---------------------------------------------------------------------------------------------------

declare(
    400,
    bad_request=("not understood", "无法理解该请求"),
    idempotency_key_missing=("an effect without a key", "缺少幂等键 Idempotency-Key"),
    callback_unreadable=("an authentic callback that breaks its contract", "回调通知验签通过，但内容不符合约定"),
)
declare(
    401,
    not_authenticated=("no valid key, or not this password", "密钥无效，或口令不符"),
    callback_not_authenticated=("a callback that is not authentic", "回调通知验签未通过"),
)
declare(
    403,
    scope_missing=("the key lacks a scope; it is named", "密钥无此权限"),
    seal_not_granted=("the officer may not use this seal today", "该执法人员当日无权使用此印章"),
    sandbox=("a test key outside sandboxes, or another key inside one", "测试密钥只用于沙箱，沙箱只用测试密钥"),
    operator_needed=("only a person may do this", "须由操作员本人办理"),
    proposer_needed=("only whoever proposed it, or a supervisor, takes it back", "须由提出人或主管撤回"),
)
declare(
    404,
    not_found=("no such record, or not yours", "未找到该记录"),
    no_such_path=("no such address", "地址不存在"),
)
declare(405, method_not_allowed=("the address does not take this method", "该地址不支持此方法"))
declare(408, request_too_slow=("the request came too slowly to be waited for", "请求传输过慢"))
declare(
    409,
    conflict=("the record's present state forbids it", "记录的当前状态不允许此操作"),
    request_in_progress=("the first request with this key still runs", "同一幂等键的首次请求仍在处理"),
    second_person_needed=("whoever proposed cannot confirm", "须由他人复核，提出人不得复核"),
    changed_since_seen=(
        "what is confirmed has changed since it was seen",
        "您查看之后内容已有变动，请重新查看后再确认",
    ),
    no_channel=("no route for this capability", "未配置可用通道"),
)
declare(413, body_too_large=("the body is larger than is taken here", "请求内容过大"))
declare(
    422,
    invalid_request=("fields are missing, unknown or malformed", "字段缺失、多余或格式不符"),
    invalid_value=("a value is not acceptable", "字段取值不符合要求"),
    idempotency_key_reused=("the key was used with another body", "幂等键已用于其他内容"),
)
declare(429, too_many_requests=("this client has asked for more than it may in a minute", "请求过于频繁，请稍后再试"))
declare(500, internal_error=("a fault of ours; what was accepted is safe", "系统内部错误，已受理的事项不受影响"))
declare(
    503,
    unavailable=("queue full, database away, stopping", "暂时无法受理，请稍后重试"),
    storage_full=("the database's disk is full; nothing was stored", "数据库磁盘已满，未保存任何内容"),
    commit_unknown=(
        "the database vanished in mid-commit: repeat with the same key",
        "提交时数据库中断，请用同一幂等键重试",
    ),
)

# --- who may use the gateway (command line) ------------------------------------------------------------------------

declare(
    409,
    authority_exists=("command line: the name of the authority is taken", "执法机关标识已被使用"),
    client_exists=("command line: the name of the client is taken", "接入系统名称已被使用"),
    operator_exists=("command line: the name of the operator is taken", "操作员登录名已被使用"),
)

# --- decisions -----------------------------------------------------------------------------------------------------

declare(
    409,
    decision_revoked=("nothing more can happen to this decision", "该处罚决定已撤销"),
    already_served=("service happens once", "已送达，不得重复登记送达"),
    no_open_appeal=("an appeal's end without an appeal", "没有正在进行的复议或诉讼"),
    appeal_exists=("two appeals under one id", "复议或诉讼编号重复"),
    correction_exists=("a correction of this event waits already", "该事项已有更正待复核"),
    event_unchanged=("the correction says what is recorded", "更正内容与登记内容相同"),
    event_not_in_force=("the event was corrected or voided before", "该事项已被更正或作废"),
)

# --- payments, exceptions ------------------------------------------------------------------------------------------

declare(
    409,
    payment_exists=("the demand has a live payment", "该事项已有有效缴款单"),
    exceeds_decision=("more is demanded than the decision imposes", "金额超过处罚决定确定的数额"),
    payment_being_paid=("somebody is paying this bill just now", "该缴款单正在缴款，暂不能作废"),
    payment_not_cancellable=("only an issued, unpaid payment can be cancelled", "只有待缴款的缴款单可以作废"),
    payment_not_issued=("it has no code yet, or no longer waits to be paid", "尚无缴款码，或已不在待缴款状态"),
    payment_without_decision=(
        "a remittance of cash has no notice: it is served on nobody",
        "集中汇缴没有缴款通知，不送达任何人",
    ),
    payment_not_reissuable=("a bill over many decisions is not replaced by one", "汇缴单不能单独换码"),
    payment_not_paid=("no money has arrived for it", "尚未收到款项"),
    payment_not_payable=("this payment takes no money now", "该缴款单当前不能入账"),
    no_collecting_unit=("the authority has no collecting unit 执收单位 on this day", "执法机关当日没有对应的执收单位"),
    codes_exhausted=("no payment codes are left to give out in this mode", "可用缴款码号段已用完"),
    exception_resolved=("that exception is closed", "该异常缴款已办结"),
    exception_not_proposed=("nobody has proposed a way out yet", "尚无人提出处理意见"),
    exception_open=(
        "money came on this expired code, and nobody has said yet what becomes of it",
        "失效缴款码收到款项，尚未确定如何处理",
    ),
)
declare(
    422,
    character_not_printable=(
        "the embedded font lacks a character of the notice; it is named",
        "内嵌字体缺少通知中的某个字",
    ),
)

# --- refunds, receipts, cash ---------------------------------------------------------------------------------------

declare(
    409,
    refund_exceeds_paid=("more than is left of the money that came in", "退付金额超过剩余缴款金额"),
    refund_state=("the refund's present state forbids it", "退付的当前状态不允许此操作"),
    payee_missing=(
        "nobody has said yet who gets the money; `missing` names all that is wanting",
        "尚未登记收款人信息",
    ),
    documents_missing=("finance wants to see more; it is named", "缺少财政部门要求的材料"),
    receipt_unsupported=("this channel issues no receipts", "该通道不开具票据"),
    receipt_not_reversible=("there is no issued receipt to reverse", "没有可红冲的票据"),
    receipt_number_used=("another cash receipt has this number", "该现金票据号码已被使用"),
    cash_state=("not all of this cash was handed in and waits for a bill", "所选现金未全部上交，或已汇缴"),
    remittance_unsupported=(
        "one bill over many decisions needs a channel whose platform makes the code",
        "集中汇缴须由平台生成缴款码",
    ),
)

# --- disclosures ---------------------------------------------------------------------------------------------------

declare(
    409,
    no_disclosing_organ=("nothing says under which name the authority publishes", "未登记公示机关名称"),
    no_target_profile=("nothing says what this target shows and how soon", "未登记公示渠道的规则"),
    decision_not_amended=("changed, but the facts are those that were withdrawn", "决定已变更，但事实仍为撤回前的内容"),
    disclosure_outdated=("a target shows earlier facts: correct or withdraw", "渠道上公示的是此前的内容，请更正或撤回"),
    disclosure_key_changed=("a correction keeps number, organ and party", "更正不得改变文号、机关和当事人"),
    nothing_to_correct=("what is shown equals the facts", "公示内容与事实一致，无须更正"),
    disclosure_not_shown=(
        "only what the public sees can be corrected, withdrawn, repaired",
        "未公示的信息不能更正、撤回或修复",
    ),
    finding_closed=("what was amiss is mended or settled already", "该巡查问题已办结"),
    not_sent_again=("what is amiss there is not mended by sending", "该渠道的问题不能由本系统重新报送"),
    nothing_to_repair=("nothing is shown that could be repaired", "没有可修复的公示"),
    repair_open=("a request for repair of this decision is open", "该决定已有未办结的信用修复申请"),
    repair_answered=("the request is not in that state any more", "该信用修复申请已不在此环节"),
    no_objection=("nobody objects to it", "该公示没有未处理的异议"),
    end_not_held=("its end does not wait for a person", "该公示并未暂缓终止，无须决定"),
    disclosure_busy=("another effect on it is under way", "该公示正在办理其他事项"),
    withdrawal_under_way=("it is being withdrawn", "正在撤回"),
)
declare(
    422,
    minimum_period=("too early for a repair; the day is named", "未满最短公示期，不能修复"),
    repair_conditions=("conditions of repair are open; they are named", "尚不符合信用修复条件"),
    disclosure_incomplete=(
        "a target would refuse the decision; the facts that are wanting are named, nothing was sent",
        "缺少公示渠道必填的内容，未报送",
    ),
)

# --- reconciliation, months ----------------------------------------------------------------------------------------

declare(
    409,
    no_statements=("the channel offers none", "该通道不提供对账文件"),
    statement_refused=("the statement contradicts itself; nothing of it was used", "对账文件自相矛盾，未采用"),
    statement_unconfirmed=(
        "the file has no totals: a person types count and sums as the other side tells them",
        "对账文件没有合计，须由人员填写对方告知的笔数和金额",
    ),
    break_not_open=("it was closed before", "该差错已办结"),
    already_proposed=("somebody has proposed something for this break", "该差错已有人提出处理意见"),
    not_proposed=("that proposal was dealt with", "该处理意见已办结"),
    no_money=("the statement has no money here that could move", "该差错没有可处理的款项"),
    money_without_owner=("nobody knows whose money it is: attribute it first", "款项归属未明，请先认领"),
    money_pays_its_bill=(
        "nothing is too much here; a refund is proposed at the payment",
        "款项与账单相符，退付请在缴款单提出",
    ),
    money_has_an_owner=("the money belongs to a payment already", "款项已归属某缴款单"),
    month_not_over=("a month is closed once it has ended", "当月尚未结束，不能月结"),
    month_incomplete=("days of it are not reconciled; they are named", "有日期尚未对账"),
    month_not_balanced=("books and statements do not meet once all breaks are counted", "计入全部差错后账实仍不平"),
    month_closed=(
        "statements and books of a frozen month do not change; reopening needs a reason and a second person",
        "该月已月结，重开须说明理由并经复核",
    ),
    month_not_closed=(
        "this close does not hold any more, or nobody has asked to reopen it",
        "该月结已失效，或未申请重开",
    ),
)
declare(503, statement_unavailable=("no statement could be had; run the day again", "未取得对账文件，请稍后重新对账"))

# --- entities ------------------------------------------------------------------------------------------------------

declare(
    422,
    invalid_uscc=("not a unified code by GB 32100", "不是有效的统一社会信用代码"),
    licence_unreadable=("not the text of a licence QR", "不是营业执照二维码内容"),
    rejected_by_registry=('the registry\'s own "no", in its words', "登记机关未予办理"),
)
declare(
    503,
    registry_busy=("the registry has too much to do", "登记系统繁忙"),
    registry_denied=("the registry does not admit this gateway", "登记系统拒绝访问"),
    registry_unreachable=("the registry cannot be asked", "无法连接登记系统"),
    registry_answer_broken=("its answer cannot be trusted", "登记系统返回内容不可信"),
    not_offered=("this registry does not offer that", "登记系统不提供该查询"),
)

# --- seals ---------------------------------------------------------------------------------------------------------

declare(
    409,
    sealed_document_exists=(
        "this file is sealed with this seal already, or about to be",
        "该文件已用印，或正在用印",
    ),
    document_not_sealed=("only a sealed document can be fetched", "文件尚未用印"),
    seal_not_usable=(
        "suspended, expired or cancelled, or its picture cannot be drawn",
        "印章不在有效状态，或印模无法使用",
    ),
)
declare(
    422,
    document_not_sealable=("encrypted, or no PDF that can be sealed", "文件已加密，或不是可用印的 PDF"),
    approval_incomplete=("the approval lacks what the document needs", "用印审批材料不全"),
    document_already_signed=("another seal would change what was signed", "文件已签章，再次用印会改变原签章"),
    seal_not_for_document=("this kind of seal does not seal such a document", "该类印章不得用于此文件"),
    unknown_seal=("the authority has no such seal", "执法机关没有该印章"),
    unsupported_document_type=("neither a PDF nor an OFD", "既不是 PDF 也不是 OFD 文件"),
    rejected_by_seal_service=('the seal service\'s own "no", in its words', "签章服务未予办理"),
)
declare(
    503,
    seal_service_busy=("the seal service has too much to do", "签章服务繁忙"),
    seal_service_unreachable=("the seal service cannot be asked", "无法连接签章服务"),
    seal_service_answer_broken=("its answer cannot be trusted", "签章服务返回内容不可信"),
)

# --- operations ----------------------------------------------------------------------------------------------------

declare(
    409,
    channel_not_stopped=("the channel is not stopped", "该通道未停用"),
    operation_not_parked=(
        "only parked or uncertain operations can be retried",
        "该任务当前状态不能重试",
    ),
    operation_not_renewable=(
        "this effect cannot be sent again from here; a question is only retried",
        "该任务不能在此重新发送",
    ),
    operation_not_answerable=(
        "the answer is a judgement of our own, which nobody can give",
        "该结果由系统判定，不能人工认定",
    ),
    operation_not_askable=("this system offers no query: a person must find out", "对方系统不提供查询，须人工核实"),
    operation_in_doubt=("it must be asked about, never sent again", "结果待核实，只能查询，不得重发"),
    voiding_exists=("the voiding of this sealing was asked for already", "该用印的作废已有人提出"),
    not_voided=("there is no record yet, since the sealing is not void", "用印尚未作废，没有作废记录"),
    resolution_exists=("somebody has already said what became of it", "已有人认定结果"),
    resolution_contradicts=(
        "the answer that was said contradicts what is known: withdraw it, look again",
        "认定的结果与已知情况矛盾，请撤回后重新核实",
    ),
)

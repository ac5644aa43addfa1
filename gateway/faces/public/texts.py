"""Everything the public's pages say, in Chinese and English, in one place."""

from __future__ import annotations

from collections.abc import Mapping

Both = tuple[str, str]

GONE: Mapping[str, tuple[Both, Both]] = {
    "unknown": (
        ("没有这条公示信息", "There is no such entry"),
        ("请核对网址，或者返回列表查询。", "Please check the address, or search the list."),
    ),
    "shielded": (
        ("该公示信息目前不公示", "This entry is not shown at present"),
        ("请稍后再查询，或者返回列表。", "Please look again later, or search the list."),
    ),
    "withdrawn": (
        ("该公示信息已撤回", "This entry has been withdrawn"),
        (
            "行政处罚决定被依法变更、撤销、确认违法或者确认无效，或者信息公示有误的，公示信息依法撤回并说明理由。",
            "A decision is withdrawn from publication, and the reason is told, when it was changed, revoked or found "
            "unlawful, or when the entry was wrong.",
        ),
    ),
    "repaired": (
        ("该公示信息已终止公示", "This entry is no longer published"),
        ("公示期限已满，或者已完成信用修复。", "Its period is over, or the credit record has been repaired."),
    ),
    "ended": (
        ("该公示信息已终止公示", "This entry is no longer published"),
        ("公示期限已满，或者已完成信用修复。", "Its period is over, or the credit record has been repaired."),
    ),
    "silent": (
        ("暂时无法查询", "Not available now"),
        ("系统暂时无法查询，请过几分钟再打开本页。", "Please open this page again in a few minutes."),
    ),
    "misread": (
        ("无法打开", "Cannot be opened"),
        ("网址或者提交的内容有误，请返回列表查询。", "The address is not right. Please search the list."),
    ),
}
"""Repaired and ended look alike: nobody shall read from the page which of them it was."""

_WORDS: Mapping[str, Both] = {
    "page": ("行政处罚决定公示", "Published penalty decisions"),
    "skip": ("跳到正文", "Skip to content"),
    "language": ("English", "中文"),
    "search": ("查询", "Search"),
    "search_label": (
        "决定书文号、当事人名称或统一社会信用代码",
        "Decision number, name of the party, or unified social credit code",
    ),
    "all": ("显示全部", "Show all"),
    "empty": ("目前没有公示中的行政处罚决定。", "No penalty decision is published at present."),
    "none": (
        "没有查到“{q}”。可以只输入文号中的数字，或者名称中的几个字。",
        "Nothing was found for “{q}”. Try only the figures of the number, or a part of the name.",
    ),
    "beyond": ("这一页没有内容。", "There is nothing on this page."),
    "count": ("共{n}条", "{n} in all"),
    "count_found": ("“{q}”共查到{n}条", "{n} found for “{q}”"),
    "newest": ("最近公示的在前", "newest first"),
    "where": ("第{page}页，共{pages}页", "Page {page} of {pages}"),
    "turn": ("翻页", "Pages"),
    "first": ("首页", "First"),
    "previous": ("上一页", "Previous"),
    "next": ("下一页", "Next"),
    "number": ("决定书文号", "Decision number"),
    "party": ("当事人", "Party"),
    "code": ("统一社会信用代码或注册号", "Unified social credit code or registration number"),
    "violation": ("违法行为类型", "Kind of violation"),
    "facts": ("违法事实", "Facts"),
    "basis": ("处罚依据", "Legal basis"),
    "kinds": ("处罚类别", "Kinds of penalty"),
    "content": ("处罚内容", "Penalty"),
    "fine": ("罚款金额（元）", "Fine (yuan)"),
    "confiscated": ("没收金额（元）", "Confiscated (yuan)"),
    "licence": ("证照名称及编号", "Licence"),
    "organ": ("处罚机关", "Authority"),
    "decided": ("处罚决定日期", "Decided on"),
    "published": ("公示日期", "Published on"),
    "until": ("公示截止期", "Published until"),
    "full_text": ("决定书全文", "Full text"),
    "chinese_only": ("", "Published texts are in Chinese."),
    "masked": (
        "自然人姓名以及证件号码、联系方式、住址等个人信息已依法隐去。",
        "Names of natural persons, and their numbers, contacts and addresses, are hidden as the law asks.",
    ),
    "objection": (
        "当事人对该公示信息提出异议，正在处理。",
        "The party objects to this entry; the objection is being dealt with.",
    ),
    "under_appeal": (
        "该行政处罚决定正在行政复议或者行政诉讼中。",
        "The decision is under administrative reconsideration or before a court.",
    ),
    "wrong": (
        "认为公示信息有误的，可以向作出决定的机关提出异议。",
        "Whoever finds an entry wrong may object at the authority that made the decision.",
    ),
    "reason": ("撤回理由", "Reason"),
    "withdrawn_on": ("撤回日期", "Withdrawn on"),
    "back": ("返回公示列表", "Back to the list"),
}


def words(english: bool) -> dict[str, str]:
    """All words of one language, by their key."""
    return {key: both[english] for key, both in _WORDS.items()}

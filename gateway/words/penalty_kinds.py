"""Kinds of penalty 处罚种类: one a word, as 行政处罚法 (2021) art. 9 and the 2018 penalty table name them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.words.saying import UnfitError, say

FINE = "罚款"
KNOWN = frozenset(
    {
        "警告", "通报批评", FINE, "没收违法所得", "没收非法财物", "没收违法所得、没收非法财物", "暂扣许可证件",
        "降低资质等级", "吊销许可证件", "吊销营业执照", "暂扣或者吊销许可证/执照", "限制开展生产经营活动",
        "责令停产停业", "责令停产停业整顿", "责令关闭", "限制从业", "行政拘留", "限期出境", "驱逐出境",
    }
)  # fmt: skip
"""Words that stand for themselves. Other laws have kinds of their own: those pass as they are."""

_JOINED = re.compile(r"[；;、，,/\n+＋]|以及|并处|[和与及并]")
_FIGURES = re.compile(r"[0-9０-９]|[〇零一二三四五六七八九十百千万壹贰叁肆伍陆柒捌玖拾佰仟][元日天月年个万]")
_OTHER = "其他-"


def split_kinds(told: object) -> object:
    """Elements that join several known kinds become several; each kind once. What is no list of texts passes."""
    if not isinstance(told, Sequence) or isinstance(told, str) or not all(isinstance(one, str) for one in told):
        return told
    return apart(told)


def apart(kinds: Sequence[str]) -> list[str]:
    """Each kind once: ``罚款；没收违法所得`` is two."""
    return list(dict.fromkeys(kind for one in kinds for kind in _parts(one.strip())))


def _parts(element: str) -> list[str]:
    if element in KNOWN or element.startswith(_OTHER):
        return [element]
    parts = [one.strip() for one in re.split(r"[；;\n]", element) if one.strip()]
    if len(parts) > 1:
        return [kind for one in parts for kind in _parts(one)]
    parts = [one.strip() for one in _JOINED.split(element) if one.strip()]
    return parts if len(parts) > 1 and all(one in KNOWN for one in parts) else [element]


def check_kind(kind: str) -> str:
    """One kind. Refused is what tells more than the kind: amounts, periods, or a known kind with words around it."""
    if kind in KNOWN:
        return kind
    plain = kind.removeprefix(_OTHER)
    inside = next((one for one in sorted(KNOWN, key=len, reverse=True) if one in plain), None)
    if inside is not None or _FIGURES.search(plain) or not plain.strip():
        raise UnfitError(say("decisions.kind_meant", inside=inside) if inside else say("decisions.kind_alone"))
    return kind


def is_confiscation(kind: str) -> bool:
    """Whether money or goods are confiscated by it."""
    return "没收" in kind

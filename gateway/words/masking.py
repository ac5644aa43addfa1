"""Names as others may see them. Each rule stands here once; what is hidden keeps its length."""

from __future__ import annotations

import re
from typing import NewType

Public = NewType("Public", str)
"""Text that anybody may read: masked by a rule, or by its nature no personal data. Whoever makes one answers for it."""

SHORT_FIRM = 5
"""A firm's name of so many characters or fewer is masked as a person's: more of it would show nearly all."""


def mask_person(name: str) -> str:
    """A person's name on pages and in answers: the first character, and ``*`` for each other one."""
    return name[:1] + "*" * (len(name) - 1)


def mask_firm(name: str) -> str:
    """A firm's name on pages and in answers: the first two characters and the last two."""
    if len(name) <= SHORT_FIRM:
        return mask_person(name)
    return name[:2] + "*" * (len(name) - 4) + name[-2:]


def mask_name(name: str) -> str:
    """A name of which nobody says whether it is a person's or a firm's."""
    return mask_person(name) if may_be_a_person(name) else mask_firm(name)


def mask_payer(name: str) -> str:
    """The name of somebody who is not known: a firm's where its words say so, else as it would be a person's."""
    return mask_firm(name) if _ORGANISATION.search("".join(name.split())) else mask_person(name)


def mask_published(name: str) -> Public:
    """A natural person's name in what is published: the first character, and 某 for each other one; one alone is 某."""
    return Public(name[:1] + "某" * (len(name) - 1) if len(name) > 1 else "某")


def is_mask(name: str) -> bool:
    """Whether a name is as ``mask_published`` leaves one."""
    return name == mask_published(name)


def mask_document(number: str) -> str:
    """The number of an identity document: the first three characters and the last two; the birthday is hidden."""
    return number[:3] + "*" * (len(number) - 5) + number[-2:] if len(number) > 8 else "*" * len(number)


def mask_phone(number: str) -> str:
    """A telephone number: the first three digits and the last four; a short one has only its last two."""
    shown = (3, 4) if len(number) >= 11 else (0, 2)
    return number[: shown[0]] + "*" * (len(number) - sum(shown)) + number[-shown[1] :]


def mask_address(address: str) -> str:
    """An address: its first six characters, which tell the province and the city."""
    return address[:6] + "*" * (len(address) - 6)


def mask_account(account: str) -> str:
    """A bank account: its last four digits."""
    return "*" * (len(account) - 4) + account[-4:]


_ORGANISATION = re.compile(
    "公司|集团|企业|中心|超市|商贸|餐饮|食品|建设|科技|经营|合作|[厂店铺坊行社部局院校所馆楼站场园室会吧摊]$"
)
"""What the name of an organisation or a shop has, and that of a person hardly."""


def may_be_a_person(name: str) -> bool:
    """Whether a name may be a natural person's: short, or with a middle dot, and of no business."""
    plain = "".join(name.split())
    return not _ORGANISATION.search(plain) and (len(plain) <= 4 or any(dot in plain for dot in "·•・"))

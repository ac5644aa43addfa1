"""What changed in a registration, and which changes somebody must hear about: pure functions."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from enum import StrEnum

from gateway.ports.registry import EntityChange, RegistrationRecord
from gateway.words.clock import day_of


class Alert(StrEnum):
    """Changes that can undo a decision or its service: 注销 and its announcement, 吊销, 撤销, 迁出, 法定代表人变更."""

    DEREGISTERED = "deregistered"
    DEREGISTRATION_ANNOUNCED = "deregistration_announced"
    REVOKED = "revoked"
    ANNULLED = "annulled"
    MOVED_OUT = "moved_out"
    REPRESENTATIVE_CHANGED = "representative_changed"


LAG = timedelta(days=30)
"""How long after its date a change may still turn up in a feed, or in the registry's shared books."""

_REPRESENTATIVE = ("法定代表人", "负责人", "经营者", "投资人", "执行事务合伙人")
_NOT_YET = ("公告", "备案", "拟", "申请")
_ITEMS = {
    "name": "名称变更",
    "raw_status": "登记状态变更",
    "legal_representative": "法定代表人变更",
    "address": "住所变更",
    "service_address": "法律文书送达地址变更",
    "registered_capital": "注册资本变更",
    "scope": "经营范围变更",
    "authority": "登记机关变更",
}


def alert_of(item: str, after: str) -> Alert | None:
    """Which alert a change calls for, by the words that registries use; None for all others.

    An alert is a hint to look again, so words decide generously; what counts is the record pulled afterwards.
    """
    item, after = plain(item), plain(after)
    if any(word in item for word in _REPRESENTATIVE):
        return Alert.REPRESENTATIVE_CHANGED
    text = after if "状态" in item else item
    if "吊销" in text and not ("已注销" in text or "并注销" in text):
        return Alert.REVOKED
    if "注销" in text:
        return Alert.DEREGISTRATION_ANNOUNCED if any(word in text for word in _NOT_YET) else Alert.DEREGISTERED
    if "撤销" in text:
        return Alert.ANNULLED
    return Alert.MOVED_OUT if "迁出" in text else None


def topic_of(item: str, after: str) -> str:
    """What a change is about, so that the same news from two sources is told once: the alert, else the item."""
    return alert_of(item, after) or plain(item).removesuffix("变更")[:200]


def differences(before: RegistrationRecord, after: RegistrationRecord) -> tuple[EntityChange, ...]:
    """What differs between two records of one entity, dated with the day of the later one.

    Another spelling of the same state is no difference.
    """
    found = []
    for field, item in _ITEMS.items():
        old, new = getattr(before, field) or "", getattr(after, field) or ""
        if plain(old) == plain(new) or (field == "raw_status" and before.status == after.status != "other"):
            continue
        found.append(_change(after, item, old, new, day_of(after.as_of)))
    return tuple(found)


def reflects(record: RegistrationRecord, item: str, after: str) -> bool:
    """Whether a record already shows what a change says; False also where that cannot be told."""
    match alert_of(item, after):
        case Alert.REPRESENTATIVE_CHANGED:
            shown = record.legal_representative
        case Alert.DEREGISTERED | Alert.REVOKED | Alert.ANNULLED | Alert.MOVED_OUT as alert:
            return record.status == alert.value
        case _:
            fields = {plain(name): field for field, name in _ITEMS.items()}
            shown = getattr(record, fields.get(plain(item), ""), None)
    return shown is not None and plain(shown) == plain(after)


def is_history(record: RegistrationRecord, changed_on: date) -> bool:
    """Whether a change is so old that a record as of its date must hold it, even if the registry was slow to tell."""
    return changed_on < day_of(record.as_of) - LAG


def plain(text: str) -> str:
    """A text as it is compared: half-width, without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _change(record: RegistrationRecord, item: str, before: str, after: str, on: date) -> EntityChange:
    code = record.uscc or record.registration_number or ""
    return EntityChange(uscc=code, item=item, before=before, after=after, changed_on=on)

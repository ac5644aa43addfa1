"""Between our words and the fields of GSXT: pure functions. Source: contracts/gsxt/v1/openapi.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

import contracts
from gateway.adapters.credit.layout import Layout
from gateway.adapters.credit.signed import Speech, is_of
from gateway.foundation.wire.envelope import Head, Results
from gateway.foundation.wire.told import Told
from gateway.ports.credit import DisclosureKey, DisclosureRecord, Shown

LAYOUT = Layout.read("gsxt", "layout", "国家企业信用信息公示系统字段（国家市场监督管理总局令第45号 第四条）")
"""The decision with its summary, under the name of a registered business."""

SPEECH = Speech(
    Results(contracts.code_table("gsxt", "v1", "results")),
    {row["state"]: row["effect"] for row in contracts.code_table("gsxt", "v1", "states")},
    absent="S0404",
    refused="S0422",
)


def publication(reference: str, record: DisclosureRecord) -> dict[str, Any]:
    """A decision in the fields of GSXT, under our reference."""
    return {"reference": reference, "penalty": LAYOUT.fill(record).row}


def key(of: DisclosureKey) -> dict[str, str]:
    """The key of a published decision in the words of GSXT."""
    return {"penDecNo": of.decision_number, "penAuth": of.authority_code, "entName": of.party_name.for_official_use()}


class WireKey(Told):
    """The key of an entry."""

    penDecNo: str
    penAuth: str
    entName: str


class WirePenalty(Told):
    """What is compared of a penalty."""

    unread: ClassVar[frozenset[str]] = frozenset(one.wire for one in LAYOUT.fields) - {"penContent"}

    penContent: str = Field(min_length=1)


class WireInspection(Told):
    """A result of an inspection 抽查检查结果: that it stands there is all that is asked."""

    unread: ClassVar[frozenset[str]] = frozenset({"insAuth_CN", "insRes_CN", "insDate"})


class WireShown(Told):
    """One entry as the public sees it."""

    unread: ClassVar[frozenset[str]] = frozenset({"explanation"})

    state: Literal["PUBLISHED", "WITHDRAWN", "REPAIRED", "ENDED"]
    key: WireKey
    penalty: WirePenalty | None = None
    publicDate: str | None = None
    inspections: tuple[WireInspection, ...] = ()
    url: str


class ShownAnswer(Head):
    """What the public sees under one decision number."""

    records: tuple[WireShown, ...]


def shown(records: Sequence[WireShown], of: DisclosureKey) -> Shown | None:
    """The entry of this entity among those shown under a decision number."""
    for record in records:
        told = record.key
        if is_of(told.penDecNo, told.penAuth, told.entName, of):
            return Shown.model_validate(
                {
                    "key": of,
                    "state": record.state.lower(),
                    "content": record.penalty.penContent if record.penalty else None,
                    "published_on": record.publicDate,
                    "url": record.url,
                    "inspections": bool(record.inspections),
                }
            )
    return None

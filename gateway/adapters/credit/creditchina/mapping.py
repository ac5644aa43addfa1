"""Between our words and the penalty table of Credit China: pure functions of their arguments.

Source: 发改办财金〔2018〕424号 (field names), contracts/credit/v1/openapi.json. The table is versioned,
because older and newer layouts are met: another layout is another ``Table``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

import contracts
from gateway.foundation.wire.envelope import Head, Results
from gateway.foundation.wire.told import Told
from gateway.ports.credit import (
    DisclosedParty,
    DisclosureKey,
    DisclosureRecord,
    FieldError,
    Shown,
    Submission,
    SubmissionState,
)
from gateway.words.documents import table_type
from gateway.words.errors import ContractError, RejectedError
from gateway.words.identifiers import USCC_PLACEHOLDER
from gateway.words.money import format_wan
from gateway.words.spelling import name_key, number_key

RESULTS = Results(contracts.code_table("credit", "v1", "results"))


@dataclass(frozen=True)
class Table:
    """One version of the penalty table: words for party categories, and for the kinds of penalty of the law.

    ``kinds`` maps the kinds of 行政处罚法 (2021) art. 9 to the words of the list; what is absent is written ``other``.
    """

    version: str
    categories: Mapping[str, str]
    kinds: Mapping[str, str]
    joiner: str = "；"
    other: str = "其他-"
    longest_other: int = 64


TABLES: Mapping[str, Table] = {
    "2018": Table(
        version="2018",
        categories={
            "organisation": "法人及非法人组织",
            "individual_business": "个体工商户",
            "natural_person": "自然人",
        },
        kinds={
            "警告": "警告",
            "罚款": "罚款",
            "没收违法所得": "没收违法所得、没收非法财物",
            "没收非法财物": "没收违法所得、没收非法财物",
            "没收违法所得、没收非法财物": "没收违法所得、没收非法财物",
            "责令停产停业": "责令停产停业",
            "责令停产停业整顿": "责令停产停业",
            "暂扣许可证件": "暂扣或者吊销许可证/执照",
            "吊销许可证件": "暂扣或者吊销许可证/执照",
            "吊销营业执照": "暂扣或者吊销许可证/执照",
            "暂扣或者吊销许可证/执照": "暂扣或者吊销许可证/执照",
            "行政拘留": "行政拘留",
        },
    )
}


def kinds_to_wire(kinds: Sequence[str], table: Table) -> str:
    """Kinds of penalty in the words of the list, each once, joined. A kind outside the list becomes ``其他-…``.

    RejectedError for a kind too long to be written: nothing was sent.
    """
    written: dict[str, None] = {}
    for kind in kinds:
        word = table.kinds.get(kind)
        if word is None:
            plain = kind.removeprefix(table.other).replace(table.joiner, "、")
            if len(plain) > table.longest_other:
                raise RejectedError(f"处罚类别过长: {plain}", "unsendable")
            word = table.other + plain
        written[word] = None
    return table.joiner.join(written)


def penalty(record: DisclosureRecord, table: Table) -> dict[str, str]:
    """One decision as a row of the table. Fields that do not apply are absent; amounts in 万元 with six decimals.

    An individual business without a unified code carries seventeen zeros and X beside its registration number.
    """
    party = record.party
    row = {
        "CF_XDR_MC": party.name,
        "CF_XDR_LB": table.categories[party.category],
        "CF_XDR_SHXYM": _unified_code(party),
        "CF_XDR_GSZC": party.registration_number,
        "CF_XDR_ZZJG": party.organisation_code and party.organisation_code.replace("-", ""),
        "CF_XDR_SYDW": party.institution_number,
        "CF_XDR_SHZZ": party.social_organisation_number,
        "CF_FRDB": None if party.category == "natural_person" else party.legal_representative,
        "CF_WSH": record.decision_number,
        "CF_WFXW": record.violation,
        "CF_SY": record.facts,
        "CF_YJ": record.basis,
        "CF_CFLB": kinds_to_wire(record.penalty_kinds, table),
        "CF_NR": record.content,
        "CF_NR_FK": None if record.fine is None else format_wan(record.fine),
        "CF_NR_WFFF": None if record.confiscated is None else format_wan(record.confiscated),
        "CF_NR_ZKDX": record.licence,
        "CF_JDRQ": record.decided_on.isoformat(),
        "CF_YXQ": record.valid_until.isoformat(),
        "CF_GSJZQ": record.publish_until.isoformat(),
        "CF_CFJG": record.authority_name,
        "CF_CFJGDM": record.authority_code,
        "CF_SJLY": record.source_name,
        "CF_SJLYDM": record.source_code,
        "BZ": record.remark,
    }
    if party.category == "natural_person":
        row |= {"CF_XDR_ZJLX": party.id_type and table_type(party.id_type), "CF_XDR_ZJHM": party.id_number}
    elif party.id_type and party.id_number:
        row |= {"CF_FR_ZJLX": table_type(party.id_type), "CF_FR_ZJHM": party.id_number}
    return {name: value for name, value in row.items() if value}


def _unified_code(party: DisclosedParty) -> str | None:
    if party.category == "individual_business" and party.uscc is None and party.registration_number:
        return USCC_PLACEHOLDER
    return None if party.category == "natural_person" else party.uscc


def key(of: DisclosureKey) -> dict[str, str]:
    """The key of a published decision in the words of the table."""
    return {"CF_WSH": of.decision_number, "CF_CFJGDM": of.authority_code, "CF_XDR_MC": of.party_name}


# --- answers -------------------------------------------------------------------------------------------------------


class Token(Head):
    """A bearer token; ``expiresIn`` in seconds."""

    accessToken: str = Field(min_length=1)
    expiresIn: int = Field(gt=0)


class Receipt(Head):
    """The platform took something in."""

    unread: ClassVar[frozenset[str]] = frozenset({"receivedAt", "count"})

    receiptNo: str = Field(min_length=1)


class WireFieldError(Told):
    """One refused field, in the platform's words."""

    field: str
    code: str = ""
    message: str = ""


class WireSubmission(Told):
    """What the platform knows under one source id."""

    unread: ClassVar[frozenset[str]] = frozenset({"kind", "receivedAt", "decidedAt"})

    sourceId: str
    state: str
    receiptNo: str
    reason: str | None = None
    fieldErrors: tuple[WireFieldError, ...] = ()


class SubmissionAnswer(Head):
    """The answer to a query by source id."""

    submission: WireSubmission


class WireShown(Told):
    """One entry as the public sees it."""

    unread: ClassVar[frozenset[str]] = frozenset(
        {"CF_XDR_SHXYM", "CF_WFXW", "CF_CFLB", "CF_JDRQ", "CF_GSJZQ", "CF_CFJG", "explanation"}
    )

    state: Literal["PUBLISHED", "WITHDRAWN", "REPAIRED", "ENDED"]
    CF_WSH: str
    CF_CFJGDM: str
    CF_XDR_MC: str
    CF_NR: str | None = None
    publishedOn: str | None = None
    url: str


class ShownAnswer(Head):
    """What the public sees under one decision number."""

    records: tuple[WireShown, ...]


STATES = {"pending": SubmissionState.PENDING, "ok": SubmissionState.ACCEPTED, "rejected": SubmissionState.REJECTED}


def submission(answer: WireSubmission, effects: Mapping[str, str]) -> Submission:
    """The platform's word on a submission. ``effects``: state to effect, from codes/verdicts.csv.

    ContractError for a state that the contract does not know: it is not final, and never success.
    """
    effect = effects.get(answer.state, "")
    if effect not in STATES:
        raise ContractError(f"the platform answered with an unknown state {answer.state!r}")
    errors = tuple(FieldError(field=one.field, code=one.code, message=one.message) for one in answer.fieldErrors)
    if answer.reason and effect == "rejected" and not errors:
        errors = (FieldError(field="", code=answer.state, message=answer.reason),)
    return Submission(reference=answer.sourceId, state=STATES[effect], receipt=answer.receiptNo, field_errors=errors)


def shown(records: Sequence[WireShown], of: DisclosureKey) -> Shown | None:
    """The entry of this party among those shown under a decision number."""
    for record in records:
        same = number_key(of.decision_number) == number_key(record.CF_WSH) and of.authority_code == record.CF_CFJGDM
        if same and same_name(record.CF_XDR_MC, of.party_name):
            return Shown.model_validate(
                {
                    "key": of,
                    "state": record.state.lower(),
                    "content": record.CF_NR,
                    "published_on": record.publishedOn,
                    "url": record.url,
                },
                strict=False,
            )
    return None


def same_name(displayed: str, sent: str) -> bool:
    """Whether a name as displayed can be the one sent: the platform masks names of natural persons with ``*``."""
    if "*" not in displayed:
        return name_key(displayed) == name_key(sent)
    return len(displayed) == len(sent) and all(d in ("*", s) for d, s in zip(displayed, sent, strict=True))

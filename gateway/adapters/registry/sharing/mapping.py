"""Between the words of ``contracts/registry/v1`` and those of the port: pure functions and models of the wire.

Answers are open: unknown members are passed over. What is known must be right, or the model does not validate.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

import contracts
from gateway.foundation.wire.envelope import Results
from gateway.ports.registry import ChangePage, EntityChange, EntitySummary, RegistrationRecord
from gateway.words.clock import parse_rfc3339
from gateway.words.errors import ContractError
from gateway.words.identifiers import check_uscc, clean_text

Status = Literal["operating", "suspended", "liquidating", "revoked", "deregistered", "annulled", "moved_out", "other"]
Category = Literal["organisation", "individual_business"]

RESULTS = Results(contracts.code_table("registry", "v1", "results"))


def _code(text: str) -> str:
    return check_uscc(text).code


def _prose(text: str) -> str:
    return clean_text(" ".join(text.split()))


def _day(value: Any) -> date:
    if not (isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
        raise ValueError("a day is a text yyyy-MM-dd")
    return date.fromisoformat(value)


def _instant(value: Any) -> datetime:
    return parse_rfc3339(value if isinstance(value, str) else "")


Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Uscc = Annotated[str, AfterValidator(_code)]
Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(clean_text)]
Prose = Annotated[str, Field(max_length=20_000), AfterValidator(_prose)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Named(_Wire):
    """What every description of an entity has: a name, and some number."""

    uniscId: Uscc | None = None
    regNo: Annotated[str, Field(pattern=r"^[0-9]{15}$")] | None = None
    entName: Line | None = None
    traName: Line | None = None
    regState_CN: Line

    @property
    def called(self) -> str:
        """The one name. ContractError unless there is exactly one."""
        if (self.entName is None) == (self.traName is None):
            raise ContractError("an entity has either entName or traName")
        return cast(str, self.entName or self.traName)


class Entity(Named):
    """One registered entity, in the field names of the national publicity system 国家企业信用信息公示系统."""

    name: Line | None = None
    entType: str | None = None
    entType_CN: Line
    estDate: Day | None = None
    regCap: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$")] | None = None
    regCapCurCN: Line | None = None
    regOrg_CN: Line
    dom: Prose | None = None
    opLoc: Prose | None = None
    serAddr: Prose | None = None
    opScope: Prose | None = None
    dataTime: Instant


class Summaries(_Wire):
    """Hits of a search by name; ``truncated`` when there are more."""

    list: tuple[Named, ...]
    truncated: bool


class Change(_Wire):
    """One entry of the change feed."""

    uniscId: Uscc
    altItem_CN: Line
    altBe: Prose
    altAf: Prose
    altDate: Day


class Changes(_Wire):
    """One page of the change feed."""

    list: tuple[Change, ...]
    nextCursor: Annotated[str, Field(min_length=1, max_length=64)]
    more: bool


def record(entity: Entity) -> RegistrationRecord:
    """The registration facts of an entity. ContractError where they contradict the contract."""
    name = entity.called
    if entity.uniscId is None and entity.regNo is None:
        raise ContractError("an entity has a uniscId or a regNo")
    return RegistrationRecord(
        uscc=entity.uniscId,
        name=name,
        registration_number=entity.regNo,
        status=status(entity.regState_CN),
        raw_status=entity.regState_CN,
        entity_type=entity.entType_CN,
        category=category(entity.entType, entity.entType_CN, entity.uniscId),
        legal_representative=entity.name,
        established_on=entity.estDate,
        registered_capital=capital(entity.regCap, entity.regCapCurCN),
        address=entity.dom or entity.opLoc,
        service_address=entity.serAddr,
        scope=entity.opScope,
        authority=entity.regOrg_CN,
        as_of=entity.dataTime,
    )


def summaries(found: Summaries) -> tuple[EntitySummary, ...]:
    """Hits of a search, in the registry's order."""
    return tuple(EntitySummary(uscc=one.uniscId, name=one.called, status=status(one.regState_CN)) for one in found.list)


def page(changes: Changes, cursor: str) -> ChangePage:
    """One page of changes. ContractError when it promises more but does not move on."""
    if changes.more and changes.nextCursor == cursor:
        raise ContractError("there is more, but the cursor does not move")
    return ChangePage(
        changes=tuple(
            EntityChange(
                uscc=one.uniscId, item=one.altItem_CN, before=one.altBe, after=one.altAf, changed_on=one.altDate
            )
            for one in changes.list
        ),
        next_cursor=changes.nextCursor,
        more=changes.more,
    )


def status(text: str) -> Status:
    """What a 登记状态 means, by ``codes/reg_states.csv``; "other" for a text that it does not list."""
    return _states().get(_plain(text), "other")


def category(code: str | None, text: str, uscc: str | None) -> Category:
    """Organisation or 个体工商户: by the type's text, else by its code, else by the unified code.

    The text comes first because offices number types differently; ``codes/entity_types.csv`` lists the national ones.
    """
    by_text, by_code = _types()
    if (plain := _plain(text)) in by_text:
        return by_text[plain]
    if plain.startswith("个体"):
        return "individual_business"
    if code in by_code:
        return by_code[code]
    return "individual_business" if uscc is not None and check_uscc(uscc).individual_business else "organisation"


def capital(amount: str | None, currency: str | None) -> str | None:
    """Registered capital in words: ``2000.000000`` and 人民币 are 2000万元人民币."""
    if amount is None:
        return None
    plain = amount.rstrip("0").rstrip(".") if "." in amount else amount
    return f"{plain}万元{currency or ''}" if currency in (None, "人民币") else f"{plain}万{currency}"


def _plain(text: str) -> str:
    """A text as tables are searched: half-width, without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@cache
def _states() -> dict[str, Status]:
    table = {_plain(row["text"]): row["meaning"] for row in contracts.code_table("registry", "v1", "reg_states")}
    assert set(table.values()) <= set(get_args(Status))
    return cast(dict[str, Status], table)


@cache
def _types() -> tuple[dict[str, Category], dict[str, Category]]:
    rows = contracts.code_table("registry", "v1", "entity_types")
    by_text = {_plain(row["text"]): cast(Category, row["category"]) for row in rows}
    return by_text, {row["code"]: cast(Category, row["category"]) for row in rows}

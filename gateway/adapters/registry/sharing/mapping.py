"""Between the words of ``contracts/registry/v1`` and those of the port: pure functions and models of the wire.

Answers are open: unknown members are passed over and noted, and empty ones are absent. What is used must be right:
number, name, state, date of the books. A member by which nothing is decided never refuses an answer; what cannot be
read is absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

import contracts
from gateway.foundation.wire.envelope import Results
from gateway.foundation.wire.told import Like, Told
from gateway.ports.registry import ChangePage, EntityChange, EntitySummary, RegistrationRecord, SetAside
from gateway.words.clock import day_of, from_micros, parse_rfc3339
from gateway.words.days import printed_day
from gateway.words.documents import old_registration_number
from gateway.words.errors import ContractError
from gateway.words.identifiers import check_uscc, clean_text
from gateway.words.saying import in_both, said_of
from gateway.words.spelling import same_name

Status = Literal["operating", "suspended", "liquidating", "revoked", "deregistered", "annulled", "moved_out", "other"]
Category = Literal["organisation", "individual_business"]

RESULTS = Results(contracts.code_table("registry", "v1", "results"))


_NOTHING = frozenset({"", "-", "--", "—", "/", "\\", "无", "空", "暂无", "null", "none", "n/a"})
"""How registries write that there is nothing."""

_CAPITAL = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(?:万元?)?\s*(人民币)?元?")


def _code(text: str) -> str:
    return check_uscc(text).code


def _prose(text: str) -> str:
    return clean_text(" ".join(text.split()))


def _day(value: Any) -> date:
    """A day in one of its spellings, or milliseconds since 1970."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**10:
        return day_of(from_micros(value * 1000))
    if not isinstance(value, str):
        raise ValueError("a day is a text such as yyyy-MM-dd")
    day = printed_day(re.sub(r"[ T]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?.*$", "", value.strip()))
    if not date(1800, 1, 1) <= day <= date(2200, 1, 1):
        raise ValueError("a day outside 1800 to 2200")
    return day


def _instant(value: Any) -> datetime:
    """An instant with its offset; without one it is Beijing's. Milliseconds since 1970 are told as a number."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**10:
        return from_micros(value * 1000)
    if not isinstance(value, str):
        raise ValueError("an instant is a text")
    text = "T".join(value.split())
    if re.fullmatch(r"[^T]+T[0-9:]+(\.[0-9]+)?", text):
        day, _, time = text.partition("T")
        text = f"{_day(day)}T{time if time.count(':') == 2 else time + ':00'}+08:00"
    return parse_rfc3339(text)


def _number(value: Any) -> Any:
    """A capital as the amount in 万元 that it says; None where it cannot be read, for nobody decides by it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:f}"
    found = _CAPITAL.fullmatch(value.replace(",", "").replace("，", "").strip()) if isinstance(value, str) else None
    return found[1] if found else None


def _unneeded(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader of a member by which nothing is decided: what it cannot read is absent, and never refuses the rest."""

    def tolerant(value: Any) -> Any:
        try:
            return read(value)
        except (ValueError, OverflowError):
            return None

    return tolerant


def _text(longest: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        text = _prose(value) if isinstance(value, str) else str(value) if isinstance(value, int) else ""
        if not 0 < len(text) <= longest:
            raise ValueError("no text, or too long")
        return text

    return read


Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Uscc = Annotated[str, AfterValidator(_code)]
Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(clean_text)]
Prose = Annotated[str, Field(max_length=20_000), AfterValidator(_prose)]
AnyDay = Annotated[date | None, BeforeValidator(_unneeded(_day))]
AnyText = Annotated[str | None, BeforeValidator(_unneeded(_text(20_000)))]


class _Wire(Told):
    """What is empty, or says that there is nothing, is absent."""

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, told: Any) -> Any:
        if not isinstance(told, Mapping):
            return told
        return {name: value for name, value in told.items() if not _is_nothing(value)}


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING)


class Named(_Wire):
    """What every description of an entity has: a name, and some number."""

    uniscId: Uscc | None = None
    regNo: Annotated[str, Field(min_length=4, max_length=50), AfterValidator(clean_text)] | None = None
    entName: Line | None = None
    traName: Line | None = None
    regState_CN: Line

    @property
    def called(self) -> str:
        """The one name. ContractError where there is none, or two that differ."""
        names = [name for name in (self.entName, self.traName) if name is not None]
        if not names or not same_name(names[0], names[-1]):
            raise ContractError("an entity has one name, in entName or in traName")
        return names[0]


class Entity(Named):
    """One registered entity, in the field names of the national publicity system 国家企业信用信息公示系统."""

    unread: ClassVar[frozenset[str]] = frozenset(
        {"pripid", "nodeNum", "regState", "apprDate", "opFrom", "opTo", "alterations"}
    )

    name: AnyText = None
    entType: Annotated[str | None, BeforeValidator(_unneeded(_text(20)))] = None
    entType_CN: AnyText = None
    estDate: AnyDay = None
    regCap: Annotated[str | None, BeforeValidator(_number)] = None
    regCapCurCN: AnyText = None
    regOrg_CN: AnyText = None
    dom: AnyText = None
    opLoc: AnyText = None
    serAddr: AnyText = None
    opScope: AnyText = None
    dataTime: Instant


class Summaries(_Wire):
    """Hits of a search by name, each read by itself; ``truncated`` when there are more."""

    list: tuple[Annotated[Any, Like(Entity)], ...] = ()
    truncated: bool = False


class Change(_Wire):
    """One entry of the change feed."""

    unread: ClassVar[frozenset[str]] = frozenset({"pripid"})

    uniscId: Uscc
    altItem_CN: Line
    altBe: Prose = ""
    altAf: Prose = ""
    altDate: Day


class Changes(_Wire):
    """One page of the change feed; its entries are read one by one, so that a bad one spoils no other."""

    list: tuple[Annotated[Any, Like(Change)], ...]
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
        entity_type=entity.entType_CN or "",
        category=category(entity.entType, entity.entType_CN or "", entity.uniscId),
        legal_representative=entity.name,
        established_on=entity.estDate,
        registered_capital=capital(entity.regCap, entity.regCapCurCN),
        address=entity.dom or entity.opLoc,
        service_address=entity.serAddr,
        scope=entity.opScope,
        authority=entity.regOrg_CN,
        as_of=entity.dataTime,
        warnings=_odd_number(entity.regNo),
    )


def _odd_number(number: str | None) -> tuple[str, ...]:
    """What is unusual about a registration number, which is kept as told."""
    if number is None:
        return ()
    try:
        return tuple(map(in_both, old_registration_number(number)))
    except ValueError as odd:
        return (in_both(said_of(odd)),)


def summaries(found: Summaries) -> tuple[EntitySummary, ...]:
    """Hits of a search, in the registry's order. A hit whose code is wrong is shown without it."""
    hits = (_hit(one) for one in found.list)
    return tuple(
        EntitySummary(uscc=one.uniscId, name=one.called, status=status(one.regState_CN)) for one in hits if one
    )


def _hit(told: Any) -> Named | None:
    without = {name: value for name, value in told.items() if name != "uniscId"} if isinstance(told, Mapping) else told
    for attempt in (told, without):
        try:
            hit = Named.model_validate(attempt)
        except ValidationError:
            continue
        try:
            assert hit.called
        except ContractError:
            return None
        return hit
    return None


def page(changes: Changes, cursor: str) -> ChangePage:
    """One page of changes, entries that cannot be read set aside. ContractError when there is more but it stands."""
    if changes.more and changes.nextCursor == cursor:
        raise ContractError("there is more, but the cursor does not move")
    read, set_aside = [], []
    for place, told in enumerate(changes.list):
        try:
            one = Change.model_validate(told)
        except ValidationError as error:
            wrong = sorted({str(part["loc"][0]) if part["loc"] else "entry" for part in error.errors()})
            set_aside.append(SetAside(place=place, members=tuple(wrong)))
            continue
        read.append(
            EntityChange(
                uscc=one.uniscId, item=one.altItem_CN, before=one.altBe, after=one.altAf, changed_on=one.altDate
            )
        )
    return ChangePage(
        changes=tuple(read), next_cursor=changes.nextCursor, more=changes.more, set_aside=tuple(set_aside)
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

"""A target's table of fields, as data: it fills a row from a record, and says what the target would refuse of it.

A layout is a code table of a contract, one line a field: ``wire`` and ``title``, the field's two names there; ``fact``,
what of the record fills it (``=0`` a constant, ``at.…`` what the sender knows); ``form``, how it is written;
``longest``, in characters; ``wanted``, when the target insists on it; ``for``, the parties that have it at all.
``wanted`` is ``always``, or words of which one must hold: ``kind:罚款`` (a kind of penalty on this wire),
``with:fact``, ``without:fact``, ``no-code`` (a party whose unified code is written as the placeholder). Filling and
judging are one pass over the same lines, so that what is checked is what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, get_args

import contracts
from gateway.ports.credit import Category, DisclosureRecord, Fault, FieldError, FieldFault
from gateway.words.documents import table_type
from gateway.words.identifiers import USCC_PLACEHOLDER, check_resident_id, check_uscc
from gateway.words.money import format_wan
from gateway.words.penalty_kinds import apart

Known = Mapping[str, str]
"""What the sender knows and no decision says, by the names after ``at.``: today, a region's code."""

CATEGORIES: Final = {row["category"]: row["wire"] for row in contracts.code_table("credit", "v1", "party_categories")}
KINDS_OF_LAW: Final = {row["kind"]: row["wire"] for row in contracts.code_table("credit", "v1", "kinds_of_law")}
"""Kinds of penalty of 行政处罚法 (2021) art. 9 in the words of the list of 2018; what is absent is written 其他-… ."""

PERSONAL: Final = frozenset(
    {"party.name", "party.legal_representative", "party.id_number", "party.representative_id_number"}
)
"""Facts that are personal values: a row has them in full, because it is what a target is told."""

_JOINER, _OTHER, _LONGEST_OTHER = "；", "其他-", 64
_PERSONAL = re.compile(r"(?<!\d)(\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")


@dataclass(frozen=True)
class Field:
    """One line of a layout."""

    wire: str
    title: str
    fact: str
    form: str = "text"
    longest: int | None = None
    wanted: tuple[str, ...] = ()
    parties: tuple[Category, ...] = get_args(Category)

    @classmethod
    def of(cls, line: Mapping[str, str]) -> Field:
        """From a line of a code table. ValueError for a form, a condition or a party that there is not."""
        made = cls(
            line["wire"],
            line["title"],
            line["fact"],
            line["form"],
            int(line["longest"]) if line["longest"] else None,
            tuple(line["wanted"].split()),
            tuple(line["for"].split()) or get_args(Category),  # type: ignore[arg-type]
        )
        if made.form not in _FORMS or not set(made.parties) <= set(get_args(Category)):
            raise ValueError(f"{made.wire}: no form {made.form!r}, or no such party as {line['for']!r}")
        for one in made.wanted:
            if one.partition(":")[0] not in ("always", "no-code", "kind", "with", "without"):
                raise ValueError(f"{made.wire}: no condition {one!r}")
        return made


@dataclass(frozen=True)
class Filled:
    """A record in a target's words, and everything that the target would refuse of it, in the order of the layout."""

    row: dict[str, Any]
    faults: tuple[FieldFault, ...]


@dataclass(frozen=True)
class _Step:
    """One line, ready to be done for one kind of party."""

    wire: str
    read: Callable[[DisclosureRecord, Known], Any]
    write: Callable[[Any], Any] | None
    longest: int
    always: bool
    when: Callable[[DisclosureRecord], bool] | None
    check: Callable[[Any, DisclosureRecord], Fault | None] | None
    field: Field


class Layout:
    """The fields of one version of a target's table. ``source``: the document that they come from.

    ``kinds``: the words that the target's list has for kinds of penalty of the law; without it they go as they are.
    """

    def __init__(self, fields: Sequence[Field], source: str, kinds: Mapping[str, str] | None = None) -> None:
        self.fields = tuple(fields)
        self.source = source
        self._words = kinds
        self._kinds = lru_cache(maxsize=512)(lambda told: tuple(kinds_on_the_list(told, kinds)))
        self._steps = {
            category: tuple(self._step(one) for one in self.fields if category in one.parties)
            for category in get_args(Category)
        }

    @classmethod
    def read(cls, system: str, table: str, source: str, kinds: Mapping[str, str] | None = None) -> Layout:
        """From ``contracts/<system>/v1/codes/<table>.csv``."""
        return cls([Field.of(line) for line in contracts.code_table(system, "v1", table)], source, kinds)

    def renamed(self, names: Mapping[str, str], absent: Sequence[str] = ()) -> Layout:
        """The same with other names on the wire, without the fields that a target does not have.

        ``names`` may name other things as well. ValueError for an absent field that the layout does not have.
        """
        known = {one.wire for one in self.fields}
        if unknown := sorted(set(absent) - known):
            raise ValueError(f"there is no field {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        kept = [replace(one, wire=names.get(one.wire, one.wire)) for one in self.fields if one.wire not in absent]
        return Layout(kept, self.source, self._words)

    def fill(self, record: DisclosureRecord, known: Known | None = None) -> Filled:
        """The row of a record, and what the target would refuse of it. Nothing is left out for being wrong."""
        row: dict[str, Any] = {}
        faults: list[FieldFault] = []
        told = known or {}
        for step in self._steps[record.party.category]:
            value = step.read(record, told)
            if value is None or value == "" or value == ():
                if step.always or (step.when is not None and step.when(record)):
                    faults.append(self._fault(step, "missing"))
                continue
            if step.write is not None:
                value = step.write(value)
                if value == "":
                    continue
            row[step.wire] = value
            if step.longest and len(value) > step.longest:
                faults.append(self._fault(step, "too_long"))
            elif step.check is not None and (wrong := step.check(value, record)) is not None:
                faults.append(self._fault(step, wrong))
        return Filled(row, tuple(faults))

    def named(self, errors: Sequence[FieldError]) -> tuple[FieldError, ...]:
        """Fields that the target refused, with the names that this layout has for them."""
        known = {one.wire: one for one in self.fields}
        return tuple(
            told.model_copy(update={"title": one.title, "fact": one.fact, "source": self.source})
            if (one := known.get(told.field)) is not None
            else told
            for told in errors
        )

    def kinds(self, told: tuple[str, ...]) -> tuple[str, ...]:
        """Kinds of penalty in the words of this wire's list, each once."""
        return self._kinds(told)

    def _fault(self, step: _Step, fault: Fault) -> FieldFault:
        one = step.field
        return FieldFault(
            field=one.fact, wire=one.wire, title=one.title, fault=fault, longest=one.longest, source=self.source
        )

    def _step(self, one: Field) -> _Step:
        form = _FORMS[one.form]
        write = form.write
        if form.of_kinds is not None:
            of_kinds = form.of_kinds

            def write(told: tuple[str, ...]) -> Any:
                return of_kinds(self._kinds(told))

        return _Step(
            one.wire,
            _reader(one),
            write,
            one.longest if form.text and one.longest else 0,
            "always" in one.wanted,
            self._condition(one),
            form.check,
            one,
        )

    def _condition(self, one: Field) -> Callable[[DisclosureRecord], bool] | None:
        tests: list[Callable[[DisclosureRecord], bool]] = []
        for word in one.wanted:
            name, _, about = word.partition(":")
            if name == "kind":
                tests.append(lambda record, kind=about: kind in self._kinds(record.penalty_kinds))  # type: ignore[misc]
            elif name in ("with", "without"):
                tests.append(_there(attrgetter(about), name == "with"))
            elif name == "no-code":
                tests.append(_has_no_code)
        if not tests:
            return None
        return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)


def kinds_on_the_list(told: Sequence[str], words: Mapping[str, str] | None) -> list[str]:
    """Kinds of penalty in the words of a list, each once; a kind outside the list becomes ``其他-…``.

    What joins several kinds (``罚款；没收违法所得``) is taken apart first: joined, no list has it. Without a list each
    is written as the law has it.
    """
    written: dict[str, None] = {}
    for kind in apart(told):
        if words is None:
            written[kind] = None
            continue
        word = words.get(kind)
        written[word or _OTHER + kind.removeprefix(_OTHER).replace(_JOINER, "、")] = None
    return list(written)


# --- reading and writing -------------------------------------------------------------------------------------------


def _reader(one: Field) -> Callable[[DisclosureRecord, Known], Any]:
    if one.fact.startswith("="):
        constant = one.fact[1:]
        return lambda _record, _known: constant
    if one.fact.startswith("at."):
        name = one.fact[3:]
        return lambda _record, known: known.get(name)
    get: Callable[[Any], Any] = attrgetter(one.fact)
    if one.fact in PERSONAL:
        return lambda record, _known: None if (value := get(record)) is None else value.for_official_use()
    if one.form == "code" and one.fact == "party.uscc":
        return lambda record, _known: get(record) or (USCC_PLACEHOLDER if _has_no_code(record) else None)
    return lambda record, _known: get(record)


def _there(get: Callable[[Any], Any], wanted: bool) -> Callable[[DisclosureRecord], bool]:
    return lambda record: bool(get(record)) is wanted


def _has_no_code(record: DisclosureRecord) -> bool:
    """An old individual business 个体工商户 whose code is written as seventeen zeros and X."""
    return record.party.category == "individual_business" and record.party.uscc is None


def _of_kinds(value: str, _record: DisclosureRecord) -> Fault | None:
    long = any(len(one.removeprefix(_OTHER)) > _LONGEST_OTHER for one in value.split(_JOINER))
    return "too_long" if long else None


def _each_short(value: list[str], _record: DisclosureRecord) -> Fault | None:
    return "too_long" if any(len(one) > _LONGEST_OTHER for one in value) else None


@lru_cache(maxsize=4096)
def _is_code(code: str) -> bool:
    try:
        check_uscc(code, allow_placeholder=True)
    except ValueError:
        return False
    return True


def _code(value: str, _record: DisclosureRecord) -> Fault | None:
    return None if _is_code(value) else "check"


def _number(kind: str | None, number: str) -> Fault | None:
    """A 身份证 has eighteen characters and its check character right (GB 11643)."""
    if kind is None or table_type(kind) != "身份证":
        return None
    try:
        check_resident_id(number)
    except ValueError:
        return "check"
    return None


def _later(value: str, record: DisclosureRecord) -> Fault | None:
    return "early" if value < record.decided_on.isoformat() else None


def _clean(value: str, _record: DisclosureRecord) -> Fault | None:
    return "personal" if _PERSONAL.search(value) else None


def _public_name(_value: str, record: DisclosureRecord) -> Fault | None:
    return "personal" if record.party.public_name is None else None


def _slashed(day: date | str) -> str:
    return str(day).replace("-", "/")


@dataclass(frozen=True)
class _Form:
    """How a fact is written. ``text``: its length is what ``longest`` counts."""

    write: Callable[[Any], Any] | None = None
    check: Callable[[Any, DisclosureRecord], Fault | None] | None = None
    of_kinds: Callable[[tuple[str, ...]], Any] | None = None
    text: bool = True


_FORMS: Final[Mapping[str, _Form]] = {
    "text": _Form(),
    "clean-text": _Form(check=_clean),
    "public-name": _Form(check=_public_name),
    "category": _Form(CATEGORIES.__getitem__),
    "plain-category": _Form(),
    "code": _Form(check=_code),
    "plain-code": _Form(check=_code),
    "organisation": _Form(lambda code: code.replace("-", "")),
    "document": _Form(table_type),
    "person": _Form(check=lambda value, record: _number(record.party.id_type, value)),
    "resident": _Form(check=lambda value, _record: _number("身份证", value)),
    "representative": _Form(check=lambda value, record: _number(record.party.representative_id_type, value)),
    "kinds": _Form(of_kinds=_JOINER.join, check=_of_kinds),
    "first-kind": _Form(of_kinds=lambda kinds: kinds[0]),
    "other-kinds": _Form(of_kinds=lambda kinds: _JOINER.join(kinds[1:])),
    "list": _Form(of_kinds=list, check=_each_short, text=False),
    "wan": _Form(format_wan),
    "day": _Form(date.isoformat),
    "later": _Form(date.isoformat, check=_later),
    "slashed-day": _Form(_slashed),
}

"""What a statement file looks like: told by settings, ``[statements.NAME]``, and not by code.

Three shapes cover what platforms, banks and treasuries hand out: delimited text and workbooks, whose columns are found
by the names in their header wherever it stands, and fixed widths. Ready profiles for formats that are published stand
in ``ready/``, each with its source: ``like = "wechat-merchant"`` begins with one of them.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gateway.rooms.reconciliation.matching import Side
from gateway.words.errors import SettingsError
from gateway.words.saying import UnfitError, say
from gateway.words.wrong import reason_of

FIELDS = (
    *("code", "amount", "refunded", "paid_at", "paid_on", "paid_time", "bank_serial", "refund_number", "unit_code"),
    *("kind", "reference", "items", "balance", "note"),
)
"""What a column can be: ``refunded`` is the column of money that went back, ``note`` a text to tell strangers by."""
FIGURES = ("count", "paid_count", "refunded_count", "amount", "refunded", "net")
"""What totals can say: lines, paid and refunded ones, sums of both, and paid less refunded."""
_NEEDED = ("code", "amount", "bank_serial")
_SUMS = ("amount", "net")

Place = int | tuple[int, int] | str | tuple[str, ...]
"""Where something stands: a place from 1, (start from 0, length), or a name in the header, or several it may have."""


class Totals(BaseModel):
    """What a file says about itself, by which it is believed as a whole or not at all.

    ``mark`` is the whole first cell of the totals (how they begin, where widths are fixed): a file without it was cut.
    They stand at the ``end``, or at the ``head`` before the header, in one line or in two: names, then figures. Each
    figure stands at a place (from 1), under a name of the names' line or of the header, or at (start, length).
    ``words`` are sentences such as ``交易合计：{paid_count}笔，共{amount}元``, each of which must stand somewhere.
    ``count`` is of all lines; ``counts_ignored`` says whether also of those that are passed over for their kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: Literal["end", "head"] = "end"
    lines: Literal[1, 2] = 1
    mark: str = ""
    words: tuple[str, ...] = ()
    count: int | tuple[int, int] | str | None = None
    paid_count: int | tuple[int, int] | str | None = None
    refunded_count: int | tuple[int, int] | str | None = None
    amount: int | tuple[int, int] | str | None = None
    refunded: int | tuple[int, int] | str | None = None
    net: int | tuple[int, int] | str | None = None
    counts_ignored: bool = True

    @property
    def places(self) -> dict[str, int | tuple[int, int] | str]:
        """Where each figure stands that has a place."""
        found = {name: getattr(self, name) for name in FIGURES}
        return {name: place for name, place in found.items() if place is not None}

    @model_validator(mode="after")
    def _says_something(self) -> Totals:
        if bool(self.mark) == bool(self.words):
            raise UnfitError(say("files.totals_either"))
        said = set(self.places) if self.mark else {one for text in self.words for one in named(text)}
        if unknown := said - set(FIGURES):
            raise UnfitError(say("files.totals_unknown", unknown=sorted(unknown), figures=FIGURES))
        if not said & set(_SUMS):
            raise UnfitError(say("files.totals_no_sum"))
        return self


class Profile(BaseModel):
    """One format. ``columns``: our field to the header's name (or names), a place (from 1), or (start from 0, length).

    ``kinds`` translates the column ``kind``, or a letter before or behind the amount where there is no such column.
    Without either, all lines are of money that was paid; ``signed`` says that a minus means money that went back, and
    a column ``refunded`` holds what went back where it is not zero, or where the kind says so. ``not_ours``: field to
    a pattern of the whole cell; such lines are counted and shown, and are nobody's break. ``units``, if given, are the
    collecting units whose lines are ours. ``code_pattern`` finds the code in a longer text. ``refunds`` says whether a
    refund's line means that the money went back, or only that the refund was ``accepted``: then it changes no refund.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Side = Side.PLATFORM
    shape: Literal["delimited", "fixed", "workbook"] = "delimited"
    encoding: Literal["utf-8", "utf-8-sig", "gbk", "gb2312", "gb18030", "utf-16"] = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=4)
    quote: Literal['"', "'", ""] = '"'
    prefix: str = Field(default="", max_length=1, description="stands before every value, as the backtick of WeChat's")
    counted_in: Literal["bytes", "characters"] = "bytes"
    sheet: str = ""
    header: bool = True
    skip: int = Field(default=0, ge=0, le=1000)
    comment: tuple[str, ...] = ()
    columns: dict[str, Place]
    amount: Literal["yuan", "fen"] = "yuan"
    signed: bool = False
    refunds: Literal["done", "accepted"] = "done"
    time_format: str = "%Y-%m-%d %H:%M:%S"
    kinds: dict[str, Literal["paid", "refunded", "ignored"]] = {}
    code_pattern: str = ""
    item_separator: str = ";"
    totals: Totals | Literal["none"]
    units: tuple[str, ...] = ()
    not_ours: dict[str, str] = {}
    max_line_bytes: int = Field(default=16 * 1024, ge=64)

    @field_validator("comment", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @property
    def codec(self) -> str:
        """The encoding as it is read: GB 2312 and GBK are parts of GB 18030."""
        return {"utf-8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030"}.get(self.encoding, self.encoding)

    @model_validator(mode="after")
    def _hangs_together(self) -> Profile:
        if unknown := set(self.columns) - set(FIELDS):
            raise UnfitError(say("files.columns_unknown", unknown=sorted(unknown), fields=FIELDS))
        if missing := [name for name in _NEEDED if name not in self.columns]:
            raise UnfitError(say("files.columns_missing", missing=missing))
        if "paid_at" not in self.columns and "paid_on" not in self.columns:
            raise UnfitError(say("files.columns_no_time"))
        wanted = "fixed" if self.shape == "fixed" else "named" if self.header else "numbered"
        if wrong := [name for name, place in self.columns.items() if kind_of(place) != wanted]:
            raise UnfitError(say(f"files.columns_{wanted}", columns=wrong))
        if "kind" in self.columns and not self.kinds:
            raise UnfitError(say("files.kinds_missing"))
        if strangers := set(self.not_ours) - set(self.columns):
            raise UnfitError(say("files.not_ours_no_column", columns=sorted(strangers)))
        if self.shape == "fixed" and self.encoding == "utf-16":
            raise UnfitError(say("files.fixed_utf_16"))
        for pattern in (self.code_pattern, *self.not_ours.values()):
            try:
                re.compile(pattern)
            except re.error as error:
                raise UnfitError(say("files.no_pattern", pattern=pattern, error=error)) from None
        return self


def kind_of(place: Place) -> Literal["numbered", "fixed", "named"]:
    """How a place is told: a number from 1, (start, length), or a name in the header."""
    if isinstance(place, int):
        return "numbered"
    return "fixed" if isinstance(place, tuple) and isinstance(place[0], int) else "named"


def named(words: str) -> list[str]:
    """The figures that a sentence of totals names in braces."""
    return re.findall(r"\{(\w+)\}", words)


class Profiles(dict[str, Profile]):
    """The formats of statement files that settings name."""


@cache
def ready() -> dict[str, str]:
    """The profiles that come with the gateway, by name: their text, with what is said about each and its source."""
    folder = resources.files("gateway.rooms.reconciliation") / "ready"
    return {
        one.name.removesuffix(".toml"): one.read_text(encoding="utf-8")
        for one in sorted(folder.iterdir(), key=lambda one: one.name)
        if one.name.endswith(".toml")
    }


def load_profiles(blocks: dict[str, dict[str, Any]]) -> dict[str, Profile]:
    """The profiles of ``[statements.NAME]``. Raises SettingsError naming the block."""
    return {name: load_profile(block, f"statements.{name}") for name, block in blocks.items()}


def load_profile(block: dict[str, Any], where: str) -> Profile:
    """One profile. Raises SettingsError naming the place of what does not hang together."""
    block = dict(block)
    if (like := block.pop("like", None)) is not None:
        if like not in ready():
            raise SettingsError(f"{where}.like", say("files.no_ready_profile", name=like, ready=list(ready())))
        base = tomllib.loads(ready()[like])
        block = {**base, **block, "columns": {**base["columns"], **block.get("columns", {})}}
    try:
        return Profile.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *(str(step) for step in first["loc"])])
        raise SettingsError(place, reason_of(first), say("files.see_docs")) from None

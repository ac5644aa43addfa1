"""What a statement file looks like: told by settings, ``[statements.NAME]``, and not by code.

Three shapes cover what platforms, banks and treasuries hand out: delimited with a header (columns are found by name, so
that new columns do no harm), delimited without one, and fixed width, whose widths count bytes of the file's encoding.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.rooms.reconciliation.matching import Side
from gateway.words.errors import SettingsError

FIELDS = ("code", "amount", "paid_at", "paid_on", "paid_time", "bank_serial", "unit_code", "kind", "reference", "items")
_NEEDED = ("code", "amount", "bank_serial")


class Totals(BaseModel):
    """The last lines of a file, ``lines`` of them; the last says ``count`` and ``amount``, each by its place (from 1).

    ``mark`` is how the first of them begins: a file that ends without it was cut.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: Literal[1, 2] = 1
    mark: str = Field(min_length=1)
    count: int | tuple[int, int]
    amount: int | tuple[int, int]
    refunded: int | tuple[int, int] | None = None


class Profile(BaseModel):
    """One format. ``columns``: our field to the header's name, a place (from 1), or (start from 0, length) in bytes.

    ``amount`` says the unit of amounts. ``kinds`` translates the column ``kind``; without that column all lines are of
    money that was paid. ``units``, if given, are the only collecting units the file may speak of.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Side = Side.PLATFORM
    shape: Literal["delimited", "fixed"] = "delimited"
    encoding: Literal["utf-8", "utf-8-sig", "gbk", "gb18030"] = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    prefix: str = Field(default="", max_length=1, description="stands before every value, as the backtick of WeChat's")
    header: bool = True
    columns: dict[str, str | int | tuple[int, int]]
    amount: Literal["yuan", "fen"] = "yuan"
    time_format: str = "%Y-%m-%d %H:%M:%S"
    kinds: dict[str, Literal["paid", "refunded"]] = {}
    item_separator: str = ";"
    totals: Totals
    units: tuple[str, ...] = ()
    max_line_bytes: int = Field(default=16 * 1024, ge=64)

    @model_validator(mode="after")
    def _hangs_together(self) -> Profile:
        if unknown := set(self.columns) - set(FIELDS):
            raise ValueError(f"columns: no field {', '.join(sorted(unknown))}; there are {', '.join(FIELDS)}")
        if missing := [name for name in _NEEDED if name not in self.columns]:
            raise ValueError(f"columns: {', '.join(missing)} is missing")
        if "paid_at" not in self.columns and "paid_on" not in self.columns:
            raise ValueError("columns: when it was paid is missing, paid_at or paid_on with or without paid_time")
        wanted: tuple[type, ...] = (tuple,) if self.shape == "fixed" else (str,) if self.header else (int,)
        if wrong := [name for name, place in self.columns.items() if not isinstance(place, wanted)]:
            kind = {tuple: "[start, length]", str: "the header's name", int: "a place from 1"}[wanted[0]]
            raise ValueError(f"columns: {', '.join(wrong)} must be {kind}")
        if ("kind" in self.columns) != bool(self.kinds):
            raise ValueError("kinds and the column kind belong together")
        return self


class Profiles(dict[str, Profile]):
    """The formats of statement files that settings name."""


def load_profiles(blocks: dict[str, dict[str, Any]]) -> dict[str, Profile]:
    """The profiles of ``[statements.NAME]``. Raises SettingsError naming the block."""
    found = {}
    for name, block in blocks.items():
        try:
            found[name] = Profile.model_validate(block)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["statements", name, *(str(step) for step in first["loc"])])
            raise SettingsError(where, first["msg"].removeprefix("Value error, "), "See docs/reconciliation.") from None
    return found

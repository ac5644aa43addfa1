"""A person's number, telephone or address as a value of its own: whatever prints it, or writes JSON, gets its mask.

The plain value is given by ``for_official_use`` alone, and a house test names the modules that may ask for it. So what
nobody thought of (a log line, an event, a report, a message of an error) shows the mask, without anybody remembering.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Personal:
    """One personal value. Equal values are equal whether they show themselves or not."""

    __slots__ = ("_mask", "_plain", "_shows")

    def __init__(self, plain: str, mask: Callable[[str], str], *, shows: bool = False) -> None:
        self._plain = plain
        self._mask = mask
        self._shows = shows

    def for_official_use(self) -> str:
        """The value itself, for a duty that the law gives: only modules that are named for it ask."""
        return self._plain

    def shown(self) -> Personal:
        """The same value, written in full where it is written as JSON: for who may see it."""
        return Personal(self._plain, self._mask, shows=True)

    @property
    def is_masked(self) -> bool:
        """Whether it is itself a mask that somebody was shown, and no value."""
        return "*" in self._plain

    def as_json(self) -> str:
        """What it is in JSON: its mask, unless it is ``shown``."""
        return self._plain if self._shows else str(self)

    def __str__(self) -> str:
        return self._mask(self._plain)

    def __repr__(self) -> str:
        return f"Personal({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Personal) and other._plain == self._plain

    def __hash__(self) -> int:
        return hash(self._plain)


class Held:
    """Beside ``Personal`` in an annotation: what a text must be to become one, and how it is masked."""

    def __init__(self, text: Any, mask: Callable[[str], str]) -> None:
        self._text = text
        self._mask = mask

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def made(value: Any, text: core_schema.ValidatorFunctionWrapHandler) -> Personal:
            return value if isinstance(value, Personal) else Personal(text(value), self._mask)

        def said(value: Any, info: core_schema.SerializationInfo) -> Any:
            return value.as_json() if info.mode == "json" and isinstance(value, Personal) else value

        written = core_schema.plain_serializer_function_ser_schema(said, info_arg=True)
        return core_schema.no_info_wrap_validator_function(made, handler(self._text), serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        inner: Any = schema
        return handler(inner["schema"])

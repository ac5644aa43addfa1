"""A person's number, telephone, address or name as a value of its own: whatever prints it gets its mask.

The plain value is given by ``for_official_use`` alone, and JSON with plain values by ``in_full``; a house test names
the modules that may ask for either. So what nobody thought of (a log line, an event, a report, an error) shows
the mask, without anybody remembering.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_IN_FULL: Final = {"personal values": "in full"}


def in_full(model: BaseModel) -> bytes:
    """A value as JSON with every personal value in full: for what is kept encrypted, by modules that are named for it.

    What was written without it is a mask, and is refused where it is read as a ``Held`` value that takes none.
    """
    return model.model_dump_json(context=_IN_FULL).encode()


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
    """Beside ``Personal`` in an annotation: what a text must be to become one, and how it is masked.

    ``refuses_masks``: a text with an asterisk is none, because it would be taken for the value itself.
    """

    def __init__(self, text: Any, mask: Callable[[str], str], *, refuses_masks: bool = False) -> None:
        self._text = text
        self._mask = mask
        self._refuses_masks = refuses_masks

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def made(value: Any, text: core_schema.ValidatorFunctionWrapHandler) -> Personal:
            made = value if isinstance(value, Personal) else Personal(text(value), self._mask)
            if self._refuses_masks and made.is_masked:
                raise ValueError("a mask stands where the value itself is wanted")
            return made

        def said(value: Any, info: core_schema.SerializationInfo) -> Any:
            if info.mode != "json" or not isinstance(value, Personal):
                return value
            return value.for_official_use() if info.context == _IN_FULL else value.as_json()

        written = core_schema.plain_serializer_function_ser_schema(said, info_arg=True)
        return core_schema.no_info_wrap_validator_function(made, handler(self._text), serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        inner: Any = schema
        return handler(inner["schema"])

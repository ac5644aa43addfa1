"""What a request may say: the base of every model that the API is asked with, and its rules of text."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

from gateway.words.identifiers import clean_text
from gateway.words.saying import UnfitError, say

_DEEPEST = 32


def readable(value: Any, depth: int = 0) -> Any:
    """A JSON value with every text in it as ``clean_text`` leaves it. ValueError where that refuses one."""
    if isinstance(value, str):
        return clean_text(value, multiline=True)
    if not isinstance(value, list | dict):
        return value
    if depth == _DEEPEST:
        raise UnfitError(say("text.deep", most=_DEEPEST))
    if isinstance(value, list):
        return [readable(one, depth + 1) for one in value]
    return {readable(name): readable(one, depth + 1) for name, one in value.items()}


JsonObject = Annotated[dict[str, Any], BeforeValidator(readable)]
"""A JSON object whose members another model judges later; its texts keep the rules all the same."""


class Ask(BaseModel):
    """Base of what the API is asked, with every model inside it: immutable, closed to unknown fields.

    Texts are in NFC and hold no characters that hide, turn round or break what a person reads. What is Base64 is bytes
    and no text. A model inside another keeps the rule for its own fields, so that an error names the field itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _readable(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            return value if _is_binary(cls, info.field_name) else clean_text(value, multiline=True)
        if isinstance(value, list | tuple):
            return [clean_text(one, multiline=True) if isinstance(one, str) else one for one in value]
        return value


@cache
def _is_binary(model: type[BaseModel], field: str | None) -> bool:
    """Whether a field holds bytes, which come as Base64."""
    return field is not None and bytes in _parts(model.model_fields[field].annotation)


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation allows, without what is said about them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(part for one in get_args(annotation) for part in _parts(one))
    return (annotation,)

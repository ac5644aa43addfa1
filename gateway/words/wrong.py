"""What is wrong with fields of a request or a row, in sentences: from pydantic's errors, without its words.

Pydantic says ``String should match pattern '^\\d{8}$'``. A clerk is told ``红字票据代码（red_code）：应为8位数字``:
which field, by its Chinese name and that of the API, and what it must look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.words.saying import FieldName, Language, Sentence, say, sentences

SHAPES: Final[dict[str, str]] = {}
"""The sentence that says of each pattern, in words, what it asks for."""

_LONGEST = 300
_NAMED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"([^\"]*)\"")


def shaped(pattern: str, says: str) -> str:
    """The pattern of a field's text, for ``Field(pattern=…)``; ``says`` is the sentence that tells people of it."""
    if SHAPES.setdefault(pattern, says) != says:
        raise ValueError(f"the shape {pattern} is said otherwise already: {SHAPES[pattern]}")
    return pattern


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong: where (a dotted path, and ``place``: body, query, path, header), and the sentence."""

    field: str
    place: str
    reason: Sentence

    @property
    def said(self) -> Sentence:
        """The field, then what is wrong with it."""
        if not self.field:
            return say(f"wrong.in_{self.place}", reason=self.reason) if self.place else self.reason
        return say("wrong.field", field=FieldName(self.field), reason=self.reason)


def wrongs(errors: Iterable[Mapping[str, Any]], *, placed: bool = False) -> list[Wrong]:
    """Pydantic's errors in our words. ``placed``: each says first where in a request its field stands."""
    told = sorted(errors, key=lambda one: _of_another_shape(one["loc"][placed:], one["type"]))
    return [_wrong(one, placed) for one in told]


def _wrong(error: Mapping[str, Any], placed: bool) -> Wrong:
    loc = error["loc"]
    place = str(loc[0]) if placed and loc else ""
    whole = error["type"] == "json_invalid"  # what stands behind the place is a position, no field
    return Wrong("" if whole else _path(loc[placed:]), place, reason_of(error))


def reason_of(error: Mapping[str, Any]) -> Sentence:
    """What is wrong by one of pydantic's errors, without where it is."""
    kind, given = error["type"], dict(error.get("ctx", {}))
    cause = given.get("error")
    if isinstance(said := getattr(cause, "said", None), Sentence):
        return Sentence(said.id, {name: _short(one) if type(one) is str else one for name, one in said.given.items()})
    if kind == "string_pattern_mismatch":
        return say(SHAPES.get(given["pattern"], "wrong.other"))
    if kind in ("literal_error", "enum"):
        return say("wrong.one_of", allowed=[a or b for a, b in _NAMED.findall(str(given["expected"]))])
    if isinstance(cause, ValueError) and kind == "value_error":
        return say("wrong.told", reason=_short(str(cause)))  # a package's own, which says nothing in two languages
    if f"wrong.{kind}" not in sentences(Language.ENGLISH):
        return say("wrong.other")
    return say(f"wrong.{kind}", **given)


def _path(loc: Sequence[str | int]) -> str:
    """The field of an error. Where a value may have one of several shapes, their models' names stand in between."""
    return _short(".".join(str(part) for part in loc if not _is_model(part)))


def _is_model(part: str | int) -> bool:
    """Fields are written small, models are not."""
    return isinstance(part, str) and part[:1].isupper() and part.isidentifier()


def _of_another_shape(loc: Sequence[str | int], kind: str) -> bool:
    """Whether an error may only say that another of several shapes was meant: it is told last."""
    return any(map(_is_model, loc)) and kind in ("missing", "extra_forbidden")


def _short(text: str) -> str:
    """What somebody sent, at a length that is good to read."""
    return text if len(text) <= _LONGEST else f"{text[:200]}… ({len(text)} characters)"

"""What is said of a name that nobody knows, and of a value that a schema refuses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator


def unknown(what: str, given: Any, known: Iterable[str]) -> str:
    """That there is no such name, with the one that was probably meant, else with all there are."""
    names = list(known)
    near = difflib.get_close_matches(str(given), names, 1)
    cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    return f"no {what} {given!r}; {cure}"


def mistakes(schema: dict[str, Any], value: Any, name: str = "") -> list[str]:
    """What a JSON schema says against a value, as "place: words", the place beginning with ``name``."""
    found = []
    for error in Draft202012Validator(schema).iter_errors(value):
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        place = (name + "".join(steps)).lstrip(".")
        found.append(f"{place}: {error.message}" if place else error.message)
    return found


def words_of(refusal: Exception) -> str:
    """What is said of a ValueError, or of a member that was missed or could not be used."""
    return f"{refusal} is missing or not known" if isinstance(refusal, KeyError) else str(refusal)

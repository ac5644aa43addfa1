"""What every door asks where two people are needed: who acts, and a second person's word on what was seen."""

from __future__ import annotations

from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.two_persons import Person
from gateway.words.text import Ask


class Confirmation(Ask):
    """A second person's word 复核. ``seen`` is that of the view on which it is given."""

    seen: str = Field(min_length=1, max_length=4000)


def person(who: Principal, officer: str | None = None) -> Person:
    """The caller as one of the two; a key is no person, and speaks for the officer whom it names."""
    operator = who.kind == "operator"
    return Person(who.client_id, who.name, operator, None if operator else officer)

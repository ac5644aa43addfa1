"""What every door asks where two people are needed: who acts, and a second person's word on what was seen."""

from __future__ import annotations

from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.access.sign_in import MACHINE
from gateway.foundation.two_persons import Person
from gateway.words.errors import Problem
from gateway.words.saying import say
from gateway.words.text import Ask


class Confirmation(Ask):
    """A second person's word 复核. ``seen`` is that of the view on which it is given."""

    seen: str = Field(min_length=1, max_length=4000)


def person(who: Principal, officer: str | None = None, *, alone: bool = False) -> Person:
    """The caller as one of the two; a key is no person, and speaks for the officer whom it names.

    Raises a 403 Problem for whoever works at this machine without saying which operator it is, but for what one person
    does alone.
    """
    if who.role == MACHINE and not alone:
        raise Problem(say("terminal.who"), type="operator-needed")
    operator = who.kind == "operator"
    return Person(who.client_id, who.name, operator, None if operator else officer, who.role == "supervisor")

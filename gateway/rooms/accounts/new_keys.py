"""A new key on the console: what its form asks, and the page after it, which is the only place that shows it."""

from __future__ import annotations

from datetime import datetime, time

from gateway.foundation.access import IssuedKey
from gateway.foundation.narrowing import day
from gateway.foundation.screens import Code, Fact, Facts, Field, Look, Named, Note, Page
from gateway.words.clock import SHANGHAI
from gateway.words.saying import say


def key_fields() -> tuple[Field, Field]:
    """What a key is for, and its last day."""
    return (
        Field("label", Named("label"), required=False, hint=say("accounts.act_label_hint")),
        Field(
            "expires_at", say("accounts.act_last_day"), "day", required=False, hint=say("accounts.act_last_day_hint")
        ),
    )


def end_of_day(look: Look) -> datetime | None:
    """The last instant of the day that was typed, in Shanghai. Raises InvalidProblem for what is no day."""
    on = day(look, "expires_at")
    return None if on is None else datetime.combine(on, time.max, SHANGHAI)


def told_key(owner: str, made: IssuedKey) -> Page:
    """The key, shown this once: in the answer to the form, in no address, and kept nowhere."""
    facts: list[Fact] = [(Named("key"), Code(made.id)), (say("accounts.act_key_itself"), Code(made.token))]
    return Page(title=owner, blocks=[Note(say("accounts.act_key_told"), "warn"), Facts(None, facts)])

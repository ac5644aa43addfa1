"""What people do to a webhook endpoint at the console. A signing secret is shown once, on the page after the act."""

from __future__ import annotations

import re
from typing import Final

from gateway.foundation.delivery.webhook_records import Endpoint
from gateway.foundation.narrowing import authorities
from gateway.foundation.screens import Code, Done, Fact, Facts, Field, Form, Look, Named, Note, Page, To
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

_TYPE: Final = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40})+")
_MOST_TYPES: Final = 50


async def _held(look: Look, endpoint_id: str) -> Endpoint:
    """An endpoint of an authority that who acts sees. Raises NotFoundProblem."""
    return await look.base.webhooks.endpoints.held(endpoint_id, sorted(look.who.authorities))


async def add_form(look: Look, _id: str) -> Form:
    """Where events of an authority are to go."""
    known = await authorities(look)
    fields = (
        Field(
            "authority", Named("authority"), "choice", choices=known, value=known[0].value if len(known) == 1 else ""
        ),
        Field("url", Named("url"), hint=say("webhooks.act_url_hint")),
        Field("types", Named("types"), "area", required=False, hint=say("webhooks.act_types_hint")),
        Field("ordered", say("webhooks.act_ordered"), "flag"),
    )
    return Form(say("webhooks.act_add_button"), (Note(say("webhooks.act_add_note")),), fields)


async def add(look: Look, _id: str) -> Done:
    """Register it; the secret is shown this once."""
    asked, types = look.asked, look.asked.get("types", "").split()
    look.require_seen(asked["authority"], "authority")
    if wrong := [word for word in types if not _TYPE.fullmatch(word)]:
        raise InvalidProblem(say("webhooks.no_type", word=wrong[0][:60]), field="types")
    if len(types) > _MOST_TYPES:
        raise InvalidProblem(say("webhooks.many_types", most=_MOST_TYPES), field="types")
    endpoint_id, made = await look.base.webhooks.add_endpoint(
        look.who.client_id, asked["authority"], asked["url"], types, ordered=bool(asked.get("ordered")), once=look.once
    )
    return Done(page=_told(asked["url"], endpoint_id, made))


async def test_form(look: Look, endpoint_id: str) -> Form:
    """An event that tells nothing."""
    one = await _held(look, endpoint_id)
    return Form(say("webhooks.act_test_button"), (Note(say("webhooks.act_test_note", url=one.url)),))


async def test(look: Look, endpoint_id: str) -> None:
    """Post it."""
    await _held(look, endpoint_id)
    await look.base.webhooks.test(endpoint_id, look.who.name, once=look.once)


async def enable_form(look: Look, endpoint_id: str) -> Form:
    """What waits leaves again."""
    one = await _held(look, endpoint_id)
    waits = (await look.base.webhooks.endpoints.tallies([one.id]))[one.id].queued
    return Form(say("webhooks.act_enable_button"), (Note(say("webhooks.act_enable_note", url=one.url, number=waits)),))


async def enable(look: Look, endpoint_id: str) -> None:
    """Let it go again."""
    await _held(look, endpoint_id)
    await look.base.webhooks.enable(endpoint_id)


async def resend_form(look: Look, endpoint_id: str) -> Form:
    """All that were given up, or one event."""
    one = await _held(look, endpoint_id)
    failed = (await look.base.webhooks.endpoints.tallies([one.id]))[one.id].failed
    fields = (Field("event", Named("event"), required=False, hint=say("webhooks.act_event_hint")),)
    note = Note(say("webhooks.act_resend_note", number=failed))
    return Form(say("webhooks.act_resend_button"), (note,), fields)


async def resend(look: Look, endpoint_id: str) -> None:
    """Queue them again. A receiver knows an event by its id, which stays the same."""
    await _held(look, endpoint_id)
    event = look.asked.get("event") or None
    again = await look.base.webhooks.resend(endpoint_id, event=event, failed=event is None)
    if event is not None and not again:
        raise InvalidProblem(say("webhooks.no_delivery"), field="event")


async def secret_form(look: Look, endpoint_id: str) -> Form:
    """For a day both sign."""
    one = await _held(look, endpoint_id)
    return Form(say("webhooks.act_secret_button"), (Note(say("webhooks.act_secret_note", url=one.url), "warn"),))


async def secret(look: Look, endpoint_id: str) -> Done:
    """A new secret, shown this once."""
    one = await _held(look, endpoint_id)
    return Done(page=_told(one.url, one.id, await look.base.webhooks.rotate_secret(one.id, once=look.once)))


async def remove_form(look: Look, endpoint_id: str) -> Form:
    """What waits for it is given up."""
    one = await _held(look, endpoint_id)
    waits = (await look.base.webhooks.endpoints.tallies([one.id]))[one.id].queued
    note = Note(say("webhooks.act_remove_note", url=one.url, number=waits), "warn")
    return Form(say("webhooks.act_remove_button"), (note,), (Field("reason", Named("reason"), "area"),))


async def remove(look: Look, endpoint_id: str) -> Done:
    """Send nothing more; what it was is no page any more."""
    await _held(look, endpoint_id)
    await look.base.webhooks.remove_endpoint(endpoint_id)
    return Done(to=To("", "webhooks"))


def _told(url: str, endpoint_id: str, made: str) -> Page:
    facts: list[Fact] = [(say("webhooks.screen_endpoint"), Code(endpoint_id)), (say("webhooks.act_secret"), Code(made))]
    return Page(title=url, blocks=[Note(say("webhooks.act_told"), "warn"), Facts(None, facts)])

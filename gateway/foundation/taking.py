"""What is in whose hands: a record is taken, handed to a colleague, or put back, in every room in the same way.

A room says which records these are (``Room.taken``) and puts ``assigning`` among the acts of their screen, ``holder``
on their page and ``access.desk.of_person`` into the SQL of their list. Who has it in hand has no other right for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.foundation.acts import ASSIGN
from gateway.foundation.screens import ActPage, Choice, Fact, Field, Form, Look, Named, To, Waits
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import Sentence, say


def assigning(authority_of: Callable[[Look, str], Awaitable[str]]) -> ActPage:
    """The act: to take a record, hand it over, or put it back. ``authority_of`` raises for what who looks may not see.

    Only people who see the record's authority are offered, and taken.
    """

    async def form(look: Look, subject: str) -> Form:
        choices = await colleagues(look, await authority_of(look, subject))
        choices.append(Choice("", say("console.nobody")))
        label, me = Named("assignee"), look.who.client_id
        field = Field("assignee", label, "choice", required=False, value=me, choices=choices)
        return Form(say("console.assign_button"), (), (field,))

    async def do(look: Look, subject: str) -> None:
        chosen = look.asked.get("assignee")
        known = {one.value for one in await colleagues(look, await authority_of(look, subject))}
        if chosen and chosen not in known:
            raise NotFoundProblem(say("console.no_colleague"), field="assignee")
        await look.base.desk.assign(subject, chosen or None)

    return ActPage(name="assign", of=ASSIGN, form=form, do=do)


async def colleagues(look: Look, authority: str) -> list[Choice]:
    """Those into whose hands a record of an authority can be given, who looks first."""
    limits = await look.base.access.limits()
    those = [
        Choice(one.id, one.name)
        for one in await look.base.access.operators()
        if one.disabled_at is None and (not authority or authority in limits.get(one.id, (authority,)))
    ]
    return sorted(those, key=lambda one: one.value != look.who.client_id)


async def holder(look: Look, subject: str) -> Fact:
    """Who has a record in hand, for its page."""
    return Named("assignee"), await look.base.desk.holder(subject) or say("console.nobody")


def waits_mine(title: Sentence, number: int, screen: str, most: int | None = None, **asked: str) -> Waits:
    """Records of a screen that who looks has in hand and that are not done. ``asked``: what else narrows its list."""
    return Waits(title, number, To("", screen, asked={**asked, "whose": "mine"}), whose="mine", tone="warn", most=most)

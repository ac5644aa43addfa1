"""How a target is called and asked: the actions behind delivery's names, without any record keeping.

The effects (``credit.submit``, ``credit.withdraw`` …) go under our own reference, which ``find`` asks about.
``credit.verdict`` and ``credit.read_back`` are questions, asked until they are answered as they should be;
``credit.look`` is answered by whatever the public sees now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from gateway.foundation.delivery import NotYet
from gateway.foundation.handovers import DataKind, HandsOver
from gateway.ports.base import Message, Pending, Refused
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureKey,
    DisclosureTarget,
    MarkName,
    MarkRequest,
    RepairRequest,
    Shown,
    Submission,
    SubmissionState,
    SubmitRequest,
    WithdrawRequest,
)
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ContractError, RejectedError
from gateway.words.saying import Word

MarkEffect = Literal["object", "settle", "appeal", "decide", "shield", "unshield"]
"""Marks set and lifted: an objection and its settlement, an appeal and the decision on it, shielding."""
Effect = Literal["submit", "correct", "withdraw", "repair", "end"] | MarkEffect
EffectRequest = SubmitRequest | CorrectRequest | WithdrawRequest | RepairRequest | MarkRequest


class EffectWord(Word):
    """An effect in a sentence."""

    __slots__ = ()


REQUESTS: dict[Effect, type[EffectRequest]] = {
    "submit": SubmitRequest,
    "correct": CorrectRequest,
    "withdraw": WithdrawRequest,
    "repair": RepairRequest,
    "end": WithdrawRequest,
    "object": MarkRequest,
    "settle": MarkRequest,
    "appeal": MarkRequest,
    "decide": MarkRequest,
    "shield": MarkRequest,
    "unshield": MarkRequest,
}
MARKED: dict[MarkEffect, tuple[MarkName, bool]] = {
    "object": ("objection", False),
    "settle": ("objection", True),
    "appeal": ("under_appeal", False),
    "decide": ("under_appeal", True),
    "shield": ("shielded", False),
    "unshield": ("shielded", True),
}
"""Which mark an effect is about, and whether it is lifted."""
_METHODS: dict[Effect, str] = {"end": "withdraw", **dict.fromkeys(MARKED, "mark")}
"""The method of the port, where it is not called as the effect. What a target does not end by itself is withdrawn."""
STAYS_SHOWN: frozenset[Effect] = frozenset({"submit", "correct", "object", "settle", "appeal", "decide", "unshield"})
"""Effects after which the public sees an entry."""
SHORTEST, LONGEST = 0.2, 600.0


class VerdictQuery(Message):
    """What has become of the effect with this reference? ``asked_at``: microseconds, since when we ask."""

    reference: str
    asked_at: int


class PageQuery(Message):
    """Does the public see what the effect ``about`` should have brought about?

    ``shown`` True: an entry with this content; a page that still shows ``former`` only trails. False: no entry.
    ``objection``, ``under_appeal``: with that mark, or without; None: whichever. ``inspections`` False: without results
    of inspections beside it.
    """

    about: str
    key: DisclosureKey
    shown: bool
    content: str | None = None
    former: str | None = None
    objection: bool | None = None
    under_appeal: bool | None = None
    inspections: bool | None = None
    asked_at: int


class LookQuery(Message):
    """What does the public see of this decision now? ``about``: the channel at which it is looked."""

    about: str
    key: DisclosureKey


class Page(Message):
    """What the public sees, as the answer to a ``PageQuery`` or a ``LookQuery``."""

    about: str
    entry: Shown | None


BASIS: Final = "《行政处罚法》第四十八条；《政府信息公开条例》第二十条第六项"
"""Why a decision is published; which row asked for it stands with the disclosure."""


def hands_over(request: EffectRequest | PageQuery | LookQuery) -> HandsOver | None:
    """What a request tells a target of natural persons: the party, or who represents it.

    Where only the key of a publication is sent, its name says what the party is.
    """
    if isinstance(request, SubmitRequest | CorrectRequest):
        party = request.record.party
        person = party.category == "natural_person"
        known = {
            DataKind.NAME: party.name if person else None,
            DataKind.NUMBER: party.id_number or party.representative_id_number,
            DataKind.REPRESENTATIVE: party.legal_representative,
        }
        kinds = tuple(kind for kind, value in known.items() if value)
    else:
        kinds = (DataKind.NAME,) if request.key.may_name_a_person else ()
    return HandsOver(kinds, BASIS) if kinds else None


def caller(effect: Effect) -> Callable[[DisclosureTarget, EffectRequest], Awaitable[Submission | Pending]]:
    """The port method of an effect."""

    async def call(target: DisclosureTarget, request: EffectRequest) -> Submission | Pending:
        method: Callable[[EffectRequest], Awaitable[Submission | Pending]]
        method = getattr(target, _METHODS.get(effect, effect))
        return await method(request)

    return call


async def find(target: DisclosureTarget, request: EffectRequest) -> Submission | Pending | Refused | None:
    """What the target knows under the reference of an effect in doubt."""
    return await target.find(request.reference)


def check(request: EffectRequest | VerdictQuery, answer: Submission) -> None:
    """Hold an answer against what was asked. Raises ContractError."""
    if answer.reference != request.reference:
        raise ContractError(f"the answer is about {answer.reference}, asked was {request.reference}")


def check_page(request: PageQuery | LookQuery, answer: Page) -> None:
    """Hold a page against what was asked. Raises ContractError."""
    if answer.entry is not None and answer.entry.key != request.key:
        raise ContractError("the target showed another decision or party than the one asked about")


def verdict(clock: Clock) -> Callable[[DisclosureTarget, VerdictQuery], Awaitable[Submission]]:
    """Ask for the verdict; NotYet while there is none."""

    async def call(target: DisclosureTarget, query: VerdictQuery) -> Submission:
        found = await target.find(query.reference)
        if isinstance(found, Refused):
            raise RejectedError(found.reason, found.code)
        if found is None or isinstance(found, Pending) or found.state is SubmissionState.PENDING:
            raise NotYet(pause(clock, query.asked_at), "the target has not decided yet")
        return found

    return call


def read_back(clock: Clock) -> Callable[[DisclosureTarget, PageQuery], Awaitable[Page]]:
    """Look at the public page; NotYet while it does not show what it should and may only be slow."""

    async def call(target: DisclosureTarget, query: PageQuery) -> Page:
        entry = await target.read_back(query.key)
        published = entry is not None and entry.state == "published"
        trails = (
            query.shown
            and entry is not None
            and query.former is not None
            and entry.content == query.former != query.content
        )
        if published != query.shown or trails or _otherwise(query, entry):
            raise NotYet(pause(clock, query.asked_at), "the public page does not show it yet")
        return Page(about=query.about, entry=entry)

    return call


def _otherwise(query: PageQuery, entry: Shown | None) -> bool:
    """Whether an entry tells of a mark, or of results beside it, otherwise than is asked."""
    told = [(getattr(query, one), getattr(entry, one, None)) for one in ("objection", "under_appeal", "inspections")]
    return any(asked is not None and seen is not None and asked != seen for asked, seen in told)


async def look(target: DisclosureTarget, query: LookQuery) -> Page:
    """Look at the public page once, whatever it shows."""
    return Page(about=query.about, entry=await target.read_back(query.key))


def pause(clock: Clock, asked_at: int) -> float:
    """Seconds until it is worth asking again: a third of the time waited so far, within limits."""
    waited = (to_micros(clock.now()) - asked_at) / 1_000_000
    return min(LONGEST, max(SHORTEST, waited / 3))

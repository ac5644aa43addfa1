"""The full text of a decision on the console: each place that is hidden, how the public would read it, a person's word.

The places are flags: one that is ticked stays as it is. What is confirmed is what was shown last: where the text or
what is found in it is another by then, it is refused, and shown anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError

from gateway.foundation.acts import by_name
from gateway.foundation.screens import (
    ActPage,
    Block,
    Fact,
    Facts,
    Field,
    Form,
    Head,
    Look,
    Moment,
    Note,
    Row,
    Table,
    Verbatim,
)
from gateway.rooms.disclosures.acts import ACTS
from gateway.rooms.disclosures.full_text import Choices, FullTexts, Preview
from gateway.rooms.disclosures.full_text_routes import FindingView
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.seeking import Seeking
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Both, say
from gateway.words.wrong import reason_of

_ACTS: Final = by_name(*ACTS)
_KEEP: Final = "keep."


async def standing(look: Look, one: Disclosure) -> Facts | None:
    """Whether the full text may leave; None for a decision that has none."""
    try:
        shown = await look.get(FullTexts).preview(one.authority, one.decision_number, Choices())
    except NotFoundProblem:
        return None
    known = shown.confirmed
    facts: list[Fact] = [(say("disclosures.text_state"), say("disclosures.text_unread"))]
    if known is not None:
        facts = [
            (say("disclosures.text_state"), say("disclosures.text_confirmed_by", by=known.confirmed_by)),
            (say("disclosures.text_at"), Moment(known.confirmed_at)),
        ]
    return Facts(say("disclosures.text_title"), facts)


def _choices(look: Look) -> Choices:
    """What was typed and ticked. Raises InvalidProblem for what is no name."""
    told: dict[str, list[Any]] = {}
    for name in ("names", "minors"):
        told[name] = [one.strip() for one in look.asked.get(name, "").split("\n") if one.strip()]
    ticked = [name.removeprefix(_KEEP) for name, value in look.asked.items() if name.startswith(_KEEP) and value]
    told["keep"] = [tuple(int(part) for part in place.split("-") if part.isdigit()) for place in ticked]
    try:
        return Choices.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidProblem(reason_of(first), field=str(first["loc"][0])) from None


async def _shown(look: Look, disclosure_id: str) -> tuple[Disclosure, Choices, Preview]:
    one = (await look.get(Seeking).held(disclosure_id)).disclosure
    look.require_seen(one.authority, "disclosure")
    choices = _choices(look)
    return one, choices, await look.get(FullTexts).preview(one.authority, one.decision_number, choices)


async def _form(look: Look, disclosure_id: str) -> Form:
    _, choices, shown = await _shown(look, disclosure_id)
    places = sorted((*shown.found, *shown.kept), key=lambda one: one.start)
    fields = [
        Field("names", say("disclosures.text_names"), "area", required=False, hint=say("disclosures.text_one_a_line")),
        Field("minors", say("disclosures.text_minors"), "area", required=False),
    ]
    for one in places:
        view = FindingView.of_text(one, shown.original, plainly=False)
        words = say("disclosures.text_keep", kind=Both(view.words, view.kind.value), was=view.was, becomes=view.becomes)
        fields.append(Field(f"{_KEEP}{one.start}-{one.end}", words, "flag", required=False))
    what: list[Block] = [Note(say("disclosures.text_note"), "warn"), _table(shown, choices)]
    what.append(Facts(say("disclosures.text_public"), [(say("disclosures.text_title"), Verbatim(shown.text))]))
    return Form(say("disclosures.text_button", number=len(shown.found)), what, fields, seen=shown.seen, reviewed=True)


def _table(shown: Preview, choices: Choices) -> Table:
    names = ("text_what", "text_was", "text_becomes")
    heads = [Head(say(f"disclosures.{one}")) for one in names]
    rows = [Row(None, _cells(FindingView.of_text(one, shown.original, plainly=False))) for one in shown.found]
    note = say("disclosures.text_kept", number=len(choices.keep)) if choices.keep else None
    return Table(say("disclosures.text_places"), heads, rows, say("disclosures.text_nothing"), note)


def _cells(view: FindingView) -> Sequence[Both | str]:
    return (Both(view.words, view.kind.value.replace("_", " ")), view.was, view.becomes)


async def _confirm(look: Look, disclosure_id: str) -> None:
    one, choices, _ = await _shown(look, disclosure_id)
    seen = look.asked.get("seen", "")
    await look.get(FullTexts).confirm(one.authority, one.decision_number, choices, seen, by=look.person, once=look.once)


TEXT = ActPage(name="text", of=_ACTS["confirm_full_text"], form=_form, do=_confirm)

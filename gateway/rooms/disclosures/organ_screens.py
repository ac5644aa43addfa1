"""Who publishes for an authority 公示机关, on the page of the authority: as it is today, and from a day on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import day
from gateway.foundation.screens import ActPage, Block, Code, Fact, Facts, Field, Form, Joins, Look, Note
from gateway.rooms.disclosures import Organs
from gateway.rooms.disclosures.acts import ACTS
from gateway.words.saying import say

_ACTS: Final = by_name(*ACTS)
_LABELS: Final = {
    "name": "disclosures.screen_organ_name",
    "uscc": "disclosures.screen_organ_code",
    "source_name": "disclosures.screen_source_name",
    "source_uscc": "disclosures.screen_source_code",
}


async def _values(look: Look, authority: str) -> dict[str, str]:
    """What is published today, by the names of the form's fields."""
    await look.base.access.authority(authority)
    found = await Organs(look.base.store).of(authority, look.today)
    values = ("", "", "", "") if found is None else (found.name, found.code, found.source_name, found.source_code)
    return dict(zip(_LABELS, values, strict=True))


async def _of_authority(look: Look, authority: str) -> Sequence[Block]:
    facts: list[Fact] = [
        (say(_LABELS[name]), Code(value) if name.endswith("uscc") else value)
        for name, value in (await _values(look, authority)).items()
    ]
    return (Facts(say("disclosures.screen_organ"), facts),)


async def _form(look: Look, authority: str) -> Form:
    owner = await look.base.access.authority(authority)
    own = say("disclosures.act_organ_own")
    fields = [
        Field("since", say("disclosures.act_organ_since"), "day"),
        *(
            Field(name, say(_LABELS[name]), required=False, hint=own, value=value)
            for name, value in (await _values(look, authority)).items()
        ),
    ]
    note = Note(say("disclosures.act_organ_note"), "warn")
    return Form(say("disclosures.act_organ_button", name=owner.name), (note,), fields)


async def _set(look: Look, authority: str) -> None:
    owner, since = await look.base.access.authority(authority), day(look, "since")
    assert since is not None
    await Organs(look.base.store).say(owner, look.asked, since)


ON_AUTHORITIES = Joins(
    screen="authorities",
    acts=(ActPage(name="organ", of=_ACTS["set_publishing_organ"], form=_form, do=_set),),
    blocks=_of_authority,
)

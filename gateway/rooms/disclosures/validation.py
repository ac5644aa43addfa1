"""What targets would refuse of a decision, said before anything leaves: at every target at once, in words for people.

Each target judges by its own table (``DisclosureTarget.examine``); here its findings become sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.foundation.channels import Channel
from gateway.ports.credit import DisclosureRecord, Fault, FieldFault
from gateway.words.saying import Sentence, say

_SENTENCES: Final[dict[Fault, str]] = {
    "missing": "disclosures.lacks",
    "too_long": "disclosures.too_long",
    "check": "disclosures.wrong_number",
    "early": "disclosures.too_early",
    "personal": "disclosures.personal",
}
_OF_THE_ORGAN: Final = ("authority_name", "authority_code", "source_name", "source_code")


@dataclass(frozen=True)
class Objection:
    """One thing that a target would refuse. ``target`` is the channel."""

    target: str
    fault: FieldFault

    @property
    def field(self) -> str:
        """The field by its name in our API, or in the settings of the channel."""
        return self.fault.field.removeprefix("at.")

    @property
    def place(self) -> str:
        """Where it is put right: in the decision, in what the authority publishes as (organ), in the channel."""
        if self.fault.field.startswith("at."):
            return "channel"
        return "organ" if self.fault.field in _OF_THE_ORGAN else "decision"

    @property
    def reason(self) -> Sentence:
        """What is wrong, with both names of the field and the document that asks for it."""
        told = self.fault
        return say(
            _SENTENCES[told.fault],
            field=self.field,
            title=told.title,
            wire=told.wire,
            longest=told.longest,
            source=told.source,
        )

    def told(self) -> dict[str, str]:
        """What a problem says of it beside field and reason."""
        one = self.fault
        return {"in": self.place, "rule": one.source, "wire": one.wire, "title": one.title}


def objections(channel: Channel, record: DisclosureRecord) -> tuple[Objection, ...]:
    """Everything that a target would refuse of a record; nothing where its adapter does not say."""
    if "examine" not in channel.info.capabilities:
        return ()
    return tuple(Objection(channel.name, one) for one in channel.adapter.examine(record))

"""The full text of a decision before the public reads it: what rules hide in it is seen, and confirmed by a person.

Rules find too little or too much. So a person looks at each place, adds names that only the case knows, lets stand what
is no personal data, and confirms exactly what was seen. The original stays as it is; what was confirmed is kept, and
that, and nothing else, goes to a target that shows full texts. Until then a decision is published without its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Person, require_operator
from gateway.rooms.decisions import Decision, Decisions, PartyKind
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import text_records
from gateway.rooms.disclosures.public_text import Finding, Kind, Known, cut, known_of, look
from gateway.rooms.disclosures.text_records import ConfirmedText
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import clean_text
from gateway.words.masking import Public, may_be_a_person
from gateway.words.saying import say
from gateway.words.text import Ask

Name = Annotated[str, Field(min_length=2, max_length=60), AfterValidator(clean_text)]
Place = Annotated[int, Field(ge=0, le=100_000)]
Names = Annotated[tuple[Name, ...], Field(max_length=100)]
Release = Literal["confirmed", "redacted"]
"""When a full text may leave: once a person has confirmed it, or as the rules alone leave it."""


class Choices(Ask):
    """What a person adds to what the rules find. ``names``: third persons, and ``minors``: masked wherever they stand.

    ``keep``: places, as they were shown, at which the text stays as it is.
    """

    names: Names = ()
    minors: Names = ()
    keep: Annotated[tuple[tuple[Place, Place], ...], Field(max_length=1000)] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """One text with the places at which it is cut, the text as it would be public, and the digest of what is seen.

    ``kept``: the places that a person lets stand. ``confirmed``: what stands confirmed of this original, if anything.
    """

    decision: Decision
    original: str
    found: Sequence[Finding]
    kept: Sequence[Finding]
    text: Public
    seen: str
    confirmed: ConfirmedText | None

    @property
    def stands(self) -> bool:
        """Whether exactly this was confirmed."""
        return self.confirmed is not None and self.confirmed.seen == self.seen


class FullTexts:
    """Shows full texts as the public would read them, and keeps what was confirmed."""

    def __init__(self, base: Foundation, decisions: Decisions, release: Release = "confirmed") -> None:
        self._base = base
        self._decisions = decisions
        self._release = release

    def public(self, conn: Connection, decision: Decision) -> Public | None:
        """The text as it may leave; None where there is none, or nobody has confirmed it yet."""
        original = decision.facts.full_text
        if original is None:
            return None
        known = text_records.confirmed(conn, decision.id, _digest(original))
        if known is not None:
            return known.text(self._base.envelope)
        return cut(original, look(original, _known(decision))) if self._release == "redacted" else None

    async def preview(self, authority: str, number: str, choices: Choices) -> Preview:
        """What the rules and these choices make of it. Raises NotFoundProblem, InvalidProblem."""

        def query(conn: Connection) -> Preview:
            return self._preview(conn, self._decisions.read(conn, authority, number), choices)

        return await self._base.store.read(query)

    async def confirm(
        self, authority: str, number: str, choices: Choices, seen: str, *, by: Person, once: Once = NEVER
    ) -> None:
        """Confirm what was seen. What is published already is corrected by a correction, as any other field.

        Raises NotFoundProblem, InvalidProblem; ConflictProblem (changed-since-seen) where the text or what is found in
        it is another by now; a 403 Problem for a key, which is no person.
        """
        require_operator(by, say("disclosures.confirming_text"))
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> None:
            decision = self._decisions.read(conn, authority, number, hold=True)
            once.about(decision.id).first(lambda conn: entered(conn, decision))(conn)

        def entered(conn: Connection, decision: Decision) -> None:
            shown = self._preview(conn, decision, choices)
            if shown.seen != seen:
                raise ConflictProblem(say("disclosures.text_changed"), type="changed-since-seen", field="seen")
            sealed = text_records.seal_text(self._base.envelope, decision.id, shown.text)
            new = ConfirmedText(decision.id, _digest(shown.original), sealed, seen, by.name, now)
            text_records.keep(conn, new)
            told = {"decision_number": decision.number, "kinds": counted(shown.found), "kept": len(shown.kept)}
            self._base.events.emit(
                conn,
                type="disclosure.text_confirmed",
                subject=decision.id,
                authority=authority,
                data=told | {"by": by.name},
            )

        await self._base.store.write(unit)

    def look(self, conn: Connection, decision_id: str, choices: Choices) -> Preview:
        """``preview`` by the decision's id, inside a query or unit of the caller's."""
        decision = fetch_decision(conn, self._base.envelope, decision_id)
        assert decision is not None
        return self._preview(conn, decision, choices)

    def _preview(self, conn: Connection, decision: Decision, choices: Choices) -> Preview:
        original = decision.facts.full_text
        if original is None:
            raise NotFoundProblem(say("disclosures.no_full_text"))
        found = look(original, _known(decision, choices))
        wanted = set(choices.keep)
        if strange := sorted(wanted - {(one.start, one.end) for one in found}):
            raise InvalidProblem(
                say("disclosures.nothing_found_there", place=f"{strange[0][0]}-{strange[0][1]}"), field="keep"
            )
        cuts = [one for one in found if (one.start, one.end) not in wanted]
        text = cut(original, cuts)
        confirmed = text_records.confirmed(conn, decision.id, _digest(original))
        seen = _digest("\n".join((decision.id, str(cuts), original)))
        kept = [one for one in found if one not in cuts]
        return Preview(decision, original, cuts, kept, text, seen, confirmed)


def counted(found: Sequence[Finding]) -> Mapping[str, int]:
    """How many places of each kind."""
    return {kind.value: number for kind in Kind if (number := sum(one.kind is kind for one in found))}


def _known(decision: Decision, choices: Choices | None = None) -> Known:
    """What the case knows of its persons: party, officers, whoever appealed beside it; and what a person adds."""
    facts = decision.facts
    natural = facts.party.kind is PartyKind.NATURAL_PERSON
    known = known_of(facts.party, decision.officers, mask_party=natural)
    names = list(known.names)
    told = {facts.party.name, facts.party.legal_representative}
    for event in decision.events:
        if event.party is not None and event.party not in told and may_be_a_person(event.party):
            names.append((event.party, Kind.THIRD_PERSON))
    if choices is not None:
        names += [(name, Kind.THIRD_PERSON) for name in choices.names]
        names += [(name, Kind.MINOR) for name in choices.minors]
    return Known(known.words, names)


def _digest(text: str) -> str:
    return sm3(text.encode()).hex()

"""Two people: whatever moves money or undoes a record is proposed by one person and confirmed by another.

Said once, for every room. A **matter** is what is proposed: a refund, a way out, a resolution, the close of a month.
Everybody who has a part in it is a row (who proposed, named, added, changed), and no row is ever overwritten. Who
confirms is none of them: a person has one side in a matter, and the database holds that. A confirmation names what was
seen: a token over the parts that matter, so that nothing can be swapped between look and word. A case system's key is
no person: what it proposes counts as said by the officer whom it names, and where money leaves two operators are needed
all the same.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from gateway.foundation.access.tables import matter_person, participation
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import reader
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem
from gateway.words.saying import Sentence, say

_PURPOSE = "two-persons.seen"
_SHORT = 9  # bytes of a part's digest in a token: 72 bits, keyed, so that nobody can make another part fit


class Part(StrEnum):
    """What somebody did in a matter."""

    PROPOSED = "proposed"
    NAMED = "named"
    ADDED = "added"
    CHANGED = "changed"
    CONFIRMED = "confirmed"


class Side(StrEnum):
    """On which side of a matter a person is, once and for all."""

    TAKING_PART = "taking_part"
    CONFIRMING = "confirming"


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: an operator, or a case system that names the officer for whom it speaks."""

    id: str
    name: str
    operator: bool
    officer: str | None = None
    supervisor: bool = False


@dataclass(frozen=True, slots=True)
class Participant:
    """One row: what a person did in a matter, when (microseconds), and for a confirmation what was seen."""

    matter: str
    person: str
    name: str
    operator: bool
    officer: str | None
    part: Part
    at: int
    seen: str | None


_read = reader(Participant)
_OF = (
    select(
        participation.c.matter,
        participation.c.person,
        matter_person.c.name,
        matter_person.c.operator,
        matter_person.c.officer,
        participation.c.part,
        participation.c.at,
        participation.c.seen,
    )
    .join(
        matter_person,
        (matter_person.c.matter == participation.c.matter) & (matter_person.c.person == participation.c.person),
    )
    .where(participation.c.matter == bindparam("of"))
    .order_by(participation.c.at, participation.c.id)
)
_SIDE = select(matter_person.c.side).where(
    matter_person.c.matter == bindparam("of"), matter_person.c.person == bindparam("who")
)


class TwoPersons:
    """Who has a part in which matter, and when a confirmation counts. One mechanism for every room."""

    def __init__(self, envelope: Envelope, clock: Clock) -> None:
        self._envelope = envelope
        self._clock = clock

    def took_part(self, conn: Connection, matter: str, person: Person, part: Part) -> None:
        """Write down what somebody did. Raises ConflictProblem for one who has confirmed: whoever did changes nothing.

        What was confirmed before a change counts no longer, because it was seen otherwise.
        """
        if self._takes_side(conn, matter, person, Side.TAKING_PART) is not Side.TAKING_PART:
            raise ConflictProblem(
                say("two_persons.confirmed"),
                type="second-person-needed",
            )
        self._write(conn, matter, person, part, Side.TAKING_PART, None)

    def confirm(
        self,
        conn: Connection,
        matter: str,
        person: Person,
        *,
        seen: str,
        face: Mapping[str, Any],
        operators: int = 1,
    ) -> bool:
        """A second person's word on what was seen; whether it is enough.

        ``face``: the parts of the matter as they are now, by name; ``seen``: the token that the confirmer was shown.
        ``operators``: how many operators must have a part in all, 2 where money leaves. Raises Problem 403 for a case
        system, ConflictProblem (second-person-needed) for whoever takes part, and ConflictProblem (changed-since-seen)
        that names what has changed.
        """
        if not person.operator:
            raise Problem(
                say("two_persons.operator"),
                type="operator-needed",
            )
        tokens = self._tokens(face)
        if seen not in tokens:
            changed = differences(seen, tokens[0])
            raise ConflictProblem(
                say("two_persons.changed", changed=changed),
                type="changed-since-seen",
                field="seen",
                changed=changed,
            )
        if self._takes_side(conn, matter, person, Side.CONFIRMING) is not Side.CONFIRMING:
            raise ConflictProblem(
                say("two_persons.other"),
                type="second-person-needed",
            )
        self._write(conn, matter, person, Part.CONFIRMED, Side.CONFIRMING, seen)
        return self._enough(self.participants(conn, matter), tokens, operators)

    def withdraws(self, conn: Connection, matter: str, person: Person) -> None:
        """A person takes back what waits: whoever proposed it, or a supervisor, which stands in the audit.

        Raises a 403 Problem for anybody else: who disagrees does not confirm.
        """
        mine = any(one.person == person.id and one.part is Part.PROPOSED for one in self.participants(conn, matter))
        if not (mine or person.supervisor):
            raise Problem(say("two_persons.withdraws"), type="proposer-needed")

    def seen(self, face: Mapping[str, Any]) -> str:
        """The token over the parts of a matter: what a view shows and a confirmation sends back.

        The same parts give the same token. It tells nothing of their values, and says which of them has changed.
        """
        return self._tokens(face)[0]

    def participants(self, conn: Connection, matter: str) -> Sequence[Participant]:
        """Everybody with a part in a matter, in the order in which it was taken."""
        return [_read(row) for row in conn.execute(_OF, {"of": matter}).mappings()]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _takes_side(self, conn: Connection, matter: str, person: Person, side: Side) -> Side:
        """On which side this person is in the matter, from now on."""
        insert_new(
            conn,
            matter_person,
            matter=matter,
            person=person.id,
            side=side.value,
            operator=person.operator,
            name=person.name,
            officer=person.officer,
        )
        return Side(conn.execute(_SIDE, {"of": matter, "who": person.id}).scalar_one())

    def _write(self, conn: Connection, matter: str, person: Person, part: Part, side: Side, seen: str | None) -> None:
        conn.execute(
            insert(participation),
            {
                "matter": matter,
                "person": person.id,
                "part": part.value,
                "side": side.value,
                "at": to_micros(self._clock.now()),
                "seen": seen,
            },
        )

    @staticmethod
    def _enough(those: Sequence[Participant], tokens: Collection[str], operators: int) -> bool:
        """Whether those who confirmed what is there now, with the operators who take part, are enough."""
        confirmed = {one.person for one in those if one.part is Part.CONFIRMED and one.seen in tokens}
        taking = {one.person for one in those if one.part is not Part.CONFIRMED and one.operator}
        return bool(confirmed) and len(confirmed | taking) >= operators

    def _tokens(self, face: Mapping[str, Any]) -> list[str]:
        """The token over these parts; while the key is being changed also what it was under the one before."""
        parts = {name: self._shorts(name, value) for name, value in face.items()}
        made = []
        for place in range(max(map(len, parts.values()), default=1)):
            text = json.dumps(
                {name: those[place] for name, those in parts.items()}, sort_keys=True, separators=(",", ":")
            )
            made.append(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))
        return made

    def _shorts(self, name: str, value: Any) -> list[str]:
        text = json.dumps([name, value], sort_keys=True, ensure_ascii=False, default=_plain)
        indexes = self._envelope.blind_indexes(text, _PURPOSE)
        return [base64.urlsafe_b64encode(one[:_SHORT]).decode() for one in indexes]


def differences(seen: str, now: str) -> list[str]:
    """The names of the parts in which two tokens differ. Raises InvalidProblem for a token that was not made here."""
    before, after = _parts(seen), _parts(now)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def require_operator(person: Person, what: Sentence | str) -> None:
    """Raises a 403 Problem unless a person acts: ``what`` is an operator's."""
    if not person.operator:
        raise Problem(
            say("two_persons.operators", what=what),
            type="operator-needed",
        )


def _parts(token: str) -> dict[str, str]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
    except (UnicodeError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InvalidProblem(say("two_persons.not_shown"), field="seen")
    return {str(name): str(value) for name, value in found.items()}


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

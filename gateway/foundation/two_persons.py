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
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
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
from gateway.words.masking import mask_account, mask_address, mask_document, mask_name, mask_phone
from gateway.words.money import format_yuan
from gateway.words.saying import FieldName, Sentence, say

_PURPOSE = "two-persons.seen"
_SHOWN = 120  # characters of a part that stand in a token
_MOST = 100_000  # bytes of what a token may unfold to
_MASKS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(
        ("name", "party", "party_name", "payer", "payer_name", "holder", "person", "legal_representative"), mask_name
    ),
    **dict.fromkeys(("account", "payer_account", "payee_account", "bank_account"), mask_account),
    **dict.fromkeys(("id_number", "document_number", "document"), mask_document),
    **dict.fromkeys(("phone", "telephone", "mobile"), mask_phone),
    "address": mask_address,
}
"""Members of a matter that are personal, and how each is shown."""
FEN = frozenset(("amount", "confiscated", "fine", "total"))
"""Members of a matter that are sums: fen inside, shown in yuan."""
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
        self.require_seen(seen, face)
        if self._takes_side(conn, matter, person, Side.CONFIRMING) is not Side.CONFIRMING:
            raise ConflictProblem(
                say("two_persons.other"),
                type="second-person-needed",
            )
        self._write(conn, matter, person, Part.CONFIRMED, Side.CONFIRMING, kept_of(seen))
        return self._enough(self.participants(conn, matter), list(map(kept_of, tokens)), operators)

    def require_seen(self, seen: str, face: Mapping[str, Any], otherwise: str = "two_persons.changed") -> None:
        """Raises ConflictProblem (changed-since-seen) where it is not this that was seen, with both sides of each part.

        ``otherwise``: the sentence that says so. Raises InvalidProblem for a token that was not made here.
        """
        tokens = self._tokens(face)
        if kept_of(seen) in map(kept_of, tokens):
            return
        those = differences(seen, tokens[0])
        raise ConflictProblem(
            say(otherwise, changed=[one.said for one in those]),
            type="changed-since-seen",
            field="seen",
            changed=[one.part for one in those],
            differences=[{"part": one.part, "seen": one.seen, "now": one.now} for one in those],
        )

    def withdraws(self, conn: Connection, matter: str, person: Person) -> None:
        """A person takes back what waits: whoever proposed it, or a supervisor, which stands in the audit.

        Raises a 403 Problem for anybody else: who disagrees does not confirm.
        """
        mine = any(one.person == person.id and one.part is Part.PROPOSED for one in self.participants(conn, matter))
        if not (mine or person.supervisor):
            raise Problem(say("two_persons.withdraws"), type="proposer-needed")

    def seen(self, face: Mapping[str, Any]) -> str:
        """The token over the parts of a matter: what a view shows and a confirmation sends back.

        The same parts give the same token. It says which of them has changed and what was seen of it, personal values
        masked; what counts is a digest of the whole value under a key of ours.
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
        shown = json.dumps(
            {name: in_short(value, name) for name, value in face.items()}, ensure_ascii=False, sort_keys=True
        )
        made = []
        for place in range(max(map(len, parts.values()), default=1)):
            text = json.dumps(
                {name: those[place] for name, those in parts.items()}, sort_keys=True, separators=(",", ":")
            )
            made.append(f"{_encoded(text.encode())}.{_encoded(zlib.compress(shown.encode(), 9))}")
        return made

    def _shorts(self, name: str, value: Any) -> list[str]:
        text = json.dumps([name, value], sort_keys=True, ensure_ascii=False, default=_plain)
        indexes = self._envelope.blind_indexes(text, _PURPOSE)
        return [base64.urlsafe_b64encode(one[:_SHORT]).decode() for one in indexes]


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a matter that is not as it was seen: in words, then and now; None where it was or is not there."""

    part: str
    seen: str | None
    now: str | None

    @property
    def said(self) -> Sentence:
        """It in words."""
        known = {"part": FieldName(self.part), "seen": self.seen or "-", "now": self.now or "-"}
        if self.seen == self.now:  # what is masked, or cut, may read the same
            return say("two_persons.part_differs", part=known["part"])
        return say("two_persons.part_changed", **known)


def differences(seen: str, now: str) -> list[Difference]:
    """The parts in which two tokens differ. Raises InvalidProblem for a token that was not made here."""
    (before, saw), (after, sees) = _parts(seen), _parts(now)
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [Difference(name, saw.get(name), sees.get(name)) for name in names]


def in_short(value: Any, name: str = "") -> str | None:
    """A value as it may be shown beside another: personal ones masked by their names, long ones cut."""
    text = _in_short(name, value)
    return text if text is None or len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _in_short(name: str, value: Any) -> str | None:
    match value:
        case None:
            return None
        case str() if name in _MASKS:
            return _MASKS[name](value)
        case bytes():
            return value.hex()[:16]
        case int() if name in FEN:
            return format_yuan(value)
        case Mapping():
            parts = ((key, _in_short(str(key), one)) for key, one in sorted(value.items()))
            return " ".join(f"{key}={text}" for key, text in parts if text is not None)
        case list() | tuple():
            return "; ".join(_in_short(name, one) or "-" for one in value)
    return str(value)


def require_operator(person: Person, what: Sentence | str) -> None:
    """Raises a 403 Problem unless a person acts: ``what`` is an operator's."""
    if not person.operator:
        raise Problem(
            say("two_persons.operators", what=what),
            type="operator-needed",
        )


def _parts(token: str) -> tuple[dict[str, str], dict[str, str]]:
    """Of a token the digest of each part, and what was seen of it."""
    digests, _, shown = token.partition(".")
    try:
        found = json.loads(_decoded(digests))
        words = json.loads(zlib.decompressobj().decompress(_decoded(shown), _MOST)) if shown else {}
    except (UnicodeError, ValueError, zlib.error):
        found = words = None
    if not (isinstance(found, dict) and isinstance(words, dict)):
        raise InvalidProblem(say("two_persons.not_shown"), field="seen")
    told = {str(name): str(text) for name, text in words.items() if text is not None}
    return {str(name): str(value) for name, value in found.items()}, told


def kept_of(token: str) -> str:
    """The part of a token that counts, and that is kept: it tells nothing of values."""
    return token.partition(".")[0]


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

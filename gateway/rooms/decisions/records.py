"""Storing and reading decisions: plain functions of a connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    bindparam,
    exists,
    insert,
    or_,
    select,
    union_all,
    update,
)

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.rotation.indexed import Indexed
from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, EventKind, Officer
from gateway.rooms.decisions.party import Party
from gateway.rooms.decisions.tables import decision, decision_event, decision_version
from gateway.words.identifiers import new_id
from gateway.words.spelling import name_key, number_key

_FACTS_ARE = "decision.facts"
_PARTY = "decision.party"
_BY_ID = select(decision).where(decision.c.id == bindparam("id"))
_FACTS = select(decision.c.facts_sealed).where(decision.c.id == bindparam("id"))
_BY_NUMBER = select(decision).where(
    decision.c.authority == bindparam("authority"), decision.c.number_key == bindparam("key")
)
_BY_NUMBER_HELD = _BY_NUMBER.with_for_update()
_EVENTS = (
    select(decision_event)
    .where(decision_event.c.decision_id == bindparam("id"))
    .order_by(decision_event.c.recorded_at, decision_event.c.id)
)
_REVOCATION = select(decision_event.c.id).where(
    decision_event.c.decision_id == bindparam("id"),
    decision_event.c.kind == EventKind.REVOKED.value,
    decision_event.c.ended_by.is_(None),
)
_KINDS = select(decision_event.c.kind).where(
    decision_event.c.decision_id == bindparam("id"), decision_event.c.ended_by.is_(None)
)
_END_EVENT = (
    update(decision_event)
    .where(decision_event.c.id == bindparam("of"), decision_event.c.ended_by.is_(None))
    .values(ended_by=bindparam("by"))
)
_ADD, _ADD_VERSION, _ADD_EVENT = insert(decision), insert(decision_version), insert(decision_event)
_SET_FACTS = update(decision).where(decision.c.id == bindparam("of"), decision.c.version == bindparam("expected"))
_UNFILLED = select(decision.c.id, decision.c.facts_sealed).where(decision.c.party_index.is_(None))
_REVOKED_AND_VERSION = select(decision.c.version, exists(_REVOCATION).label("revoked")).where(
    decision.c.id == bindparam("id")
)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it was recorded, when (microseconds) and by whom. In force while ``ended_by`` names no correction.

    ``replaces``: the event that it corrects.
    """

    id: str
    event: DecisionEvent
    recorded_at: int
    recorded_by: str
    replaces: str | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision with its current facts and its events, in the order in which they were recorded.

    ``events``: those in force. ``recorded``: all, those that were corrected or voided too.
    """

    id: str
    authority: str
    number: str
    version: int
    facts: DecisionFacts
    events: tuple[DecisionEvent, ...]
    created_at: int
    updated_at: int
    recorded: tuple[RecordedEvent, ...] = ()

    def before(self, correction_id: str) -> Decision:
        """The same decision as if this correction had not been made."""
        ended = {one.id for one in self.recorded if one.ended_by == correction_id}
        events = (
            one.event for one in self.recorded if one.ended_by in (None, correction_id) and one.replaces not in ended
        )
        return replace(self, events=tuple(events))

    @property
    def revoked(self) -> bool:
        """Whether a revocation is in force."""
        return any(event.kind is EventKind.REVOKED for event in self.events)

    @property
    def officers(self) -> tuple[Officer, ...]:
        """Who works the case 执法人员, as the case system has named them. Personal data."""
        return self.facts.officers


def canonical(facts: DecisionFacts) -> bytes:
    """The facts as canonical JSON: equal facts, equal bytes."""
    told = facts.for_official_use().model_dump(mode="json")
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()


def _party_context(event_id: str) -> str:
    return f"decision_event|party|{event_id}"


def _context(decision_id: str) -> str:
    return f"decision|facts|{decision_id}"


def _open(envelope: Envelope, decision_id: str, facts_sealed: bytes) -> DecisionFacts:
    return DecisionFacts.model_validate_json(envelope.open(facts_sealed, _context(decision_id)))


def _read(conn: Connection, envelope: Envelope, row: RowMapping) -> Decision:
    recorded = recorded_of(conn, envelope, row["id"])
    return Decision(
        id=row["id"],
        authority=row["authority"],
        number=row["number"],
        version=row["version"],
        facts=_open(envelope, row["id"], row["facts_sealed"]),
        events=tuple(one.event for one in recorded if one.ended_by is None),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        recorded=recorded,
    )


def recorded_of(conn: Connection, envelope: Envelope, decision_id: str) -> tuple[RecordedEvent, ...]:
    """All events of a decision, those recorded first before others."""

    def read(row: RowMapping) -> RecordedEvent:
        told = {"kind": row["kind"], "on": row["happened_on"], **row["data"]}
        if row["party_sealed"] is not None:
            told["party"] = envelope.open(row["party_sealed"], _party_context(row["id"])).decode()
        return RecordedEvent(
            id=row["id"],
            event=DecisionEvent.model_validate(told, strict=False),
            recorded_at=row["recorded_at"],
            recorded_by=row["recorded_by"],
            replaces=row["replaces"],
            ended_by=row["ended_by"],
        )

    return tuple(read(row) for row in conn.execute(_EVENTS, {"id": decision_id}).mappings())


def kinds_of(conn: Connection, decision_id: str) -> frozenset[EventKind]:
    """What has happened to a decision, as far as it is in force, without opening anything."""
    return frozenset(EventKind(kind) for kind in conn.execute(_KINDS, {"id": decision_id}).scalars())


def end_event(conn: Connection, event_id: str, correction_id: str) -> bool:
    """Say by which correction an event is in force no longer; False where another one has ended it."""
    return conn.execute(_END_EVENT, {"of": event_id, "by": correction_id}).rowcount == 1


def fetch(conn: Connection, envelope: Envelope, decision_id: str) -> Decision | None:
    """The decision with this id."""
    row = conn.execute(_BY_ID, {"id": decision_id}).mappings().first()
    return None if row is None else _read(conn, envelope, row)


@dataclass(frozen=True, slots=True)
class VersionOfFacts:
    """One version of a decision's facts, when (microseconds) and by whom it was recorded."""

    version: int
    facts: DecisionFacts
    recorded_at: int
    recorded_by: str


def versions(conn: Connection, envelope: Envelope, decision_id: str) -> list[VersionOfFacts]:
    """Every version of a decision's facts, oldest first."""
    query = select(decision_version).where(decision_version.c.decision_id == decision_id)
    return [
        VersionOfFacts(row.version, _open(envelope, decision_id, row.facts_sealed), row.recorded_at, row.recorded_by)
        for row in conn.execute(query.order_by(decision_version.c.version))
    ]


def fetch_by_number(
    conn: Connection, envelope: Envelope, authority: str, number: str, *, hold: bool = False
) -> Decision | None:
    """The decision of an authority with this decision number 决定书文号, in whatever spelling.

    ``hold``: until the end of the transaction nothing happens to it and nothing else is demanded of it; its events are
    read after that.
    """
    statement = _BY_NUMBER_HELD if hold else _BY_NUMBER
    row = conn.execute(statement, {"authority": authority, "key": number_key(number)}).mappings().first()
    return None if row is None else _read(conn, envelope, row)


def numbered(column: ColumnElement[str], number: str) -> ColumnElement[bool]:
    """A condition on a column of decision numbers as printed: this number, in whatever spelling."""
    printed = select(decision.c.number).where(decision.c.number_key == number_key(number))
    return or_(column == number, column.in_(printed))


def with_number(number: str) -> Select[tuple[str]]:
    """The ids of the decisions that have this number, in whatever spelling."""
    return select(decision.c.id).where(decision.c.number_key == number_key(number))


def officers_of(conn: Connection, envelope: Envelope, decision_id: str) -> tuple[Officer, ...]:
    """Who works a case, by the decision's current facts; none where there is no such decision."""
    row = conn.execute(_FACTS, {"id": decision_id}).first()
    return () if row is None else _open(envelope, decision_id, row.facts_sealed).officers


def revoked_or_amended(conn: Connection, decision_id: str) -> tuple[bool, bool]:
    """Whether it was revoked, and whether its facts were amended, without opening them."""
    row = conn.execute(_REVOKED_AND_VERSION, {"id": decision_id}).first()
    return (False, False) if row is None else (bool(row.revoked), row.version > 1)


def is_revoked(conn: Connection, decision_id: str) -> bool:
    """Whether a revocation was recorded, without opening the facts."""
    return conn.execute(_REVOCATION, {"id": decision_id}).first() is not None


def _party_index(envelope: Envelope, party: Party) -> bytes:
    return envelope.blind_index(name_key(party.name), _PARTY)


def _party_number_index(envelope: Envelope, party: Party) -> bytes | None:
    number = party.number
    return None if number is None else envelope.blind_index(name_key(number), _PARTY)


def _by_party(envelope: Envelope, party: Party) -> dict[str, bytes | None]:
    return {
        "party_index": _party_index(envelope, party),
        "party_number_index": _party_number_index(envelope, party),
    }


def party_indexes(envelope: Envelope, typed: str) -> tuple[bytes, ...]:
    """Under what a party may be found now by its whole name or its number, as somebody typed it; none for blanks."""
    key = name_key(typed)
    return envelope.blind_indexes(key, _PARTY) if key else ()


def of_party(indexes: Sequence[bytes]) -> Select[tuple[str]]:
    """The ids of the decisions against a party, by its ``party_indexes``."""
    columns = (decision.c.party_index, decision.c.party_number_index)
    ways = union_all(*(select(decision.c.id).where(one.in_(list(indexes))) for one in columns)).subquery()
    return select(ways.c.id)


def fill_parties(conn: Connection, envelope: Envelope, most: int) -> int:
    """Give decisions that were recorded by an earlier version the index of their party. Returns how many."""
    rows = conn.execute(_UNFILLED.limit(most)).all()
    for row in rows:
        found = _by_party(envelope, _open(envelope, row.id, row.facts_sealed).party)
        same = (decision.c.id == row.id, decision.c.facts_sealed == row.facts_sealed)
        conn.execute(update(decision).where(*same).values(found))
    return len(rows)


def add(
    conn: Connection, envelope: Envelope, decision_id: str, authority: str, number: str, facts: DecisionFacts, now: int
) -> None:
    """Insert a decision; its first version is added by ``add_version``."""
    conn.execute(
        _ADD,
        {
            "id": decision_id,
            "authority": authority,
            "number": number,
            "version": 1,
            "facts_sealed": envelope.seal(canonical(facts), _context(decision_id)),
            **_by_party(envelope, facts.party),
            "created_at": now,
            "updated_at": now,
        },
    )


def set_facts(
    conn: Connection, envelope: Envelope, decision_id: str, facts: DecisionFacts, expected: int, now: int
) -> bool:
    """Move from version ``expected`` to the next one; False when somebody else was faster."""
    sealed = envelope.seal(canonical(facts), _context(decision_id))
    known = {"of": decision_id, "expected": expected}
    values = {"version": expected + 1, "facts_sealed": sealed, **_by_party(envelope, facts.party), "updated_at": now}
    return conn.execute(_SET_FACTS, known | values).rowcount == 1


def add_version(
    conn: Connection, envelope: Envelope, decision_id: str, version: int, facts: DecisionFacts, by: str, now: int
) -> None:
    """Keep one version of the facts for good."""
    body = canonical(facts)
    conn.execute(
        _ADD_VERSION,
        {
            "decision_id": decision_id,
            "version": version,
            "facts_sealed": envelope.seal(body, _context(decision_id)),
            "digest": envelope.blind_index(body.decode(), _FACTS_ARE),
            "recorded_at": now,
            "recorded_by": by,
        },
    )


def _digest_again(envelope: Envelope, row: RowMapping) -> bytes:
    body = envelope.open(row["facts_sealed"], _context(row["decision_id"]))
    return envelope.blind_index(body.decode(), _FACTS_ARE)


def _party(envelope: Envelope, row: RowMapping) -> Party:
    return _open(envelope, row["id"], row["facts_sealed"]).party


INDEXES = (
    Indexed(decision_version.c.digest, _digest_again),
    Indexed(decision.c.party_index, lambda envelope, row: _party_index(envelope, _party(envelope, row))),
    Indexed(
        decision.c.party_number_index,
        lambda envelope, row: _party_number_index(envelope, _party(envelope, row)) or b"",
    ),
)
"""How the digest of a version, and by what a party is found, are made again under a new key."""


def add_event(
    conn: Connection,
    envelope: Envelope,
    decision_id: str,
    event: DecisionEvent,
    by: str,
    now: int,
    *,
    replaces: str | None = None,
) -> str:
    """Record one event, an appeal under an id of its own; returns the event's id."""
    event_id = new_id("dev")
    if event.kind is EventKind.APPEALED and event.appeal is None:
        event = event.model_copy(update={"appeal": event_id})
    party = event.party
    conn.execute(
        _ADD_EVENT,
        {
            "id": event_id,
            "decision_id": decision_id,
            "kind": event.kind.value,
            "happened_on": event.on,
            "data": event.data(),
            "party_sealed": None if party is None else envelope.seal(party.encode(), _party_context(event_id)),
            "replaces": replaces,
            "recorded_at": now,
            "recorded_by": by,
        },
    )
    return event_id

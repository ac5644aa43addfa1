"""Who may use a seal, and on which days: grants 用印授权 to officers.

A seal with a grant, whether it runs or has ended, is used only by officers who hold one that day. A case system's key
is no person, so it names the officer for whom it asks, by the number of the certificate 执法证号.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.once import NEVER, Once
from gateway.foundation.rotation.indexed import Indexed
from gateway.foundation.store import Store
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.seals.tables import seal_grant
from gateway.words.clock import Clock, day_of, to_micros
from gateway.words.errors import ConflictProblem, NotFoundProblem, Problem
from gateway.words.identifiers import new_id
from gateway.words.saying import say

_MOST = 500
_OFFICER = "seal_grant.officer"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealGrant:
    """One grant: which seal, to whom, from which day to which, both included; instants are UTC microseconds.

    ``officer_index`` finds the officer without the number, which is personal data.
    """

    id: str
    authority: str
    seal_id: str
    officer_index: bytes
    officer_sealed: bytes
    first_on: date
    last_on: date
    granted_name: str
    granted_at: int
    ended_name: str | None = None
    ended_at: int | None = None
    reason: str | None = None

    def officer(self, envelope: Envelope) -> str:
        """The number of the officer's certificate."""
        return envelope.open(self.officer_sealed, _context(self.id)).decode()


_grant = reader(SealGrant)


class SealGrants:
    """Gives and ends grants, and lists them."""

    def __init__(self, store: Store, envelope: Envelope, clock: Clock) -> None:
        self._store = store
        self._envelope = envelope
        self._clock = clock

    def drawn_up(
        self, authority: str, seal_id: str, officer: str, days: tuple[date, date], *, granted_name: str
    ) -> SealGrant:
        """A grant that is not given yet; ``days``: the first and the last."""
        grant_id = new_id("sgr")
        return SealGrant(
            id=grant_id,
            authority=authority,
            seal_id=seal_id,
            officer_index=_index(self._envelope, officer),
            officer_sealed=self._envelope.seal(officer.encode(), _context(grant_id)),
            first_on=days[0],
            last_on=days[1],
            granted_name=granted_name,
            granted_at=to_micros(self._clock.now()),
        )

    async def give(self, grant: SealGrant, *, once: Once = NEVER) -> str:
        """Give a grant; its id."""
        await self._store.write(
            once.about(grant.id).first(lambda conn: conn.execute(insert(seal_grant), columns(grant)))
        )
        return grant.id

    async def end(self, grant_id: str, *, reason: str, ended_name: str) -> SealGrant:
        """End a grant now. Raises NotFoundProblem, and ConflictProblem where it has been ended."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> SealGrant:
            found = _fetch(conn, grant_id)
            running = (seal_grant.c.id == grant_id, seal_grant.c.ended_at.is_(None))
            ended = {"ended_name": ended_name, "ended_at": now, "reason": reason}
            if conn.execute(update(seal_grant).where(*running).values(**ended)).rowcount != 1:
                raise ConflictProblem(say("seals.grant_ended"), type="conflict")
            return replace(found, ended_name=ended_name, ended_at=now, reason=reason)

        return await self._store.write(unit)

    async def held(self, grant_id: str) -> SealGrant:
        """One grant. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: _fetch(conn, grant_id))

    async def of(self, authority: str, seal_id: str | None = None) -> list[SealGrant]:
        """The grants of an authority's seals, newest first, at most 500."""
        query = select(seal_grant).where(seal_grant.c.authority == authority)
        if seal_id is not None:
            query = query.where(seal_grant.c.seal_id == seal_id)
        query = query.order_by(seal_grant.c.id.desc()).limit(_MOST)
        return await self._store.read(lambda conn: [_grant(row) for row in conn.execute(query).mappings()])


def grant_for(
    conn: Connection, envelope: Envelope, seal: tuple[str, str], officer: str | None, now: int, today: date
) -> str | None:
    """The grant under which an officer uses a seal (authority and number); None for a seal without grants.

    Raises Problem where nobody is named, or the officer holds none that runs today.
    """
    of_seal = (seal_grant.c.authority == seal[0], seal_grant.c.seal_id == seal[1])
    if conn.execute(select(seal_grant.c.id).where(*of_seal).limit(1)).first() is None:
        return None
    found = None
    if officer is not None:
        query = select(seal_grant.c.id).where(
            *of_seal,
            seal_grant.c.officer_index.in_(envelope.blind_indexes(officer, _OFFICER)),
            seal_grant.c.first_on <= today,
            seal_grant.c.last_on >= today,
            seal_grant.c.ended_at.is_(None) | (seal_grant.c.ended_at > now),
        )
        found = conn.execute(query.order_by(seal_grant.c.id).limit(1)).scalar_one_or_none()
    if found is None:
        raise Problem(
            say("seals.no_officer" if officer is None else "seals.not_granted"),
            type="seal-not-granted",
            field="officer",
        )
    return str(found)


def today(clock: Clock) -> tuple[int, date]:
    """Now in microseconds, and the day that it is."""
    now = clock.now()
    return to_micros(now), day_of(now)


def _fetch(conn: Connection, grant_id: str) -> SealGrant:
    row = conn.execute(select(seal_grant).where(seal_grant.c.id == grant_id)).mappings().first()
    if row is None:
        raise NotFoundProblem(say("seals.no_grant"))
    return _grant(row)


def _index(envelope: Envelope, officer: str) -> bytes:
    return envelope.blind_index(officer, _OFFICER)


INDEXES = (
    Indexed(
        seal_grant.c.officer_index,
        lambda envelope, row: _index(envelope, envelope.open(row["officer_sealed"], _context(row["id"])).decode()),
    ),
)
"""How the index of an officer is made again under a new key."""


def _context(grant_id: str) -> str:
    return f"seal_grant|officer|{grant_id}"

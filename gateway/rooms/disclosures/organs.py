"""Under which names and unified codes authorities publish."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gateway.foundation.access import Authority
from gateway.foundation.store import Store
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.publication import Organ
from gateway.words.errors import InvalidProblem
from gateway.words.identifiers import check_uscc
from gateway.words.saying import said_of


class Organs:
    """Who publishes for an authority 处罚机关, from which day on. Needs nothing but the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def set(self, authority: str, organ: Organ, valid_from: date) -> None:
        """Say under which names and unified codes an authority publishes, from a day on. Raises InvalidProblem."""
        for field, code in (("uscc", organ.code), ("source_uscc", organ.source_code)):
            try:
                check_uscc(code)
            except ValueError as problem:
                raise InvalidProblem(said_of(problem), field=field) from problem
        await self._store.write(lambda conn: records.set_organ(conn, authority, organ, valid_from))

    async def say(self, owner: Authority, said: Mapping[str, str | None], since: date) -> Organ:
        """Set what is said (``name``, ``uscc``, ``source_name``, ``source_uscc``); the rest is the authority's own."""
        name, code = said.get("name") or owner.name, said.get("uscc") or owner.uscc
        organ = Organ(name, code, said.get("source_name") or name, said.get("source_uscc") or code)
        await self.set(owner.code, organ, since)
        return organ

    async def of(self, authority: str, day: date) -> Organ | None:
        """Who publishes for an authority on a day: the authority itself where nothing was said, None for no such."""
        return await self._store.read(lambda conn: records.organ_of(conn, authority, day))

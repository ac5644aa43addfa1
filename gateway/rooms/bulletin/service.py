"""What stands on the bulletin, and who puts it there. Effects happen once, by their reference, in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.foundation.store import Store
from gateway.ports.credit import DisclosureKey, DisclosureRecord, MarkName
from gateway.rooms.bulletin import records
from gateway.rooms.bulletin.public_entry import entry_of
from gateway.rooms.bulletin.records import Asked, Entry, Found, Gone
from gateway.words.clock import Clock, day_of, to_micros
from gateway.words.errors import RejectedError
from gateway.words.identifiers import new_id
from gateway.words.spelling import name_key, number_key

PER_PAGE = 20
LONGEST_SEARCH = 100


class Bulletin:
    """The page of the public: what it shows, and what was taken off."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    # --- for its target ---------------------------------------------------------------------------------------------

    async def put(self, asked: Asked, record: DisclosureRecord) -> None:
        """Show a decision, or show it in other words. Raises RejectedError for what is not fit for the public."""
        channel, shown, party = asked.channel, entry_of(record), record.party
        name = shown.party
        key = DisclosureKey(
            decision_number=record.decision_number, authority_code=record.authority_code, party_name=party.name
        )

        def unit(conn: Connection) -> None:
            now = self._clock.now()
            at, before = to_micros(now), records.live(conn, channel, key)
            if not records.begin_effect(conn, asked, at):
                return
            if before is not None:
                records.replace(conn, before.id, shown, record.publish_until, at)
                return
            new = Entry(
                id=new_id("pub"),
                channel=channel,
                organ_code=record.authority_code,
                decision_number=record.decision_number,
                number_key=number_key(record.decision_number),
                party_name=name,
                name_key=name_key(name),
                party_code=party.uscc or party.registration_number,
                shown=shown,
                published_on=day_of(now),
                publish_until_on=record.publish_until,
                created_at=at,
                updated_at=at,
            )
            records.add(conn, new)

        await self._store.write(unit)

    async def take_off(self, asked: Asked, key: DisclosureKey, how: Gone, reason: str | None) -> None:
        """Take an entry off the page; where it is gone, nothing has to be done. RejectedError where it never was."""

        def unit(conn: Connection) -> None:
            now = self._clock.now()
            held = records.live(conn, asked.channel, key)
            if held is None and not records.was_shown(conn, asked.channel, key):
                raise RejectedError("本公示栏从未公示该决定", "absent")
            if records.begin_effect(conn, asked, to_micros(now)) and held is not None:
                records.take_off(conn, held.id, how, day_of(now), reason, to_micros(now))

        await self._store.write(unit)

    async def mark(self, asked: Asked, key: DisclosureKey, name: MarkName, holds: bool) -> None:
        """Set a mark on an entry, or lift it; where there is none, nothing has to be done."""

        def unit(conn: Connection) -> None:
            at, held = to_micros(self._clock.now()), records.live(conn, asked.channel, key)
            if records.begin_effect(conn, asked, at) and held is not None:
                records.mark(conn, held.id, name, holds, at)

        await self._store.write(unit)

    async def is_done(self, channel: str, reference: str) -> bool:
        """Whether the effect with this reference happened."""
        return await self._store.read(lambda conn: records.is_done(conn, channel, reference))

    async def live(self, channel: str, key: DisclosureKey) -> Entry | None:
        """The entry that stands under this key today, ``shielded`` or not."""
        found = await self._store.read(lambda conn: records.live(conn, channel, key))
        return found if found is not None and found.publish_until_on >= day_of(self._clock.now()) else None

    # --- for the public ---------------------------------------------------------------------------------------------

    async def find(self, words: str = "", page: int = 1) -> Found:
        """One page of what is shown, newest first, ``PER_PAGE`` entries each; pages are counted from 1."""
        today, offset = day_of(self._clock.now()), (page - 1) * PER_PAGE
        asked = words[:LONGEST_SEARCH]
        return await self._store.read(lambda conn: records.find(conn, asked, today, offset, PER_PAGE))

    async def entry(self, entry_id: str) -> Entry | None:
        """One entry, or what is left of it once it is gone. One whose last day is over is gone, though not emptied."""
        return await self._store.read(lambda conn: records.fetch(conn, entry_id))

    def is_over(self, entry: Entry) -> bool:
        """Whether the public may not see it any more."""
        return entry.gone is not None or entry.publish_until_on < day_of(self._clock.now())

    # --- by the clock -----------------------------------------------------------------------------------------------

    async def clear(self) -> int:
        """Empty what is over: from the first minute of the day after, nothing of it is kept here."""
        now = self._clock.now()
        return await self._store.write(lambda conn: records.over(conn, day_of(now), to_micros(now)))

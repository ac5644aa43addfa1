"""Which unit collects what, and from when: items change on 1 January, and what ended is not collected any more."""

from __future__ import annotations

from datetime import date

from gateway.foundation.store import Store
from gateway.rooms.payments import IncomeItem, LineKind, Unit, records

OLD, NEW = date(2026, 12, 31), date(2027, 1, 1)


def unit(**items: str) -> Unit:
    kinds = {LineKind(kind): IncomeItem(code, code) for kind, code in items.items()}
    return Unit("990102001", "望川区市场监督管理局", "990102", kinds)


async def collected(store: Store, on: date) -> dict[str, str]:
    found = await store.read(lambda conn: records.unit_of(conn, "A1", on))
    return {} if found is None else {str(kind): item.code for kind, item in found.items.items()}


async def say(store: Store, since: date, **items: str) -> None:
    await store.write(lambda conn: records.set_unit(conn, "A1", unit(**items), since))


async def test_an_item_holds_until_another_follows_or_it_is_named_no_more(store):
    await say(store, date(2026, 1, 1), fine="103050199", confiscated="103050102")
    await say(store, NEW, fine="103050299")
    assert await collected(store, date(2025, 12, 31)) == {}
    assert await collected(store, OLD) == {"fine": "103050199", "confiscated": "103050102"}
    assert await collected(store, NEW) == {"fine": "103050299"}  # confiscated gains are another unit's now


async def test_what_is_said_late_or_twice_changes_only_its_own_days(store):
    await say(store, NEW, fine="103050299")
    for _ in range(2):
        await say(store, date(2026, 1, 1), fine="103050199", surcharge="103050198")
    assert await collected(store, OLD) == {"fine": "103050199", "surcharge": "103050198"}
    assert await collected(store, date(2027, 6, 1)) == {"fine": "103050299"}
    await say(store, NEW, surcharge="103050298")  # the rest of the same day's list
    assert await collected(store, NEW) == {"fine": "103050299", "surcharge": "103050298"}

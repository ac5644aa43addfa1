"""Under which name an authority publishes, and from which day on."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from gateway.foundation.access import Access
from gateway.foundation.store import Store
from gateway.rooms.disclosures import Organ, Organs
from gateway.words.clock import ManualClock
from gateway.words.errors import InvalidProblem

pytestmark = pytest.mark.both_databases

USCC = "11990102002100216D"
OLD = Organ("望川区工商局", USCC, "望川区工商局", USCC)
NEW = Organ("望川区市场监督管理局", USCC, "安澜市信用信息中心", "119901000031003146")


async def test_an_authority_publishes_as_itself_until_told_otherwise_and_each_day_has_its_name(
    one_store: Store,
) -> None:
    organs, access = Organs(one_store), Access(one_store, ManualClock(datetime(2026, 9, 16, tzinfo=UTC)))
    assert await organs.of("A1", date(2026, 9, 16)) is None
    await access.create_authority("A1", "望川区局", USCC)
    assert await organs.of("A1", date(2026, 9, 16)) == Organ("望川区局", USCC, "望川区局", USCC)
    await organs.set("A1", OLD, date(2020, 1, 1))
    await organs.set("A1", NEW, date(2026, 9, 16))
    await organs.set("A1", NEW, date(2026, 9, 16))
    assert [await organs.of("A1", date(2026, 9, day)) for day in (15, 16, 17)] == [OLD, NEW, NEW]


@pytest.mark.parametrize(
    ("organ", "field"), [(Organ("局", "1", "局", USCC), "uscc"), (Organ("局", USCC, "局", "1"), "source_uscc")]
)
async def test_a_mistyped_code_is_refused_by_its_field(one_store: Store, organ: Organ, field: str) -> None:
    with pytest.raises(InvalidProblem) as told:
        await Organs(one_store).set("A1", organ, date(2026, 1, 1))
    assert told.value.field == field

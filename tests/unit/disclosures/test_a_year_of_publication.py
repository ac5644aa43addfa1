"""A year of publication in small: every clock kept or alarmed, every period as the table has it, nothing shown in vain.

``tests/benchmarks/publication_year.py`` lets 20,000 decisions pass.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from publishing_year import Year

from gateway.foundation.store import Store


@pytest.mark.nightly
async def test_a_year_over_changes_of_law_holidays_and_outages_leaves_nothing_wrong(
    one_store: Store, tmp_path: Path
) -> None:
    seen = await Year(one_store, tmp_path).run(60)
    assert seen.wrong == []
    assert seen.late > 0, "outages of days were alarmed"
    assert seen.warned > 0, "it was told before last days"
    assert seen.withdrawn > 0, "revoked and sealed ones were taken back"
    assert {"PUBLISHED", "NOT_PUBLISHABLE", "WITHDRAWN", "ENDED", "REPAIRED"} <= set(seen.states)

"""Settings of a room that is not there are refused, so that a misspelt name does not silently change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from foundation import foundation

from gateway.foundation import rooms
from gateway.foundation.rooms import Services
from gateway.foundation.store import Store
from gateway.settings import Settings
from gateway.words.clock import SystemClock
from gateway.words.errors import SettingsError


def test_settings_of_a_room_that_is_not_installed_are_refused(tmp_path: Path, sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    try:
        settings = Settings(rooms={"notice": {"digest_minutes": 5}})
        base = foundation(store, tmp_path, SystemClock(), settings=settings)
        with pytest.raises(SettingsError, match=r'no room is called "notice"; there are accounts, .*notices'):
            rooms.open_all(base, rooms.found(), Services())
    finally:
        store.close()

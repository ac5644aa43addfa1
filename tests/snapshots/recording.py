"""A pytest plugin that writes down every event that tests make happen: ``pytest -p snapshots.recording``.

The file that ``GATEWAY_TEST_EVENTS`` names gets a line of JSON for each, with its type, subject and data.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.foundation.delivery.events import Event, Events

_emit = Events.emit


def _recorded(self: Events, conn: Any, **what: Any) -> Event:
    event = _emit(self, conn, **what)
    line = json.dumps({"type": event.type, "subject": event.subject, "data": event.data}, ensure_ascii=False)
    with Path(os.environ["GATEWAY_TEST_EVENTS"]).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return event


def pytest_configure(config: pytest.Config) -> None:
    Events.emit = _recorded  # type: ignore[method-assign]

"""What of seals waits for a person is listed where the count of it leads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from gateway.foundation.screens import Look, Table
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.screens import SCREEN, waiting
from gateway.settings import TrustSettings
from gateway.words.saying import Language


async def test_trust_that_is_incomplete_is_listed_where_today_leads(tmp_path: Path) -> None:
    trust = TrustSettings(seal_roots=(tmp_path / "no_such.pem",))
    settings = SimpleNamespace(trust=trust, of_room=lambda _name, _model: SealRules())
    look = cast("Look", SimpleNamespace(base=SimpleNamespace(settings=settings), language=Language.CHINESE, may=bool))
    (counted,) = await waiting(look)
    assert counted.to is not None
    assert (counted.to.screen, counted.instead) == (SCREEN.name, "")
    assert SCREEN.page is not None
    tables: list[Any] = [one for one in (await SCREEN.page(look)).blocks if isinstance(one, Table)]
    assert [len(one.rows) for one in tables] == [counted.number]
    assert counted.number > 0

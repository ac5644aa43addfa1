"""Which suite of the kit holds adapters of a kind: the one that the kind's room names."""

from __future__ import annotations

import importlib.util

import pytest

from gateway.foundation import rooms
from gateway.settings import known
from gateway.testing.conformance import Conformance
from gateway.words.errors import SettingsError
from gateway.words.saying import say


def suite_for(kind: str) -> type[Conformance]:
    """The conformance suite of a kind, by the name in its room (``suite="gateway.testing.nontax:NonTaxConformance"``).

    Its module's assertions are rewritten for pytest before it is imported. Raises SettingsError where no room serves
    the kind, or its room names no suite that is there.
    """
    by_kind = {room.kind: room for room in rooms.found() if room.kind is not None}
    room = by_kind.get(kind)
    if room is None:
        raise SettingsError("kind", say("rooms.no_suite_kind", kind=kind), known(kind, by_kind))
    cure = "Update the package that brings it."
    if room.suite is None:
        raise SettingsError("rooms", say("rooms.no_suite", room=room.name, kind=kind), cure)
    module = room.suite.partition(":")[0]
    pytest.register_assert_rewrite(importlib.util.resolve_name(module, room.package))
    suite = room.place(room.suite)
    if not (isinstance(suite, type) and issubclass(suite, Conformance)):
        raise SettingsError("rooms", say("rooms.bad_suite", room=room.name, suite=room.suite), cure)
    return suite

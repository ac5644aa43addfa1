"""What a simulated system says of itself: one value, which its entry point in ``simulators.systems`` names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulators.fault_kinds import COMMON, Kind, Magic
from simulators.naming import mistakes, unknown
from simulators.state import Document, Transaction

if TYPE_CHECKING:
    from simulators.foundation import Foundation
    from simulators.profile import Profile
    from simulators.service import Service


@dataclass(frozen=True)
class Settings:
    """A system's settings: ``defaults`` on the first day, ``schemas`` the JSON schema of each value."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    schemas: Mapping[str, Document] = field(default_factory=dict)

    def of(self, tx: Transaction, system: str) -> Document:
        """All settings of the system of that name as they are now."""
        return {**self.defaults, **(tx.get(system, "settings", "settings") or {})}

    def change(self, tx: Transaction, system: str, change: Document) -> Document:
        """Change those that are named; all of them then. ValueError names each that is none or cannot be so."""
        kept = self.of(tx, system)
        if not change:
            return kept
        wrong = [unknown("setting", name, self.defaults) for name in change if name not in self.defaults]
        wrong += mistakes({"type": "object", "properties": dict(self.schemas)}, change)
        if wrong:
            raise ValueError("\n".join(wrong))
        tx.put(system, "settings", "settings", kept | change)
        return kept | change


@dataclass(frozen=True)
class System:
    """One simulated external system, served below ``/<name>``."""

    #: The name of its entry point, part of every address: small letters, digits, hyphens.
    name: str
    #: What it stands for, in Chinese, as its pages say.
    title: str
    #: Makes what serves it (``Service``): its routes, effects, wire, callbacks, pages.
    build: Callable[[Foundation, System], Service]
    #: What can be asked of it, by the names that faults and the journal use.
    operations: frozenset[str]
    #: What its callbacks are called; empty: it sends none.
    callbacks: frozenset[str] = frozenset()
    #: Kinds of faults of its own, beside those that every system has.
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    #: Last two digits of a total in fen → the fault that it brings where the setting ``magic_amounts`` is on.
    amounts: Mapping[int, Magic] = field(default_factory=dict)
    settings: Settings = Settings()
    #: The JSON schema of its part of ``POST /_sim/seed``; None: it takes no seed.
    seed: Document | None = None
    #: The folder of its contract in ``contracts``, such as "nontax/v1"; "": it has none there.
    contract: str = ""
    #: Whether it also takes connections without HTTP (``Service.connected``), on a port of their own.
    streams: bool = False
    #: Operation → what the ``paths`` of a profile call it, where that is not its own name.
    places: Mapping[str, str] = field(default_factory=dict)
    #: Whether a profile may say how its public page is searched, and how it masks names.
    searched: bool = False
    #: What it has otherwise than its contract (``simulators.profile``).
    profile: Profile | None = None

    @cached_property
    def known_kinds(self) -> Mapping[str, Kind]:
        """Every kind of fault that can be planted in it."""
        return {**COMMON, **self.kinds}

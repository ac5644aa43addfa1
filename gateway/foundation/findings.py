"""What ``gateway doctor`` finds: one line each, with the cure. Rooms bring looks of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from gateway.settings import Settings
from gateway.words.errors import SettingsError
from gateway.words.saying import Language, Sentence, cure_of, worded


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``warn`` should be seen to, ``fail`` must be: the gateway does not do its work.

    ``said``: what was found, and what to do about it. ``then``: that, where it does not stand in the catalogue with the
    sentence. ``detail`` and ``cure`` are English.
    """

    name: Sentence | str
    state: Literal["ok", "warn", "fail"]
    said: Sentence | str
    then: Sentence | str | None = None

    @property
    def detail(self) -> str:
        """What was found, in English."""
        return worded(self.said, Language.ENGLISH)

    @property
    def cure(self) -> str:
        """What to do about it, in English."""
        return self.cure_in(Language.ENGLISH)

    def cure_in(self, language: Language) -> str:
        """What to do about it; empty where nothing is to be done."""
        return cure_of(self.said, self.then, language) or ""


def stops(error: SettingsError) -> Finding:
    """A setting at which a start would stop."""
    return Finding(error.key, "fail", error.said, error.then)


class Look(Protocol):
    """A room's look, named in ``Room.doctor``.

    ``read(query)`` runs a query on the database, which is there and of our schema. Raises GatewayError for what it
    cannot look at.
    """

    def __call__(self, settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterable[Finding]: ...

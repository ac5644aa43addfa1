"""What ``gateway doctor`` says of seals: whom they are believed, whether revocation lists are current, and how long the
certificates last that sign layers for ordinary readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from gateway.foundation.findings import Finding, stops
from gateway.rooms.seals.layers import PadesKey, ends
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.trust import TrustFiles, overdue, unusable
from gateway.settings import Settings, TrustSettings
from gateway.words.clock import SystemClock, rfc3339
from gateway.words.errors import SettingsError
from gateway.words.saying import say

_SOON: Final = timedelta(days=30)


def look(settings: Settings, _read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:
    """Layers that nothing can sign, or not for long; trust that is incomplete; lists whose next one is due."""
    yield from _looked(settings)


def amiss(settings: Settings) -> list[Finding]:
    """What of it should be seen to. Blocking: it reads files."""
    return [one for one in _looked(settings) if one.state != "ok"]


def _looked(settings: Settings) -> Iterator[Finding]:
    now = SystemClock().now()
    for authority, key in settings.of_room("seals", SealRules).pades.items():
        yield from layer(authority, key, now)
    yield from _trust(settings.trust, now)


def layer(authority: str, key: PadesKey, now: datetime) -> Iterator[Finding]:
    """Whether the files of one signer of layers can be read, and how long its certificate lasts."""
    name, unread = f"seals.pades.{authority}", False
    for entry, file in key.files.items():
        try:
            file.read_bytes()
        except OSError as error:
            unread = True
            yield Finding(
                name, "fail", say("seals.layer_unreadable", entry=entry, file=file, reason=error.strerror or "")
            )
    if unread:
        return
    try:
        last = ends(authority, key)
    except SettingsError as error:
        yield Finding(name, "fail", say("doctor.setting", key=error.key, reason=error.said), error.cure)
        return
    file = next(iter(key.files.values()))
    if last <= now:
        yield Finding(name, "fail", say("doctor.cert_expired", file=file, last=last))
    elif last - now < _SOON:
        yield Finding(name, "warn", say("doctor.cert_expires", file=file, last=last))
    else:
        yield Finding(name, "ok", say("doctor.cert_valid", last=last))


def _trust(told: TrustSettings, now: datetime) -> Iterator[Finding]:
    if wrong := [stops(error) for error in unusable(told)]:
        yield from wrong
        return
    if not (told.seal_roots or told.maker_roots or told.seal_makers):
        return  # nobody's seals are judged here
    files = TrustFiles(told)
    missing = [key for key in ("seal_roots", "maker_roots", "seal_makers") if not getattr(told, key)]
    late = list(overdue(files.lists(), now))
    for key in missing:
        yield Finding("seals", "warn", say("seals.trust_empty", key=key))
    for one in late:
        due = rfc3339(one.next_update) if one.next_update else ""
        yield Finding("seals", "warn", say("seals.list_due", due=due))
    if not missing and not late:
        yield Finding("seals", "ok", say("seals.trust", makers=len(files.current().makers), lists=len(told.crls)))

"""The evidence as commands open it, beside a running gateway or without one."""

from __future__ import annotations

from pathlib import Path

from gateway.foundation.crypto.envelope import Algorithm, Envelope
from gateway.foundation.crypto.keys import KeyRing
from gateway.foundation.crypto.rings import keys_of_installation, own_keys
from gateway.foundation.evidence.keeping import Evidence
from gateway.foundation.rotation import records as rotation_records
from gateway.foundation.store import Store, sealed
from gateway.settings import Settings
from gateway.words.clock import SystemClock


def evidence_of(settings: Settings, second: Path | None = None) -> Evidence:
    """For reading, over keys that must be there: making new ones could prove nothing.

    ``second``: where the second place of the heads is, if not where the settings say.
    """
    store = Store.open(settings.store.location())
    try:
        keys = own_keys(settings.keys)
        return _evidence(settings, store, settings.delivery.node, keys, second)
    finally:
        store.close()


def evidence_in(settings: Settings, store: Store) -> Evidence:
    """For writing what a command does; under a name of its own, since a running gateway extends the other chains."""
    keys = keys_of_installation(settings.keys, store.read_sync(sealed.sample))
    known = store.read_sync(lambda conn: rotation_records.known(conn, 0, 0))
    keys.told({name: known.live(name) for name in known.names()})
    return _evidence(settings, store, f"{settings.delivery.node[:30]}-accounts", keys)


def _evidence(settings: Settings, store: Store, node: str, keys: KeyRing, second: Path | None = None) -> Evidence:
    algorithm = Algorithm.SM4_GCM if settings.keys.cipher == "sm4-gcm" else Algorithm.AES_256_GCM
    envelope, heads = Envelope(keys, algorithm), settings.evidence.heads
    second = second or settings.evidence.second
    return Evidence(store, keys, envelope, SystemClock(), node=node, heads=heads, second=second)

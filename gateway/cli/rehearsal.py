"""A start on trial: what ``serve`` opens is opened on an empty database, so that each setting it would stop at is told.

Database, keys and evidence are the trial's own and are thrown away: ``doctor`` looks at the real ones by themselves.
Nothing is sent, and nobody is listened to.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from gateway.foundation import tracing
from gateway.foundation.delivery.engines import choose
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine, sqlite_path
from gateway.settings import KeysSettings, Settings


async def rehearse(settings: Settings) -> None:
    """Open the foundation and every room, and close them. Raises SettingsError for what a start would stop at."""
    from gateway.app import App
    from gateway.faces.frames import cannot_listen, doors_of

    tracing.require(settings.traces)
    address, wanted = settings.store.location(), settings.delivery
    choose(wanted.engine, address, "sqlite" if sqlite_path(address) else "postgresql", wanted.node)
    with tempfile.TemporaryDirectory(prefix="gateway-doctor-") as made:
        async with App.open(_apart(settings, Path(made))) as gateway:
            for channel, door in doors_of(gateway):
                try:
                    door.listening.context()
                except OSError as error:
                    raise cannot_listen(channel.name, door.listening, error) from error


def _apart(settings: Settings, folder: Path) -> Settings:
    """The settings with all that is written in a folder of the trial's own, and its tables there."""
    url = f"sqlite:///{folder / 'trial.sqlite'}"
    engine = open_engine(url)
    try:
        all_tables().create_all(engine)
    finally:
        engine.dispose()
    heads = {"heads": folder / "heads", "second": None}
    changed = {
        "store": settings.store.model_copy(update={"url": url}),
        "keys": KeysSettings(directory=folder / "keys", cipher=settings.keys.cipher),
        "evidence": settings.evidence.model_copy(update=heads),
        "delivery": settings.delivery.model_copy(update={"engine": "embedded"}),
    }
    return settings.model_copy(update=changed)

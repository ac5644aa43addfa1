"""From entry points to adapter classes.

Any installed distribution may declare adapters in the group ``gateway.adapters``; the built-in ones use the same door.
Only those that settings name are imported, and what is wrong with one stops the start (SettingsError).
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from gateway.ports.base import Adapter, AdapterInfo
from gateway.settings import known
from gateway.words.errors import SettingsError
from gateway.words.saying import say

GROUP = "gateway.adapters"


@dataclass(frozen=True, slots=True)
class KindOf:
    """One kind of external system, as the room that serves it declares it.

    ``port``: the Protocol of its adapters. ``capability``: its word in ``[[routes]]``. ``channel_keys``: the keys that
    the block of such a channel has beside those of any channel. ``one_channel``: an authority has at most one.
    """

    kind: str
    room: str
    port: type
    capability: str
    channel_keys: type[BaseModel] | None = None
    one_channel: bool = False


Kinds = Mapping[str, KindOf]
"""The kinds that installed rooms serve, by their words."""


def installed() -> Mapping[str, tuple[EntryPoint, ...]]:
    """Every adapter name that an installed distribution declares, without importing any.

    All distributions are looked through, once for each import path: what is installed beside a running process is seen
    by the next one.
    """
    return _declared(tuple(sys.path))


@lru_cache(maxsize=8)
def _declared(_path: tuple[str, ...]) -> Mapping[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if entry not in found.get(entry.name, ()):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def load(name: str, kinds: Kinds, key: str = "adapter", reserved: Collection[str] = ()) -> type[Adapter]:
    """The adapter class behind a name, held to the port of its kind. SettingsError under ``key`` if it cannot be used.

    ``reserved`` are the keys of any channel; those of the kind are reserved as well.
    """
    adapter = declared(name, key, reserved)
    served = kinds.get(adapter.info.kind)
    if served is None:
        raise SettingsError(
            key,
            say("plugins.no_room", kind=adapter.info.kind, name=name, kind2=known(adapter.info.kind, kinds)),
        )
    keys = served.channel_keys.model_fields.keys() if served.channel_keys else ()
    _refuse(name, key, [*_taken(adapter, keys, "every channel of its kind"), *port_faults(adapter, served.port)])
    return adapter


def declared(name: str, key: str = "adapter", reserved: Collection[str] = ()) -> type[Adapter]:
    """The adapter class behind a name, whether a room serves its kind or not.

    SettingsError under ``key`` unless it can be imported and is an adapter by the rules that hold for every kind.
    """
    entries = installed().get(name)
    if not entries:
        names = ", ".join(installed()) or "none"
        raise SettingsError(key, say("plugins.none", adapter=name, near=known(name, installed()), names=names))
    owners = sorted({entry.dist.name if entry.dist else entry.value for entry in entries})
    if len({entry.value for entry in entries}) > 1:
        raise SettingsError(key, say("plugins.twice", name=name, owners=owners))
    try:
        loaded = entries[0].load()
    except Exception as error:
        raise SettingsError(
            key,
            say("plugins.no_import", adapter=name, owner=owners[0], kind=type(error).__name__, error=error),
        ) from error
    _refuse(name, key, faults(loaded, name, reserved))
    return typing.cast(type[Adapter], loaded)


def _refuse(name: str, key: str, found: list[str]) -> None:
    if found:
        entry = installed()[name][0]
        owner = entry.dist.name if entry.dist else entry.value
        raise SettingsError(key, say("plugins.broken", name=name, owner=owner, fault=found[0]))


def faults(adapter: Any, name: str, reserved: Collection[str] = ()) -> list[str]:
    """What an adapter class lacks to be one of any kind; empty when it lacks nothing."""
    if not isinstance(adapter, type):
        return ["it is not a class"]
    info = getattr(adapter, "info", None)
    if not isinstance(info, AdapterInfo):
        return ["its attribute info is not an AdapterInfo"]
    found = []
    if info.name != name:
        found.append(f'info.name is "{info.name}"')
    if name.partition(".")[0] != info.kind:
        found.append(f'its name does not begin with its kind, "{info.kind}."')
    model = getattr(adapter, "Settings", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel) and model.model_config.get("extra") == "forbid"):
        found.append('Settings is not a pydantic model with extra="forbid"')
    else:
        found += _taken(adapter, reserved)
    return found + [
        f"{method} is not an async method" for method in ("check", "close") if not _is_async(adapter, method)
    ]


def _taken(adapter: Any, reserved: Collection[str], whose: str = "every channel") -> list[str]:
    taken = sorted(adapter.Settings.model_fields.keys() & set(reserved))
    return [f"Settings declares {', '.join(taken)}, which {whose} already has"] if taken else []


def port_faults(adapter: type[Adapter], port: type) -> list[str]:
    """What an adapter class lacks to keep its port: empty when the methods that it declares can be called as there."""
    info = adapter.info
    offered = {method for method in vars(port) if not method.startswith("_") and callable(getattr(port, method))}
    found = []
    if strange := sorted(info.capabilities - offered):
        found.append(f"info.capabilities names {', '.join(strange)}, which {port.__name__} does not have")
    for method in sorted(info.capabilities & offered | {"check", "close"}):
        if _is_async(port, method) and not _is_async(adapter, method):
            found.append(f"{method} is not an async method")
            continue
        signature = inspect.signature(getattr(port, method))
        try:
            inspect.signature(getattr(adapter, method)).bind(*signature.parameters)
        except TypeError:
            found.append(f"{method} does not take {signature}")
    return found


def _is_async(adapter: Any, method: str) -> bool:
    return inspect.iscoroutinefunction(getattr(adapter, method, None))

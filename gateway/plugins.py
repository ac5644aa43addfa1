"""From entry points to adapter classes.

Any installed distribution may declare adapters in the group ``gateway.adapters``; the built-in ones use the same door.
Only those that settings name are imported, and what is wrong with one stops the start (SettingsError).
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from gateway.ports.base import Adapter, AdapterInfo, Kind
from gateway.ports.credit import DisclosureTarget
from gateway.ports.nontax import NonTaxPlatform
from gateway.ports.registry import EntityRegistry
from gateway.ports.seal import SealService
from gateway.settings import known
from gateway.words.errors import SettingsError

GROUP = "gateway.adapters"
PORTS: Mapping[Kind, type] = {
    Kind.NONTAX: NonTaxPlatform,
    Kind.CREDIT: DisclosureTarget,
    Kind.REGISTRY: EntityRegistry,
    Kind.SEAL: SealService,
}


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


def load(name: str, key: str = "adapter", reserved: Collection[str] = ()) -> type[Adapter]:
    """The adapter class behind a name, held to its contract. SettingsError under ``key`` if it cannot be used."""
    entries = installed().get(name)
    if not entries:
        names = ", ".join(installed()) or "none"
        raise SettingsError(
            key, f'no adapter "{name}" is installed', f"{known(name, installed())} Installed adapters: {names}."
        )
    owners = sorted({entry.dist.name if entry.dist else entry.value for entry in entries})
    if len({entry.value for entry in entries}) > 1:
        raise SettingsError(
            key, f'"{name}" is declared by {" and ".join(owners)}', "Uninstall one of the packages, or rename."
        )
    try:
        loaded = entries[0].load()
    except Exception as error:
        raise SettingsError(
            key,
            f'the adapter "{name}" of {owners[0]} cannot be imported: {type(error).__name__}: {error}',
            "Repair or reinstall that package.",
        ) from error
    for fault in faults(loaded, name, reserved):
        raise SettingsError(
            key, f'the adapter "{name}" of {owners[0]} breaks its contract: {fault}', "Update that package."
        )
    return typing.cast(type[Adapter], loaded)


def faults(adapter: Any, name: str, reserved: Collection[str] = ()) -> list[str]:
    """What an adapter class lacks to be one; empty when it keeps the contract of ``gateway.ports``."""
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
    elif taken := sorted(model.model_fields.keys() & set(reserved)):
        found.append(f"Settings declares {', '.join(taken)}, which every channel already has")
    port = PORTS[info.kind]
    offered = {method for method in vars(port) if not method.startswith("_") and callable(getattr(port, method))}
    if strange := sorted(info.capabilities - offered):
        found.append(f"info.capabilities names {', '.join(strange)}, which {port.__name__} does not have")
    for method in sorted(info.capabilities & offered | {"check", "close"}):
        written = getattr(adapter, method, None)
        if not inspect.iscoroutinefunction(written):
            found.append(f"{method} is not an async method")
            continue
        try:
            inspect.signature(written).bind(*inspect.signature(getattr(port, method)).parameters)
        except TypeError:
            found.append(f"{method} does not take {inspect.signature(getattr(port, method))}")
    return found

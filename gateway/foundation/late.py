"""Names of a package that are loaded when they are first asked for: who looks for a room needs not its service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The package's ``__getattr__`` (PEP 562). ``places``: module of the package to the names it gives, by blanks.

    A package writes its imports below ``if TYPE_CHECKING`` as ever, and this in the ``else``; so mypy knows the names.
    """
    module_of = {name: module for module, names in places.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return load

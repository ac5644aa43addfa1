"""Defines every table of the foundation and of the rooms, by importing the modules that hold them."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

for _place in ("gateway.foundation", "gateway.rooms"):
    for _module in iter_modules(import_module(_place).__path__):
        if _module.ispkg and find_spec(f"{_place}.{_module.name}.tables"):
            import_module(f"{_place}.{_module.name}.tables")

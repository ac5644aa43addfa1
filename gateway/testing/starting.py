"""Begins an adapter: a package that keeps every promise from the start, to be changed step by step.

It begins as an adapter that is installed: its calls and its mapping are copied under another name. Beside them stand a
bench, and a simulated system of its own, which at first is the one of that contract. Whoever has a province's contract
in hand changes the simulator, sees promises break, and mends the adapter until none does.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.foundation.channels import adapter_class, served_kinds
from gateway.plugins import installed
from gateway.settings import known
from gateway.testing.simulated import BENCHES
from gateway.testing.suites import suite_for
from gateway.words.errors import SettingsError
from gateway.words.saying import say

_TEMPLATES: Final = Path(__file__).with_name("starter")
_NAME: Final = re.compile(r"[a-z][a-z0-9]{1,29}")


@dataclass(frozen=True, slots=True)
class Begun:
    """A package that was written: where, the adapter's name, what it begins as, and its files."""

    folder: Path
    adapter: str
    like: str
    files: tuple[Path, ...]


def begin(kind: str, name: str, *, like: str | None = None, folder: Path | None = None) -> Begun:
    """Write a package with an adapter ``KIND.NAME``, its bench, its simulated system and its tests.

    ``like``: the installed adapter that it begins as; the first of the kind whose contract a simulator speaks, if not
    given. Raises SettingsError for a name that cannot be, a kind or adapter that is not there, and a folder that is.
    """
    kinds = served_kinds()
    if kind not in kinds:
        raise SettingsError("kind", say("rooms.no_suite_kind", kind=kind), known(kind, kinds))
    if not _NAME.fullmatch(name) or f"{kind}.{name}" in installed():
        raise SettingsError("name", say("starting.name", name=name, kind=kind))
    able = [one for one in BENCHES if one.startswith(f"{kind}.")]
    like = like or next(iter(able), None)
    if like not in able:
        raise SettingsError("like", say("starting.like", kind=kind, able=able or say("starting.nothing")))
    folder = folder or Path(f"{name}-{kind}")
    if folder.exists():
        raise SettingsError("folder", say("starting.folder", folder=str(folder)))
    package = re.sub(r"\W", "_", f"{name}_{kind}")
    files = _written(kind, name, like, package)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return Begun(folder, f"{kind}.{name}", like, tuple(folder / path for path in files))


@dataclass(frozen=True, slots=True)
class _Names:
    """What the code is called where it is copied from, and in the new package.

    ``home`` and ``shared`` (the package of the adapter, and the one around it) become ``package``, the class ``model``
    becomes ``own``, and the adapter ``like`` becomes ``called``.
    """

    home: str
    shared: str
    package: str
    model: str
    own: str
    like: str
    called: str

    def given(self, text: str) -> str:
        """A source under its new names."""
        text = text.replace(self.home, self.package)
        for after in (" import", "."):
            text = text.replace(f"from {self.shared}{after}", f"from {self.package}{after}")
        text = re.sub(rf"\b{self.model}", self.own, text)
        for mark in ('"', "``"):
            text = text.replace(f"{mark}{self.like}{mark}", f"{mark}{self.called}{mark}")
        return text


def _written(kind: str, name: str, like: str, package: str) -> dict[str, str]:
    """Every file of the package by its path."""
    model = adapter_class(like)
    home = model.__module__.rpartition(".")[0]
    shared = home.rpartition(".")[0]
    own = f"{name.capitalize()}{kind.capitalize()}"
    new = _Names(home, shared, package, model.__name__, own, like, f"{kind}.{name}")
    code = {
        path.name: path.read_text(encoding="utf-8") for path in sorted(Path(inspect.getfile(model)).parent.glob("*.py"))
    }
    for path in Path(inspect.getfile(model)).parent.parent.glob("*.py"):
        if any(
            f"from {shared} import {path.stem}" in text or f"from {shared}.{path.stem} " in text
            for text in code.values()
        ):
            code[path.name] = path.read_text(encoding="utf-8")
    bench, suite = BENCHES[like], suite_for(kind)
    words = {
        "package": package,
        "kind": kind,
        "name": name,
        "like": like,
        "own": own,
        "bench": bench.__name__,
        "contract": bench.contract or bench.system,
        "suite": suite.__name__,
        "suite_module": suite.__module__,
    }
    files = {f"{package}/{path}": new.given(text) for path, text in code.items()}
    files[f"{package}/__init__.py"] = f'"""The adapter {kind}.{name}, which began as {like}."""\n'
    for place, template in _FILES.items():
        text = _TEMPLATES.joinpath(f"{template}.txt").read_text(encoding="utf-8")
        files[place.format(**words)] = text.format(**words)
    return files


_FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "{package}/simulator.py": "simulator.py",
    "tests/conftest.py": "conftest.py",
    "tests/test_promises.py": "test_promises.py",
}
"""The files beside the copied ones by their path, and the template of each below ``starter``."""

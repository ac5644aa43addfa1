"""A province's adapter, packaged by hand as a wheel: no build backend and no network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

PROVINCE = '''
"""The registration authority of a province that nobody here has heard of."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from gateway.words.errors import DeniedError, NotSentError
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.registry import ChangePage, EntitySummary, RegistrationRecord


class Province:
    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="registry",
        name="registry.province",
        contract="province/v3",
        capabilities=frozenset({"by_code", "by_name"}),
        find=FindGuarantee(consistent=True),
    )

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

        secret: SecretStr
        region: str = "990100"
        mood: str = "well"

    def __init__(self, settings, wire, clock):
        if settings.region == "000000":
            raise ValueError("no such region")
        self.settings, self.wire, self.clock = settings, wire, clock

    async def check(self) -> str:
        match self.settings.mood:
            case "down":
                raise NotSentError("connection refused")
            case "refusing":
                raise DeniedError("the key has expired")
        return f"well, in {self.settings.region}"

    async def close(self) -> None:
        pass

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        return None

    async def by_name(self, name: str) -> tuple[EntitySummary, ...]:
        return ()
'''


@pytest.fixture
def province_source() -> str:
    """The module of a good adapter, to be broken by tests."""
    return PROVINCE


MakeWheel = Callable[..., Path]


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """Write a wheel with one module and one entry point."""

    def make(
        source: str = PROVINCE,
        name: str = "registry.province",
        target: str = "province_adapter:Province",
        project: str = "province-adapter",
    ) -> Path:
        module, stem = target.partition(":")[0], project.replace("-", "_")
        info = f"{stem}-3.0.dist-info"
        files = {
            f"{module}.py": source,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: 3.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[gateway.adapters]\n{name} = {target}\n",
        }
        record = f"{info}/RECORD"
        lines = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in files.items()]
        wheel = tmp_path / f"{stem}-3.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in {**files, record: "\n".join([*lines, f"{record},,"]) + "\n"}.items():
                archive.writestr(path, text)
        return wheel

    return make


@pytest.fixture
def add_package(make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make such a package importable in this process, for this test."""

    def add(**parts: str) -> None:
        folder = tmp_path / f"site-{parts.get('project', 'province-adapter')}"
        with zipfile.ZipFile(make_wheel(**parts)) as archive:
            archive.extractall(folder)
        monkeypatch.syspath_prepend(str(folder))

    return add


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

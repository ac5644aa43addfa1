"""A small installation and a way to call the command line in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app

SETTINGS = """
[store]
url = "sqlite:///gateway.sqlite"

[channels.register]
adapter = "registry.sharing"
url = "http://127.0.0.1:9/registry"
node = "N1"
secret = "env:REGISTER_SECRET"
connect_timeout = 2

[[routes]]
authority = "*"
capability = "entities"
channels = ["register"]
"""


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, which the environment does not change."""
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REGISTER_SECRET", "0123456789abcdef")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(site: Path) -> Call:
    """``call("channels", "--json")`` in that folder."""

    def call(*arguments: str) -> Said:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return call

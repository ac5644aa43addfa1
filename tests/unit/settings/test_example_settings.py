"""The settings that people copy are right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.foundation.channels import Channels
from gateway.ports.base import RawExchange
from gateway.rooms.reconciliation import Side
from gateway.rooms.reconciliation.profiles import load_profiles
from gateway.settings import load
from gateway.words.clock import SystemClock

EXAMPLE = Path(__file__).resolve().parents[3] / "gateway.example.toml"


def forget(exchange: RawExchange) -> None:
    """Nothing is exchanged here."""


def test_the_example_settings_start_a_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(EXAMPLE, tmp_path / "gateway.toml")
    (tmp_path / "secrets").mkdir()
    for name in ("creditchina", "portal"):
        (tmp_path / "secrets" / name).write_text("0123456789abcdef\n")
        (tmp_path / "secrets" / name).chmod(0o600)
    for name in ("NONTAX_SECRET", "REGISTRY_SECRET", "SEAL_SECRET"):
        monkeypatch.setenv(name, "0123456789abcdef")
    settings = load(tmp_path / "gateway.toml")
    channels = Channels.build(settings, recorder=forget, clock=SystemClock())
    assert {channel.info.name for channel in channels.all()} == {
        "nontax.soap",
        "credit.creditchina",
        "credit.portal",
        "registry.sharing",
        "seal.rest",
    }
    assert {name: one.side for name, one in load_profiles(settings.statements).items()} == {"bank": Side.BANK}

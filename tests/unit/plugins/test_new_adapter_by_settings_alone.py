"""A new province: a package that nobody here knows, installed without network, used by settings alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SETTINGS = """
[channels.province]
adapter = "registry.province"
url = "http://127.0.0.1:9/province"
secret = "env:PROVINCE_SECRET"
region = "990200"

[[routes]]
authority = "*"
capability = "entities"
channels = ["province"]
"""


@pytest.fixture
def gateway(tmp_path: Path, make_wheel: Callable[..., Path]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line in a process of its own, with the package installed by pip beside the gateway's."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, str(make_wheel())], check=True, env={**os.environ, "PIP_CONFIG_FILE": os.devnull})
    (tmp_path / "gateway.toml").write_text(SETTINGS, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment = kept | {"PYTHONPATH": str(site), "PROVINCE_SECRET": "0123456789abcdef"}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("gateway")), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return call


@pytest.mark.nightly
def test_a_new_adapter_in_a_package_of_its_own_is_used_by_settings_alone(
    gateway: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    listed = gateway("adapters", "--json")
    row = next(row for row in json.loads(listed.stdout)["adapters"] if row["name"] == "registry.province")
    assert row == {
        "name": "registry.province",
        "package": "province-adapter 3.0",
        "kind": "registry",
        "contract": "province/v3",
        "capabilities": ["by_code", "by_name"],
        "fault": None,
    }
    (channel,) = json.loads(gateway("channels", "--json").stdout)["channels"]
    assert (channel["name"], channel["adapter"]) == ("province", "registry.province")
    assert channel["routes"] == [{"authority": "*", "capability": "entities"}]
    (checked,) = json.loads(gateway("channels", "check", "--json").stdout)["channels"]
    assert (checked["ok"], checked["detail"]) == (True, "well, in 990200")

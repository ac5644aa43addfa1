"""Clients that are generated from /openapi.json as it is served make the main calls of a case system."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[1] / "generators"
MADE = HERE.parents[1] / ".generators"
PYTHON, NODE = MADE / "bin", MADE / "node_modules/.bin"


def generated(folder: Path, *steps: list[str | Path], path: str = "") -> dict[str, Any]:
    """Generate a client and run its main calls; what they print in the end."""
    done = None
    for command in steps:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=600, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert done is not None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def by_python(folder: Path) -> dict[str, Any]:
    """openapi-python-client, and its client over httpx."""
    config = ["--config", HERE / "openapi-python-client.yaml", "--meta", "none", "--output-path", "generated_client"]
    make: list[str | Path] = [PYTHON / "openapi-python-client", "generate", "--path", "openapi.json", *config]
    return generated(folder, make, [PYTHON / "python", HERE / "main_calls.py"], path=str(folder))


def by_typescript(folder: Path) -> dict[str, Any]:
    """Redocly's linter finds no error; then openapi-typescript, checked strictly by the compiler, and openapi-fetch."""
    # What has a default may be left out of a request.
    make: list[str | Path] = [NODE / "openapi-typescript", "openapi.json", "--default-non-nullable", "false"]
    check = [NODE / "tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "main-calls.ts"]
    lint: list[str | Path] = ["node", "lint.mjs", "openapi.json"]
    return generated(folder, lint, [*make, "-o", "api.ts"], [*check, "--outDir", "out"], ["node", "out/main-calls.js"])


@pytest.mark.nightly
async def test_the_description_is_linted_and_generated_clients_make_the_main_calls(site, tmp_path, monkeypatch) -> None:
    if not (PYTHON.exists() and NODE.exists()):
        pytest.skip("the generators are not there: `make generators` brings them")
    monkeypatch.setenv("GATEWAY", site.url)
    monkeypatch.setenv("KEY", site.key)
    description = (await site.http.get("/openapi.json")).raise_for_status().content
    for make in (by_python, by_typescript):
        folder = tmp_path / make.__name__
        folder.mkdir()
        (folder / "openapi.json").write_bytes(description)
        (folder / "node_modules").symlink_to(MADE / "node_modules")
        for one in ("main-calls.ts", "lint.mjs", "package.json"):
            shutil.copy(HERE / one, folder)
        told = await asyncio.to_thread(make, folder)
        assert re.fullmatch(r"\d{20}", told.pop("code"))
        assert {"payment.requested", "payment.issued"} <= set(told.pop("events"))
        assert told == {
            "would_send": ["nontax.issue"],
            "status": "ISSUED",
            "refused": "urn:enforcement-gateway:problem:payment-exists",
            "listed": True,
        }

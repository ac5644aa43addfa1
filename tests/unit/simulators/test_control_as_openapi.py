"""The control API is described so that clients can be made for it, and other languages start it by one process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from simulators.testing import Control, Simulation, simulated_world

__all__ = ["simulated_world"]
ROOT = Path(__file__).parents[3]
SAMPLES = {
    "node": ["examples/node/simulators.mjs"],
    "java": ["-XX:TieredStopAtLevel=1", "examples/java/Simulators.java"],
}


def test_the_document_is_valid_and_every_operation_has_a_name_of_its_own(simulators: Simulation) -> None:
    told = simulators.ask("GET", "/openapi.json")
    assert [error.message for error in OpenAPIV31SpecValidator(told).iter_errors()] == []
    names = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names)) > 60
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_what_the_document_offers_is_served(simulators: Simulation, simulated_world: Control) -> None:
    """Asked of a world, for its document names its own address: every path and method is known there."""
    told = simulated_world.ask("GET", "/openapi.json")
    (server,) = told["servers"]
    assert server["url"] == simulated_world.ready["control"]
    with httpx.Client(trust_env=False) as client:
        for path, methods in told["paths"].items():
            for method in methods:
                url = server["url"] + re.sub(r"\{\w+\}", "nobody", path)
                answer = client.request(method, url, json={} if method == "post" else None)
                assert answer.status_code in (200, 422), (method, path)


@pytest.mark.parametrize("language", SAMPLES)
def test_a_test_in_another_language_starts_and_ends_them_by_one_process(language: str) -> None:
    if not shutil.which(language):
        pytest.skip(f"no {language} on this machine")
    command = [language, *(str(ROOT / word) if "/" in word else word for word in SAMPLES[language])]
    environment = {**os.environ, "SIMULATORS": f"{sys.executable} -m simulators"}
    told = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (told.returncode, told.stdout) == (0, "simulators ended with 0\n"), told.stderr

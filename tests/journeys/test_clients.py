"""Case systems in Python, Node and Java meet a running gateway: the same payment, and a webhook that they verified."""

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
from enforcement_gateway_client import AsyncGateway, Gateway, NotAuthenticError, ProblemError, calls, read_webhook

ROOT = Path(__file__).parents[2]
AUTHORITY = "wangchuan-scjg"


def readme_of_the_client(site: Any) -> dict[str, Any]:
    """The code of its README, run as it is printed; the names that it leaves."""
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "clients/python/README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {"GATEWAY": site.url, "KEY": site.key}
    names |= {"read_webhook": read_webhook, "NotAuthenticError": NotAuthenticError, "SECRET": "whsec_c2VjcmV0"}
    for block in blocks:
        exec(block, names)
    return names


def sample(command: list[str], site: Any) -> dict[str, Any]:
    """What a sample prints in the end."""
    done = subprocess.run(
        command, capture_output=True, timeout=120, env={**os.environ, "GATEWAY": site.url, "KEY": site.key}
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout.splitlines()[-1]))


async def test_the_clients_readme_runs_as_it_is_printed(site) -> None:
    names = await asyncio.to_thread(readme_of_the_client, site)
    payment = names["payment"]
    assert (payment.status, names["one"].id) == ("ISSUED", payment.id)
    assert names["take"]({}, b"{}") == 401
    async with AsyncGateway(site.url, site.key) as gateway:
        again = await gateway.send(calls.request_payment(AUTHORITY, "AL-2026-9", key="AL-2026-9"))
        assert (again.id, again.code, again.amount) == (payment.id, payment.code, payment.amount)
        with pytest.raises(ProblemError) as refused:
            await gateway.send(calls.request_payment(AUTHORITY, "AL-2026-9", key="another"))
        assert (refused.value.type, refused.value.members["payment"]) == ("payment-exists", payment.id)
        assert refused.value.request is not None
        with pytest.raises(ProblemError, match="live payment"):
            await gateway.send(calls.request_payment(AUTHORITY, "AL-2026-9", key="another").trying())
        told = await gateway.send(calls.publish_decision(AUTHORITY, "AL-2026-9", key="publish").trying())
        assert {one["action"] for one in told.would_send} <= {"credit.submit"}
        events = [one.type async for one in gateway.every(calls.list_events(limit=2))]
        assert {"decision.recorded", "payment.issued"} <= set(events)
        assert (await gateway.send(calls.get_payment_qr(payment.id))).startswith(b"<")
    with pytest.raises(ProblemError) as stranger, Gateway(site.url, "gwk_nobody") as unknown:
        await asyncio.to_thread(unknown.send, calls.get_payment(payment.id))
    assert stranger.value.status == 401


SAMPLES = {
    "node": ["examples/node/first-payment.mjs"],
    "java": ["-XX:TieredStopAtLevel=1", "examples/java/FirstPayment.java"],
}


async def test_samples_get_their_code_and_believe_a_verified_webhook(site) -> None:
    there = [name for name in SAMPLES if shutil.which(name)]
    if not there:
        pytest.skip("neither node nor java on this machine: the samples run where there is one")
    commands = [[name, *(str(ROOT / one) if "/" in one else one for one in SAMPLES[name])] for name in there]
    for told in await asyncio.gather(*(asyncio.to_thread(sample, command, site) for command in commands)):
        assert re.fullmatch(r"\d{20}", told["code"])
        assert (told["status"], told["told"], told["of"]) == ("ISSUED", "payment.issued", told["payment"])

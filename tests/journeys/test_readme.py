"""What the README prints works as it is printed: the first call, and a platform that falls silent."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def printed() -> list[str]:
    """The shell blocks of the first call, in order."""
    text = README.read_text(encoding="utf-8")
    part = text[text.index("## A first call") : text.index("## What it does")]
    return re.findall(r"```sh\n(.*?)```", part, re.DOTALL)


async def test_the_readmes_first_call_and_its_silence_work_as_printed(site, tmp_path) -> None:
    environment = {**os.environ, "GATEWAY": site.url, "SIMULATORS": site.simulators.ready["url"], "KEY": site.key}

    async def run(block: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euc", block],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env=environment,
        )
        assert done.returncode == 0, (block, done.stderr)
        return done.stdout

    entity, payment, silence, end = printed()
    assert "味安副食店" in await run(entity)
    assert '"status":"ISSUED"' in await run(payment)
    told = await run(silence)
    assert "HTTP/1.1 202 " in told
    assert '"status":"REQUESTED"' in told
    page = await site.until(
        "/v1/payments?decision_number=AL-2026-8", lambda now: now["items"][0]["status"] != "REQUESTED", 60
    )
    (only,) = page["items"]
    assert (only["status"], len(only["code"])) == ("ISSUED", 20)
    assert only["code"] in await run(end.replace("sleep 6\n", ""))
    assert site.effects("CreateBill") == [1, 1]  # of two demands each has one bill

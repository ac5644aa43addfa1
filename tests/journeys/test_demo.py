"""``gateway demo``: the whole main job on real parts in processes of their own, as a newcomer sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def test_the_demo_walks_the_whole_main_job_and_prints_one_json_object(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**environment, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    assert told["ok"], done.stderr[-4000:]
    assert len(told["steps"]) == 11
    assert all(step["ok"] and step["seconds"] >= 0 for step in told["steps"])
    payment = told["payment"]
    assert (payment["status"], payment["settlement"], payment["amount"]) == ("PAID", "matched", "5036.50")
    assert len(payment["code"]) == 20
    assert told["entity"]["name"] in done.stderr
    assert told["sealed_document"]["verified"]
    assert {one["target"]: one["status"] for one in told["disclosures"]} == {
        "creditchina": "PUBLISHED",
        "portal": "PUBLISHED",
    }
    assert (told["reconciliation"]["matched"], told["reconciliation"]["breaks"]) == (1, 0)
    assert told["evidence"]["chain_ok"]
    assert told["evidence"]["exchanges"] > 10
    assert list(tmp_path.iterdir()) == [], "what was thrown away is gone"

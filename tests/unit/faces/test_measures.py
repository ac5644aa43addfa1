"""What is measured can be relied on: dashboards and alerts name what exists; a scrape is cheap, and always answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from snapshots.collect import settings
from sqlalchemy import Connection, event, text

from gateway.app import App, figures_of
from gateway.faces.build import build
from gateway.foundation import measuring, meters, rooms
from gateway.foundation.delivery import event_records
from gateway.foundation.store import schema
from gateway.settings import FACES

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "packaging" / "prometheus" / "gateway.rules.yaml"
DASHBOARD = ROOT / "packaging" / "grafana" / "gateway.json"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
OF_OTHERS = {"up": {"job", "instance"}, "process_cpu_seconds_total": {"job"}, "process_resident_memory_bytes": {"job"}}
GROWING = {
    "payment",
    "operation",
    "attempt",
    "exchange",
    "event",
    "disclosure",
    "webhook_delivery",
    "schedule_run",
    "breaks",
}


def series() -> dict[str, set[str]]:
    """Every series that can be asked for, with its labels."""
    gauges = [one for part in (*measuring.OF_FOUNDATION, *figures_of(rooms.found())) for one in part.measures]
    plain = (*gauges, measuring.UP, measuring.WAITING, meters.BUILD, *meters.COUNTERS)
    known = {one.name: set(one.labels) for one in plain}
    for one in meters.TIMES:
        known |= {f"{one.name}{end}": {*one.labels, "le"} for end in ("_bucket", "_count", "_sum")}
    return known | OF_OTHERS


def expressions() -> Iterator[str]:
    """What alerts and dashboards ask."""
    yield from (rule["expr"] for rule in ALERTS)
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def strange(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What an expression names that does not exist: series, and labels of them."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    named = re.findall(r"\b(?:gateway|process)_\w+|\bup\b", bare)
    labels = {one for inside in re.findall(r"\{([^}]*)\}", bare) for one in re.findall(r"(\w+)\s*[=!]", inside)}
    labels |= {one for inside in re.findall(r"\bby\s*\(([^)]*)\)", bare) for one in re.findall(r"\w+", inside)}
    has = set().union(*(known.get(name, set()) for name in named))
    return [name for name in named if name not in known] + sorted(labels - has)


def test_alerts_and_dashboards_ask_for_what_exists() -> None:
    known, asked = series(), list(expressions())
    assert len(asked) > 50
    assert {one: found for one in asked if (found := strange(one, known))} == {}
    assert strange("max by (day) (gateway_operation)", known) == ["gateway_operation", "day"]


def test_every_alert_says_what_to_do() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (Gateway\w+)\n\*\*(Page|Ticket)\.\*\*", page, re.MULTILINE))
    assert sections == {rule["alert"]: rule["labels"]["severity"].capitalize() for rule in ALERTS}
    assert all(re.search(r"[一-鿿]", rule["annotations"]["summary"]) for rule in ALERTS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[App]:
    chosen = settings(tmp_path)
    schema.migrate(chosen.store.location())
    async with App.open(chosen) as app:
        yield app


async def test_a_scrape_counts_by_route_scans_nothing_and_answers_without_a_database(
    gateway: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_records, "lag", lambda _: 7.5)  # on SQLite the feed waits for nobody
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build(gateway, FACES)), base_url="http://x") as http:
        for path in ("/v1/payments/pay_1", "/v1/payments/pay_2", "/nowhere/1", "/nowhere/2"):
            await http.get(path)
        told = (await http.get("/metrics")).text
        assert 'gateway_http_requests_total{method="GET",route="/v1/payments/{payment_id}",status="401"} 2.0' in told
        assert 'gateway_http_requests_total{method="GET",route="none",status="404"} 2.0' in told
        assert "gateway_store_up 1.0" in told
        assert "gateway_events_lag_seconds 7.5" in told

        assert await gateway.base.store.read(lambda conn: scanned(conn, gateway)) == []

        async def away(_: Any) -> None:
            raise TimeoutError

        monkeypatch.setattr(measuring, "FRESH_SECONDS", -1.0)
        monkeypatch.setattr(gateway.base.store, "read", away)
        told = (await http.get("/metrics")).text
        assert "gateway_store_up 0.0" in told
        assert 'route="/v1/payments/{payment_id}"' in told
        assert "gateway_store_size_bytes 4" not in told


def scanned(conn: Connection, gateway: App) -> list[str]:
    """The steps of a scrape that go through all of a table that grows."""
    asked: list[tuple[str, Any]] = []
    event.listen(conn, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    gateway.measuring._read(conn)
    selects = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
    assert len(selects) > 10
    of_what_is_open = set(conn.execute(text("select name from sqlite_master where sql like '% WHERE %'")).scalars())
    steps = [row[3] for sql, values in selects for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    found = [re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step) for step in steps]
    return [one[0] for one in found if one and one[1] in GROWING and one[2] not in of_what_is_open]

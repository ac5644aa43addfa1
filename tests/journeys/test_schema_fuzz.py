"""The API does what /openapi.json says, whatever it is sent: no undeclared status, no other shape, no 500."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.demo import story
from gateway.foundation.two_persons import Person
from gateway.rooms.reconciliation import Ask
from gateway.rooms.reconciliation.proposals import Proposals
from gateway.words.clock import day_of
from simulators.testing import Simulation

EXAMPLES = int(os.environ.get("GATEWAY_TEST_FUZZ_EXAMPLES", "2"))
WHOLE = bool(os.environ.get("GATEWAY_TEST_WHOLE"))
"""By day each operation is met by one of the two callers, in turn."""
NAMED = ("authority", "decision_number", "channel", "profile", "day", "period", "month")
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
async def strict_site(tmp_path: Path, simulators: Simulation, postgresql_url: str, open_site) -> AsyncIterator[Any]:
    """A running gateway on PostgreSQL, which takes less than SQLite."""
    async with open_site(tmp_path, simulators, postgresql_url) as site:
        yield site


async def known(site) -> dict[str, Any]:
    """Things that exist, by the name of the path parameter that names them."""
    payment = await site.paid()
    number = payment["decision_number"]
    await site.pay(payment["code"], force=True)
    odd = (await site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"]))["exceptions"][0]
    day = day_of(site.clock.now())
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": str(day)})).json()
    (twice,) = (await site.get("/v1/breaks"))["items"]
    by = Person("opr_1", "李", operator=True)
    proposal = await site.app.get(Proposals).propose(twice["id"], Ask("refund", "重复缴款"), by=by)
    await site.post("/v1/disclosures", site.demand(number))
    view = await site.get(site.path(number))
    operations = (await site.get(f"/v1/operations?subject={payment['id']}"))["items"]
    operation = await site.get(f"/v1/operations/{operations[0]['id']}")
    return {
        "authority": story.AUTHORITY,
        "number": number,
        "decision_number": number,
        "payment_id": payment["id"],
        "disclosure_id": view["disclosures"][0]["id"],
        "operation_id": operation["id"],
        "exchange_id": operation["attempts"][0]["exchanges"][0],
        "exception_id": odd["id"],
        "run_id": run["id"],
        "break_id": twice["id"],
        "proposal_id": proposal.id,
        "refund_id": (await site.get(f"/v1/payments/{payment['id']}/refunds"))[0]["id"],
        "channel": "nontax",
        "profile": "bank",
        "day": str(day),
        "period": str(day),
        "month": f"{day:%Y-%m}",
        "uscc": "92990102MA0WA4562J",
    }


def attack(operation: Any, key: str, things: dict[str, Any]) -> None:
    """Some requests to one operation, half of them about things that exist."""
    serial = iter(range(10**6))
    takes_anything = not (operation.path_parameters or operation.query or operation.headers or operation.body)
    modes = [GenerationMode.POSITIVE] if takes_anything else [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]

    @seed(20260915)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(modes))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if data.draw(st.booleans()):
            for name in case.path_parameters or {}:
                if name in things:
                    case.path_parameters[name] = things[name]
            for part in (case.query, case.body):
                if isinstance(part, dict):
                    part.update({name: things[name] for name in NAMED if name in part})
            if "Idempotency-Key" in (case.headers or {}):
                case.headers["Idempotency-Key"] = f"fuzz-{operation.path}-{next(serial)}"
        answer = case.call(headers={"Authorization": f"Bearer {key}"}, timeout=120)
        case.validate_response(answer, checks=PROMISES)

    run()


async def test_no_undeclared_status_no_other_shape_no_500(strict_site):
    site = strict_site
    things = await known(site)
    supervisor = await site.app.base.access.create_operator("fuzz", "模糊测试", "supervisor", "long-enough-password")
    keys = [site.key, (await site.app.base.access.issue_operator_key(supervisor.id, label="fuzz")).token]

    def everything() -> list[str]:
        schema = schemathesis.openapi.from_url(f"{site.url}/openapi.json", timeout=120)
        broken = []
        for number, result in enumerate(schema.get_all_operations()):
            operation = result.ok()
            for key in keys if WHOLE else [keys[number % 2]]:
                try:
                    attack(operation, key, things)
                except (Exception, BaseExceptionGroup) as failure:
                    broken.append(f"{operation.label}: {failure}")
        return broken

    broken = await asyncio.to_thread(everything)
    assert not broken, "\n\n".join(broken)

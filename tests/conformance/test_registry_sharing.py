"""The sharing adapter against the simulated registry over a socket, beyond what the conformance kit asks of any."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from gateway.adapters.registry.sharing import SharingRegistry
from gateway.foundation.wire import ChannelWire, Timeouts, WireTerms
from gateway.foundation.wire.signed import SignedSettings
from gateway.ports.base import RawExchange
from gateway.ports.registry import EntityRegistry
from gateway.words.clock import ManualClock, SystemClock
from gateway.words.errors import ContractError, DeniedError, OutcomeUnknownError, RejectedError

COMPANY = "91990102MA0HD1233R"
SHOP = "92990102MA0WA4562J"
QUICK = Timeouts(connect=5, read=1.5, write=5, total=5, pool=5)


@pytest.fixture
def exchanges() -> list[RawExchange]:
    """What the wire recorded."""
    return []


@pytest.fixture
async def open_registry(simulators, exchanges):
    """Makes adapters for the simulated registry, and closes them."""
    opened = []

    def make(*, secret: str | None = None, node: str | None = None, clock=None) -> SharingRegistry:
        clock = clock or SystemClock()
        known = simulators.credentials("registry")
        settings = SharingRegistry.Settings(node=node or known["node"], secret=secret or known["secret"])
        wire = ChannelWire(
            "registry",
            simulators.url("registry"),
            WireTerms(exchanges.append, timeouts=QUICK, sensitive=SharingRegistry.info.sensitive, clock=clock),
        )
        opened.append(SharingRegistry(settings, wire, clock))
        return opened[-1]

    yield make
    for adapter in opened:
        await adapter.close()


@pytest.fixture
def registry(open_registry) -> SharingRegistry:
    """An adapter that the registry lets in."""
    return open_registry()


async def test_a_code_leads_to_the_record_as_of_now(registry):
    assert isinstance(registry, EntityRegistry)
    record = await registry.by_code(COMPANY)
    assert (record.uscc, record.name, record.status) == (COMPANY, "恒筑建设有限公司", "operating")
    assert record.legal_representative == "齐远山"
    assert abs(record.as_of - datetime.now(UTC)) < timedelta(minutes=1)


async def test_names_are_found_and_an_exact_one_comes_first(registry, simulators):
    found = await registry.by_name("有限公司")
    assert {"恒筑建设有限公司", "安澜渡运有限公司"} <= {one.name for one in found}
    assert {one.status for one in found} >= {"operating", "revoked", "moved_out", "suspended", "other"}
    old = await registry.by_name("老埠头修车铺")
    assert [(one.uscc, one.name) for one in old] == [(None, "老埠头修车铺")]
    assert await registry.by_name("查无此店") == ()
    with pytest.raises(RejectedError, match="过于宽泛"):
        await registry.by_name("店")


async def test_changes_come_in_order_over_pages_and_never_twice(registry, simulators, monkeypatch):
    monkeypatch.setattr("gateway.adapters.registry.sharing.adapter.PAGE", 2)
    simulators.seed(registry={"alter": [{"uniscId": SHOP, "set": {"regState_CN": "注销"}, "on": "2026-11-02"}]})
    first = await registry.changes("")
    second = await registry.changes(first.next_cursor)
    assert (len(first.changes), first.more, len(second.changes), second.more) == (2, True, 1, False)
    assert second.changes[0].model_dump() == {
        "uscc": SHOP,
        "item": "登记状态变更",
        "before": "存续（在营、开业、在册）",
        "after": "注销",
        "changed_on": date(2026, 11, 2),
    }
    assert first.changes[0].item == "法定代表人变更"
    end = await registry.changes(second.next_cursor)
    assert (end.changes, end.next_cursor, end.more) == ((), second.next_cursor, False)
    with pytest.raises(RejectedError) as refused:
        await registry.changes("c999")
    assert refused.value.code == "R0409"


async def test_a_licence_token_leads_to_its_record_until_it_expires(registry, simulators):
    now = datetime.now(UTC)
    simulators.seed(
        registry={
            "tokens": [
                {"token": "EL-short-1", "uniscId": SHOP, "expires_at": (now + timedelta(seconds=300)).isoformat()}
            ]
        }
    )
    record = await registry.resolve_licence("EL-short-1")
    assert (record.name, record.category) == ("味安副食店", "individual_business")
    assert await registry.resolve_licence("nobody-knows-this") is None
    simulators.clock(advance_seconds=290)
    assert await registry.resolve_licence("EL-short-1") is not None
    simulators.seed(registry={"tokens": [{"token": "EL-short-2", "uniscId": SHOP, "expires_at": now.isoformat()}]})
    with pytest.raises(RejectedError, match="已过期"):
        await registry.resolve_licence("EL-short-2")


async def test_check_proves_that_we_are_known(registry):
    assert "reachable" in await registry.check()


@pytest.mark.parametrize("wrong", [{"secret": "somebody-elses-secret"}, {"node": "RK000000"}])
async def test_wrong_credentials_are_a_denial(open_registry, wrong):
    adapter = open_registry(**wrong)
    for question in (adapter.check(), adapter.by_code(COMPANY)):
        with pytest.raises(DeniedError):
            await question


async def test_a_clock_that_is_off_is_a_denial(open_registry):
    adapter = open_registry(clock=ManualClock(datetime.now(UTC) - timedelta(minutes=10)))
    with pytest.raises(DeniedError, match="R0402"):
        await adapter.by_code(COMPANY)


async def test_a_drip_ends_at_the_total_deadline_and_the_next_answer_is_good(registry, simulators):
    simulators.faults({"system": "registry", "operation": "by_code", "kind": "drip"})
    with pytest.raises(OutcomeUnknownError):
        await registry.by_code(COMPANY)
    simulators.clear_faults()
    assert (await registry.by_code(COMPANY)).uscc == COMPANY


async def test_a_signed_answer_to_another_question_is_refused(registry, simulators, monkeypatch):
    """A recorded answer played back verifies, but it carries the nonce of the question it was for."""
    first = await registry._wire.send("by_code", "POST", "v1/entities/by-code", **signed(simulators, COMPANY))
    assert first.status_code == 200

    async def replay(request):
        return httpx.Response(200, headers=first.headers, content=first.content, request=request)

    monkeypatch.setattr(registry._wire.http, "send", replay)
    with pytest.raises(ContractError, match="another question"):
        await registry.by_code(COMPANY)


def signed(simulators, code: str) -> dict:
    body = f'{{"uniscId": "{code}"}}'.encode()
    known = simulators.credentials("registry")
    signer = SignedSettings(node=known["node"], secret=known["secret"]).signer(SystemClock())
    return {"content": body, "headers": {"Content-Type": "application/json", **signer.sign(body)}}

"""Registration facts from registry to case system, over a socket and on both databases: dated, kept, told once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from foundation import foundation
from sqlalchemy import func, select

from gateway.adapters.registry.sharing import SharingRegistry
from gateway.foundation.channels import Channel, Channels
from gateway.foundation.delivery.events import EVERY
from gateway.foundation.evidence import verify
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.wire import ChannelWire, Timeouts, WireTerms
from gateway.rooms.entities import Alert, Entities
from gateway.rooms.entities.tables import entity_change, entity_snapshot
from gateway.words.clock import SystemClock
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, UnavailableProblem

COMPANY = "91990102MA0HD1233R"
SHOP = "92990102MA0WA4562J"
NOW = timedelta(0)


class House:
    """The entities room on a store of its own, with one registry channel."""

    def __init__(self, store, simulators, folder) -> None:
        self.store, self.simulators = store, simulators
        self.clock = SystemClock()
        self.wire = ChannelWire(
            "registry",
            simulators.url("registry"),
            WireTerms(
                lambda exchange: self.evidence.record(exchange),
                timeouts=Timeouts(connect=1, read=0.5, write=1, total=1, pool=1),
                sensitive=SharingRegistry.info.sensitive,
                clock=self.clock,
            ),
        )
        known = simulators.credentials("registry")
        settings = SharingRegistry.Settings(node=known["node"], secret=known["secret"])
        self.adapter = SharingRegistry(settings, self.wire, self.clock)
        info = SharingRegistry.info
        channel = Channel("registry", self.adapter, info, info.find, self.wire.base_url, self.wire)
        routes = {("city", "entities"): ("registry",), ("district", "entities"): ("registry",)}
        base = foundation(store, folder, self.clock, Channels({"registry": channel}, routes))
        self.events, self.evidence, self.envelope = base.events, base.evidence, base.envelope
        self.told: list[tuple[str, str, str]] = []
        self.events.subscribe(EVERY, lambda conn, event: self.told.append((event.type, event.subject, event.authority)))
        self.entities = Entities(base)

    def asked(self, operation: str = "by_code") -> int:
        return len(self.simulators.journal(system="registry", operation=operation))

    def alter(self, code: str, **members: str) -> None:
        self.simulators.seed(registry={"alter": [{"uniscId": code, "set": members}]})

    async def count(self, table) -> int:
        return await self.store.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())

    async def close(self) -> None:
        await self.evidence.close()
        await self.wire.close()


@pytest.fixture
async def house(store, simulators, tmp_path):
    """On SQLite and on PostgreSQL."""
    opened = House(store, simulators, tmp_path)
    yield opened
    await opened.close()


async def test_a_record_is_kept_with_its_date_and_asked_for_again_only_when_too_old(house):
    first = await house.entities.by_code("district", COMPANY)
    assert (first.record.name, first.asked, first.stale, first.version) == ("恒筑建设有限公司", True, False, 1)
    again = await house.entities.by_code("district", COMPANY)
    assert (again.asked, again.record, again.confirmed_at) == (False, first.record, first.confirmed_at)
    assert house.asked() == 1
    anew = await house.entities.by_code("district", COMPANY, max_age=NOW)
    assert anew.asked
    assert anew.version == 1
    assert anew.record.as_of >= first.record.as_of
    assert anew.confirmed_at > first.confirmed_at
    assert (house.asked(), await house.count(entity_snapshot)) == (2, 1)


@pytest.mark.parametrize("kind", ["more_elements", "empty_optionals", "other_order"])
async def test_a_registry_that_speaks_a_little_differently_is_understood(house, kind):
    plain = await house.entities.by_code("district", COMPANY)
    house.simulators.faults({"system": "registry", "kind": kind, "times": 0})
    again = await house.entities.by_code("district", COMPANY, max_age=NOW)
    assert again.asked
    assert again.record.model_dump(exclude={"as_of"}) == plain.record.model_dump(exclude={"as_of"})


async def test_a_changed_record_is_a_new_snapshot_and_whoever_looked_is_told_once(house):
    for authority in ("district", "city"):
        await house.entities.by_code(authority, COMPANY)
    house.alter(COMPANY, name="闻长堤", dom="安澜市望川区长堤大道68号")
    view = await house.entities.by_code("district", COMPANY, max_age=NOW)
    assert (view.version, view.record.legal_representative) == (2, "闻长堤")
    told = [(f"entity.{Alert.REPRESENTATIVE_CHANGED}", COMPANY, authority) for authority in ("city", "district")]
    assert house.told == told
    assert await house.entities.pull_changes("registry") == 4  # the same news over the feed
    assert house.told == told
    changes = await house.entities.changes("city", COMPANY)
    assert [(one.change.item, one.change.after, one.alert, one.source) for one in changes] == [
        ("法定代表人变更", "闻长堤", Alert.REPRESENTATIVE_CHANGED, "comparison"),
        ("住所变更", "安澜市望川区长堤大道68号", None, "comparison"),
        ("法定代表人变更", "闻长堤", Alert.REPRESENTATIVE_CHANGED, "feed"),
        ("住所变更", "安澜市望川区长堤大道68号", None, "feed"),
    ]
    assert changes[0].change.before == "齐远山"
    page = await house.entities.changes("city", COMPANY, limit=1)
    rest = await house.entities.changes("city", COMPANY, after=page[-1].id)
    assert [*page, *rest] == changes


async def test_the_feed_alerts_and_makes_the_snapshot_too_old_to_serve(house):
    await house.entities.by_code("district", SHOP)
    await house.entities.pull_changes("registry")
    house.told.clear()
    house.alter(SHOP, regState_CN="注销")
    assert await house.entities.pull_changes("registry") == 1
    assert await house.entities.pull_changes("registry") == 0
    assert house.told == [(f"entity.{Alert.DEREGISTERED}", SHOP, "district")]
    view = await house.entities.by_code("district", SHOP)
    assert (view.asked, view.record.status) == (True, "deregistered")
    assert len(house.told) == 1


async def test_changes_of_businesses_that_nobody_looked_up_are_not_kept(house):
    assert await house.entities.pull_changes("registry") == 2
    assert await house.count(entity_change) == 0
    with pytest.raises(NotFoundProblem):
        await house.entities.changes("district", COMPANY)


@pytest.mark.both_databases
async def test_many_questions_at_once_keep_one_snapshot_and_all_their_evidence(house):
    views = await asyncio.gather(*(house.entities.by_code("district", COMPANY, max_age=NOW) for _ in range(8)))
    assert {view.version for view in views} == {1}
    assert (await house.count(entity_snapshot), await house.count(exchange)) == (1, 8)


async def test_a_caller_that_hangs_up_leaves_the_evidence_of_what_was_asked(house):
    house.simulators.faults({"system": "registry", "kind": "silence"})
    asking = asyncio.create_task(house.entities.by_code("district", COMPANY))
    await house.simulators.journalled(system="registry", operation="by_code")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await house.evidence.flush()
    assert (await house.count(entity_snapshot), await house.count(exchange)) == (0, 1)


@pytest.mark.parametrize(("code", "after"), [("\x00" * 18, ""), ("x", ""), (COMPANY, "chg_\x00"), (COMPANY, "1")])
@pytest.mark.cases_by_day(3)
async def test_changes_asked_for_with_nonsense_are_refused(house, code, after):
    with pytest.raises(InvalidProblem):
        await house.entities.changes("district", code, after=after)


async def test_an_old_record_is_served_when_the_registry_is_down_only_if_the_caller_allows(house):
    fresh = await house.entities.by_code("district", COMPANY)
    house.simulators.faults({"system": "registry", "kind": "refuse"})
    with pytest.raises(UnavailableProblem) as caught:
        await house.entities.by_code("district", COMPANY, max_age=NOW)
    assert caught.value.type == "registry-unreachable"
    stale = await house.entities.by_code("district", COMPANY, max_age=NOW, allow_stale=True)
    assert (stale.stale, stale.asked, stale.record, stale.confirmed_at) == (
        True,
        False,
        fresh.record,
        fresh.confirmed_at,
    )
    with pytest.raises(UnavailableProblem):
        await house.entities.by_code("district", SHOP, allow_stale=True)
    house.simulators.clear_faults()
    assert not (await house.entities.by_code("district", COMPANY, max_age=NOW, allow_stale=True)).stale


@pytest.mark.parametrize(
    ("kind", "type"),
    [
        ("busy", "registry-busy"),
        ("silence", "registry-unreachable"),
        ("bad_signature", "registry-answer-broken"),
        ("unknown_status", "registry-answer-broken"),
        ("wrong_code", "registry-answer-broken"),
    ],
)
@pytest.mark.cases_by_day(3)
async def test_what_cannot_be_trusted_is_named_and_nothing_of_it_is_kept(house, kind, type):
    house.simulators.faults({"system": "registry", "kind": kind})
    with pytest.raises(UnavailableProblem) as caught:
        await house.entities.by_code("district", COMPANY)
    assert caught.value.type == type
    assert caught.value.cure
    assert (await house.count(entity_snapshot), await house.count(exchange)) == (0, 1)


@pytest.mark.parametrize("code", ["91990102MA0HD1233S", "0" * 17 + "X", "short", ""])
@pytest.mark.cases_by_day(3)
async def test_a_wrong_code_is_refused_before_anybody_is_asked(house, code):
    with pytest.raises(InvalidProblem) as caught:
        await house.entities.by_code("district", code)
    assert caught.value.field == "uscc"
    assert house.asked() == 0


async def test_a_code_that_is_not_registered_is_not_found_and_the_asking_is_evidence(house):
    with pytest.raises(NotFoundProblem):
        await house.entities.by_code("district", "91350100M000100Y43")
    assert await house.count(exchange) == 1


async def test_a_licence_is_scanned_into_a_verified_record(house):
    view = await house.entities.scan("district", house.simulators.credentials("registry")["licence_qr"])
    assert (view.record.uscc, view.record.name) == (SHOP, "味安副食店")
    text = await house.entities.scan("district", f"统一社会信用代码：{COMPANY}；名称：恒筑建设有限公司")
    assert text.record.uscc == COMPANY
    assert house.asked("resolve_licence") == 1
    assert (await house.entities.by_code("district", SHOP)).asked is False


async def test_an_old_business_without_a_unified_code_is_kept_under_its_number(house):
    view = await house.entities.scan("district", "http://www.gsxt.gov.cn/%7BKc72vLq0sRw9yBn4Xe-1716192000000%7D")
    assert (view.record.uscc, view.record.registration_number) == (None, "990102600001188")
    assert await house.entities.changes("district", "990102600001188") == []


@pytest.mark.parametrize(
    ("text", "problem", "type"),
    [
        ("EL20240520T0930x8Qm2", InvalidProblem, "rejected-by-registry"),
        ("http://www.gsxt.gov.cn/%7Bnobodyknowsthis-1716192000000%7D", NotFoundProblem, "not-found"),
        ("http://evil.example/%7BPFXuY0aBcd83kqPw51ZmTn-1716192000000%7D", InvalidProblem, "licence-unreadable"),
    ],
)
@pytest.mark.cases_by_day(2)
async def test_an_expired_unknown_or_foreign_licence_has_its_own_answer(house, text, problem, type):
    with pytest.raises(problem) as caught:
        await house.entities.scan("district", text)
    assert caught.value.type == type


async def test_names_are_searched_live(house):
    found = await house.entities.by_name("district", " 恒筑 ")
    assert [(one.uscc, one.name) for one in found] == [(COMPANY, "恒筑建设有限公司")]
    assert await house.entities.by_name("district", "查无此店") == ()
    for name in ("店", "", "a\x00b"):
        with pytest.raises(InvalidProblem):
            await house.entities.by_name("district", name)


async def test_an_authority_without_a_registry_is_told_so(house):
    with pytest.raises(ConflictProblem) as caught:
        await house.entities.by_code("nowhere", COMPANY)
    assert caught.value.type == "no-channel"


async def test_no_name_of_a_person_lies_open_in_the_database(house):
    await house.entities.by_code("district", SHOP)
    house.alter(SHOP, name="丁望川")
    await house.entities.pull_changes("registry")

    def everything(conn) -> str:
        tables = (entity_snapshot, entity_change, exchange)
        rows = [row for table in tables for row in conn.execute(select(table)).all()]
        return "".join(
            value.decode(errors="ignore") if isinstance(value, bytes) else str(value) for row in rows for value in row
        )

    stored = await house.store.read(everything)
    assert SHOP in stored
    for person in ("罗巧云", "丁望川", "味安副食店", "石渡平"):
        assert person not in stored


async def test_the_evidence_of_every_question_verifies(house):
    await house.entities.by_code("district", COMPANY)
    await house.entities.pull_changes("registry")
    await house.evidence.sign_head()
    report = await house.store.read(lambda conn: verify(conn, house.evidence.verifier()))
    assert report.ok
    assert await house.count(exchange) == 2


@pytest.mark.parametrize(("name", "hidden"), [("罗巧云", True), ("恒筑建设", False)])
@pytest.mark.cases_by_day(2)
async def test_the_name_of_a_person_who_was_looked_up_is_not_read_in_evidence(house, name, hidden):
    await house.entities.by_name("district", name)
    await house.evidence.flush()
    query = select(exchange.c.id).where(exchange.c.action == "by_name")
    (exchange_id,) = await house.store.read(lambda conn: conn.execute(query).scalars().all())
    shown = await house.evidence.held(exchange_id)
    assert (name not in shown.request + shown.response) == hidden
    opened = await house.store.read(lambda conn: house.evidence.open(conn, exchange_id))
    assert name in opened.exact.request_body.decode(), "the exact bytes keep it"

"""Each handing over of personal data is written down once, and only where a natural person's data may have left."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.foundation.handovers import DataKind, HandoverFilter, HandsOver, check_bases, find
from gateway.ports.base import FindGuarantee
from gateway.ports.credit import DisclosedParty, DisclosureKey, DisclosureRecord, RepairRequest, SubmitRequest
from gateway.ports.nontax import IssueRequest, RefundRequest
from gateway.rooms.disclosures import questions
from gateway.rooms.payments import bill
from gateway.rooms.refunds.filing import _hands_over as of_refund
from gateway.words.errors import (
    BusyError,
    NotSentError,
    RejectedError,
    SettingsError,
    UnavailableProblem,
    UnsupportedError,
)
from gateway.words.masking import may_be_a_person
from gateway.words.saying import Language, say, worded
from tests.delivery_bench import Bench
from tests.unit.entities.test_entities_service import Room as Entities

HANDED = HandsOver((DataKind.NAME, DataKind.PHONE), "某规定第一条")
ENDED = ("done", "rejected", "queued", "uncertain", "parked")
NAME, NUMBER, PHONE = DataKind.NAME, DataKind.NUMBER, DataKind.PHONE


@pytest.fixture
def bench(store: Any, tmp_path: Any) -> Bench:
    made = Bench(store, tmp_path, FindGuarantee(consistent=True))
    actions = made.delivery.node.actions
    actions["test.effect"] = replace(actions["test.effect"], hands_over=lambda _: HANDED)
    return made


@pytest.mark.parametrize("language", Language)
def test_every_kind_of_data_has_a_name_at_the_terminal(language: Language) -> None:
    assert all(worded(say(f"handovers.kind_{one.value}"), language) for one in DataKind)


async def rows(store: Any, **wanted: Any) -> list[Any]:
    found: list[Any] = await store.read(lambda conn: find(conn, HandoverFilter(**wanted)))
    return found


@pytest.mark.parametrize("answer", ["ok", "effect then silence", RejectedError("no", "1"), BusyError("busy")])
async def test_a_call_that_may_have_left_leaves_one_row(bench, answer):
    bench.side.calls = [answer]
    operation = await bench.send()
    await bench.until(operation, *ENDED)
    (row,) = await rows(bench.store)
    assert (row.recipient, row.system, row.kinds, row.basis) == ("nontax", "nontax.script", HANDED.kinds, HANDED.basis)
    assert row.operation_id == operation
    assert row.id[4:] == operation[4:]


async def test_what_is_tried_and_asked_about_again_has_one_row_all_the_same(bench):
    bench.side.calls = [BusyError("busy"), "effect then silence"]
    await bench.delivery.start()
    await bench.until(await bench.send(), "done")
    await bench.delivery.stop()
    assert len(await rows(bench.store)) == 1


@pytest.mark.parametrize("answer", [NotSentError("refused"), UnsupportedError("no such thing")])
async def test_a_call_that_provably_did_not_leave_leaves_none(bench, answer):
    bench.side.calls = [answer] * 50
    operation = await bench.send()
    await bench.until(operation, *ENDED)
    assert await rows(bench.store) == []


def of_payer(**payer: Any) -> IssueRequest:
    line = {"item_code": "1", "item_name": "罚款", "amount": 100}
    told = {"reference": "r", "region": "1", "unit_code": "1", "unit_name": "局", "decision_number": "1", "total": 100}
    return IssueRequest(**told, lines=[line], bill_date=date(2026, 9, 16), **payer)


def test_a_bill_tells_of_natural_persons_only():
    person = bill.hands_over(of_payer(payer_name="罗巧云", payer_phone="13800138000", payer_is_person=True))
    assert person is not None
    assert person.kinds == (NAME, PHONE)
    assert bill.hands_over(of_payer(payer_name="恒筑建设有限公司", payer_code="91990102MA0HD1233R")) is None


def of_party(**party: Any) -> HandsOver | None:
    words = dict.fromkeys(("decision_number", "authority_name", "authority_code", "source_name", "source_code"), "x")
    texts = dict.fromkeys(("violation", "facts", "basis", "content"), "x")
    days = dict.fromkeys(("decided_on", "valid_until", "publish_until"), date(2026, 9, 16))
    told = DisclosureRecord(party=DisclosedParty(**party), penalty_kinds=("罚款",), **words, **texts, **days)
    return questions.hands_over(SubmitRequest(reference="r", record=told))


def test_a_publication_tells_of_the_person_or_of_who_represents_the_organisation():
    person = of_party(category="natural_person", name="罗巧云", id_number="11010519491231002X")
    assert person is not None
    assert person.kinds == (NAME, NUMBER)
    assert of_party(category="organisation", name="恒筑建设有限公司") is None
    represented = of_party(category="organisation", name="恒筑建设有限公司", legal_representative="齐远山")
    assert represented is not None
    assert represented.kinds == (DataKind.REPRESENTATIVE,)


@pytest.mark.parametrize(("name", "kinds"), [("罗某某", (NAME,)), ("恒筑建设有限公司", None)])
def test_the_end_of_a_publication_tells_the_name_by_which_it_is_found(name, kinds):
    key = DisclosureKey(decision_number="1", authority_code="1", party_name=name)
    handed = questions.hands_over(RepairRequest(reference="r", key=key, repair_number="1"))
    assert (handed and handed.kinds) == kinds


@pytest.mark.parametrize(("name", "kinds"), [("李会明", (NAME, DataKind.ACCOUNT)), ("恒筑建设有限公司", None)])
def test_a_refund_tells_the_account_of_a_person(name, kinds):
    told = {"reference": "r", "code": "1", "bank_serial": "1", "amount": 1, "reason": "x", "payee_bank": "某行"}
    handed = of_refund(RefundRequest(**told, payee_name=name, payee_account="6222000000001234"))
    assert (handed and handed.kinds) == kinds


@pytest.mark.parametrize("name", ["张三", "李会明", "买买提·艾力", "欧阳行之"])
def test_a_name_of_a_person_is_taken_for_one(name):
    assert may_be_a_person(name)


@pytest.mark.parametrize("name", ["老王面馆", "恒筑建设有限公司", "望江饭店"])
def test_a_name_of_a_business_is_not(name):
    assert not may_be_a_person(name)


async def test_a_look_up_by_a_persons_name_is_written_down_for_each_registry_it_reached(store, tmp_path):
    room = Entities(store, tmp_path)
    room.province.names = NotSentError("refused")
    await room.entities.by_name("one", "恒筑建设")
    assert await rows(store) == []
    with pytest.raises(UnavailableProblem):
        await room.entities.by_name("both", "罗巧云")
    (row,) = await rows(store, kind=NAME)
    assert (row.recipient, row.system, row.kinds) == ("city", "registry.script", (NAME,))
    assert await rows(store, kind=PHONE) == []
    assert "罗巧云" not in str(row)


async def test_an_organ_says_on_what_basis_it_hands_over_and_a_misspelt_occasion_stops_the_start(bench):
    bench.delivery.node.bases["test.effect"] = "本局规定第三条"
    bench.side.calls = ["ok"]
    await bench.until(await bench.send(), "done")
    (row,) = await rows(bench.store)
    assert row.basis == "本局规定第三条"
    assert HANDED.on({"bundle": "x"}, "exact") == HANDED
    check_bases({"test.effect": "x", "bundle": "x"}, {"test.effect"})
    with pytest.raises(SettingsError, match=r"test\.efect"):
        check_bases({"test.efect": "x"}, {"test.effect"})

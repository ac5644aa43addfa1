"""Whether, by when and until when a decision is published: vectors of the law."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.decisions import Decision, DecisionFacts, Party, PartyKind
from gateway.rooms.disclosures import doctor
from gateway.rooms.disclosures.deadlines import seriousness, submit_by, withdraw_by
from gateway.rooms.disclosures.publication import Organ, Plan, Refusal, plan, record
from gateway.rooms.disclosures.rules import Rules, load
from gateway.words.calendar import WorkingCalendar
from gateway.words.masking import Public
from gateway.words.terms import add_months

RULES = load()
CALENDAR = WorkingCalendar()
CREDIT, PORTAL = RULES.targets["credit.creditchina"], RULES.targets["credit.portal"]
ORGAN = Organ("安澜市望川区综合行政执法局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
FIRM = Party(
    kind=PartyKind.ORGANISATION, name="恒筑建设有限公司", uscc="91990102MA0HD1233R", legal_representative="齐远山"
)
PERSON = Party(
    kind=PartyKind.NATURAL_PERSON, name="岑立秋", id_type="身份证", id_number="990102198803121011", phone="13900001111"
)


def facts(**changes) -> DecisionFacts:
    known = {
        "procedure": "ordinary",
        "party": FIRM,
        "violation": "未按规定设置围挡",
        "facts": "2026年3月2日检查发现工地未设置围挡。",
        "basis": "《安澜市建设工地管理办法》第九条",
        "penalty_kinds": ("罚款",),
        "content": "罚款人民币80000元",
        "fine": "80000.00",
        "decided_on": date(2026, 4, 1),
    }
    return DecisionFacts.model_validate(known | changes)


def planned(given_facts: DecisionFacts, profile=CREDIT, today: date = date(2026, 4, 2), **more) -> Plan | Refusal:
    return plan(given_facts, profile, RULES, CALENDAR, today=today, **more)


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decided", "last"),
    [
        (date(2026, 2, 12), date(2026, 2, 28)),
        (date(2026, 9, 21), date(2026, 10, 8)),
        (date(2025, 9, 26), date(2025, 10, 13)),
    ],
)
def test_seven_working_days_run_over_holidays_and_swap_days(decided, last):
    deadline = submit_by(decided, CREDIT, CALENDAR)
    assert (deadline.on, deadline.provisional) == (last, False)


def test_a_deadline_beyond_the_published_calendar_says_so():
    assert submit_by(date(2026, 12, 28), CREDIT, CALENDAR).provisional


@pytest.mark.parametrize(
    ("happened", "last"), [(date(2026, 9, 24), date(2026, 9, 30)), (date(2026, 1, 1), date(2026, 1, 6))]
)
def test_three_working_days_to_withdraw(happened, last):
    deadline = withdraw_by(happened, RULES, CALENDAR)
    assert deadline.on == last
    assert "第四十八条" in deadline.citation


def test_months_end_on_the_last_day_where_there_is_no_such_day():
    assert add_months(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert add_months(date(2023, 11, 30), 3) == date(2024, 2, 29)


@given(st.dates(date(2019, 7, 1), date(2090, 1, 1)), st.integers(0, 60), st.integers(0, 60))
def test_longer_periods_never_end_earlier(day, shorter, more):
    assert day <= add_months(day, shorter) <= add_months(day, shorter + more)


# --- regimes --------------------------------------------------------------------------------------------------------


def test_twins_decided_on_either_side_of_the_new_order_fall_under_different_ones():
    before, after = planned(facts(decided_on=date(2026, 3, 31))), planned(facts(decided_on=date(2026, 4, 1)))
    assert isinstance(before, Plan)
    assert isinstance(after, Plan)
    assert "第58号" in before.citation
    assert "第36号" in after.citation
    assert before.until == date(2029, 3, 31)
    assert after.until == date(2027, 4, 1)
    assert (before.repair_from, after.repair_from) == (date(2026, 6, 30), date(2026, 7, 1))


@pytest.mark.parametrize(
    ("changes", "months_shown"),
    [
        ({"seriousness": "general"}, 12),
        ({"seriousness": "serious"}, 36),
        ({"field_of_law": "food"}, 12),  # order 36 leaves the class to the sector authority
        ({"field_of_law": "food", "decided_on": date(2026, 3, 31)}, 36),
        ({"decided_on": date(2020, 5, 6)}, 12),
        ({"seriousness": "serious", "decided_on": date(2020, 5, 6)}, 36),
    ],
)
def test_the_maximum_period_follows_class_and_order(changes, months_shown):
    decision = facts(**changes)
    found = planned(decision, today=decision.decided_on)
    assert isinstance(found, Plan)
    assert found.until == add_months(decision.decided_on, months_shown)


@pytest.mark.parametrize(
    "changes",
    [
        {"procedure": "simple"},
        {"penalty_kinds": ("警告",), "fine": None},
        {"penalty_kinds": ("警告", "通报批评"), "fine": None},
        {"seriousness": "minor"},
    ],
)
def test_a_minor_decision_is_not_on_credit_china_unless_a_reason_is_recorded(changes):
    refusal = planned(facts(**changes))
    assert isinstance(refusal, Refusal)
    assert refusal.overridable
    assert "第36号" in refusal.citation
    overridden = planned(facts(**changes), override_reason="影响公众人身安全")
    assert isinstance(overridden, Plan)
    assert overridden.until == date(2026, 7, 1)
    assert isinstance(planned(facts(**changes), PORTAL), Plan)


def test_the_sector_authority_decides_the_class():
    regime = RULES.regime_of(date(2026, 4, 1))
    assert regime is not None
    assert seriousness(facts(procedure="simple", seriousness="general"), regime) == "general"


def test_decisions_before_any_known_order_and_periods_already_over_are_not_published():
    assert isinstance(planned(facts(decided_on=date(2019, 6, 30))), Refusal)
    over = planned(facts(decided_on=date(2024, 4, 1), seriousness="general"), today=date(2027, 4, 2))
    assert isinstance(over, Refusal)
    assert "2027-04-01" in over.reason


@given(st.dates(date(2019, 7, 1), date(2060, 1, 1)))
def test_every_day_of_decision_falls_under_exactly_one_order(day):
    assert sum(regime.covers(day) for regime in RULES.regimes) == 1


def test_overlapping_orders_are_refused_when_the_rules_are_read():
    document = RULES.model_dump(by_alias=True)
    document["regimes"][1]["until"] = None
    with pytest.raises(ValueError, match="overlap"):
        Rules.model_validate(document)


# --- exclusions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [CREDIT, PORTAL])
@pytest.mark.parametrize(
    "changes",
    [
        {"field_of_law": "public_security"},
        {"withheld": "state_secret"},
        {"withheld": "privacy"},
        {"party_is_minor": True},
    ],
)
def test_what_the_law_forbids_is_published_nowhere_whatever_the_reason(profile, changes):
    refusal = planned(facts(**changes), profile, override_reason="上级要求")
    assert isinstance(refusal, Refusal)
    assert not refusal.overridable
    assert refusal.citation


def test_public_security_records_are_sealed_from_2026_on():
    old = facts(field_of_law="public_security", decided_on=date(2025, 6, 3))
    assert isinstance(planned(old, today=date(2025, 6, 4)), Plan)
    sealed = planned(old, today=date(2026, 1, 1))
    assert isinstance(sealed, Refusal)
    assert "一百三十六条" in sealed.citation


# --- the words that leave us ----------------------------------------------------------------------------------------


def leaving(given_facts: DecisionFacts, profile, full_text: Public | None = None):
    decision = Decision("dec_1", "wangchuan", "安望综执罚决〔2026〕118号", 1, given_facts, (), 0, 0)
    return record(decision, ORGAN, profile, date(2027, 4, 1), full_text)


def test_natural_persons_stay_off_portals_and_travel_whole_to_credit_china():
    person = facts(party=PERSON, procedure="ordinary")
    assert isinstance(planned(person, PORTAL), Refusal)
    sent = leaving(person, CREDIT)
    assert (sent.party.name, sent.party.id_number) == ("岑立秋", "990102198803121011")


def test_a_masking_target_gets_neither_name_nor_number_anywhere():
    words = "岑立秋（身份证号990102198803121011，电话13900001111）占道经营"
    person = facts(party=PERSON, facts=words, content="对岑立秋罚款80000元", full_text=words)
    sent = leaving(person, PORTAL.model_copy(update={"natural_persons": "masked"}))
    text = sent.model_dump_json()
    assert sent.party.name == "岑某某"
    for hidden in ("岑立秋", "990102198803121011", "13900001111"):
        assert hidden not in text


def test_full_text_goes_only_where_the_profile_wants_it():
    decision = facts(full_text="决定书全文")
    assert leaving(decision, PORTAL, Public("决定书")).full_text == "决定书"
    assert leaving(decision, CREDIT, Public("决定书")).full_text is None
    assert leaving(decision, PORTAL).full_text is None, "nobody has confirmed what is hidden in it"


def test_a_shop_that_bears_a_persons_name_is_masked_where_persons_are():
    shop = {
        "kind": "individual_business",
        "name": "岑立秋",
        "uscc": "92990102MA0WA4562J",
        "legal_representative": "岑立秋",
    }
    named = facts(party=shop, facts="岑立秋占道经营")
    assert leaving(named, CREDIT).party.name == "岑立秋", "over a private link the registered name is the key"
    sent = leaving(named, PORTAL)
    assert (sent.party.name, sent.facts) == ("岑某某", "岑某某占道经营")


# --- what is to be confirmed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("adapters", "told"),
    [
        (["nontax.soap"], []),
        (["credit.portal"], [f"credit.portal: {one}" for one in PORTAL.confirm]),
        (["credit.creditchina"], ["the class of a decision to which the sector authority gave none"]),
    ],
)
def test_doctor_lists_what_is_to_be_confirmed_for_the_configured_targets_alone(adapters, told):
    settings: Any = SimpleNamespace(channels={name: SimpleNamespace(adapter=name) for name in adapters})
    found = list(doctor.look(settings, lambda _: None))
    assert [one.state for one in found] == ["warn"] * bool(told)
    assert all(text in found[0].detail for text in told)

"""Whether, by when and until when a decision is published: vectors of the law."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.decisions import Decision, DecisionFacts, Party, PartyKind
from gateway.rooms.disclosures import doctor
from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.deadlines import degree, submit_by, withdraw_by
from gateway.rooms.disclosures.judging import Bench, Judgement, Plan, Refusal, Wanting
from gateway.rooms.disclosures.publication import Organ, record
from gateway.rooms.disclosures.rules import Rules, load
from gateway.words.calendar import WorkingCalendar
from gateway.words.masking import Public
from gateway.words.personal import in_full
from gateway.words.saying import Both
from gateway.words.terms import add_months

RULES = load()
CALENDAR = WorkingCalendar()
CREDIT, PORTAL, GSXT = "credit.creditchina", "credit.portal", "credit.gsxt"
ORGAN = Organ("安澜市望川区综合行政执法局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
FIRM = Party(
    kind=PartyKind.ORGANISATION, name="恒筑建设有限公司", uscc="91990102MA0HD1233R", legal_representative="齐远山"
)
PERSON = Party(
    kind=PartyKind.NATURAL_PERSON, name="岑立秋", id_type="身份证", id_number="990102198803121011", phone="13900001111"
)


STANDARD = {"seriousness_standard": "安澜市失信行为分类标准", "seriousness_standard_on": date(2026, 3, 1)}


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
        "seriousness": "general",
        **STANDARD,
    }
    told = known | changes
    if told["seriousness"] is None:
        told |= dict.fromkeys(STANDARD)
    return DecisionFacts.model_validate(told)


def case(given_facts: DecisionFacts, target: str = CREDIT, organ: str = ORGAN.code) -> Case:
    return Case(given_facts, organ, target, target)


def planned(
    given_facts: DecisionFacts,
    target: str = CREDIT,
    today: date = date(2026, 4, 2),
    organ: str = ORGAN.code,
    rules: Rules = RULES,
    older: Any = "own",
    **more,
) -> Judgement:
    bench = Bench(rules, CALENDAR, today, older)
    return bench.judge(case(given_facts, target, organ), rules.targets[target], **more)


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
    deadline = submit_by(case(facts(decided_on=decided)), RULES, CALENDAR)
    assert deadline is not None
    assert (deadline.on, deadline.provisional) == (last, False)


def test_a_deadline_beyond_the_published_calendar_says_so():
    deadline = submit_by(case(facts(decided_on=date(2026, 12, 28))), RULES, CALENDAR)
    assert deadline is not None
    assert deadline.provisional


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
        ({"decided_on": date(2020, 5, 6), "seriousness": None, "procedure": "simple"}, 12),
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
        {"procedure": "simple", "seriousness": None},
        {"penalty_kinds": ("警告",), "fine": None, "seriousness": None},
        {"penalty_kinds": ("警告", "通报批评"), "fine": None, "seriousness": None},
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
    regime = RULES.regime_of("credit_china", date(2026, 4, 1))
    assert regime is not None
    found = degree(case(facts(procedure="simple", seriousness="general")), regime)
    assert found is not None
    assert (found.word, found.by) == ("general", "authority")


def test_decisions_before_any_known_order_and_periods_already_over_are_not_published():
    assert isinstance(planned(facts(decided_on=date(2019, 6, 30))), Refusal)
    over = planned(facts(decided_on=date(2024, 4, 1), seriousness="general"), today=date(2027, 4, 2))
    assert isinstance(over, Refusal)
    assert "2027-04-01" in over.reason


# --- the class of a decision ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "word", "marked"),
    [
        (("警告",), "minor", False),
        (("警告", "没收非法财物"), "general", False),
        (("没收违法所得",), "general", True),
        (("吊销许可证件",), "serious", False),
        (("吊销营业执照", "罚款"), "serious", False),
        (("限制从业", "警告"), "serious", False),
        (("责令停产停业",), "serious", True),
        (("责令关闭",), "serious", True),
        (("限制开展生产经营活动",), "serious", True),
        (("其他-责令改正",), "general", False),
    ],
)
def test_order_36_takes_the_gravest_of_several_kinds(kinds, word, marked):
    given_facts = facts(penalty_kinds=kinds, fine="1.00" if "罚款" in kinds else None, seriousness=None)
    found = planned(given_facts)
    if word == "minor":
        assert isinstance(found, Refusal)
        return
    assert isinstance(found, Plan)
    assert (found.degree.word, bool(found.degree.confirm)) == (word, marked)
    assert found.until == add_months(date(2026, 4, 1), 36 if word == "serious" else 12)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"seriousness": None}, {"seriousness"}),
        ({"penalty_kinds": ("罚款", "没收非法财物"), "seriousness": None}, {"seriousness"}),
        ({"seriousness_standard": None}, {"seriousness_standard"}),
        (dict.fromkeys(STANDARD), {"seriousness_standard", "seriousness_standard_on"}),
    ],
)
def test_a_fine_is_not_planned_without_the_authoritys_class_and_its_standard(changes, wanted):
    found = planned(facts(**changes))
    assert isinstance(found, Wanting)
    assert found.fields.keys() == wanted
    assert "第36号" in found.citation
    before = planned(facts(**changes, decided_on=date(2026, 3, 31)))
    assert isinstance(before, Plan), "order 58 leaves no fine to the authority"
    assert isinstance(planned(facts(**changes), PORTAL), Plan)


@pytest.mark.parametrize("field", ["food", "drug", "special_equipment", "work_safety", "fire"])
@pytest.mark.parametrize(("word", "months"), [("general", 12), ("serious", 12), (None, 12)])
def test_the_minimum_of_order_58_is_the_larger_of_class_and_sector(field, word, months):
    decided = date(2026, 3, 31)
    found = planned(facts(field_of_law=field, seriousness=word, decided_on=decided))
    assert isinstance(found, Plan)
    assert found.repair_from == add_months(decided, months)
    elsewhere = planned(facts(field_of_law="traffic", seriousness="general", decided_on=decided))
    assert isinstance(elsewhere, Plan)
    assert elsewhere.repair_from == add_months(decided, 3)


# --- older decisions, regions, relay --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("older", "until"), [("own", date(2029, 3, 31)), ("milder", date(2027, 3, 31)), ("newest", date(2027, 3, 31))]
)
def test_a_setting_says_under_which_order_older_decisions_are(older, until):
    found = planned(facts(decided_on=date(2026, 3, 31)), older=older)
    assert isinstance(found, Plan)
    assert found.until == until


def test_a_region_shortens_the_longest_period_from_the_end_of_the_act():
    jinan, act = ORGAN.code[:2] + "370102" + ORGAN.code[8:], date(2025, 6, 30)
    grave = facts(seriousness="serious", violation_on=act, decided_on=date(2026, 4, 1))
    found = planned(grave, PORTAL, organ=jinan)
    assert isinstance(found, Plan)
    assert found.until == date(2030, 6, 30), "five years from the act, not from the decision"
    assert "山东省社会信用条例" in found.citation
    here = planned(grave, PORTAL)
    assert isinstance(here, Plan)
    assert here.until == date(2031, 4, 1)


@pytest.mark.parametrize(("division", "procedure", "shown"), [("37", "ordinary", False), ("41", "ordinary", True)])
def test_regions_that_show_no_natural_persons_also_close_the_private_link(division, procedure, shown):
    organ = ORGAN.code[:2] + division + ORGAN.code[4:]
    person = facts(party=PERSON, procedure=procedure)
    assert isinstance(planned(person, CREDIT, organ=organ), Plan) is shown
    simple = planned(facts(party=PERSON, procedure="simple", seriousness="general"), CREDIT, organ=organ)
    assert isinstance(simple, Refusal)


def test_a_firm_of_another_province_is_passed_on_in_ten_days_and_shown_ten_later():
    elsewhere = FIRM.model_copy(update={"uscc": "91110108MA01A2B32G"})
    found = planned(facts(party=elsewhere, field_of_law="market", decided_on=date(2026, 4, 1)), GSXT)
    assert isinstance(found, Plan)
    assert (found.by.pass_on, found.by.on) == (date(2026, 4, 16), date(2026, 4, 30))
    assert "第十条" in found.by.citation
    here = planned(facts(field_of_law="market", decided_on=date(2026, 4, 1)), GSXT)
    assert isinstance(here, Plan)
    assert (here.by.pass_on, here.by.on) == (None, date(2026, 4, 30))


def test_a_period_that_runs_from_publication_is_counted_anew_when_that_day_is_known():
    market = facts(field_of_law="market", decided_on=date(2026, 4, 1))
    first = planned(market, GSXT, today=date(2026, 4, 2))
    shown = planned(market, GSXT, today=date(2026, 5, 2), published_on=date(2026, 4, 20))
    assert isinstance(first, Plan)
    assert isinstance(shown, Plan)
    assert (first.until, shown.until) == (date(2027, 4, 2), date(2027, 4, 20))


def test_the_rule_of_the_market_regulators_follows_the_day_of_publication():
    market = facts(field_of_law="market", decided_on=date(2025, 12, 20), seriousness="general")
    before = planned(market, GSXT, today=date(2025, 12, 24))
    after = planned(market, GSXT, today=date(2025, 12, 25))
    assert isinstance(before, Plan)
    assert isinstance(after, Plan)
    assert (before.until, after.until) == (date(2028, 12, 24), date(2026, 12, 25))


# --- an organ's own rows --------------------------------------------------------------------------------------------


OWN = """
[[regime]]
name = "two years here"
family = "portal"
from = 2026-01-01
citation = "安澜市行政执法公示办法 第十条"
unclassified = "general"
minor = { published = true, minimum = 0, maximum = 24 }
general = { published = true, minimum = 0, maximum = 24 }
serious = { published = true, minimum = 0, maximum = 24 }

[[term]]
targets = ["credit.portal"]
from = 2018-12-05
working_days = 5
citation = "安澜市行政执法公示办法 第八条"

[[exclusion]]
when = { penalty = ["没收非法财物"] }
targets = ["credit.portal"]
from = 2026-04-02
reason = "不在本市公示平台公示"
citation = "安澜市行政执法公示办法 第九条"
overridable = true
"""


def test_an_organs_own_rows_win_and_say_only_somewhere(tmp_path):
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    rules = RULES.with_files([tmp_path / "own.toml"])
    found = planned(facts(), PORTAL, rules=rules)
    assert isinstance(found, Plan)
    assert (found.until, found.by.on) == (date(2028, 4, 1), date(2026, 4, 9))
    taken = facts(penalty_kinds=("没收非法财物",), fine=None)
    refusal = planned(taken, PORTAL, rules=rules)
    assert isinstance(refusal, Refusal)
    assert refusal.overridable
    assert refusal.since == date(2026, 4, 2)
    assert isinstance(planned(taken, PORTAL, rules=rules, override_reason="影响公众安全"), Plan)
    assert isinstance(planned(taken, CREDIT, rules=rules), Plan), "only there"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[terms]]\nworking_days = 1", "terms"),
        ("[[term]]\nfrom = 2026-01-01\nworking_days = 0\ncitation = 'x'", "working_days"),
        ("[[exclusion]]\nfrom = 2026-01-01\nreason = 'x'\ncitation = 'x'\nwhen = { statutes = [''] }", "statute"),
        ("[[term]", "own.toml"),
    ],
)
def test_a_file_that_is_not_right_is_named_with_its_place(tmp_path, text, named):
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=named):
        RULES.with_files([tmp_path / "own.toml"])


@given(st.dates(date(2019, 7, 1), date(2060, 1, 1)), st.sampled_from(["credit_china", "portal"]))
def test_every_day_of_decision_falls_under_an_order_that_has_begun(day, family):
    regime = RULES.regime_of(family, day)
    assert regime is not None
    assert regime.since <= day


def test_two_orders_of_one_family_from_one_day_are_refused():
    document = RULES.model_dump(by_alias=True)
    document["regime"][1]["from"] = document["regime"][0]["from"]
    with pytest.raises(ValueError, match="two regimes"):
        Rules.model_validate(document)


def test_the_digest_changes_on_the_day_on_which_a_row_begins_and_on_no_other():
    days = [date(2025, 12, 20) + timedelta(days=number) for number in range(110)]
    changes = [
        day for before, day in itertools.pairwise(days) if RULES.digest(before, "own") != RULES.digest(day, "own")
    ]
    assert changes == [date(2025, 12, 25), date(2026, 1, 1), date(2026, 4, 1)]
    assert RULES.digest(days[0], "own") != RULES.digest(days[0], "newest")


# --- exclusions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [CREDIT, PORTAL, GSXT])
@pytest.mark.parametrize(
    "changes",
    [
        {"basis": "《中华人民共和国治安管理处罚法》第二十六条"},
        {"basis": "中华人民共和国治安管理 处罚法第二十六条"},
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
    old = facts(basis="《治安管理处罚法》第二十六条", decided_on=date(2025, 6, 3))
    assert isinstance(planned(old, today=date(2025, 6, 4)), Plan)
    sealed = planned(old, today=date(2026, 1, 1))
    assert isinstance(sealed, Refusal)
    assert "一百三十六条" in sealed.citation


def test_it_is_the_statute_applied_that_seals_a_record_not_the_police():
    traffic = facts(field_of_law="public_security", basis="《中华人民共和国道路交通安全法》第九十条")
    assert isinstance(planned(traffic), Plan)
    elsewhere = facts(field_of_law="other", basis="《治安管理处罚法》第二十六条")
    assert isinstance(planned(elsewhere), Refusal)


# --- who was a minor ------------------------------------------------------------------------------------------------


def but(other: dict[str, str]) -> Party:
    """The person with another document."""
    return Party.model_validate(PERSON.for_official_use().model_dump(mode="json") | other, strict=False)


SEVENTEEN = but({"id_number": "990102200903150012"})


@pytest.mark.parametrize("target", [CREDIT, PORTAL])
def test_the_birth_day_makes_a_minor_whatever_is_flagged(target):
    young = facts(party=SEVENTEEN, violation_on=date(2026, 3, 1))
    refusal = planned(young, target, override_reason="上级要求")
    assert isinstance(refusal, Refusal)
    assert "预防未成年人犯罪法" in refusal.citation


def test_nobody_who_may_have_been_a_minor_is_planned_before_the_day_of_the_act_is_told():
    party = but({"id_number": "990102200703150018"})
    unknown = planned(facts(party=party))
    assert isinstance(unknown, Wanting)
    assert unknown.fields.keys() == {"violation_on"}
    assert isinstance(planned(facts(party=party, violation_on=date(2026, 3, 20))), Plan)
    passport = but({"id_type": "护照", "id_number": "E12345678"})
    unflagged = planned(facts(party=passport))
    assert isinstance(unflagged, Wanting)
    assert unflagged.fields.keys() == {"party_is_minor"}
    assert isinstance(planned(facts(party=passport, party_is_minor=False)), Plan)


@pytest.mark.parametrize("told", [{"violation_on": date(2026, 3, 1)}, {}])
def test_under_fourteen_there_is_no_penalty_at_all(told):
    child = but({"id_number": "990102201503150018"})
    with pytest.raises(ValueError, match="fourteen"):
        facts(party=child, **told)


# --- the words that leave us ----------------------------------------------------------------------------------------


def leaving(given_facts: DecisionFacts, profile, full_text: Public | None = None):
    decision = Decision("dec_1", "wangchuan", "安望综执罚决〔2026〕118号", 1, given_facts, (), 0, 0)
    shown = RULES.targets[profile] if isinstance(profile, str) else profile
    return record(decision, ORGAN, shown, date(2027, 4, 1), full_text)


def test_natural_persons_stay_off_portals_and_travel_whole_to_credit_china():
    person = facts(party=PERSON, procedure="ordinary")
    assert isinstance(planned(person, PORTAL), Refusal)
    sent = leaving(person, CREDIT)
    assert sent.party.id_number is not None
    told = (sent.party.name.for_official_use(), sent.party.id_number.for_official_use())
    assert told == ("岑立秋", "990102198803121011")


def test_a_masking_target_gets_neither_name_nor_number_anywhere():
    words = "岑立秋（身份证号990102198803121011，电话13900001111）占道经营"
    person = facts(party=PERSON, facts=words, content="对岑立秋罚款80000元", full_text=words)
    sent = leaving(person, RULES.targets[PORTAL].model_copy(update={"natural_persons": "masked"}))
    text = in_full(sent).decode()
    assert sent.party.public_name == "岑某某"
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
    assert leaving(named, CREDIT).party.name.for_official_use() == "岑立秋", (
        "over a private link the registered name is the key"
    )
    sent = leaving(named, PORTAL)
    assert (sent.party.public_name, sent.facts) == ("岑某某", "岑某某占道经营")


# --- what is to be confirmed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("adapters", "told"),
    [
        (["nontax.soap"], []),
        (["credit.portal"], ["7 days; 20 where the matter is no penalty", "the organ names its local rule"]),
        (["credit.creditchina"], ["so the draft, not read in the order", "10 working days for the authority, 3 for"]),
    ],
)
def test_doctor_lists_what_is_to_be_confirmed_for_the_configured_targets_alone(adapters, told):
    settings: Any = SimpleNamespace(
        channels={name: SimpleNamespace(adapter=name) for name in adapters},
        of_room=lambda _, model: model(),
    )
    found = list(doctor.look(settings, lambda _: None))
    assert [one.state for one in found] == ["warn"] * bool(told)
    said = [one.en for one in doctor.unconfirmed(settings, lambda _: None)]
    assert all(any(text in one for one in said) for text in told)
    assert all(one in str(finding.detail) for finding in found for one in said[: doctor.NAMED])


def test_a_row_of_a_region_is_to_be_confirmed_only_where_an_organ_is():
    def marked(code: str) -> list[str]:
        found = doctor.to_confirm(RULES, [CREDIT], [code], date(2026, 5, 1))
        return [one.zh for one in found if "山东" in one.zh]

    assert marked("11370102002100216D")
    assert not marked(ORGAN.code)


SOURCED = {
    "527号": date(2019, 7, 1),
    "第58号": date(2023, 5, 1),
    "第36号": date(2026, 4, 1),
    "第45号": date(2021, 9, 1),
    "市场监督管理信用修复管理办法": date(2025, 12, 25),
    "治安管理处罚法": date(2026, 1, 1),
}
"""Orders, and the day from which each of them holds by a text that was read."""
DATED = [
    *RULES.exclusions, *RULES.withdrawals, *RULES.regimes, *RULES.terms, *RULES.bases, *RULES.longest, *RULES.repairs
]  # fmt: skip


@pytest.mark.parametrize("row", DATED, ids=lambda row: f"{row.citation} {row.since}")
def test_a_day_that_rests_on_no_text_that_was_read_is_to_be_confirmed(row):
    read = any(order in row.citation and day == row.since for order, day in SOURCED.items())
    assert read or "the day from which it holds" in str(row.confirm)


MARKED = [row for row in DATED if isinstance(row.confirm, Both)]


@pytest.mark.parametrize("row", MARKED, ids=lambda row: f"{row.citation} {row.since}")
def test_doctor_names_every_row_that_is_to_be_confirmed(row):
    used = getattr(row, "targets", ()) or (CREDIT,)
    division = (*getattr(getattr(row, "when", None), "divisions", ()), "99")[0]
    found = doctor.to_confirm(RULES, used, [f"11{division:0<6}002100216D"], date(2026, 5, 1))
    assert f"{row.citation}: {row.confirm.en}" in [one.en for one in found]


def test_an_organ_confirms_a_row_by_repeating_it(tmp_path):
    own = tmp_path / "own.toml"
    row = """
    [[longest]]
    when = {{ divisions = ["37"] }}
    from = 2020-10-01
    months = 60
    counts_from = "violation"
    citation = "山东省社会信用条例 第三十八条"
    {}
    """
    for mark, named in (('confirm = "again"', True), ("", False)):
        own.write_text(row.format(mark), encoding="utf-8")
        rules = RULES.with_files([own])
        found = doctor.to_confirm(rules, [CREDIT], ["11370102002100216D"], date(2026, 5, 1))
        assert any("第三十八条" in one.zh for one in found) == named


def test_what_is_to_be_confirmed_is_said_in_the_reader_s_language():
    marks = list(
        doctor.to_confirm(RULES, RULES.targets, ["11370102002100216D", "11410102002100216D"], date(2026, 5, 1))
    )
    assert len(marks) > 10
    english = [one.zh for one in marks if re.search("[a-z]{3,} [a-z]{2,}", one.zh)]
    assert english == [], "an organ's own word may be of any language, ours are in both"

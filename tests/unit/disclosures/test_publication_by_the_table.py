"""Start and end of every publication are those of a table reckoned by hand, over holidays and changes of law."""

from __future__ import annotations

from datetime import date, timedelta

from by_day import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from publication_table import Told, reckon, worked

from gateway.rooms.decisions import DecisionFacts, Party, PartyKind
from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.judging import Bench, Plan
from gateway.rooms.disclosures.rules import load
from gateway.words.calendar import WorkingCalendar

RULES, CALENDAR = load(), WorkingCalendar()
ADAPTERS = {"credit": "credit.creditchina", "portal": "credit.portal", "gsxt": "credit.gsxt"}
ORGAN = "11990102002100216D"
FIRMS = {False: "91990102MA0HD1233R", True: "91110108MA01A2B32G"}
ADULT, YOUNG = "990102198803121011", "990102200903150012"
EDGES = [date(2025, 12, 24), date(2025, 12, 25), date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 31)]
EDGES += [date(2026, 4, 1), date(2026, 2, 14), date(2026, 2, 28), date(2026, 9, 20), date(2026, 9, 24)]


def facts_of(told: Told) -> DecisionFacts:
    """A decision with these properties."""
    party = Party(kind=PartyKind.ORGANISATION, name="恒筑建设有限公司", uscc=FIRMS[told.across])
    if told.person:
        number = YOUNG if told.minor else ADULT
        party = Party(kind=PartyKind.NATURAL_PERSON, name="岑立秋", id_type="身份证", id_number=number)
    return DecisionFacts(
        procedure="simple" if told.simple else "ordinary",
        party=party,
        violation="未按规定设置围挡",
        facts="检查发现",
        basis="《治安管理处罚法》第二十六条" if told.police else "《安澜市市容管理办法》第九条",
        penalty_kinds=("罚款",),
        content="罚款",
        decided_on=told.decided_on,
        violation_on=told.decided_on - timedelta(days=1),
        seriousness=told.word,  # type: ignore[arg-type]
        seriousness_standard="安澜市失信行为分类标准",
        seriousness_standard_on=date(2025, 1, 1),
        field_of_law=told.field,  # type: ignore[arg-type]
    )


DAYS = st.dates(date(2025, 9, 1), date(2026, 10, 31)) | st.sampled_from(EDGES)
FIELDS = st.sampled_from(["market", "food", "drug", "special_equipment", "work_safety", "fire", "traffic", "other"])
WORDS = st.sampled_from(["minor", "general", "serious"])


@st.composite
def decisions(draw: st.DrawFn) -> Told:
    person = draw(st.booleans())
    return Told(
        decided_on=draw(DAYS),
        word=draw(WORDS),
        field=draw(FIELDS),
        simple=draw(st.booleans()),
        person=person,
        minor=person and draw(st.booleans()),
        police=draw(st.integers(0, 9)) == 0,
        across=not person and draw(st.booleans()),
    )


@settings(max_examples=examples(100, 400))
@given(decisions(), st.sampled_from(sorted(ADAPTERS)), st.integers(0, 60), st.none() | st.integers(0, 60))
def test_by_when_and_until_when_are_those_of_the_table(told: Told, target: str, waits: int, shown: int | None) -> None:
    today = told.decided_on + timedelta(days=waits)
    published_on = None if shown is None else told.decided_on + timedelta(days=min(shown, waits))
    case = Case(facts_of(told), ORGAN, target, ADAPTERS[target])
    found = Bench(RULES, CALENDAR, today).judge(case, RULES.targets[ADAPTERS[target]], published_on=published_on)
    table = reckon(told, target, today, published_on)
    if table is None:
        assert not isinstance(found, Plan)
        return
    assert isinstance(found, Plan)
    assert (found.by.on, found.until, found.repair_from) == (table.by, table.until, table.repair_from)


@given(st.dates(date(2025, 1, 1), date(2026, 12, 31)))
def test_the_table_has_the_days_off_of_the_calendar(day: date) -> None:
    assert worked(day) == CALENDAR.is_working(day).value

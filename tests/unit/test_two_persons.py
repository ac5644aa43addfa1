"""Two people: who confirms has no part in it, confirms what was seen, and the database holds that."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError

from gateway.foundation.access.tables import matter_person, participation
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.two_persons import (
    Difference,
    Part,
    Person,
    TwoPersons,
    differences,
    in_short,
    kept_of,
    require_operator,
)
from gateway.words.clock import SystemClock
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem
from gateway.words.saying import Language

WANG = Person("opr_wang", "王敏", operator=True)
LI = Person("opr_li", "李强", operator=True)
ZHAO = Person("opr_zhao", "赵云", operator=True)
CASES = Person("cli_1", "案件系统", operator=False, officer="陈立 33010001")
PEOPLE = (WANG, LI, ZHAO, CASES)
FACE = {"id": "rfd_1", "amount": 500, "payee": {"name": "罗小满", "account": "6222"}, "documents": ["ab", "cd"]}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> TwoPersons:
    folder: Path = tmp_path_factory.mktemp("keys")
    return TwoPersons(Envelope(FileKeys(folder)), SystemClock())


@pytest.fixture
def conn() -> Iterator[Connection]:
    with connection() as conn:
        yield conn


@contextmanager
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda raw, _: raw.execute("pragma foreign_keys = on"))
    matter_person.create(engine)
    participation.create(engine)
    with engine.begin() as conn:
        yield conn


def test_another_person_confirms_what_was_seen(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    assert two.confirm(conn, "rfd_1", LI, seen=two.seen(FACE), face=FACE)
    assert [(one.person, one.part) for one in two.participants(conn, "rfd_1")] == [
        ("opr_wang", Part.PROPOSED),
        ("opr_li", Part.CONFIRMED),
    ]


@pytest.mark.parametrize("part", [Part.PROPOSED, Part.NAMED, Part.ADDED, Part.CHANGED])
def test_whoever_has_a_part_does_not_confirm(two: TwoPersons, conn: Connection, part: Part) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    two.took_part(conn, "rfd_1", LI, part)
    for one in (WANG, LI):
        with pytest.raises(ConflictProblem) as refused:
            two.confirm(conn, "rfd_1", one, seen=two.seen(FACE), face=FACE)
        assert refused.value.type == "second-person-needed"


def test_naming_the_payee_does_not_free_who_proposed(two: TwoPersons, conn: Connection) -> None:
    """The one who proposed stays in the matter whoever names what later."""
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    two.took_part(conn, "rfd_1", CASES, Part.NAMED)
    with pytest.raises(ConflictProblem):
        two.confirm(conn, "rfd_1", WANG, seen=two.seen(FACE), face=FACE)


@pytest.mark.parametrize(
    ("name", "value"), [("payee", {"name": "罗小满", "account": "6223"}), ("amount", 501), ("documents", ["ab"])]
)
def test_what_was_swapped_between_look_and_word_is_named(
    two: TwoPersons, conn: Connection, name: str, value: object
) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    with pytest.raises(ConflictProblem) as refused:
        two.confirm(conn, "rfd_1", LI, seen=two.seen(FACE), face={**FACE, name: value})
    assert refused.value.type == "changed-since-seen"
    assert refused.value.extra["changed"] == [name]
    assert [one.part for one in two.participants(conn, "rfd_1")] == [Part.PROPOSED]


def test_both_values_of_what_was_swapped_are_said_and_persons_stay_masked(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    now = {**FACE, "amount": "600.00", "payee": {"name": "罗大满", "account": "6222000011112222"}}
    with pytest.raises(ConflictProblem) as refused:
        two.confirm(conn, "rfd_1", LI, seen=two.seen({**FACE, "amount": "500.00"}), face=now)
    assert refused.value.extra["differences"][0] == {"part": "amount", "seen": "500.00", "now": "600.00"}
    said = refused.value.detail_in(Language.CHINESE)
    assert "金额（amount）原为 500.00，现为 600.00" in said
    assert "account=************2222" in said
    assert "罗大满" not in said + two.seen(now)
    assert "6222000011112222" not in said + (in_short(now["payee"]) or "")
    answer = {"code": "99", "lines": [{"amount": 503650, "number": 2}], "total": 503650}
    assert in_short(answer) == "code=99 lines=amount=5036.50 number=2 total=5036.50", "sums are in yuan"


def test_of_a_confirmation_digests_alone_are_kept(two: TwoPersons, conn: Connection) -> None:
    seen = two.seen(FACE)
    two.confirm(conn, "rfd_1", LI, seen=seen, face=FACE)
    assert [one.seen for one in two.participants(conn, "rfd_1")] == [kept_of(seen)]


def test_a_key_is_no_person(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    with pytest.raises(Problem) as refused:
        two.confirm(conn, "rfd_1", CASES, seen=two.seen(FACE), face=FACE)
    assert (refused.value.status, refused.value.type) == (403, "operator-needed")
    with pytest.raises(Problem):
        require_operator(CASES, "closing a difference of money")


def test_where_money_leaves_a_case_systems_word_needs_two_operators(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", CASES, Part.PROPOSED)
    assert not two.confirm(conn, "rfd_1", WANG, seen=two.seen(FACE), face=FACE, operators=2)
    # a second word of one person is no second person
    assert not two.confirm(conn, "rfd_1", WANG, seen=two.seen(FACE), face=FACE, operators=2)
    assert two.confirm(conn, "rfd_1", LI, seen=two.seen(FACE), face=FACE, operators=2)
    assert two.participants(conn, "rfd_1")[0].officer == "陈立 33010001"


def test_a_confirmation_of_an_older_version_does_not_count(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", CASES, Part.PROPOSED)
    assert not two.confirm(conn, "rfd_1", WANG, seen=two.seen(FACE), face=FACE, operators=2)
    two.took_part(conn, "rfd_1", CASES, Part.CHANGED)
    later = {**FACE, "amount": 700}
    assert not two.confirm(conn, "rfd_1", LI, seen=two.seen(later), face=later, operators=2)
    assert two.confirm(conn, "rfd_1", ZHAO, seen=two.seen(later), face=later, operators=2)


def test_who_has_confirmed_changes_nothing_any_more(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", CASES, Part.PROPOSED)
    two.confirm(conn, "rfd_1", WANG, seen=two.seen(FACE), face=FACE, operators=2)
    with pytest.raises(ConflictProblem) as refused:
        two.took_part(conn, "rfd_1", WANG, Part.NAMED)
    assert refused.value.type == "second-person-needed"


@pytest.mark.parametrize("token", ["", "x", "bm90IGpzb24", "WyJhIl0"])
def test_a_token_that_was_not_made_here_is_said_to_be_none(two: TwoPersons, conn: Connection, token: str) -> None:
    with pytest.raises(InvalidProblem, match="not shown"):
        two.confirm(conn, "rfd_1", LI, seen=token, face=FACE)


def test_the_token_tells_nothing_of_what_it_stands_for(two: TwoPersons) -> None:
    assert "6222" not in two.seen(FACE)
    assert two.seen(FACE) == two.seen(dict(reversed(FACE.items())))


def test_the_database_itself_refuses_one_person_on_both_sides(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    both = {"matter": "rfd_1", "person": "opr_wang", "at": 1, "seen": "x", "part": "confirmed"}
    for side in ("confirming", "taking_part"):
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(insert(participation), {**both, "side": side})
    with pytest.raises(IntegrityError), conn.begin_nested():
        row = {"matter": "rfd_1", "person": "cli_1", "side": "confirming", "operator": False, "name": "x"}
        conn.execute(insert(matter_person), row)


acts = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(list(Part)), st.integers(0, 2))


@given(steps=st.lists(acts, max_size=12), operators=st.sampled_from([1, 2]))
def test_whatever_people_do_nobody_confirms_alone(
    two: TwoPersons, steps: list[tuple[Person, Part, int]], operators: int
) -> None:
    """However proposals, changes, looks and words follow each other."""
    with connection() as conn:
        _walk(two, conn, steps, operators)


def _walk(two: TwoPersons, conn: Connection, steps: list[tuple[Person, Part, int]], operators: int) -> None:
    amount, tokens = 0, [two.seen({"amount": 0})]
    for person, part, look in steps:
        face = {"amount": amount}
        try:
            if part is Part.CONFIRMED:
                seen = tokens[max(0, len(tokens) - 1 - look)]
                counts = two.confirm(conn, "m", person, seen=seen, face=face, operators=operators)
            else:
                two.took_part(conn, "m", person, part)
                if part is Part.CHANGED:
                    amount += 1
                    tokens.append(two.seen({"amount": amount}))
                continue
        except Problem:
            continue
        those = two.participants(conn, "m")
        confirmed = {one.person for one in those if one.part is Part.CONFIRMED and one.seen == two.seen(face)}
        taking = {one.person for one in those if one.part is not Part.CONFIRMED}
        assert person.operator
        assert person.id not in taking
        assert not confirmed & taking
        assert seen == two.seen(face), "what was confirmed is what is there"
        if counts:
            involved = confirmed | {one.person for one in those if one.operator}
            assert len(involved) >= operators
    people = conn.execute(select(matter_person.c.person)).scalars().all()
    assert len(people) == len(set(people))


def test_what_is_kept_sealed_or_is_a_day_is_seen_too_and_a_change_of_it_is_named(two: TwoPersons) -> None:
    one = two.seen({"payee": b"\x01", "on": date(2026, 9, 16)})
    assert one == two.seen({"payee": b"\x01", "on": date(2026, 9, 16)})
    assert differences(one, two.seen({"payee": b"\x02", "on": date(2026, 9, 16)}))[0].part == "payee"
    assert differences(one, two.seen({"payee": b"\x01", "on": date(2026, 9, 17)})) == [
        Difference("on", "2026-09-16", "2026-09-17")
    ]


def test_who_proposed_takes_it_back_and_a_supervisor_does(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    two.took_part(conn, "rfd_1", CASES, Part.NAMED)
    two.withdraws(conn, "rfd_1", WANG)
    two.withdraws(conn, "rfd_1", replace(ZHAO, supervisor=True))


def test_nobody_else_takes_it_back_whatever_part_they_had(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "rfd_1", WANG, Part.PROPOSED)
    two.took_part(conn, "rfd_1", LI, Part.ADDED)
    two.took_part(conn, "rfd_2", ZHAO, Part.PROPOSED)
    for one in (LI, ZHAO, CASES):
        with pytest.raises(Problem) as refused:
            two.withdraws(conn, "rfd_1", one)
        assert (refused.value.status, refused.value.type) == (403, "proposer-needed")


def test_a_value_is_shown_short_and_personal_ones_masked_wherever_they_stand() -> None:
    assert in_short(None) is None
    assert in_short("长" * 120) == "长" * 120
    assert in_short("长" * 121) == "长" * 119 + "…"
    assert in_short(b"\x01" * 20) == "01" * 8
    assert in_short({"documents": ["ab", None, "cd"]}) == "documents=ab; -; cd"
    assert in_short({"payer": ["张三", "李四"]}) == "payer=张*; 李*"
    assert in_short("张三", "party") == "张*"


def test_a_person_who_is_a_part_of_the_matter_is_masked_in_its_token(two: TwoPersons) -> None:
    (one,) = differences(two.seen({"party": "张三"}), two.seen({"party": "李四"}))
    assert one == Difference("party", "张*", "李*")


def test_the_token_does_not_tell_that_two_parts_are_the_same(two: TwoPersons) -> None:
    """Who is the payee is hidden; that the payee is the party would be told by equal digests."""
    token = kept_of(two.seen({"party": "张三", "payee": "张三"}))
    digests = json.loads(base64.urlsafe_b64decode(token + "=="))
    assert digests["party"] != digests["payee"]


def test_what_is_kept_of_a_token_still_names_what_has_changed_but_shows_nothing_of_it(two: TwoPersons) -> None:
    seen = two.seen({"amount": 500, "on": date(2026, 9, 16)})
    kept = kept_of(seen)
    assert seen.startswith(f"{kept}.")
    assert kept_of(kept) == kept
    (one,) = differences(kept, two.seen({"amount": 600, "on": date(2026, 9, 16)}))
    assert one == Difference("amount", None, "6.00")


def test_a_token_that_unfolds_to_very_much_is_none(two: TwoPersons) -> None:
    bomb = zlib.compress(json.dumps({"amount": "9" * 1_000_000}).encode(), 9)
    token = f"{kept_of(two.seen(FACE))}.{base64.urlsafe_b64encode(bomb).decode()}"
    with pytest.raises(InvalidProblem, match="not shown"):
        differences(token, two.seen(FACE))


def test_a_matter_without_parts_is_seen_too(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "mth_1", WANG, Part.PROPOSED)
    assert two.confirm(conn, "mth_1", LI, seen=two.seen({}), face={})


def test_a_part_that_is_new_or_gone_is_a_change_and_the_order_within_a_part_is_none(two: TwoPersons) -> None:
    one, more = two.seen({"a": 1}), two.seen({"a": 1, "b": 2})
    (added,), (gone,) = differences(one, more), differences(more, one)
    assert (added.part, added.seen, gone.now) == ("b", None, None)
    assert two.seen({"payee": {"name": "罗", "account": "6"}}) == two.seen({"payee": {"account": "6", "name": "罗"}})
    assert "=" not in one + more


def test_where_no_money_leaves_one_operator_beside_the_case_system_is_enough(two: TwoPersons, conn: Connection) -> None:
    two.took_part(conn, "mth_1", CASES, Part.PROPOSED)
    assert two.confirm(conn, "mth_1", LI, seen=two.seen(FACE), face=FACE)

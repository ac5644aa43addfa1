"""The state table of a disclosure says what can happen, and the database holds to the same words."""

from __future__ import annotations

from gateway.rooms.disclosures.records import NOT_LIVE
from gateway.rooms.disclosures.states import CHINESE, EDGES, LIFE, SHOWN, UNPUBLISHED, Status
from gateway.rooms.disclosures.tables import LIVE, disclosure


def test_every_state_can_be_reached_and_has_a_chinese_word():
    assert set(CHINESE) == set(Status)
    assert {one.end for one in EDGES} == set(Status)


def test_nothing_is_shown_again_after_withdrawal_repair_or_end():
    for final in (Status.WITHDRAWN, Status.REPAIRED, Status.ENDED, Status.REJECTED, Status.NOT_PUBLISHABLE):
        assert [one.end for one in EDGES if one.start is final] == []


def test_published_is_claimed_only_from_accepted_or_after_a_shielding():
    assert LIFE.sources(Status.PUBLISHED) == (Status.ACCEPTED, Status.SHIELDED)


def test_each_step_emits_one_event_of_its_own_name():
    for one in EDGES:
        shown_again = one.start is Status.SHIELDED and one.end is Status.PUBLISHED
        assert one.event == ("disclosure.unshielded" if shown_again else f"disclosure.{one.end.value.lower()}")
    assert len({(one.start, one.end) for one in EDGES}) == len(EDGES)
    assert LIFE.edge(Status.PLANNED, Status.PUBLISHED) is None


def test_the_database_knows_the_same_states():
    check = next(c for c in disclosure.constraints if str(c.name).endswith("known_status"))
    assert {word for word in str(check.sqltext).split("'") if word.isupper()} == {status.value for status in Status}
    assert {word for word in LIVE.split("'") if word.isupper()} == set(NOT_LIVE)


def test_what_is_on_the_way_and_what_is_shown_do_not_overlap():
    assert not set(SHOWN) & set(UNPUBLISHED)

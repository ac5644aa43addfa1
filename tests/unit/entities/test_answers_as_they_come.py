"""What a registry leaves empty is absent, what nobody uses never refuses, and one bad entry spoils no page."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.adapters.registry.sharing import mapping
from gateway.rooms.entities.licence import read_licence
from gateway.words.errors import ContractError
from gateway.words.identifiers import clean_text

CASES = Path(__file__).parents[2] / "cases" / "registry"
NEEDED = {"uniscId", "entName", "regState_CN", "dataTime"}
UNNEEDED = ["name", "entType", "entType_CN", "estDate", "regCap", "regCapCurCN", "regOrg_CN", "dom", "opLoc", "serAddr"]


def case(name: str) -> dict[str, Any]:
    (path,) = CASES.glob(f"{name}_*.json")
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["data"]
    return told


def record(told: dict[str, Any], **changes: Any) -> Any:
    return mapping.record(mapping.Entity.model_validate(told | changes))


@pytest.mark.parametrize("nothing", ["", " ", "-", "/", "无", "null", "NULL", "—", None])
@pytest.mark.parametrize("member", [*UNNEEDED, "opScope", "regNo", "traName"])
def test_every_way_to_say_nothing_is_absent(member: str, nothing: str | None) -> None:
    told = {name: value for name, value in case("r01").items() if name != member}
    assert record(told, **{member: nothing}) == record(told)
    assert record(case("r01")).legal_representative is None


@pytest.mark.parametrize("junk", [[], {}, True, -1, 1e300, "\x00", "a\u202eb", "不是这个", "x" * 30_000, ["a"]])
@pytest.mark.parametrize("member", UNNEEDED)
def test_what_nobody_uses_never_refuses(member: str, junk: Any) -> None:
    found = record(case("r01"), **{member: junk})
    assert (found.uscc, found.name) == ("91990102MA0K7T2PXA", "安澜恒筑建设有限公司")


@pytest.mark.parametrize("member", sorted(NEEDED))
def test_what_is_used_is_needed(member: str) -> None:
    told = {name: value for name, value in case("r01").items() if name != member}
    with pytest.raises((ValidationError, ContractError)):
        record(told)


@pytest.mark.parametrize(
    "text",
    ["2015-01-20", "2015年01月20日", "2015年1月20日", "2015/1/20", "20150120", "2015-01-20 00:00:00",
     "2015-01-20T00:00:00", "2015-01-20T08:30:00+08:00", 1421683200000, 1421712000000],
)  # fmt: skip
def test_days_have_many_spellings(text: Any) -> None:
    assert record(case("r01"), estDate=text).established_on == date(2015, 1, 20)


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T08:00:00+08:00", "2026-11-20 08:00:00", "2026-11-20T00:00:00Z", "2026-11-20 08:00",
     "2026/11/20 08:00:00", "2026年11月20日 08:00:00", 1795132800000],
)  # fmt: skip
def test_an_instant_without_an_offset_is_beijings(text: Any) -> None:
    assert record(case("r02"), dataTime=text).as_of == datetime(2026, 11, 20, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "told", [1000, 1000.0, "1000", "1000.000000", "1000万", "1000万元", "1,000", "1,000.00万元", "1000万元人民币"]
)
def test_capital_has_many_spellings(told: Any) -> None:
    found = record(case("r02"), regCap=told)
    assert found.registered_capital == "1000万元"
    assert found.established_on == date(2015, 1, 20)


@pytest.mark.parametrize("number", ["9901022000001", "990102600000014", "望工商个字第00123号", "12345"])
def test_an_old_number_is_kept_as_told_with_a_warning(number: str) -> None:
    found = record(case("r03"), regNo=number)
    assert (found.uscc, found.registration_number) == (None, number)
    assert len(found.warnings) == 1


def test_one_name_told_twice_is_one_name_and_two_are_a_contradiction() -> None:
    assert record(case("r04")).name == "安澜恒筑建设有限公司"
    assert record(case("r04"), traName="安澜恒筑建设有限公司 ").name == "安澜恒筑建设有限公司"
    with pytest.raises(ContractError):
        record(case("r04"), traName="另一家商行")


@pytest.mark.parametrize(
    ("name", "good", "aside", "cursor"),
    [("r05", 2, [(1, ("uniscId",))], "c2"), ("r06", 1, [(0, ("uniscId",))], "c3"), ("r07", 1, [], "c4")],
)
def test_a_bad_entry_is_set_aside_and_the_page_goes_on(
    name: str, good: int, aside: list[tuple[int, tuple[str, ...]]], cursor: str
) -> None:
    page = mapping.page(mapping.Changes.model_validate(case(name)), "c1")
    assert len(page.changes) == good
    assert [(one.place, one.members) for one in page.set_aside] == aside
    assert page.next_cursor == cursor
    assert {str(one.changed_on) for one in page.changes} == {"2026-11-20"}


@pytest.mark.parametrize("entry", [None, 7, "x", [], {}, {"uniscId": "91990102MA0K7T2PXA"}, {"altDate": 0}])
def test_whatever_an_entry_is_the_others_are_taken(entry: Any) -> None:
    told = case("r05")
    told["list"][1] = entry
    page = mapping.page(mapping.Changes.model_validate(told), "c1")
    assert (len(page.changes), [one.place for one in page.set_aside]) == (2, [1])


def test_a_bad_hit_spoils_no_search() -> None:
    hit = {"entName": "甲公司", "regState_CN": "存续", "uniscId": "91990102MA0K7T2PXA"}
    told = {"list": [hit, hit | {"uniscId": "91990102MA0K7T2PXB"}, {"entName": ""}, 7]}
    found = mapping.summaries(mapping.Summaries.model_validate(told))
    assert [one.uscc for one in found] == ["91990102MA0K7T2PXA", None]


@pytest.mark.parametrize(
    "text",
    ["9901022000001", "990102600000013", "注册号：990102600000013 名称：望川区老张面馆",
     "注 册 号:9901022000001\r\n名称:望川区老张面馆", "\ufeff注册号：990102600000013；名称：望川区老张面馆"],
)  # fmt: skip
def test_a_licence_of_old_times_says_what_it_is(text: str) -> None:
    with pytest.raises(ValueError, match="registration number, not a unified code"):
        read_licence(text)


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", " \ufeff", "\r\n"])
def test_marks_around_a_scan_are_no_part_of_it(mark: str) -> None:
    assert read_licence(f"{mark}91990102MA0K7T2PXA{mark}").uscc == "91990102MA0K7T2PXA"
    assert clean_text(f"{mark}望川区{mark}") == "望川区"

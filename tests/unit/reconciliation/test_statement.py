"""A statement is believed as a whole or not at all."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from gateway.ports.base import Pending
from gateway.ports.nontax import StatementLine, StatementNone, StatementPage
from gateway.rooms.reconciliation.lines import line as read
from gateway.rooms.reconciliation.lines import word
from gateway.rooms.reconciliation.matching import Question, findings
from gateway.rooms.reconciliation.statement import StatementRefusedError, check, fetch, window
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.errors import BusyError

DAY = date(2026, 9, 16)
DAYS = window(DAY, time.min)
NOON = datetime(2026, 9, 16, 12, 0, tzinfo=SHANGHAI)


def line(number: int, amount: int = 100, **changes) -> StatementLine:
    values = {
        "kind": "paid",
        "reference": f"R{number}",
        "code": f"{number:020}",
        "amount": amount,
        "paid_at": NOON,
        "bank_serial": f"S{number}",
        "unit_code": "U1",
    }
    return StatementLine(**{**values, **changes})


def pages(*groups: list[StatementLine], **changes) -> list[StatementPage]:
    every = [each for group in groups for each in group]
    values = {
        "day": DAY,
        "pages": len(groups),
        "count": len(every),
        "amount": sum(each.amount for each in every if each.kind == "paid"),
    }
    return [
        StatementPage(page=number, lines=tuple(group), **{**values, **changes})
        for number, group in enumerate(groups, start=1)
    ]


def test_a_sound_statement_keeps_every_line_in_order() -> None:
    told = check(pages([line(1), line(2)], [line(3, kind="refunded")]), DAY, DAYS)
    assert [each.reference for each in told.lines] == ["R1", "R2", "R3"]
    assert told.amount == 200


def test_an_empty_day_is_a_statement_too() -> None:
    assert check(pages([]), DAY, DAYS).lines == ()


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (pages([line(1)], day=date(2026, 9, 15)), "page 1 is of 2026-09-15"),
        (pages([line(1)], count=2), "1 lines where the total says 2"),
        (pages([line(1)], amount=101), "make 100 fen, the total says 101"),
        (pages([line(1)], pages=2), "1 pages where 2 were announced"),
        (pages([line(1)], [line(2)])[::-1], "page 1 calls itself page 2"),
        (pages([line(1)]) + pages([line(1)], [line(2)])[1:], "page 2 repeats other totals"),
        (pages([line(1), line(2)], [line(1)]), "line 3: the same as line 1"),
        (pages([line(1), line(2, amount=0)]), "line 2: an amount of nothing"),
        (pages([line(1, paid_at=NOON - timedelta(days=1))]), "line 1: paid at 2026-09-15"),
        (pages([line(1, paid_at=NOON + timedelta(hours=12))]), "line 1: paid at 2026-09-17 00:00:00"),
    ],
)
def test_a_statement_that_contradicts_itself_is_refused_whole_and_says_why(told, reason: str) -> None:
    with pytest.raises(StatementRefusedError, match=reason):
        check(told, DAY, DAYS)


def test_a_refund_and_its_payment_may_share_code_and_serial() -> None:
    assert len(check(pages([line(1), line(1, kind="refunded")]), DAY, DAYS).lines) == 2


def test_the_digest_does_not_depend_on_the_order_and_does_on_everything_else() -> None:
    def digest(*lines: StatementLine) -> bytes:
        return check(pages(list(lines)), DAY, DAYS).digest

    assert digest(line(1), line(2)) == digest(line(2), line(1))
    assert digest(line(1), line(2)) != digest(line(1), line(2, amount=101))
    assert digest(line(1)) != digest(line(1, bank_serial="S9"))
    assert digest(line(1)) != digest(line(1), line(2))


def test_the_platforms_day_ends_at_its_cut_off() -> None:
    def at(day: int, hour: int, minute: int = 0) -> int:
        return to_micros(datetime(2026, 9, day, hour, minute, tzinfo=SHANGHAI))

    midnight, evening = window(DAY, time.min), window(DAY, time(22, 30))
    assert (midnight.start, midnight.end) == (at(16, 0), at(17, 0))
    assert (evening.start, evening.end) == (at(15, 22, 30), at(16, 22, 30))
    assert at(16, 22, 30) not in evening
    assert at(15, 22, 30) in evening


class Paging:
    """A platform whose statement may grow while it is being read."""

    def __init__(self, *versions: list[StatementPage]) -> None:
        self.versions = list(versions)
        self.asked: list[int] = []

    async def statement(self, day: date, page: int) -> StatementPage:
        self.asked.append(page)
        if page == 1 and len(self.asked) > 1:
            self.versions.pop(0)
        shown = self.versions[0]
        return shown[page - 1]


async def test_all_pages_are_fetched_once() -> None:
    platform = Paging(pages([line(1)], [line(2)], [line(3)]))
    told = await fetch(platform, DAY, DAYS)
    assert (len(told.lines), platform.asked) == (3, [1, 2, 3])


async def test_a_statement_that_grew_while_it_was_read_is_read_again() -> None:
    short, long = pages([line(1)], [line(2)]), pages([line(1)], [line(2), line(3)])
    platform = Paging([short[0], long[1]], long)
    assert len((await fetch(platform, DAY, DAYS)).lines) == 3


async def test_a_statement_that_never_agrees_with_itself_is_refused() -> None:
    short, long = pages([line(1)], [line(2)]), pages([line(1)], [line(2), line(3)])
    platform = Paging(*[[short[0], long[1]]] * 5)
    with pytest.raises(StatementRefusedError, match="other totals"):
        await fetch(platform, DAY, DAYS)
    assert platform.asked == [1, 2] * 3


def test_several_refunds_under_one_serial_are_lines_of_their_own_where_the_platform_numbers_them() -> None:
    back = [line(1, kind="refunded", refund_number=number) for number in ("TF1", "TF2")]
    assert len(check(pages(back), DAY, DAYS).lines) == 2
    with pytest.raises(StatementRefusedError, match="the same as line 1"):
        check(pages([back[0], back[0]]), DAY, DAYS)
    assert [read(word(one)) for one in back] == back
    keys = [finding.key for finding in findings([], back, Question({}, DAYS))]
    assert keys == [(back[0].code, "TF1"), (back[0].code, "TF2")]


@pytest.mark.parametrize("answer", [Pending(ask_after=900), StatementNone(day=DAY)])
async def test_a_statement_that_is_not_made_is_asked_for_later_and_a_day_without_money_is_a_day(answer: Any) -> None:
    class Platform:
        async def statement(self, day: date, page: int) -> Any:
            return answer

    if isinstance(answer, StatementNone):
        assert len((await fetch(Platform(), DAY, DAYS)).lines) == 0  # type: ignore[arg-type]
        return
    with pytest.raises(BusyError) as later:
        await fetch(Platform(), DAY, DAYS)  # type: ignore[arg-type]
    assert later.value.retry_after == 900

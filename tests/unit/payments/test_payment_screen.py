"""The page of a payment at the console: what stands first, what may be handed out, and how a payer is masked."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from money_bench import NOW, Bench
from sqlalchemy import update

from gateway.faces.console.drawing import Pen
from gateway.foundation.access import Principal
from gateway.foundation.rooms import Services
from gateway.foundation.screens import Files, Folded, Look, Named, Note, Period, Picture, Story, Table, failed
from gateway.rooms.decisions import DuePeriod, PartyKind
from gateway.rooms.decisions.corrections import Corrections
from gateway.rooms.payments.screens import SCREEN, _masked, _surcharge
from gateway.rooms.payments.surcharge import Rate, surcharge
from gateway.rooms.payments.tables import payment
from gateway.words.clock import to_micros
from gateway.words.law import Law, Matter
from gateway.words.saying import Language, Sentence, say

PERSON, FIRM, TRADER = PartyKind.NATURAL_PERSON, PartyKind.ORGANISATION, PartyKind.INDIVIDUAL_BUSINESS


def look(bench: Bench) -> Look:
    services = Services()
    for one in (bench.payments, bench.decisions, Corrections(bench.base, bench.decisions)):
        services.add(one)
    who = Principal("opr_1", "operator", frozenset({"payments:read"}), frozenset({"A1"}), "张三", "operator")
    return Look(who, bench.base, services)


async def test_what_to_pay_by_is_handed_out_only_while_it_can_be_paid_and_then_stands_how_it_was(one_store, tmp_path):
    quick = Bench(one_store, tmp_path)
    await quick.open()
    payment_id = await quick.paid(bill=500_000)
    assert SCREEN.one is not None
    before = await SCREEN.one(look(quick), payment_id)
    assert [type(one) for one in before.side] == [Picture, Files]
    await quick.arrive(500_000, "S1")
    after = await SCREEN.one(look(quick), payment_id)
    assert list(after.side) == []
    assert ({"cancel", "refund"} & {*before.acts}, {"cancel", "refund"} & {*after.acts}) == ({"cancel"}, {"refund"})
    first = after.blocks[0]
    assert isinstance(first, Table)
    assert first.title == Named("money")


def test_the_days_of_a_surcharge_cite_nothing_and_its_basis_is_folded():
    due = [DuePeriod(date(2026, 10, 8), date(2026, 9, 16))]
    rows = [one for one in Law().rows if one.matter in (Matter.SURCHARGE_RATE, Matter.SURCHARGE_CAP)]
    why = say("payments.day_counted", rate=3, cited=rows[0].cited)
    rate = Rate(3, 100, "original", why, tuple(rows))
    shown = _surcharge(surcharge(10000, due, date(2026, 10, 10), rate=rate, stated=True), 10000)
    ((days, *_, last),) = [row.cells for row in shown.rows]
    assert days == Period(date(2026, 10, 9), date(2026, 10, 10))
    assert isinstance(last, Sentence)
    assert last.in_(Language.CHINESE) == "每天 3%"
    assert [isinstance(one, Sentence) and one.in_(Language.CHINESE).count("第七十二条") for one in shown.basis] == [1]


@pytest.mark.parametrize(
    ("kind", "party", "payer", "shown"),
    [
        (FIRM, "恒筑建设有限公司", "恒筑建设有限公司", "恒筑****公司"),
        (FIRM, "恒筑建设有限公司", "张三", "张*"),
        (PERSON, "张三", "恒筑建设有限公司", "恒筑****公司"),
        (PERSON, "张三李四王五", "张三李四王五", "张*****"),
        (TRADER, "张三", "张三", "张*"),
        (None, "", "安澜市第一人民医院", "安澜*****医院"),
        (None, "", "味安副食店", "味****"),
        (None, "", "李四", "李*"),
        (FIRM, "恒筑建设有限公司", "张三李四王五", "张*****"),
    ],
)
def test_a_payer_is_masked_as_what_it_is(kind, party, payer, shown):
    known: Any = SimpleNamespace(facts=SimpleNamespace(party=SimpleNamespace(kind=kind, name=party)))
    assert _masked(payer, party, known if kind else None) == shown


async def test_a_doubt_and_its_story_are_told_in_plain_words_with_the_technical_ones_behind(one_store, tmp_path):
    bench = Bench(one_store, tmp_path)
    await bench.open()
    payment_id, said = await bench.paid(bill=500_000), "ReadTimeout: timed out: read"

    def doubt(conn):
        values = {"in_doubt_since_at": to_micros(NOW), "doubt_reason": said}
        conn.execute(update(payment).where(payment.c.id == payment_id).values(**values))
        bench.events.emit(
            conn, type="payment.in_doubt", subject=payment_id, authority="A1", data={"doubt_reason": said}
        )

    await one_store.write(doubt)
    assert SCREEN.one is not None
    page = await SCREEN.one(look(bench), payment_id)
    note = page.blocks[0]
    assert isinstance(note, Note)
    assert "对方没有在时限内答复" in note.words.in_(Language.CHINESE)
    assert "did not answer in time" in note.words.in_(Language.ENGLISH)
    assert note.behind == said
    (story,) = [one for one in page.blocks if isinstance(one, Story)]
    assert Folded(say("failures.silence"), said) in [value for one in story.entries for _, value in one.facts]
    drawn = str(Pen(bench.base, Language.CHINESE, {}).draw(failed(said)))
    assert drawn.index("答复") < drawn.index("<details") < drawn.index("ReadTimeout")
    period = Period(date(2026, 10, 9), date(2026, 10, 12))
    assert ">2026-10-09</span> 至 <span" in str(Pen(bench.base, Language.CHINESE, {}).draw(period))

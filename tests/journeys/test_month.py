"""A month of payments under time travel: what was planted is named with its class, nothing is invented, books close."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError

from gateway.demo import story
from gateway.foundation.delivery.tables import operation
from gateway.foundation.two_persons import Person
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.tables import payment_code
from gateway.rooms.reconciliation import Ask, BreakFilter, BreakKind, Reconciliation, Side, StatementFile, report_files
from gateway.rooms.reconciliation.months import Months
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.proposals import Proposals
from gateway.rooms.reconciliation.tables import break_action
from gateway.words.clock import SHANGHAI
from gateway.words.errors import ConflictProblem
from gateway.words.saying import Language

CHANNEL, MONTH = "nontax", "2026-09"
STRAY, REVISED, FOREIGN = "99010226309999999901", "99010226309999999902", "99010226309999999903"
K = BreakKind
LI, WANG = Person("opr_li", "Li", operator=True), Person("opr_wang", "Wang", operator=True)
PAPERS = [{"kind": kind, "reference": kind, "digest": "0" * 64} for kind in ("opinion_letter", "original_voucher")]
PIPES: dict[str, Any] = {
    "delimiter": "|",
    "encoding": "gbk",
    "header": False,
    "columns": {"kind": 1, "code": 2, "amount": 3, "paid_at": 4, "bank_serial": 5, "unit_code": 6, "items": 7},
    "kinds": {"缴": "paid", "退": "refunded"},
    "totals": {"mark": "合计", "count": 2, "amount": 3},
}


def _under_way(conn: Connection) -> int:
    query = select(func.count()).where(
        operation.c.state.in_(("queued", "sending", "uncertain")), operation.c.action != "nontax.find_refund"
    )
    return int(conn.execute(query).scalar_one())


class Month:
    """The gateway, the platform and both their clocks."""

    def __init__(self, site: Any, folder: Path) -> None:
        self.site, self.room, self.folder = site, site.app.get(Reconciliation), folder
        self.number = 0
        self.planted: set[tuple[BreakKind, str]] = set()

    async def at(self, day: int, time: str = "12:00", month: int = 9) -> datetime:
        """Both clocks, moved to this moment once nothing is on its way: a signature would be stale by then."""
        async with asyncio.timeout(60):
            while await self.site.read(_under_way):
                await asyncio.sleep(0.01)
        moment = datetime.fromisoformat(f"2026-{month:02}-{day:02}T{time}:00+08:00")
        self.site.app.base.clock.offset = moment - datetime.now(SHANGHAI)
        await self.site.simulators.aask("POST", "/clock", {"now": moment.isoformat()})
        return moment

    async def owed(self, amount: str = "200.00") -> dict[str, Any]:
        """A fine with its code."""
        self.number += 1
        today = self.site.app.base.clock.now().astimezone(SHANGHAI).date().isoformat()
        number = await self.site.decide(
            f"望综执罚决字〔2026〕第{self.number}号",
            decided_on=today,
            fine=amount,
            confiscated=None,
            penalty_kinds=["罚款"],
            content="罚款",
        )
        answer = await self.site.ask_payment(number)
        return await self.site.reaches(answer.json(), "ISSUED")

    async def paid(self, amount: str = "200.00", **how: Any) -> dict[str, Any]:
        """A fine whose money has arrived, and of which the gateway was told."""
        payment = await self.owed(amount)
        await self.site.pay(payment["code"], **how)
        return await self.site.reaches(payment, "PAID")

    def plant(self, kind: str, day: int, code: str) -> str:
        """Something wrong with the statement of a day."""
        planted = {"system": "nontax", "kind": f"statement_{kind}", "key": f"202609{day:02}", "code": code}
        return self.site.simulators.faults(planted)[0]

    def expect(self, kind: BreakKind, code: str) -> None:
        self.planted.add((kind, code))

    def receipts(self, *, upon_payment: bool) -> None:
        """Whether the channel asks for receipts by itself."""
        channels = self.site.app.base.channels
        channel = channels.get(CHANNEL)
        keys = channel.keys_of(PaymentKeys).model_copy(update={"receipt_automatic": upon_payment})
        channels._channels[CHANNEL] = replace(channel, kind_keys=keys)

    async def reconcile(self, day: int) -> Any:
        """The day's run, on the morning after."""
        await self.at(day + 1 if day < 30 else 1, "06:30", 9 if day < 30 else 10)
        return await self.room.run(CHANNEL, date(2026, 9, day), by="schedule")

    async def file(self, day: int, side: str, rows: list[tuple[str, ...]]) -> Any:
        """A statement of a day that comes as a file."""
        path = self.folder / f"{side}{day}.txt"
        amount = sum(round(float(row[2]) * 100) for row in rows if row[0] == "缴")
        total = f"合计|{len(rows)}|{amount // 100}.{amount % 100:02}"
        path.write_bytes("\n".join([*("|".join(row) for row in rows), total, ""]).encode("gbk"))
        profile = Profile.model_validate({**PIPES, "side": side})
        await self.at(day + 1, "06:40")
        return await self.room.run_file(CHANNEL, date(2026, 9, day), StatementFile(path, profile), by="schedule")

    async def tamper(self, code: str, issued_at: int | None) -> None:
        """Somebody changes the database behind our back."""
        change = update(payment_code).where(payment_code.c.code == code).values(issued_at=issued_at)
        await self.site.app.base.store.write(lambda conn: conn.execute(change))

    async def issued_at(self, code: str) -> int:
        """When a code began to live."""
        query = select(payment_code.c.issued_at).where(payment_code.c.code == code)
        return int(await self.site.read(lambda conn: conn.execute(query).scalar_one()))

    async def serial(self, payment: dict[str, Any]) -> str:
        view = await self.site.get(f"/v1/payments/{payment['id']}")
        return str(view["collections"][0]["bank_serial"])

    async def found(self) -> Counter[tuple[BreakKind, str]]:
        return Counter((one.kind, one.code) for one in await self.room.breaks.find(limit=200))


async def test_a_month_in_which_everything_goes_wrong_once_closes_to_the_fen(any_site, tmp_path):
    month = Month(any_site, tmp_path)
    site, room = month.site, month.room
    room.rules = replace(room.rules, grace=replace(room.rules.grace, receipt=3))
    month.receipts(upon_payment=True)
    faults = [("callback_twice", "PaymentConfirm"), ("busy", "CreateBill"), ("apply_then_reset", "CreateBill")]

    for day in range(1, 31):
        await month.at(day)
        month.receipts(upon_payment=day != 21)
        ordinary = await month.paid(f"{100 + day}.50") if day % 2 else None
        match day:
            case 2:
                for kind, operation in faults:
                    site.fault(kind, operation, seconds=1)
                await month.paid("500.00")
            case 3:
                lost = await month.owed()
                site.fault("callback_lost", "PaymentConfirm")
                await site.pay(lost["code"])
                month.expect(K.PLATFORM_ONLY, lost["code"])  # and heals itself
            case 5:
                month.plant("missing", day, ordinary["code"])
                month.expect(K.OURS_ONLY, ordinary["code"])
            case 6:
                cleared, uncleared = await month.paid("60.00"), await month.paid("61.00")
            case 7:
                month.plant("extra", day, STRAY)
                month.expect(K.UNKNOWN_CODE, STRAY)
            case 8:
                wrong = await month.owed("300.00")
                await site.pay(wrong["code"], amount="299.00")
                await site.until(f"/v1/payments/{wrong['id']}", lambda now: now["exceptions"])
                month.expect(K.AMOUNT_DIFFERS, wrong["code"])
            case 9:
                month.plant("changed", day, ordinary["code"])
                month.expect(K.AMOUNT_DIFFERS, ordinary["code"])
            case 10:
                twice = await month.paid()
                await site.pay(twice["code"], force=True, channel="counter")
                await site.until(f"/v1/payments/{twice['id']}", lambda now: now["exceptions"])
                month.expect(K.PAID_TWICE, twice["code"])
            case 11:
                void = await month.owed()
                await site.post(f"/v1/payments/{void['id']}/cancel", {"reason": "决定书文号有误"})
                await site.reaches(void, "CANCELLED")
                await site.pay(void["code"], force=True)
                await site.until(f"/v1/payments/{void['id']}", lambda now: now["exceptions"])
                month.expect(K.STATUS_DIFFERS, void["code"])
            case 12:
                await month.at(day, "23:50")
                late = await month.paid()
                month.plant("late", day, late["code"])
                month.expect(K.CROSS_DAY, late["code"])
            case 15:
                doubled = month.plant("duplicate", day, ordinary["code"])
                await month.at(16, "06:00")
                with pytest.raises(ConflictProblem, match="the same as line"):
                    await room.run(CHANNEL, date(2026, 9, 15), by="schedule")
                await site.simulators.aask("DELETE", "/faults", id=doubled)
            case 16:
                elsewhere, otherwise = await month.paid("70.00"), await month.paid("71.00")
                month.expect(K.WRONG_UNIT, elsewhere["code"])
                month.expect(K.WRONG_ITEM, otherwise["code"])
                month.expect(K.REFUND_UNMATCHED, FOREIGN)
            case 21:
                month.expect(K.RECEIPT_MISSING, ordinary["code"])
                unreceipted = ordinary
            case 25:
                forgotten = await month.owed("900.00")
        if day == 16:
            at = "2026-09-16 12:00:00"
            rows = [
                ("缴", elsewhere["code"], "70.00", at, await month.serial(elsewhere), "990102999", story.ITEM[0]),
                ("缴", otherwise["code"], "71.00", at, await month.serial(otherwise), story.UNIT_CODE, "103050199999"),
                ("退", FOREIGN, "5.00", at, "R77", "990102001", "103050199001"),
            ]
            run = await month.file(16, "platform", rows)
        else:
            run = await month.reconcile(day)
        assert run.state == "done"
        if day == 9:
            at, serial = "2026-09-06 12:00:00", await month.serial(cleared)
            await month.file(9, "bank", [("缴", cleared["code"], "60.00", at, serial, "", "")])
            month.expect(K.OURS_ONLY, uncleared["code"])
        if day == 14:
            month.plant("extra", 14, REVISED)
            await room.run(CHANNEL, date(2026, 9, 14), by="operator Li")
            month.expect(K.UNKNOWN_CODE, REVISED)
            month.expect(K.STATEMENT_CHANGED, "")
        if day == 26:
            for issued_at, state in ((None, "open"), (await month.issued_at(forgotten["code"]), "cleared")):
                await month.tamper(forgotten["code"], issued_at)
                await room.run(CHANNEL, date(2026, 9, 26), by="operator Li")
                (torn,) = await room.breaks.find(BreakFilter(kind=K.CONTINUITY))
                assert (torn.state, torn.day_on.day) == (state, 26)
            month.expect(K.CONTINUITY, "")

    assert {kind for kind, _ in month.planted} == set(BreakKind) - {K.UNREADABLE_LINE}  # of strangers' files alone
    assert await month.found() == Counter(month.planted)
    states = {(one.kind, one.code): one.state for one in await room.breaks.find(limit=200)}
    assert states[K.PLATFORM_ONLY, lost["code"]] == "healed"
    assert states[K.CROSS_DAY, late["code"]] == "cleared"
    (at_bank,) = await room.breaks.find(BreakFilter(side=Side.BANK))
    assert (at_bank.kind, at_bank.code, at_bank.ours) == (K.OURS_ONLY, uncleared["code"], 6100)

    # A receipt that comes late ends its break, whenever it comes.
    (missing,) = await room.breaks.find(BreakFilter(kind=K.RECEIPT_MISSING))
    assert (missing.day_on.day, missing.payment_id, missing.state) == (24, unreceipted["id"], "open")
    await site.post(f"/v1/payments/{unreceipted['id']}/receipt", None)
    await site.until(f"/v1/breaks/{missing.id}", lambda now: now["difference"]["state"] == "cleared")

    # Two people for money, held by the database as well; and the refund is filed by the second one's word.
    (doubled_pay,) = await room.breaks.find(BreakFilter(kind=K.PAID_TWICE))
    proposals, months = site.app.get(Proposals), site.app.get(Months)
    action = (await proposals.propose(doubled_pay.id, Ask("refund", "重复缴款,应退"), by=LI)).id

    async def seen() -> str:
        return str((await proposals.view(action)).seen)

    with pytest.raises(ConflictProblem, match="somebody else"):
        await proposals.confirm(action, by=LI, seen=await seen())
    alone = update(break_action).where(break_action.c.id == action).values(state="confirmed", confirmed_by=LI.id)
    with pytest.raises(IntegrityError):
        await site.app.base.store.write(lambda conn: conn.execute(alone))
    with pytest.raises(ConflictProblem, match="payee, opinion_letter, loss_statement or original_voucher"):
        await proposals.confirm(action, by=WANG, seen=await seen())
    before = await seen()
    (refund,) = await site.get(f"/v1/payments/{twice['id']}/refunds")
    payee = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行望川支行"}
    assert (await site.http.put(f"/v1/refunds/{refund['id']}/payee", json=payee)).status_code == 200
    for paper in PAPERS:
        await site.post(f"/v1/refunds/{refund['id']}/documents", paper)
    with pytest.raises(
        ConflictProblem, match=r"since you saw it: documents was - .*, payee was - and is account=\*+5702"
    ):
        await proposals.confirm(action, by=WANG, seen=before)
    assert (await proposals.confirm(action, by=WANG, seen=await seen())).state == "resolved"
    await site.until(f"/v1/refunds/{refund['id']}", lambda now: now["status"] == "FILED")
    told = await room.breaks.explain(doubled_pay.id)
    assert "Wang 复核。" in "".join(one.in_(Language.CHINESE) for one in told.story)
    assert told.exchanges

    # The month closes to the fen, is frozen, and opens again only for two.
    await month.at(1, "09:00", 10)
    balance = await months.balance(CHANNEL, MONTH)
    assert balance.balanced
    assert balance.adjusted_books == balance.adjusted_statements
    assert {one.code for one in balance.items} == {
        code
        for kind, code in month.planted
        if (kind in (K.OURS_ONLY, K.UNKNOWN_CODE) and code != uncleared["code"])
        or (kind is K.AMOUNT_DIFFERS and code != wrong["code"])
    }
    close = await months.close(CHANNEL, MONTH, by=LI)
    with pytest.raises(ConflictProblem, match="closed"):
        await room.run(CHANNEL, date(2026, 9, 3), by="Li")
    (stray,) = [one for one in await room.breaks.find(BreakFilter(kind=K.UNKNOWN_CODE)) if one.code == STRAY]
    with pytest.raises(ConflictProblem, match="closed"):
        await proposals.propose(stray.id, Ask("attribute", "查明归属", forgotten["id"]), by=LI)
    assert (
        await room.breaks.resolve(stray.id, "邻区案件,已移交", by=LI)
    ).state == "resolved"  # words change no figures
    assert await months.balance(CHANNEL, MONTH) == balance
    for kind in ("day", "month", "authority", "unit", "ledger", "balance"):
        made = await months.report(kind, CHANNEL, date(2026, 9, 1), date(2026, 9, 30))
        report_files.to_xlsx(made, tmp_path / f"{kind}.xlsx", "Li")
        assert report_files.to_csv(made, 0, "Li").startswith("\ufeff")
        assert len(months.signed(made, "Li")["digest"]) == 64
        assert ("已月结 Li" in made.note) is (kind in ("month", "balance"))
    asked = await months.ask_to_reopen(close.id, "银行更正", by=LI)
    assert asked.state == "reopening"
    with pytest.raises(ConflictProblem, match="somebody else"):
        await months.confirm_reopening(close.id, by=LI, seen=months.seen(asked))
    assert (await months.confirm_reopening(close.id, by=WANG, seen=months.seen(asked))).state == "reopened"
    assert (await room.run(CHANNEL, date(2026, 9, 3), by="Li")).state == "done"

"""The conformance suite of the port ``NonTaxPlatform``."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

import pytest

from gateway.ports.base import Notice
from gateway.ports.nontax import (
    Bill,
    BillState,
    CancelRequest,
    FindRequest,
    FiscalReceipt,
    Issued,
    IssueRequest,
    NonTaxPlatform,
    PaymentNotice,
    ReceiptRequest,
    Refund,
    RefundRequest,
    StatementPage,
)
from gateway.rooms.payments.bill import check_issued, issued_from
from gateway.rooms.reconciliation.statement import Statement, StatementRefusedError, fetch, window
from gateway.testing.bench import Bench
from gateway.testing.conformance import (
    CallbackConformance,
    EffectConformance,
    Trial,
    answered,
    declared,
    fails,
    noticed,
    ready,
)
from gateway.words.clock import SHANGHAI
from gateway.words.errors import ContractError, ExchangeError, RejectedError


class NonTaxBench(Bench):
    """A platform adapter at work. ``callback`` and ``acknowledged`` are about payment codes.

    ``lines_per_page`` of the platform's statements, small if it can be; ``cut_off`` the end of its day 日切.
    """

    adapter: NonTaxPlatform
    lines_per_page: int = 3
    cut_off: time = time.min

    @abstractmethod
    def bill(self, reference: str) -> IssueRequest:
        """A bill that the platform takes, of a natural person, with a phone if bills can have one."""

    @abstractmethod
    async def pay(self, code: str) -> str:
        """Let the money for a code arrive, in full and now, and tell nobody; the bank's serial."""


class NonTaxConformance(EffectConformance, CallbackConformance):
    """What every adapter of a non-tax platform 非税收入收缴平台 promises."""

    methods: ClassVar[tuple[str, ...]] = (
        "issue",
        "find",
        "cancel",
        "refund",
        "find_refund",
        "statement",
        "receipt",
    )
    effects: ClassVar[tuple[str, ...]] = ("issue", "cancel", "refund", "receipt")
    bound_effects: ClassVar[tuple[str, ...]] = ("issue", "refund")
    primary: ClassVar[str] = "issue"

    async def trial(self, bench: NonTaxBench, method: str) -> Trial:
        """One call of a port method, ready to be made."""
        adapter, reference = bench.adapter, self.reference(bench)
        if method == "issue":
            bill = bench.bill(reference)
            other = bill.model_copy(update={"memo": f"{bill.memo}另"})

            async def find_bill() -> Issued | None:
                found = ready(await adapter.find(FindRequest(reference=reference)), "find")
                if found is None:
                    return None
                answer = _issued_from(found)
                check_issued(bill, answer)
                return answer

            return Trial(method, lambda: adapter.issue(bill), reference, lambda: adapter.issue(other), find_bill)
        issued = await self._issued(bench)
        if method == "find":
            return Trial(method, lambda: adapter.find(FindRequest(reference=issued.reference)))
        if method == "cancel":
            cancel = CancelRequest(
                reference=reference, bill_reference=issued.reference, code=issued.code, reason="决定书文号录入错误"
            )

            async def find_void() -> bool:
                found = ready(await adapter.find(FindRequest(code=issued.code)), "find")
                return found is not None and found.state is BillState.VOID

            return Trial(method, lambda: adapter.cancel(cancel), reference, recover=find_void)
        serial = await bench.pay(issued.code)
        if method == "statement":
            return Trial(method, lambda: adapter.statement(_day(bench), 1))
        if method == "receipt":
            receipt = ReceiptRequest(reference=reference, code=issued.code)
            return Trial(method, lambda: adapter.receipt(receipt), reference, recover=lambda: adapter.receipt(receipt))
        refund = RefundRequest(
            reference=reference,
            code=issued.code,
            bank_serial=serial,
            amount=issued.total,
            reason="行政处罚决定已被撤销",
            payee_name=bench.bill(reference).payer_name,
            payee_account="6217990100200300400",
            payee_bank="安澜银行望川支行",
        )
        less = refund.model_copy(update={"amount": refund.amount - 1})
        trial = Trial(
            "refund",
            lambda: adapter.refund(refund),
            reference,
            lambda: adapter.refund(less),
            lambda: adapter.find_refund(reference),
        )
        if method == "refund":
            return trial
        await answered(trial.call(), "refund")
        return Trial("find_refund", lambda: adapter.find_refund(reference))

    async def _issued(self, bench: NonTaxBench) -> Issued:
        return await answered(bench.adapter.issue(bench.bill(self.reference(bench))), "issue")

    # --- bills

    async def test_an_issued_bill_is_the_one_asked_for_and_found_by_reference_and_code(
        self, bench: NonTaxBench
    ) -> None:
        bill = bench.bill(self.reference(bench))
        issued = await answered(bench.adapter.issue(bill), "issue")
        check_issued(bill, issued)
        declared(bench, "find")
        for asked in (FindRequest(reference=bill.reference), FindRequest(code=issued.code)):
            found = await answered(bench.adapter.find(asked), f"find {asked!r}")
            assert found is not None, f"find {asked!r}: nothing, though it was issued"
            assert found.state is BillState.UNPAID, f"find {asked!r}: a new bill is {found.state}"
            assert _issued_from(found).code == issued.code, f"find {asked!r}: another code, {found.code}"

    async def test_find_invents_nothing(self, bench: NonTaxBench) -> None:
        declared(bench, "find")
        await self._issued(bench)
        unknown = self.reference(bench)
        found = await answered(bench.adapter.find(FindRequest(reference=unknown)), "find of a reference never used")
        assert found is None, f"find of a reference never used: {found!r}"

    async def test_find_refund_invents_nothing(self, bench: NonTaxBench) -> None:
        declared(bench, "find_refund")
        found = await answered(
            bench.adapter.find_refund(self.reference(bench)), "find_refund of a reference never used"
        )
        assert found is None, f"find_refund of a reference never used: {found!r}"

    async def test_money_shows_in_the_bill(self, bench: NonTaxBench) -> None:
        declared(bench, "find")
        issued = await self._issued(bench)
        serial = await bench.pay(issued.code)
        found = await answered(bench.adapter.find(FindRequest(code=issued.code)), "find of a paid bill")
        assert found is not None, "find of a paid bill: nothing"
        assert found.state is BillState.PAID, f"find of a paid bill: it is {found.state}"
        told = [(fact.code, fact.amount, fact.bank_serial) for fact in found.paid]
        assert told == [(issued.code, issued.total, serial)], f"find of a paid bill: the money is told as {told}"
        late = abs(found.paid[0].paid_at - bench.clock.now())
        assert late < timedelta(minutes=5), f"find of a paid bill: the time of payment is {late} off"

    async def test_a_void_bill_may_be_voided_again_and_a_paid_one_not(self, bench: NonTaxBench) -> None:
        declared(bench, "cancel")

        def ask(issued: Issued) -> CancelRequest:
            return CancelRequest(
                reference=self.reference(bench), bill_reference=issued.reference, code=issued.code, reason="录入错误"
            )

        void, paid = await self._issued(bench), await self._issued(bench)
        await answered(bench.adapter.cancel(ask(void)), "cancel")
        await answered(bench.adapter.cancel(ask(void)), "cancel of a bill that is void")
        await bench.pay(paid.code)
        await fails(bench.adapter.cancel(ask(paid)), RejectedError, "cancel of a paid bill")

    async def test_the_receipt_of_a_paid_bill_is_one(self, bench: NonTaxBench) -> None:
        declared(bench, "receipt")
        issued = await self._issued(bench)
        ask = ReceiptRequest(reference=self.reference(bench), code=issued.code)
        await fails(bench.adapter.receipt(ask), RejectedError, "receipt of an unpaid bill")
        await bench.pay(issued.code)
        receipt = await answered(bench.adapter.receipt(ask), "receipt")
        assert (receipt.code, receipt.amount) == (issued.code, issued.total), f"receipt: of {receipt.code}"
        assert receipt.document, "receipt: without its file"
        again = ask.model_copy(update={"reference": self.reference(bench)})
        same = await answered(bench.adapter.receipt(again), "receipt again")
        assert self.facts(same) == self.facts(receipt), f"receipt again: another one, {same.receipt_number}"

    def facts(self, answer: Any) -> Any:
        """A receipt's file may be written and signed anew each time."""
        return answer.model_copy(update={"document": b""}) if isinstance(answer, FiscalReceipt) else answer

    async def test_names_outside_the_wires_character_set_are_refused_before_sending(self, bench: NonTaxBench) -> None:
        bill = bench.bill(self.reference(bench))
        await self.check_names(
            bench, lambda name: bench.adapter.issue(bill.model_copy(update={"payer_name": name})), "payer name"
        )

    # --- answers about something else

    async def test_another_amount_is_noticed_when_issuing(self, bench: NonTaxBench) -> None:
        bill = bench.bill(self.reference(bench))

        def in_order(answer: Issued) -> bool:
            check_issued(bill, answer)
            return True

        await bench.fault("wrong_amount", "issue")
        await noticed(lambda: bench.adapter.issue(bill), in_order, "issue, answered with another amount")

    @pytest.mark.parametrize("asking", ["find", "refund", "find_refund", "receipt"])
    async def test_another_amount_is_not_hidden(self, bench: NonTaxBench, asking: str) -> None:
        declared(bench, asking)
        total = bench.bill("").total
        trial = await self.trial(bench, asking)
        await bench.fault("wrong_amount", asking)

        def as_asked(answer: Bill | Refund | FiscalReceipt) -> bool:
            return total == (answer.total if isinstance(answer, Bill) else answer.amount)

        await noticed(trial.call, as_asked, f"{asking}, answered with another amount")

    @pytest.mark.parametrize("asking", ["find", "cancel"])
    async def test_an_answer_about_another_bill_is_noticed(self, bench: NonTaxBench, asking: str) -> None:
        declared(bench, asking)
        issued = await self._issued(bench)
        ask = CancelRequest(
            reference=self.reference(bench), bill_reference=issued.reference, code=issued.code, reason="录入错误"
        )

        async def call() -> str | None:
            if asking == "cancel":
                return ready(await bench.adapter.cancel(ask), asking).code
            bill = ready(await bench.adapter.find(FindRequest(code=issued.code)), asking)
            return None if bill is None else bill.code

        await bench.fault("wrong_code", asking)
        await noticed(call, lambda code: code == issued.code, f"{asking} by code, answered with another bill")

    async def test_an_unknown_state_of_a_bill_is_not_one_we_know(self, bench: NonTaxBench) -> None:
        declared(bench, "find")
        issued = await self._issued(bench)
        await bench.fault("unknown_status", "find")
        await fails(
            bench.adapter.find(FindRequest(code=issued.code)), ContractError, "find of a bill in a state no table has"
        )

    # --- statements

    async def test_statement_pages_are_complete_and_stable(self, bench: NonTaxBench) -> None:
        declared(bench, "statement")
        codes = []
        for _ in range(2 * bench.lines_per_page + 1):
            issued = await self._issued(bench)
            await bench.pay(issued.code)
            codes.append(issued.code)
        first, again = await self._statement(bench), await self._statement(bench)
        listed = [line.code for line in first.lines if line.kind == "paid"]
        missing = [code for code in codes if code not in listed]
        assert not missing, f"the statement lacks {len(missing)} of {len(codes)} payments: {', '.join(missing)}"
        assert len(listed) == len(codes), f"the statement has {len(listed)} payments where {len(codes)} were made"
        assert first.digest == again.digest, "the same day, read twice, gave two statements"

    async def test_a_statement_with_other_amounts_is_not_believed(self, bench: NonTaxBench) -> None:
        declared(bench, "statement")
        for _ in range(2):
            await bench.pay((await self._issued(bench)).code)
        await bench.fault("wrong_amount", "statement")
        total = 2 * bench.bill("").total

        async def amount() -> int:
            try:
                return (await fetch(bench.adapter, day := _day(bench), window(day, bench.cut_off))).amount
            except StatementRefusedError as refused:
                raise ContractError(str(refused)) from refused

        await noticed(amount, lambda read: read == total, "a statement with other amounts")

    async def test_a_page_beyond_the_last_is_no_page(self, bench: NonTaxBench) -> None:
        declared(bench, "statement")
        await bench.pay((await self._issued(bench)).code)
        page = await answered(bench.adapter.statement(_day(bench), 1), "statement")
        assert isinstance(page, StatementPage), f"statement of a day with money: {page!r}"
        when = f"page {page.pages + 1} of {page.pages}"
        await fails(bench.adapter.statement(_day(bench), page.pages + 1), ExchangeError, when)

    async def _statement(self, bench: NonTaxBench) -> Statement:
        """The day's statement as reconciliation reads it: believed whole or not at all."""
        day = _day(bench)

        async def read() -> Statement | StatementRefusedError:
            try:
                return await fetch(bench.adapter, day, window(day, bench.cut_off))
            except StatementRefusedError as refused:
                return refused

        found = await answered(read(), "statement")
        assert isinstance(found, Statement), f"the statement contradicts itself: {found}"
        return found

    # --- callbacks

    async def told(self, bench: NonTaxBench) -> str:
        """A bill that may be paid; its code."""
        assert bench.callbacks_signed, "payment notices must be signed: money is not taken on a stranger's word"
        return (await self._issued(bench)).code

    def check_notice(self, bench: NonTaxBench, about: str, notice: Notice) -> None:
        """The code and the whole amount."""
        assert isinstance(notice, PaymentNotice), f"a callback about a payment was opened as {notice!r}"
        total = bench.bill("").total
        told = (notice.fact.code, notice.fact.amount)
        assert told == (about, total), f"the callback tells of {told}, what happened is {(about, total)}"


def _issued_from(bill: Bill) -> Issued:
    """A bill that was found, as the core takes it."""
    return ready(issued_from(bill), f"a bill that is {bill.state}")


def _day(bench: NonTaxBench) -> date:
    """The platform's day as it is now."""
    local: datetime = bench.clock.now().astimezone(SHANGHAI)
    late = bench.cut_off != time.min and local.time() >= bench.cut_off
    return local.date() + timedelta(days=1) if late else local.date()

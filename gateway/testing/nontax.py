"""The conformance suite of the port ``NonTaxPlatform``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar, Final, Literal

import pytest

from gateway.ports.base import Incoming, Notice, Pending, Refused
from gateway.ports.nontax import (
    Bill,
    BillState,
    Cancelled,
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
    RefundState,
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
    eventually,
    fails,
    not_declared,
    noticed,
    outcome,
    ready,
    settled,
)
from gateway.words.clock import SHANGHAI
from gateway.words.errors import ContractError, ExchangeError, OutcomeUnknownError, RejectedError

SUMS: Final = (1, 29, 110, 503650, 9_999_999_999)
"""Sums in fen that are tried: 0.01, 0.29, 1.10, 5036.50 and 99999999.99 yuan."""


class NonTaxBench(Bench):
    """A platform adapter at work. ``callback`` and ``acknowledged`` are about payment codes.

    ``lines_per_page`` of the platform's statements, small if it can be; ``cut_off`` the end of its day 日切.
    """

    adapter: NonTaxPlatform
    lines_per_page: int = 3
    cut_off: time = time.min
    #: The platform's words for where a bill stands, and what each means; "pending" for one that has no code yet.
    bill_states: Mapping[str, str]
    #: The same of a refund, with the words of ``RefundState``.
    refund_states: Mapping[str, str]
    #: Whether statements come as files whose digest is announced, so that ``wrong_digest`` and ``second_file`` can be.
    statement_files: bool = False

    @abstractmethod
    def bill(self, reference: str, total: int | None = None) -> IssueRequest:
        """A bill that the platform takes, of a natural person, with a phone if bills can have one; ``total`` in fen.

        Without ``total`` it is the same sum each time, of two lines if bills can have them.
        """

    @abstractmethod
    async def pay(self, code: str, amount: int | None = None) -> str:
        """Let money for a code arrive now, and tell nobody: in full, or this sum in fen. The bank's serial."""

    @abstractmethod
    async def paid_callback(self, code: str, amount: int) -> Incoming:
        """Let this sum in fen arrive for a code, which may not be what was asked for, and be told of it."""

    @abstractmethod
    async def give_back(self, reference: str) -> None:
        """Let finance give back the money of the refund that was filed under ``reference``."""


class NonTaxConformance(EffectConformance, CallbackConformance):
    """What every adapter of a non-tax platform 非税收入收缴平台 promises: a method each, so the class is long."""

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

            async def find_bill() -> Issued | Pending | Refused | None:
                found = await adapter.find(FindRequest(reference=reference))
                if not isinstance(found, Bill):
                    return found
                answer = issued_from(found)
                if isinstance(answer, Issued):
                    check_issued(bill, answer)
                return answer

            by_reference = "reference" in adapter.info.find.by
            recover = find_bill if by_reference else None
            return Trial(method, lambda: adapter.issue(bill), reference, lambda: adapter.issue(other), recover)
        issued = await self._issued(bench)
        if method == "find":
            return Trial(method, lambda: adapter.find(_asking(bench, issued)))
        if method == "cancel":
            cancel = CancelRequest(
                reference=reference, bill_reference=issued.reference, code=issued.code, reason="决定书文号录入错误"
            )

            async def find_void() -> Cancelled | Pending | None:
                found = await adapter.find(_asking(bench, issued))
                if isinstance(found, Pending):
                    return found
                bill = ready(found, "find")
                return Cancelled(code=bill.code) if bill is not None and bill.state is BillState.VOID else None

            return Trial(method, lambda: adapter.cancel(cancel), reference, recover=find_void)
        serial = await bench.pay(issued.code)
        if method == "statement":
            return Trial(method, lambda: adapter.statement(_day(bench), 1))
        if method == "receipt":
            receipt = ReceiptRequest(reference=reference, code=issued.code)
            return Trial(method, lambda: adapter.receipt(receipt), reference, recover=lambda: adapter.receipt(receipt))
        refund = _refund_of(bench, reference, issued, serial, issued.total)
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
        await trial.done(bench)
        return Trial("find_refund", lambda: adapter.find_refund(reference))

    async def _issued(self, bench: NonTaxBench, total: int | None = None) -> Issued:
        """A bill with its code, once it has one; of another total if told so."""
        bill = bench.bill(self.reference(bench), total)
        issued = await settled(bench, partial(bench.adapter.issue, bill), "issue", self._finding(bench, bill))
        check_issued(bill, issued)
        return issued

    def _finding(self, bench: NonTaxBench, bill: IssueRequest) -> Callable[[], Awaitable[Issued | Pending | Refused]]:
        """How a bill whose code comes later is asked for."""

        async def find() -> Issued | Pending | Refused:
            found = await bench.adapter.find(FindRequest(reference=bill.reference))
            assert found is not None, "find of a bill that is pending: nothing"
            return issued_from(found) if isinstance(found, Bill) else found

        return find

    async def _bill(self, bench: NonTaxBench, issued: Issued, when: str) -> Bill:
        """What the platform knows of a bill that it has."""
        found = await settled(bench, lambda: bench.adapter.find(_asking(bench, issued)), f"find of {when}")
        assert found is not None, f"find of {when}: nothing"
        return found

    async def _filed(self, bench: NonTaxBench, issued: Issued, serial: str, amount: int) -> str:
        """File a refund of so much of the money for a bill; its reference."""
        request = _refund_of(bench, self.reference(bench), issued, serial, amount)
        filed = await settled(
            bench,
            lambda: bench.adapter.refund(request),
            "refund",
            lambda: bench.adapter.find_refund(request.reference),
        )
        assert filed is not None, "refund: nothing is known of it"
        return request.reference

    # --- bills

    async def test_an_issued_bill_is_the_one_asked_for_and_found_by_reference_and_code(
        self, bench: NonTaxBench
    ) -> None:
        issued = await self._issued(bench)
        declared(bench, "find")
        for asked in _askings(bench, issued):
            found = await settled(bench, partial(bench.adapter.find, asked), f"find {asked!r}")
            assert found is not None, f"find {asked!r}: nothing, though it was issued"
            assert found.state is BillState.UNPAID, f"find {asked!r}: a new bill is {found.state}"
            assert found.code == issued.code, f"find {asked!r}: another code, {found.code}"

    async def test_find_invents_nothing(self, bench: NonTaxBench) -> None:
        declared(bench, "find")
        if "reference" not in bench.adapter.info.find.by:
            not_declared(f"{bench.adapter.info.name} is not asked by reference")
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
        found = await self._bill(bench, issued, "a paid bill")
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
        for when in ("cancel", "cancel of a bill that is void"):
            await settled(bench, lambda: bench.adapter.cancel(ask(void)), when)
        await bench.pay(paid.code)
        await fails(bench.adapter.cancel(ask(paid)), RejectedError, "cancel of a paid bill")

    async def test_the_receipt_of_a_paid_bill_is_one(self, bench: NonTaxBench) -> None:
        declared(bench, "receipt")
        issued = await self._issued(bench)
        ask = ReceiptRequest(reference=self.reference(bench), code=issued.code)
        await fails(bench.adapter.receipt(ask), RejectedError, "receipt of an unpaid bill")
        await bench.pay(issued.code)
        receipt = await settled(bench, lambda: bench.adapter.receipt(ask), "receipt")
        assert (receipt.code, receipt.amount) == (issued.code, issued.total), f"receipt: of {receipt.code}"
        assert receipt.document, "receipt: without its file"
        again = ask.model_copy(update={"reference": self.reference(bench)})
        same = await settled(bench, lambda: bench.adapter.receipt(again), "receipt again")
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

        find = self._finding(bench, bill)
        for method in ("issue", "find"):  # where the code comes later, so does the amount
            await bench.fault("wrong_amount", method)

        async def call() -> Issued | Refused:
            return await eventually(bench, partial(bench.adapter.issue, bill), find)

        await noticed(call, in_order, "issue, answered with another amount")

    @pytest.mark.parametrize("asking", ["find", "refund", "find_refund", "receipt"])
    async def test_another_amount_is_not_hidden(self, bench: NonTaxBench, asking: str) -> None:
        declared(bench, asking)
        total = bench.bill("").total
        trial = await self.trial(bench, asking)
        await bench.fault("wrong_amount", asking)

        def as_asked(answer: Bill | Refund | FiscalReceipt) -> bool:
            return total == (answer.total if isinstance(answer, Bill) else answer.amount)

        await noticed(partial(eventually, bench, trial.call), as_asked, f"{asking}, answered with another amount")

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
            bill = ready(await bench.adapter.find(_asking(bench, issued)), asking)
            return None if bill is None else bill.code

        await bench.fault("wrong_code", asking)
        await noticed(call, lambda code: code == issued.code, f"{asking} by code, answered with another bill")

    async def test_an_unknown_state_of_a_bill_is_not_one_we_know(self, bench: NonTaxBench) -> None:
        declared(bench, "find")
        issued = await self._issued(bench)
        await bench.fault("unknown_status", "find")
        when = "find of a bill in a state no table has"
        await fails(bench.adapter.find(_asking(bench, issued)), ContractError, when)

    async def test_an_unknown_state_of_a_refund_is_not_one_we_know(self, bench: NonTaxBench) -> None:
        declared(bench, "refund", "find_refund")
        issued = await self._issued(bench)
        reference = await self._filed(bench, issued, await bench.pay(issued.code), issued.total)
        await bench.fault("unknown_status", "find_refund")
        when = "find_refund of a refund in a state no table has"
        await fails(bench.adapter.find_refund(reference), ContractError, when)

    async def test_every_state_of_a_bill_is_read_as_what_it_means(self, bench: NonTaxBench) -> None:
        declared(bench, "find")
        assert bench.bill_states, "the bench names no state of a bill"
        unpaid, paid = await self._issued(bench), await self._issued(bench)
        await bench.pay(paid.code)
        wrong = []
        for word, meaning in bench.bill_states.items():
            issued = paid if meaning in (BillState.PAID, BillState.REFUNDED) else unpaid
            await bench.fault("status", "find", code=word)
            found = await outcome(bench.adapter.find(_asking(bench, issued)), f"find of a bill that is {word}")
            await bench.clear()
            told = "pending" if isinstance(found, Pending) else getattr(found, "state", repr(found))
            if told != meaning:
                wrong.append(f"a bill that is {word} ({meaning}) is told as {told}")
        assert not wrong, "; ".join(wrong)

    async def test_every_state_of_a_refund_is_read_as_what_it_means(self, bench: NonTaxBench) -> None:
        declared(bench, "refund", "find_refund")
        assert bench.refund_states, "the bench names no state of a refund"
        issued = await self._issued(bench)
        serial = await bench.pay(issued.code)
        filed, done = [await self._filed(bench, issued, serial, amount) for amount in (29, 110)]
        await bench.give_back(done)
        wrong = []
        for word, meaning in bench.refund_states.items():
            reference = done if meaning == RefundState.REFUNDED else filed
            await bench.fault("status", "find_refund", code=word)
            found = await outcome(bench.adapter.find_refund(reference), f"find_refund of one that is {word}")
            await bench.clear()
            told = "pending" if isinstance(found, Pending) else getattr(found, "state", repr(found))
            if told != meaning:
                wrong.append(f"a refund that is {word} ({meaning}) is told as {told}")
        assert not wrong, "; ".join(wrong)

    # --- sums

    async def test_sums_are_what_they_are_to_the_fen(self, bench: NonTaxBench) -> None:
        """Those among them that binary fractions spoil; as asked for, as paid, and on the statement."""
        wrong, listed = [], []
        for total in SUMS:
            issued = await self._issued(bench, total)
            await bench.pay(issued.code)
            listed.append((issued.code, total))
            if "find" not in bench.adapter.info.capabilities:
                continue
            found = await self._bill(bench, issued, f"a bill of {total} fen")
            told = (found.total, [fact.amount for fact in found.paid])
            if told != (total, [total]):
                wrong.append(f"a bill of {total} fen is told as {told}")
        assert not wrong, "; ".join(wrong)
        declared(bench, "statement")
        read = [(line.code, line.amount) for line in (await self._statement(bench)).lines]
        assert sorted(read) == sorted(listed), f"the statement tells {read}, what came is {listed}"

    async def test_what_came_is_told_and_not_what_was_asked_for(self, bench: NonTaxBench) -> None:
        issued = await self._issued(bench)
        came = [issued.total - 1, 29]
        for amount in came:
            await bench.pay(issued.code, amount)
        if "find" in bench.adapter.info.capabilities:
            found = await self._bill(bench, issued, "a bill paid in other sums")
            told = [fact.amount for fact in found.paid]
            assert sorted(told) == sorted(came), f"find tells of {told}, what came is {came}"
        if "statement" in bench.adapter.info.capabilities:
            read = [line.amount for line in (await self._statement(bench)).lines]
            assert sorted(read) == sorted(came), f"the statement tells {read}, what came is {came}"
        declared(bench, "open_callback")
        for amount in (1, 110):
            opened = await self._opened(bench, await bench.paid_callback(issued.code, amount), "opening a callback")
            assert isinstance(opened.notice, PaymentNotice), f"a callback about money opened as {opened.notice!r}"
            told_now = opened.notice.fact.amount
            assert told_now == amount, f"the callback tells of {told_now} fen, what came is {amount}"

    async def test_money_that_went_back_is_told_in_part_and_twice(self, bench: NonTaxBench) -> None:
        """Two refunds of parts on one day: each with its own end and sum, and both lines of the statement."""
        declared(bench, "refund", "find_refund")
        issued = await self._issued(bench)
        serial = await bench.pay(issued.code)
        parts = {await self._filed(bench, issued, serial, amount): amount for amount in (29, 110)}
        for reference in parts:
            await bench.give_back(reference)
        for reference, amount in parts.items():
            ask = partial(bench.adapter.find_refund, reference)
            done = await settled(bench, ask, "find_refund of money given back")
            assert done is not None, "find_refund of money given back: nothing"
            told = (done.state, done.amount)
            assert told == (RefundState.REFUNDED, amount), f"{amount} fen were given back, find_refund tells {told}"
        declared(bench, "statement")
        statement = await self._statement(bench)
        back = sorted(line.amount for line in statement.lines if line.kind == "refunded")
        assert back == sorted(parts.values()), f"the statement lists {back} as given back, it was {[*parts.values()]}"
        assert statement.amount == issued.total, f"its total of money that came is {statement.amount}"

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

    async def test_a_statement_whose_totals_are_not_those_of_its_lines_is_not_believed(
        self, bench: NonTaxBench
    ) -> None:
        declared(bench, "statement")
        await bench.pay((await self._issued(bench)).code)
        await bench.fault("wrong_totals", "statement")
        await self._not_believed(bench, "a statement whose totals are not those of its lines")

    @pytest.mark.parametrize("kind", ["wrong_digest", "second_file"])
    async def test_a_file_that_is_not_the_one_announced_is_not_believed(
        self, bench: NonTaxBench, kind: Literal["wrong_digest", "second_file"]
    ) -> None:
        declared(bench, "statement")
        if not bench.statement_files:
            not_declared("the contract's statements are no files")
        await bench.pay((await self._issued(bench)).code)
        await bench.fault(kind, "statement")
        await self._not_believed(bench, f"a statement met by {kind}")

    async def _not_believed(self, bench: NonTaxBench, when: str) -> None:
        day = _day(bench)
        try:
            read = await fetch(bench.adapter, day, window(day, bench.cut_off))
        except (StatementRefusedError, OutcomeUnknownError):
            return
        raise AssertionError(f"{when}: neither the adapter nor the core noticed: {read!r:.200}")

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


def _askings(bench: NonTaxBench, issued: Issued) -> list[FindRequest]:
    """Every way in which the adapter is asked about a bill."""
    by = bench.adapter.info.find.by
    ways = {"reference": FindRequest(reference=issued.reference), "code": FindRequest(code=issued.code)}
    return [ways[way] for way in sorted(by)]


def _asking(bench: NonTaxBench, issued: Issued) -> FindRequest:
    """By the code if that can be, since other tests ask by reference."""
    return _askings(bench, issued)[0]


def _refund_of(bench: NonTaxBench, reference: str, issued: Issued, serial: str, amount: int) -> RefundRequest:
    return RefundRequest(
        reference=reference,
        bill_reference=issued.reference,
        code=issued.code,
        bank_serial=serial,
        amount=amount,
        reason="行政处罚决定已被撤销",
        payee_name=bench.bill(reference).payer_name,
        payee_account="6217990100200300400",
        payee_bank="安澜银行望川支行",
    )


def _day(bench: NonTaxBench) -> date:
    """The platform's day as it is now."""
    local: datetime = bench.clock.now().astimezone(SHANGHAI)
    late = bench.cut_off != time.min and local.time() >= bench.cut_off
    return local.date() + timedelta(days=1) if late else local.date()

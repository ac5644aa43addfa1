"""Adapters that break one promise each: the conformance kit fails every one of them, and says why."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from benches import CreditChinaBench, PortalBench, RestSealBench, SharingRegistryBench, SimulatorBench, SoapNonTaxBench
from broken_adapters import Broken, Case, failed_by_the_kit

from gateway.adapters.credit.creditchina import CreditChina
from gateway.adapters.credit.portal import DisclosurePortal
from gateway.adapters.nontax.soap import SoapNonTax
from gateway.adapters.registry.sharing import SharingRegistry
from gateway.adapters.seal.rest import RestSealService
from gateway.foundation.wire.signing import Authenticated
from gateway.ports.base import AdapterInfo, Incoming, OpenedCallback, Reply
from gateway.ports.credit import Shown, Submission, SubmissionState, SubmitRequest
from gateway.ports.nontax import (
    Bill,
    BillState,
    Cancelled,
    CancelRequest,
    FindRequest,
    FiscalReceipt,
    Issued,
    IssueRequest,
    ReceiptRequest,
    Refund,
    RefundState,
    StatementPage,
)
from gateway.ports.registry import ChangePage, RegistrationRecord
from gateway.ports.seal import ApplyRequest, SealInfo, SealJob
from gateway.testing.conformance import Conformance
from gateway.testing.credit import DisclosureConformance
from gateway.testing.nontax import NonTaxConformance
from gateway.testing.registry import RegistryConformance
from gateway.testing.seal import SealConformance
from gateway.words.errors import (
    BusyError,
    ContractError,
    ExchangeError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
)
from gateway.words.identifiers import new_reference
from simulators.testing import Simulation

TRIED: dict[type[Any], tuple[type[Conformance], type[SimulatorBench]]] = {
    SoapNonTax: (NonTaxConformance, SoapNonTaxBench),
    CreditChina: (DisclosureConformance, CreditChinaBench),
    DisclosurePortal: (DisclosureConformance, PortalBench),
    SharingRegistry: (RegistryConformance, SharingRegistryBench),
    RestSealService: (SealConformance, RestSealBench),
}
CASES = Broken()
breaks = CASES.breaks


def issued(request: IssueRequest, **changes: Any) -> Issued:
    """An answer that nobody gave."""
    made = {"reference": request.reference, "code": "99010226309000000001", "total": request.total}
    return Issued.model_validate(made | changes)


def authentic(incoming: Incoming) -> Authenticated:
    """A stranger, taken at his word."""
    return Authenticated("anybody", datetime.now(UTC), incoming.headers.get("x-nonce", "none"))


# --- doubt ---------------------------------------------------------------------------------------------------------


@breaks("an_effect_without_an_answer_is_doubt_and_asking_recovers_it", "issue", words="but the adapter answered Issued")
@breaks("a_broken_answer_is_doubt_and_never_an_answer", "issue", words="error_500.*but the adapter answered Issued")
@breaks("an_unknown_code_is_never_final", "issue", words="unknown code 99999.*but the adapter answered Issued")
class TakesDoubtForSuccess(SoapNonTax):
    """No answer is a good answer."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except OutcomeUnknownError:
            return issued(request)


@breaks("a_broken_answer_is_doubt_and_never_an_answer", "issue", words="sent again by itself: CreateBill, CreateBill")
@breaks("busy_has_no_effect_and_carries_its_delay", "issue", words="busy: the adapter sent again by itself")
class SendsAgainByItself(SoapNonTax):
    """Perhaps it works the second time."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except (OutcomeUnknownError, BusyError):
            return await super().issue(request)


@breaks("silence_is_doubt", words="silence: expected OutcomeUnknownError, got NotSentError")
@breaks("an_effect_without_an_answer_is_doubt_and_asking_recovers_it", "issue", words="no answer: .*got NotSentError")
class CallsATimeoutNotSent(SoapNonTax):
    """Would have the bill sent once more."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except OutcomeUnknownError as error:
            raise NotSentError(str(error)) from error


@breaks("a_refused_connection_is_not_sent_and_has_no_effect", "issue", words="refused: expected NotSentError, got Outc")
@breaks("the_check_proves_that_the_other_side_is_there", words="check with connections refused: expected NotSent")
class CallsARefusalUnknown(SoapNonTax):
    """Would have everything wait that could simply be sent."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except NotSentError as error:
            raise OutcomeUnknownError(str(error)) from error

    async def check(self) -> str:
        try:
            return await super().check()
        except NotSentError:
            return "not reachable"


@breaks("an_effect_without_an_answer_is_doubt_and_asking_recovers_it", "cancel", words="nothing was found")
@breaks("an_issued_bill_is_the_one_asked_for_and_found_by_reference_and_code", words="nothing, though it was issued")
@breaks("money_shows_in_the_bill", words="find of a paid bill: nothing")
class FindsNothing(SoapNonTax):
    """Would have everything in doubt sent again."""

    async def find(self, request: FindRequest) -> Bill | None:
        return None


@breaks("find_invents_nothing", words="find of a reference never used: Bill")
class InventsABill(SoapNonTax):
    """Finds whatever it is asked about."""

    async def find(self, request: FindRequest) -> Bill | None:
        found = await super().find(request)
        code = request.code or "99010226309000000001"
        reference = request.reference or "INVENTED"
        return found or Bill(reference=reference, code=code, total=1, state=BillState.UNPAID)


@breaks("find_refund_invents_nothing", words="find_refund of a reference never used: Refund")
class InventsARefund(SoapNonTax):
    """Whatever it is asked about was filed."""

    async def find_refund(self, reference: str) -> Refund | None:
        filed = Refund.model_construct(reference=reference, code="9", amount=1, state=RefundState.FILED)
        return await super().find_refund(reference) or filed


@breaks(
    "the_receipt_of_a_paid_bill_is_one", words="receipt of an unpaid bill: expected RejectedError, but the adapter an"
)
class ReceiptsWhatIsUnpaid(SoapNonTax):
    """A receipt costs nothing."""

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt:
        try:
            return await super().receipt(request)
        except RejectedError:
            return FiscalReceipt.model_construct(
                reference=request.reference, code=request.code, amount=1, document=b"1"
            )


@breaks("money_shows_in_the_bill", words="it is unpaid")
class NeverSeesMoney(SoapNonTax):
    """Every bill is unpaid."""

    async def find(self, request: FindRequest) -> Bill | None:
        found = await super().find(request)
        return found and found.model_copy(update={"state": BillState.UNPAID})


# --- codes ---------------------------------------------------------------------------------------------------------


@breaks("an_unknown_code_is_never_final", "issue", words="expected OutcomeUnknownError, got RejectedError: 99999")
class CallsAnUnknownCodeFinal(SoapNonTax):
    """Whatever it has not heard of is a no."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except ContractError as error:
            raise RejectedError(str(error), "99999") from error


@breaks("every_code_of_the_table_has_its_error", words=r"18012 \(rejected\): expected RejectedError, got BusyError")
@breaks("every_code_of_the_table_has_its_error", words=r"19103 \(denied\): expected DeniedError, got BusyError")
class CallsEveryCodeBusy(SoapNonTax):
    """Try again later, for ever."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except ExchangeError as error:
            raise BusyError(str(error)) from error


@breaks("every_code_of_the_table_has_its_error", words="the refusal carries the code 'refused'")
class LosesTheCode(SoapNonTax):
    """No is no."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except RejectedError as error:
            raise RejectedError(error.reason, "refused") from error


@breaks("busy_has_no_effect_and_carries_its_delay", "issue", words=r"come back after 7.0 s, retry_after is None")
class LosesTheDelay(SoapNonTax):
    """Busy, who knows for how long."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except BusyError as error:
            raise BusyError(str(error)) from error


@breaks("an_unknown_state_of_a_bill_is_not_one_we_know", words="expected ContractError, but the adapter answered Bill")
@breaks("a_broken_answer_is_doubt_and_never_an_answer", "find", words="error_500.*answered Bill")
class CallsAnUnknownStateUnpaid(SoapNonTax):
    """A bill in a strange state is still to be paid."""

    async def find(self, request: FindRequest) -> Bill | None:
        try:
            return await super().find(request)
        except OutcomeUnknownError:
            code = request.code or "99010226309000000001"
            return Bill(reference=request.reference or "R", code=code, total=1, state=BillState.UNPAID)


@breaks("a_broken_answer_is_doubt_and_never_an_answer", "issue", words="KeyError: 'Bill' left the adapter")
@breaks("busy_has_no_effect_and_carries_its_delay", "issue", words="KeyError: 'Bill' left the adapter")
class LetsForeignErrorsOut(SoapNonTax):
    """Errors are somebody else's business."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except ExchangeError:
            return {}["Bill"]  # type: ignore[no-any-return]


# --- identity and amounts ------------------------------------------------------------------------------------------


@breaks("another_amount_is_noticed_when_issuing", words="another amount: neither the adapter nor the core noticed")
class HidesAnotherAmount(SoapNonTax):
    """The amount is what we asked for, whatever the platform says."""

    async def issue(self, request: IssueRequest) -> Issued:
        return (await super().issue(request)).model_copy(update={"total": request.total})


@breaks("another_amount_is_not_hidden", "find", words="find, answered with another amount: neither")
@breaks("another_amount_is_not_hidden", "receipt", words="receipt, answered with another amount: neither")
class RoundsAmounts(SoapNonTax):
    """What is a fen between friends."""

    async def find(self, request: FindRequest) -> Bill | None:
        found = await super().find(request)
        return found and found.model_copy(update={"total": found.total // 10 * 10})

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt:
        receipt = await super().receipt(request)
        return receipt.model_copy(update={"amount": receipt.amount // 10 * 10})


@breaks("an_answer_about_another_bill_is_noticed", "find", words="find by code, answered with another bill: neither")
@breaks("an_answer_about_another_bill_is_noticed", "cancel", words="cancel by code, answered with another bill: nei")
class TakesAnotherBill(SoapNonTax):
    """Any bill will do."""

    async def find(self, request: FindRequest) -> Bill | None:
        try:
            return await super().find(request)
        except ContractError:
            return Bill(reference="R", code=str(request.code), total=1, state=BillState.UNPAID)

    async def cancel(self, request: CancelRequest) -> Cancelled:
        try:
            return await super().cancel(request)
        except ContractError:
            return Cancelled(code=request.code)


@breaks("the_same_reference_has_one_effect_and_one_result", "issue", words="0 effects under one reference")
class MakesReferencesOfItsOwn(SoapNonTax):
    """Ours is not good enough: two calls, two bills."""

    async def issue(self, request: IssueRequest) -> Issued:
        form = self.info.reference
        own = new_reference(form.length, form.alphabet)
        answer = await super().issue(request.model_copy(update={"reference": own}))
        return answer.model_copy(update={"reference": request.reference})


@breaks("the_same_reference_has_one_effect_and_one_result", "issue", words="reference gave Issued.*then Issued")
class AnswersDifferentlyTheSecondTime(SoapNonTax):
    """One bill, a new address each time."""

    async def issue(self, request: IssueRequest) -> Issued:
        answer = await super().issue(request)
        return answer.model_copy(update={"check_code": new_reference(10, "0123456789ABCDEFGHJKMNPQRSTVWXYZ")})


@breaks("the_same_reference_for_something_else_is_refused", "issue", words="something else: .* answered Issued")
@breaks("the_same_reference_for_something_else_is_refused", "refund", words="something else: .* answered Refund")
class RemembersByReferenceAlone(SoapNonTax):
    """Answers from memory, without looking at what it is asked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._answers: dict[str, Any] = {}

    async def issue(self, request: IssueRequest) -> Issued:
        if request.reference not in self._answers:
            self._answers[request.reference] = await super().issue(request)
        return self._answers[request.reference]

    async def refund(self, request: Any) -> Any:
        if request.reference not in self._answers:
            self._answers[request.reference] = await super().refund(request)
        return self._answers[request.reference]


@breaks("a_void_bill_may_be_voided_again_and_a_paid_one_not", words="cancel of a paid bill: .* answered Cancelled")
class VoidsWhatIsPaid(SoapNonTax):
    """Says so, at least."""

    async def cancel(self, request: CancelRequest) -> Cancelled:
        try:
            return await super().cancel(request)
        except RejectedError:
            return Cancelled(code=request.code)


@breaks("names_outside_the_wires_character_set_are_refused_before_sending", words="payer name with 𠮷 over gbk: expec")
class ReplacesWhatItCannotWrite(SoapNonTax):
    """A question mark is a character too."""

    async def issue(self, request: IssueRequest) -> Issued:
        name = request.payer_name.encode("gbk", "replace").decode("gbk")
        return await super().issue(request.model_copy(update={"payer_name": name}))


@breaks("names_outside_the_wires_character_set_are_refused_before_sending", words="does not name the character: bad")
class DoesNotSayWhichCharacter(SoapNonTax):
    """Guess."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except RejectedError as error:
            raise RejectedError("bad name", error.code) from error


# --- states and sums -----------------------------------------------------------------------------------------------


@breaks("every_state_of_a_bill_is_read_as_what_it_means", words=r"a bill that is 2 \(void\) is told as unpaid")
@breaks("a_void_bill_may_be_voided_again_and_a_paid_one_not", words="cancel: expected an answer, got ContractError")
class CallsAVoidBillUnpaid(SoapNonTax):
    """Two words of the table have changed places."""

    async def find(self, request: FindRequest) -> Bill | None:
        found = await super().find(request)
        void = found is not None and found.state is BillState.VOID
        return found.model_copy(update={"state": BillState.UNPAID}) if found and void else found

    async def cancel(self, request: CancelRequest) -> Cancelled:
        await super().cancel(request)
        found = await self.find(FindRequest(code=request.code))
        if found is None or found.state is not BillState.VOID:
            raise ContractError("it is not void")
        return Cancelled(code=request.code)


@breaks("every_state_of_a_refund_is_read_as_what_it_means", words=r"a refund that is 3 \(refused\) is told as refunded")
@breaks("an_unknown_state_of_a_refund_is_not_one_we_know", words="expected ContractError, but the adapter answered Re")
class CallsWhateverIsNotFiledRefunded(SoapNonTax):
    """It has ended, and that is all anybody wants to know."""

    async def find_refund(self, reference: str) -> Refund | None:
        try:
            found = await super().find_refund(reference)
        except ContractError:
            return Refund.model_construct(reference=reference, code="9", amount=1, state=RefundState.REFUNDED)
        if found is None or found.state in (RefundState.FILED, RefundState.APPROVED):
            return found
        return found.model_copy(update={"state": RefundState.REFUNDED})


def through_floats(amount: int) -> int:
    """A sum in fen by way of yuan in binary fractions."""
    return int(float(f"{amount / 100:.2f}") * 100)


@breaks("sums_are_what_they_are_to_the_fen", words=r"a bill of 29 fen is told as \(28, \[28\]\)|the answer is about 28")
class CountsInFloats(SoapNonTax):
    """0.29 yuan are 28 fen."""

    async def find(self, request: FindRequest) -> Bill | None:
        found = await super().find(request)
        if found is None:
            return None
        paid = tuple(one.model_copy(update={"amount": through_floats(one.amount)}) for one in found.paid)
        return found.model_copy(update={"total": through_floats(found.total), "paid": paid})


@breaks("sums_are_what_they_are_to_the_fen", words="the statement tells .* 28")
class CountsTheStatementInFloats(SoapNonTax):
    """And makes the total fit; by chance it is the same on each page."""

    async def statement(self, day: date, page: int) -> StatementPage:
        got = await super().statement(day, page)
        lines = tuple(replace(line, amount=through_floats(line.amount)) for line in got.lines)
        return got.model_copy(update={"lines": lines, "amount": got.amount - 1})  # of all sums only 0.29 loses a fen


@breaks("what_came_is_told_and_not_what_was_asked_for", words="find tells of .503650, 503650., what came is")
class TellsWhatWasBilled(SoapNonTax):
    """Whoever pays, pays the bill."""

    async def find(self, request: FindRequest) -> Bill | None:
        found = await super().find(request)
        paid = tuple(one.model_copy(update={"amount": found.total}) for one in found.paid) if found else ()
        return found and found.model_copy(update={"paid": paid})


@breaks("what_came_is_told_and_not_what_was_asked_for", words="the callback tells of 503650 fen, what came is 1")
class TellsOfCallbacksWhatWasBilled(SoapNonTax):
    """A notice says that a bill is paid; its sum is known from the bill."""

    async def issue(self, request: IssueRequest) -> Issued:
        self._total = request.total
        return await super().issue(request)

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        fact = opened.notice.fact.model_copy(update={"amount": self._total})  # type: ignore[union-attr]
        return replace(opened, notice=opened.notice.model_copy(update={"fact": fact}))


@breaks("money_that_went_back_is_told_in_part_and_twice", words="29 fen were given back, find_refund tells .*503650")
class GivesAllBack(SoapNonTax):
    """A refund is a refund of the bill."""

    async def find_refund(self, reference: str) -> Refund | None:
        found = await super().find_refund(reference)
        return found and found.model_copy(update={"amount": 503650})


@breaks("money_that_went_back_is_told_in_part_and_twice", words=r"the statement lists \[\] as given back")
class ListsWhatCameOnly(SoapNonTax):
    """And makes the count fit."""

    async def statement(self, day: date, page: int) -> StatementPage:
        got = await super().statement(day, page)
        lines = tuple(line for line in got.lines if line.kind == "paid")
        return got.model_copy(update={"lines": lines, "count": got.count - len(got.lines) + len(lines)})


@breaks("a_broken_answer_is_doubt_and_never_an_answer", "issue", words="sent again by itself: CreateBill, Retry")
class SendsAgainUnderAnotherName(SoapNonTax):
    """In the evidence it is something else."""

    async def issue(self, request: IssueRequest) -> Issued:
        try:
            return await super().issue(request)
        except OutcomeUnknownError:
            original = self._wire.post

            async def renamed(action: str, *arguments: Any, **more: Any) -> Any:
                return await original("Retry", *arguments, **more)

            self._wire.post = renamed  # type: ignore[method-assign]
            try:
                return await super().issue(request)
            finally:
                self._wire.post = original  # type: ignore[method-assign]


# --- statements ----------------------------------------------------------------------------------------------------


@breaks("a_statement_whose_totals_are_not_those_of_its_lines_is_not_believed", words="neither the adapter nor the core")
class MakesItsOwnTotals(SoapNonTax):
    """What the platform says it sent is of no interest; it has one page a day."""

    async def statement(self, day: date, page: int) -> StatementPage:
        got = await super().statement(day, page)
        amount = sum(line.amount for line in got.lines if line.kind == "paid")
        return got.model_copy(update={"count": len(got.lines), "amount": amount})


@breaks("statement_pages_are_complete_and_stable", words="contradicts itself: 4 lines where the total says 7")
class DropsAPage(SoapNonTax):
    """The second page is empty."""

    async def statement(self, day: date, page: int) -> StatementPage:
        got = await super().statement(day, page)
        return got.model_copy(update={"lines": ()}) if page == 2 else got


@breaks("statement_pages_are_complete_and_stable", words="the statement lacks 4 of 7 payments")
@breaks("a_page_beyond_the_last_is_no_page", words="page 2 of 1: expected ExchangeError, but the adapter answered")
class ReadsTheFirstPageOnly(SoapNonTax):
    """And makes the totals fit."""

    async def statement(self, day: date, page: int) -> StatementPage:
        first = await super().statement(day, 1)
        amount = sum(line.amount for line in first.lines if line.kind == "paid")
        return first.model_copy(update={"pages": 1, "count": len(first.lines), "amount": amount})


@breaks("a_statement_with_other_amounts_is_not_believed", words="a statement with other amounts: neither")
class RoundsTheStatement(SoapNonTax):
    """And the totals with it."""

    async def statement(self, day: date, page: int) -> StatementPage:
        got = await super().statement(day, page)
        lines = tuple(replace(line, amount=line.amount // 10 * 10) for line in got.lines)
        return got.model_copy(update={"lines": lines, "amount": sum(line.amount for line in lines)})


class FilesBench(SoapNonTaxBench):
    """A platform whose statements are files, to an adapter that reads something else: no fault of a file is seen."""

    statement_files = True

    async def fault(self, kind: str, method: str, **more: Any) -> None:
        if kind not in ("wrong_digest", "second_file"):
            await super().fault(kind, method, **more)


@breaks("a_file_that_is_not_the_one_announced_is_not_believed", "wrong_digest", words="met by wrong_digest: neither")
@breaks("a_file_that_is_not_the_one_announced_is_not_believed", "second_file", words="met by second_file: neither")
class LooksAtNoDigest(SoapNonTax):
    """A file is a file."""


TRIED[LooksAtNoDigest] = (NonTaxConformance, FilesBench)


# --- callbacks -----------------------------------------------------------------------------------------------------


@breaks("a_forged_callback_is_refused", words="a forged callback: expected ForgedCallbackError, but the adapter answ")
@breaks("an_altered_callback_is_refused", words="digit at .* was altered: expected Forged.*answered OpenedCallback")
@breaks("a_stale_callback_is_refused", words="played back too late: expected ForgedCallbackError, but")
class BelievesAnybody(SoapNonTax):
    """Reads the message, and not the signature."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        self._signer.verify = lambda headers, body: authentic(incoming)  # type: ignore[method-assign]
        return await super().open_callback(incoming)


@breaks("a_callback_without_a_header_that_counts_is_refused", words="without x-signature: expected Forged.*answered Op")
class BelievesWhoSignsNothing(SoapNonTax):
    """Checks each signature that is there."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        if "x-signature" in incoming.headers:
            return await super().open_callback(incoming)
        checked = self._signer.verify
        self._signer.verify = lambda headers, body: authentic(incoming)  # type: ignore[method-assign]
        try:
            return await super().open_callback(incoming)
        finally:
            self._signer.verify = checked  # type: ignore[method-assign]


@breaks("what_authenticates_one_callback_authenticates_no_other", words="under another one's headers: expected Forged")
class BelievesAnyBodyUnderAKnownSignature(SoapNonTax):
    """Whose signature was right once is right again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._right: set[str] = set()

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        signature, checked = incoming.headers.get("x-signature", ""), self._signer.verify
        if signature in self._right:
            self._signer.verify = lambda headers, body: authentic(incoming)  # type: ignore[method-assign]
        try:
            opened = await super().open_callback(incoming)
        finally:
            self._signer.verify = checked  # type: ignore[method-assign]
        self._right.add(signature)
        return opened


@breaks("a_stale_callback_is_refused", words="played back too late: expected ForgedCallbackError, but")
class BelievesTheDead(SoapNonTax):
    """Checks the signature as of the time that the message names."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        stamp = datetime.fromtimestamp(int(incoming.headers["x-timestamp"]) / 1000, UTC)
        now, self._signer._clock = self._signer._clock, type("Then", (), {"now": lambda _: stamp})()
        try:
            return await super().open_callback(incoming)
        finally:
            self._signer._clock = now


@breaks(
    "a_callback_is_opened_without_network",
    words="opening a callback: the adapter sent QueryBill",
)
class AsksBeforeItOpens(SoapNonTax):
    """Looks the bill up first."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        with suppress(ExchangeError):
            await self.find(FindRequest(code=opened.notice.fact.code))  # type: ignore[union-attr]
        return opened


@breaks("a_callback_is_opened_without_network", words="the adapter opened a socket: connect_ex .*127.0.0.1")
class OpensASocketOfItsOwn(SoapNonTax):
    """Past the channel's wire, where no evidence is kept."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        with socket.socket() as other:
            other.connect_ex(("127.0.0.1", 9))
        return await super().open_callback(incoming)


@breaks("the_same_event_told_again_is_the_same_event_without_effect", words="told again has another event_key")
class KnowsEventsByTheirNonce(SoapNonTax):
    """Every retry is a new payment."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        return replace(opened, event_key=opened.nonce)


@breaks("another_event_is_another_event", words="two messages have one nonce")
class KnowsOneNonceOnly(SoapNonTax):
    """Every message but the first is a forgery."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        return replace(await super().open_callback(incoming), nonce="0000000000000000")


@breaks("acknowledgements_are_understood_by_the_other_side", words="does not take the acknowledgement: .*success")
class AcknowledgesInItsOwnWords(SoapNonTax):
    """It will be told again until the platform gives up."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        return replace(await super().open_callback(incoming), acknowledge=Reply(200, b"success", "text/plain"))


@breaks("acknowledgements_are_understood_by_the_other_side", words="retry_later passes for an acknowledgement")
class AcknowledgesInAnyCase(SoapNonTax):
    """Not now means never."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        return replace(opened, retry_later=opened.acknowledge)


@breaks("a_callback_is_opened_without_network", words="the callback tells of .*, what happened is")
class MisreadsTheAmount(SoapNonTax):
    """Yuan for fen."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        fact = opened.notice.fact.model_copy(update={"amount": 5036})  # type: ignore[union-attr]
        return replace(opened, notice=opened.notice.model_copy(update={"fact": fact}))


# --- evidence and declarations -------------------------------------------------------------------------------------


@breaks("no_secret_stands_in_an_address", words="CreateBill: a secret stands in the address|Ping: a secret stands in")
class PutsItsSecretIntoTheAddress(SoapNonTax):
    """Every proxy's log is a key ring."""

    def __init__(self, settings: Any, *arguments: Any) -> None:
        super().__init__(settings, *arguments)
        self._caller._address = f"services?key={settings.secret.get_secret_value()}"


@breaks("evidence_shows_no_secret_and_no_personal_data", words="CreateBill: 罗巧云.* is readable in the evidence")
@breaks("evidence_of_callbacks_shows_no_personal_data", words="callback: 罗巧云 is readable in the evidence")
class ForgetsToDeclareTheName(SoapNonTax):
    """A field that nobody said was personal."""

    info = replace(SoapNonTax.info, sensitive=SoapNonTax.info.sensitive - {"PayerName"})


@breaks("evidence_shows_no_secret_and_no_personal_data", words="submit: E90102198 is readable in the evidence")
class ForgetsToDeclareTheIdNumber(CreditChina):
    """A passport number has no shape to know it by."""

    info = replace(CreditChina.info, sensitive=CreditChina.info.sensitive - {"CF_XDR_ZJHM"})


@breaks("what_is_declared_is_there", words="issue is not an async method")
class DeclaresWhatCannotBeAwaited(SoapNonTax):
    """A plain function would block the loop."""

    def issue(self, request: IssueRequest) -> Issued:  # type: ignore[override]
        return issued(request)


@breaks("what_is_declared_is_there", words="info.capabilities names print_money, which NonTaxPlatform does not have")
class DeclaresWhatThePortLacks(SoapNonTax):
    """Boasts."""

    info: AdapterInfo = replace(SoapNonTax.info, capabilities=SoapNonTax.info.capabilities | {"print_money"})


@breaks("every_declared_method_works", "receipt", words="receipt is declared, but the adapter lacks it: not yet")
class DeclaresWhatItLacks(SoapNonTax):
    """Declared, and then not there."""

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt:
        raise UnsupportedError("not yet")


@breaks("what_is_sent_keeps_the_contract", words="sent against the contract: publish: .*extra")
class SendsWhatTheContractLacks(DisclosurePortal):
    """A field of its own, after which nothing is taken."""

    async def _effect(self, action: Any, body: dict[str, Any]) -> Any:
        return await super()._effect(action, body | {"extra": 1})


# --- disclosures ---------------------------------------------------------------------------------------------------


@breaks("what_is_accepted_is_shown_and_nothing_before", words="read_back before anything was submitted: Shown")
@breaks(
    "an_entry_about_another_decision_is_not_ours", words="another decision's entry: neither the adapter nor the core"
)
class ShowsWhatNobodySubmitted(DisclosurePortal):
    """Never looks."""

    async def read_back(self, key: Any) -> Shown | None:
        with suppress(ContractError):
            if (shown := await super().read_back(key)) is not None:
                return shown
        return Shown(key=key, state="published")


@breaks("an_answer_about_another_submission_is_noticed", words="another submission: neither the adapter nor the core")
@breaks("an_unknown_code_is_never_final", "find", words="unknown code P0999.*answered Submission")
@breaks("a_status_no_table_has_is_no_verdict", words="a status no table has: neither the adapter nor the core noticed")
@breaks("find_invents_nothing", words="find of a reference never used: Submission")
class FindsWhatItIsAskedAbout(DisclosurePortal):
    """Everything is accepted."""

    async def find(self, reference: str) -> Submission | None:
        with suppress(OutcomeUnknownError):
            await super().find(reference)
        return Submission(reference=reference, state=SubmissionState.ACCEPTED, receipt="G1")


@breaks("what_is_accepted_is_shown_and_nothing_before", words="read_back of what was accepted: nothing")
@breaks("every_code_of_the_table_has_its_error", words=r"B0001 \(rejected\): expected RejectedError, but .*Submission")
class TakesEveryReceiptForAVerdict(CreditChina):
    """Received is as good as published."""

    async def submit(self, request: SubmitRequest) -> Submission:
        with suppress(RejectedError):
            await super().submit(request)
        return Submission(reference=request.reference, state=SubmissionState.ACCEPTED, receipt="R1")


@breaks("a_withdrawal_takes_it_back_and_may_be_repeated", words="read_back after a withdrawal: published")
@breaks("what_was_never_published_is_not_withdrawn", words="what was never published: accepted")
@breaks("a_correction_replaces_what_is_shown", words="read_back after a correction: ")
@breaks("a_repair_ends_the_publication", words="read_back after a repair: published")
@breaks("a_mark_is_shown_until_it_is_lifted_and_what_is_shielded_is_not", words="mark objection lifted=False: False")
class SaysThatItDid(DisclosurePortal):
    """And leaves it as it is."""

    async def withdraw(self, request: Any) -> Submission:
        return Submission(reference=request.reference, state=SubmissionState.ACCEPTED, receipt="G1")

    async def correct(self, request: Any) -> Submission:
        return await self.withdraw(request)

    async def repair(self, request: Any) -> Submission:
        return await self.withdraw(request)

    async def mark(self, request: Any) -> Submission:
        return await self.withdraw(request)


# --- the registry --------------------------------------------------------------------------------------------------


@breaks("an_answer_about_another_entity_is_noticed", words="another entity's record: neither")
class TakesAnotherEntity(SharingRegistry):
    """The first record is as good as any."""

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        try:
            return await super().by_code(uscc)
        except ContractError:
            (hit, *_) = await self.by_name("恒筑")
            record = await super().by_code(str(hit.uscc)) if hit.uscc != uscc else None
            return record or template(uscc)


def template(uscc: str) -> RegistrationRecord:
    """A record that nobody keeps."""
    return RegistrationRecord(
        uscc=uscc,
        name="某公司",
        status="operating",
        raw_status="在营",
        entity_type="有限责任公司",
        category="organisation",
        as_of=datetime.now(UTC),
    )


@breaks("a_name_finds_the_entity", words=r"by_name: found \(\)")
class FindsNobodyByName(SharingRegistry):
    """Answers, and reads nothing of it."""

    async def by_name(self, name: str) -> Any:
        await super().by_name(name)
        return ()


@breaks("a_code_leads_to_its_record_and_an_unknown_one_to_none", words="by_code of an unknown code: RegistrationRecord")
class KnowsEverybody(SharingRegistry):
    """Nobody is unknown."""

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        return await super().by_code(uscc) or template(uscc)


@breaks("changes_are_complete_stable_and_told_once", words="after changes of .*, 2 were told")
class ForgetsTheLastChange(SharingRegistry):
    """Reads each page but for its last line."""

    async def changes(self, cursor: str) -> ChangePage:
        page = await super().changes(cursor)
        return page.model_copy(update={"changes": page.changes[:-1]})


@breaks("a_licence_leads_to_its_record_while_it_is_good", words="expired token: expected RejectedError, but")
class HonoursExpiredLicences(SharingRegistry):
    """Once good, always good."""

    async def resolve_licence(self, token: str) -> RegistrationRecord | None:
        try:
            return await super().resolve_licence(token)
        except RejectedError:
            return template("91990102MA0HD1233R")


# --- seals ---------------------------------------------------------------------------------------------------------


@breaks("a_job_is_sealed_and_its_signature_is_of_this_digest_alone", words="a job is done, and has no signature")
class TakesPendingForDone(RestSealService):
    """What waits for approval is as good as sealed."""

    async def apply(self, request: ApplyRequest) -> SealJob:
        return (await super().apply(request)).model_copy(update={"state": "done"})


@breaks("a_job_about_another_seal_is_noticed", words="apply, answered with another job: neither")
@breaks("the_same_reference_for_something_else_is_refused", "apply", words="something else: .*answered SealJob")
class TakesAnotherJob(RestSealService):
    """A seal is a seal."""

    async def apply(self, request: ApplyRequest) -> SealJob:
        try:
            return await super().apply(request)
        except (ContractError, RejectedError):
            return SealJob(reference=request.reference, job_id="J1", state="pending")


@breaks("a_job_is_sealed_and_its_signature_is_of_this_digest_alone", words="another digest: the service accepts it")
class BelievesEverySignature(RestSealService):
    """Never asks."""

    async def verify(self, signature: bytes, digest: str) -> bool:
        return True


@breaks("a_void_job_may_be_voided_again", words="find of a void job: it is done")
class DoesNotVoid(RestSealService):
    """Says so, and the document stays sealed."""

    async def void(self, reference: str, reason: str) -> SealJob:
        return SealJob(reference=reference, job_id="J1", state="void", reason=reason)


@breaks("an_answer_about_another_seal_is_noticed", words="answered with another seal: neither the adapter nor the core")
@breaks("seals_are_listed_and_known_one_by_one", words="seal_status of an unknown seal: SealInfo")
class KnowsEverySeal(RestSealService):
    """One round thing is like another."""

    async def seal_status(self, seal_id: str) -> SealInfo | None:
        with suppress(ContractError):
            if (known := await super().seal_status(seal_id)) is not None:
                return known
        return SealInfo.model_construct(seal_id=seal_id, name="公章", owner_code="", status="active", eseal=b"1")


def test_every_promise_of_the_kit_has_an_adapter_that_breaks_it() -> None:
    """A test of the kit that nothing can fail would promise nothing."""
    suites = {suite for suite, _ in TRIED.values()}
    promises = {name for suite in suites for name in dir(suite) if name.startswith("test_")}
    assert promises - {case.promise for case in CASES} == set()


@pytest.mark.parametrize("case", CASES.parameters())
@pytest.mark.cases_by_day(20)
async def test_the_kit_fails_a_broken_adapter_for_the_right_reason(simulators: Simulation, case: Case) -> None:
    suite, bench_class = next(TRIED[base] for base in case.adapter.__mro__ if base in TRIED)
    await failed_by_the_kit(case, suite, bench_class(simulators, case.adapter))

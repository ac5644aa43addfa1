"""Files for a city's credit platform, beyond what the conformance kit asks of any adapter."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
import python_calamine
from benches import CreditFolderBench

import contracts
from gateway.adapters.credit.folder import files
from gateway.ports.credit import DisclosureKey, SubmissionState, SubmitRequest, WithdrawRequest
from simulators.testing import Simulation

DAY = 86_400


@pytest.fixture
async def bench(simulators: Simulation) -> AsyncIterator[CreditFolderBench]:
    made = CreditFolderBench(simulators)
    yield made
    await made.close()


async def test_a_receipt_comes_the_night_after_and_what_is_shown_with_it(bench: CreditFolderBench) -> None:
    record = bench.record()
    key = DisclosureKey(
        decision_number=record.decision_number, authority_code=record.authority_code, party_name=record.party.name
    )
    await bench.adapter.submit(SubmitRequest(reference="R1", record=record))
    await bench.advance(DAY)
    found = await bench.adapter.find("R1")
    assert found is not None
    assert found.state is SubmissionState.PENDING
    assert (bench.folder / "taken" / "R1.xlsx").exists()
    assert await bench.adapter.read_back(key) is None
    await bench.advance(DAY)
    found = await bench.adapter.find("R1")
    assert found is not None
    assert (found.state, found.receipt[:1]) == (SubmissionState.ACCEPTED, "R")
    shown = await bench.adapter.read_back(key)
    assert shown is not None
    assert (shown.state, shown.decided_on) == ("published", record.decided_on)


async def test_what_examine_names_is_what_the_platform_refuses_by_its_columns(bench: CreditFolderBench) -> None:
    record = bench.record().model_copy(update={"valid_until": None, "source_code": "119901000031003147"})
    await bench.adapter.submit(SubmitRequest(reference="R1", record=record))
    await bench.decide("R1")
    found = await bench.adapter.find("R1")
    assert found is not None
    assert found.state is SubmissionState.REJECTED
    refused = {one.field for one in found.field_errors}
    assert refused == {one.wire for one in bench.adapter.examine(record)} == {"CF_YXQ", "CF_SJLYDM"}
    assert "处罚有效期" in (bench.folder / "receipts" / "R1.csv").read_text("utf-8-sig")


async def test_what_a_killed_writer_left_is_never_taken_in(bench: CreditFolderBench) -> None:
    (bench.folder / "inbox" / ".R1.0123456789abcdef.part").write_bytes(b"PK half")
    assert await bench.adapter.find("R1") is None
    assert await bench.effects("R1") == 0
    await bench.adapter.submit(SubmitRequest(reference="R1", record=bench.record()))
    assert await bench.effects("R1") == 1


async def test_a_file_that_comes_again_after_its_receipt_changes_nothing(bench: CreditFolderBench) -> None:
    request = SubmitRequest(reference="R1", record=bench.record())
    await bench.adapter.submit(request)
    file = (bench.folder / "inbox" / "R1.xlsx").read_bytes()
    await bench.decide("R1")
    (bench.folder / "inbox" / "R1.xlsx").write_bytes(file)
    assert await bench.effects("R1") == 1
    assert not await bench.violations()


def test_a_workbook_is_the_same_bytes_each_time_and_reads_as_officials_have_it() -> None:
    row = files.key_row(DisclosureKey(decision_number="安综罚〔2026〕1号", authority_code="1", party_name="=A1+1"))
    made = [files.workbook("withdraw", "R1", row | {"reason": "撤销"}) for _ in range(2)]
    assert made[0] == made[1]
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(made[0]))
    assert book.sheet_names == ["撤回"]
    titles, values = book.get_sheet_by_name("撤回").to_python()
    assert dict(zip(titles, values, strict=True)) == {
        "报送编号": "R1",
        "行政处罚决定书文号": "安综罚〔2026〕1号",
        "处罚机关统一社会信用代码": "1",
        "行政相对人名称": "=A1+1",
        "原因": "撤销",
    }


@pytest.mark.parametrize(("name", "errors"), [("accepted", []), ("refused", ["CF_YXQ", "CF_CFJGDM"])])
def test_the_receipts_of_the_contract_are_read(name: str, errors: list[str]) -> None:
    content = contracts.read_text(f"creditfolder/v1/examples/receipt_{name}.csv").encode()
    reference = content.decode().splitlines()[1].partition(",")[0]
    assert [one.field for one in files.receipt(reference, content).field_errors] == errors


async def test_a_withdrawal_of_what_was_never_shown_is_refused(bench: CreditFolderBench) -> None:
    key = DisclosureKey(decision_number="安综罚〔2026〕9号", authority_code="1", party_name="某")
    await bench.adapter.withdraw(WithdrawRequest(reference="R9", key=key, reason="撤销"))
    await bench.decide("R9")
    found = await bench.adapter.find("R9")
    assert found is not None
    assert found.state is SubmissionState.REJECTED

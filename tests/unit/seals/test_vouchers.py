"""电子一般缴款书: the unit signs before payment, finance too after it; each stage has its own right signatures."""

from __future__ import annotations

import io

import pytest
from ofd_forge import put, unzipped
from pydantic import ValidationError
from pypdf import PdfWriter

from gateway.ports.seal import Placement
from gateway.rooms.seals.pdf import PdfProfile, embed, prepare
from gateway.rooms.seals.report import Report, SealReport, Verdict, Words
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.vouchers import VoucherSigners, VoucherStage, judge_stage
from simulators.seal import ses, voucher
from simulators.seal.pki import Key

BEFORE, AFTER = VoucherStage.BEFORE_PAYMENT, VoucherStage.AFTER_PAYMENT
UNIT, FINANCE, OTHER = "99010200000021", "99010200000090", "99010200000040"
SIGNERS = VoucherSigners.model_validate({"units": {"A1": [UNIT], "A2": [OTHER]}, "finance": [FINANCE]})
PLACES = {
    name: Placement(page=1, x=15 + 60 * at, y=30, width=42, height=42) for at, name in enumerate((UNIT, FINANCE, OTHER))
}


@pytest.fixture(scope="module")
def seals(forge) -> dict[str, ses.Seal]:
    """The seals of unit, finance and somebody else."""
    made = {}
    for number, name in (
        (UNIT, "安澜市望川区综合行政执法局"),
        (FINANCE, "安澜市财政局"),
        (OTHER, "安澜市望川区交通运输局"),
    ):
        key = Key.generate()
        certificate = forge.root.issue(name, key.public)
        made[number] = forge.variant(name=name, seal_id=number, key=key, certificate=certificate, listed=(certificate,))
    return made


@pytest.fixture(scope="module")
def signed(forge, seals):
    """The voucher with these seals, one after another."""

    def sign(*numbers: str, pdf: bytes = b"") -> bytes:
        pdf = pdf or forge.document
        for number in numbers:
            issued = ses.eseal(seals[number], forge.maker)
            profile = PdfProfile(reserve=4 * 1024)
            made = prepare(pdf, read_seal(issued), (PLACES[number],), at=forge.now, profile=profile)
            der = ses.signature(seals[number], issued, made.digest, "/ByteRange", forge.now)
            pdf = embed(made.content, made.start, made.end, der)
        return pdf

    return sign


def judged(forge, pdf: bytes, stage: VoucherStage, authority: str = "A1", signers: VoucherSigners = SIGNERS) -> Report:
    return judge_stage(forge.judge(pdf), stage, authority, signers)


def said(report: Report) -> Words:
    """What the check on the stage found."""
    (check,) = [one for one in report.checks if one.name == "voucher_stage"]
    assert check.required
    return check.reason


CASES = [
    ((UNIT,), BEFORE, Verdict.VALID, "缴款前", "执收单位已签章", "the unit has signed"),
    ((UNIT,), AFTER, Verdict.UNDETERMINED, "缴款后", "缺少财政的签章", "finance's signature is missing"),
    ((UNIT, FINANCE), AFTER, Verdict.VALID, "缴款后", "执收单位与财政均已签章", "the unit and finance have signed"),
    ((UNIT, FINANCE), BEFORE, Verdict.UNDETERMINED, "缴款前", "财政已签章", "finance has signed already"),
    ((FINANCE,), AFTER, Verdict.INVALID, "缴款后", "缺少执收单位的签章", "the unit's signature is missing"),
    ((FINANCE,), BEFORE, Verdict.INVALID, "缴款前", "缺少执收单位的签章", "the unit's signature is missing"),
    ((FINANCE, UNIT), AFTER, Verdict.UNDETERMINED, "缴款后", "尚未签章", "was not there yet"),
    ((UNIT, OTHER), AFTER, Verdict.UNDETERMINED, "缴款后", "安澜市望川区交通运输局", "安澜市望川区交通运输局"),
    ((UNIT, OTHER), BEFORE, Verdict.UNDETERMINED, "缴款前", "安澜市望川区交通运输局", "安澜市望川区交通运输局"),
]


@pytest.mark.parametrize(("numbers", "stage", "verdict", "stage_zh", "zh", "en"), CASES)
@pytest.mark.cases_by_day(5)
def test_each_stage_has_its_signatures_and_the_report_names_the_one_that_lacks(
    forge, signed, numbers, stage, verdict, stage_zh, zh, en
):
    report = judged(forge, signed(*numbers), stage)
    assert report.verdict is verdict, report.why
    words = said(report)
    assert words.zh.startswith(f"按{stage_zh}判定：")
    assert words.en.startswith(f"judged as {stage.value.replace('_', ' ')}: ")
    assert zh in words.zh
    assert en in words.en
    if verdict is not Verdict.VALID:
        assert words.zh in report.why.zh
        assert words.en in report.why.en


def test_the_unit_is_that_of_the_authority_and_no_other(forge, signed):
    assert judged(forge, signed(OTHER), BEFORE, "A2").verdict is Verdict.VALID
    assert judged(forge, signed(UNIT), BEFORE, "A2").verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize("settings", [{}, {"units": {"A1": [UNIT]}}, {"finance": [FINANCE]}])
def test_where_the_settings_do_not_say_who_signs_nothing_is_asserted(forge, signed, settings):
    signers = VoucherSigners.model_validate(settings)
    for numbers, stage in (((UNIT,), BEFORE), ((UNIT, FINANCE), AFTER), ((FINANCE,), AFTER)):
        report = judged(forge, signed(*numbers), stage, signers=signers)
        assert report.verdict is Verdict.UNDETERMINED
        assert "设置未说明" in said(report).zh


@pytest.mark.parametrize("stage", [BEFORE, AFTER])
def test_a_change_beside_signatures_is_not_valid_in_either_stage(forge, signed, stage):
    """A page that is turned after the first signature, and after the last."""

    def turned(pdf: bytes) -> bytes:
        writer = PdfWriter(io.BytesIO(pdf), incremental=True)
        writer.pages[0].rotate(180)
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    for pdf in (turned(signed(UNIT)), turned(signed(UNIT, FINANCE)), signed(FINANCE, pdf=turned(signed(UNIT)))):
        report = judged(forge, pdf, stage)
        assert report.verdict is Verdict.INVALID
        assert report.why.zh.startswith("签章后无改动")
        assert "有签章无效" in said(report).zh


@pytest.mark.parametrize("stage", [BEFORE, AFTER])
def test_a_voucher_without_any_signature_lacks_the_units(forge, stage):
    report = judged(forge, forge.document, stage)
    assert report.verdict is Verdict.INVALID
    assert "缺少执收单位的签章" in said(report).zh


def test_finances_signature_of_another_voucher_does_not_complete_this_one(forge, seals, signed):
    other = signed(UNIT)
    issued = ses.eseal(seals[FINANCE], forge.maker)
    made = prepare(other, read_seal(issued), (PLACES[FINANCE],), at=forge.now, profile=PdfProfile(reserve=4 * 1024))
    der = ses.signature(seals[FINANCE], issued, bytes(32), "/ByteRange", forge.now)
    assert judged(forge, embed(made.content, made.start, made.end, der), AFTER).verdict is Verdict.INVALID


def test_a_right_stage_makes_nothing_valid_that_cannot_be_judged(forge, signed):
    report = forge.judge(signed(UNIT))
    doubtful = report.model_copy(update={"seals": tuple(_doubtful(one) for one in report.seals)})
    assert judge_stage(doubtful, BEFORE, "A1", SIGNERS).verdict is Verdict.UNDETERMINED


def _doubtful(seal: SealReport) -> SealReport:
    changed = [
        one.model_copy(update={"result": "not_made"}) if one.name == "maker_trusted" else one for one in seal.checks
    ]
    return seal.model_copy(update={"checks": tuple(changed)})


def test_a_signer_is_named_by_its_key_as_a_report_tells_it(forge, signed):
    pdf = signed(UNIT, FINANCE)
    keys = [one.signer_key for one in forge.judge(pdf).seals]
    assert all(keys)
    assert len(set(keys)) == 2
    signers = VoucherSigners.model_validate({"units": {"A1": [keys[0]]}, "finance": [keys[1]]})
    assert judged(forge, pdf, AFTER, signers=signers).verdict is Verdict.VALID


def test_nobody_is_unit_and_finance():
    with pytest.raises(ValidationError, match="as a unit and as finance"):
        VoucherSigners.model_validate({"units": {"A1": [UNIT]}, "finance": [FINANCE, UNIT]})


# --- OFD, as the simulated service makes it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ofd(forge, seals):
    """The voucher that the simulator makes of a stage."""

    def make(stage: str) -> bytes:
        parts = voucher.document({"缴款码": "99010226300000000001", "金额": "5036.50元"})
        for role in voucher.STAGES[stage]:
            seal = seals[{"unit": UNIT, "finance": FINANCE}[role]]
            parts = voucher.signed(parts, seal, ses.eseal(seal, forge.maker), forge.now)
        return voucher.packed(parts)

    return make


@pytest.mark.parametrize(
    ("made", "stage", "verdict"),
    [
        ("before_payment", BEFORE, Verdict.VALID),
        ("before_payment", AFTER, Verdict.UNDETERMINED),
        ("after_payment", AFTER, Verdict.VALID),
        ("after_payment", BEFORE, Verdict.UNDETERMINED),
        ("finance_alone", BEFORE, Verdict.INVALID),
        ("finance_alone", AFTER, Verdict.INVALID),
    ],
)
def test_vouchers_in_ofd_are_judged_by_their_stage_too(forge, ofd, made, stage, verdict):
    assert judged(forge, ofd(made), stage).verdict is verdict


@pytest.mark.parametrize("stage", [BEFORE, AFTER])
def test_a_part_that_was_changed_after_the_units_signature_is_not_valid(forge, ofd, stage):
    page = "Doc_0/Pages/Page_0/Content.xml"
    for made in ("before_payment", "after_payment"):
        whole = ofd(made)
        changed = unzipped(whole)[page].replace(b"5036.50", b"0036.50")
        report = judged(forge, put(whole, {page: changed}), stage)
        assert report.verdict is Verdict.INVALID
        assert "摘要不符" in report.why.zh

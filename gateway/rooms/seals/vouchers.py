"""电子一般缴款书: one document in two stages, judged by who has signed it.

The unit 执收单位 signs it as a notice. After payment finance 财政 looks at that signature and adds its own; then the
same document is the receipt. So before payment the unit's signature alone is right, and after it both are due (annex of
财库〔2021〕46号, known at second hand). Whose signature is whose, no certificate says for certain: the settings
``[rooms.seals.vouchers]`` do, by numbers of seals or by keys. What is changed later beside signatures, each
signature's own checks find.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.rooms.seals.report import Check, Report, Result, SealReport, Verdict, Words
from gateway.words.wrong import shaped

Role = Literal["unit", "finance"]
SignerName = Annotated[str, Field(pattern=shaped(r"^[0-9A-Za-z-]{1,64}$", "shapes.signer"))]
Signers = Annotated[tuple[SignerName, ...], Field(max_length=100)]
CHECK: Final = "voucher_stage"


class VoucherStage(StrEnum):
    """Where a voucher stands: a notice to pay, or the receipt of what was paid."""

    BEFORE_PAYMENT = "before_payment"
    AFTER_PAYMENT = "after_payment"

    @property
    def words(self) -> Words:
        """The stage for people."""
        return _STAGES[self]


_STAGES: Final = {
    VoucherStage.BEFORE_PAYMENT: Words(zh="缴款前", en="before payment"),
    VoucherStage.AFTER_PAYMENT: Words(zh="缴款后", en="after payment"),
}


class VoucherSigners(BaseModel):
    """``[rooms.seals.vouchers]``: who signs vouchers. ``units``: by authority; ``finance``: for all of them.

    A signer is named by the number of its seal, or by its key as a report tells it (``signer_key``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: Annotated[Mapping[str, Signers], Field(max_length=1000)] = Field(default_factory=dict)
    finance: Signers = ()

    @model_validator(mode="after")
    def _nobody_is_both(self) -> Self:
        if both := {name for names in self.units.values() for name in names} & set(self.finance):
            raise ValueError(f"{min(both)} is named as a unit and as finance")
        return self

    def role(self, seal: SealReport, authority: str) -> Role | None:
        """Whose signature it is; None where the settings do not say."""
        names = {seal.seal_id, seal.signer_key}
        if names & set(self.finance):
            return "finance"
        return "unit" if names & set(self.units.get(authority, ())) else None


def judge_stage(report: Report, stage: VoucherStage, authority: str, signers: VoucherSigners) -> Report:
    """The report with one more required check: the voucher bears the signatures of its stage, and no others."""
    result, found = _found(report, stage, authority, signers)
    label = stage.words
    check = Check(
        name=CHECK,
        result=result,
        reason=Words(zh=f"按{label.zh}判定：{found.zh}", en=f"judged as {label.en}: {found.en}"),
        source="[rooms.seals.vouchers]",
        required=True,
    )
    return report.model_copy(update={"checks": (*report.checks, check)})


def _found(report: Report, stage: VoucherStage, authority: str, signers: VoucherSigners) -> tuple[Result, Words]:
    if not report.seals:
        return "not_made", Words(zh="没有可判定的签章，缺少执收单位的签章", en="no signature; the unit's is missing")
    if any(one.verdict is Verdict.INVALID for one in report.seals):
        return "not_made", Words(zh="有签章无效，见该签章的检查", en="a signature is not valid, see its own checks")
    if not signers.finance or not signers.units.get(authority):
        return "not_made", Words(
            zh=f"设置未说明财政或 {authority} 以何印章签署",
            en=f"the settings do not say how finance or {authority} signs",
        )
    roles: list[Role] = []
    for one in report.seals:
        role = signers.role(one, authority)
        if role is None:
            name = one.seal_name or one.signer or one.place
            return "not_made", Words(
                zh=f"“{name}”的签章既非执收单位亦非财政所有",
                en=f"the signature of {name} is neither the unit's nor finance's",
            )
        roles.append(role)
    return _held(roles, stage, ordered=report.format == "pdf")


def _held(roles: list[Role], stage: VoucherStage, *, ordered: bool) -> tuple[Result, Words]:
    """Right signatures of unit and finance, against what the stage asks for. ``ordered``: in which they were made."""
    if "unit" not in roles:
        return "failed", Words(
            zh="只有财政的签章，缺少执收单位的签章", en="finance has signed, and the unit's signature is missing"
        )
    if stage is VoucherStage.BEFORE_PAYMENT:
        if "finance" in roles:
            return "not_made", Words(
                zh="财政已签章：缴款书已完成，或所给阶段有误",
                en="finance has signed already: it is complete, or the stage is not this one",
            )
        return "passed", Words(zh="执收单位已签章", en="the unit has signed")
    if "finance" not in roles:
        return "not_made", Words(
            zh="缺少财政的签章，缴款书尚未完成", en="finance's signature is missing, the voucher is not complete yet"
        )
    if ordered and roles.index("finance") < roles.index("unit"):
        return "not_made", Words(
            zh="财政签章时执收单位尚未签章", en="the unit's signature was not there yet when finance signed"
        )
    return "passed", Words(zh="执收单位与财政均已签章", en="the unit and finance have signed")

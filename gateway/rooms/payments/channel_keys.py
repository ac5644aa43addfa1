"""What the settings say of a channel to a non-tax platform, beside what they say of any channel."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.words.wrong import shaped

SurchargeBase = Literal["original", "outstanding"]


class PaymentKeys(BaseModel):
    """Keys of a channel of the kind ``nontax``, read as ``channel.keys_of(PaymentKeys)``.

    ``cut_off``: the time in Shanghai at which the day of its statements ends 日切; midnight if not given.
    ``surcharge``: how a surcharge 加处罚款 reaches the payer; ``surcharge_base``: of the whole fine or of what is
    outstanding, or which of them for decisions from which day on; else as the law's row says. ``code_layout`` and
    ``code_ranges``: how payment codes are made where we make them. ``code_length``: how many digits codes have that
    come over from an earlier system.
    ``pay_url``: where a code is paid at the platform's cashier, with ``{code}`` in it: for platforms whose answers do
    not say it, and after an answer was lost. ``pay_modes``: what parties read for the platform's codes of how money
    came in 付款渠道; a code without words is not shown.
    ``receipt_kind``: 财政电子票据, or 电子一般缴款书 completed after payment. ``receipt_signed``: both signatures come
    with its file and must lead to ``[trust] receipt_roots``. ``receipt_layout``: a regular expression for the receipt
    code, in which ``{region}`` and ``{year}`` are two digits each. ``receipt_automatic``: asked for upon payment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cut_off: time = time.min
    surcharge: Literal["quoted_at_payment", "separate_bill", "reissue", "manual"] = "manual"
    surcharge_base: SurchargeBase | Annotated[dict[date, SurchargeBase], Field(min_length=1)] | None = None
    code_layout: str = "{region}{year:02d}30{serial:010d}"
    code_length: Annotated[int, Field(ge=8, le=20)] = 20
    code_ranges: tuple[tuple[str, str], ...] = ()
    pay_url: (
        Annotated[str, Field(max_length=400, pattern=shaped(r"^https?://\S*\{code\}\S*$", "shapes.code_address"))]
        | None
    ) = None
    pay_modes: dict[str, str] = Field(default_factory=dict)
    receipt_kind: Literal["fiscal_receipt", "general_bill"] = "fiscal_receipt"
    receipt_signed: bool = False
    receipt_layout: str = r"\d{8}"
    receipt_automatic: bool = False

    def surcharge_base_on(self, decided_on: date) -> SurchargeBase | None:
        """The base for a decision of this day: what began last; before all of them, the first."""
        if self.surcharge_base is None or isinstance(self.surcharge_base, str):
            return self.surcharge_base
        begun = [day for day in self.surcharge_base if day <= decided_on]
        return self.surcharge_base[max(begun) if begun else min(self.surcharge_base)]

"""The decision document as the case system of the story writes it, with payment code and QR."""

from __future__ import annotations

from datetime import date
from typing import Any

from gateway.demo import story
from gateway.typography import Block, Letter, QrBlock, Signature, render

SEAL_PLACE = {"page": 1, "x": 127.0, "y": 47.0, "width": 42.0, "height": 42.0}
"""Where the organ's seal goes: page, lower-left corner and size in millimetres, over name and date."""


def decision_letter(number: str, today: date, record: dict[str, Any], code: str, payer_page: str) -> bytes:
    """The decision document 行政处罚决定书 as PDF."""
    made = story.facts(today, record)
    return render(
        Letter(
            title="行政处罚决定书",
            number=number,
            addressee=f"当事人：{record['name']}",
            blocks=(
                Block(f"统一社会信用代码：{record['uscc']}", indent=False),
                Block(made["facts"]),
                Block(f"上述行为违反规定。依据{made['basis']}，决定处罚如下：{made['content']}"),
                Block(
                    "当事人应当自收到本决定书之日起十五日内，通过银行或者电子支付系统缴纳罚款。"
                    "到期不缴纳的，每日按罚款数额的百分之三加处罚款，加处罚款的数额不超出罚款的数额。"
                ),
                Block("如不服本决定，可以依法申请行政复议或者提起行政诉讼。"),
            ),
            qr=QrBlock(
                payer_page,
                (f"缴款码：{code}", "应缴金额：5036.50元", "扫描二维码核对并缴款。请勿向个人账户转账。"),
            ),
            signature=Signature(story.AUTHORITY_NAME, today),
            footer=f"{story.AUTHORITY_NAME}  {number}",
        )
    )

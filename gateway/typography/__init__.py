"""Typography: Chinese official documents on A4, with an embedded font, tables and QR codes."""

from gateway.typography.letter import Block, Letter, QrBlock, Signature, chinese_date, render
from gateway.typography.voucher import Item, Voucher, render_voucher

__all__ = [
    "Block",
    "Item",
    "Letter",
    "QrBlock",
    "Signature",
    "Voucher",
    "chinese_date",
    "render",
    "render_voucher",
]

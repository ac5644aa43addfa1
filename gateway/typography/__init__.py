"""Typography: Chinese official documents on A4 as PDF and OFD, with an embedded font, tables and QR codes."""

from gateway.typography.letter import Block, Letter, QrBlock, Signature, chinese_date, render, render_ofd
from gateway.typography.voucher import Item, Voucher, render_voucher, render_voucher_ofd

__all__ = [
    "Block",
    "Item",
    "Letter",
    "QrBlock",
    "Signature",
    "Voucher",
    "chinese_date",
    "render",
    "render_ofd",
    "render_voucher",
    "render_voucher_ofd",
]

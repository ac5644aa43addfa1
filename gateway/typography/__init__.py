"""Typography: Chinese official documents on A4, with an embedded font, tables and QR codes."""

from gateway.typography.letter import Block, Letter, QrBlock, Signature, render

__all__ = ["Block", "Letter", "QrBlock", "Signature", "render"]

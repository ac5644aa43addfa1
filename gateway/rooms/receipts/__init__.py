"""Fiscal receipts 财政电子票据 of paid bills."""

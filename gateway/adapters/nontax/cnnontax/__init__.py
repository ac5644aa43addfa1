"""A non-tax revenue platform 非税收入收缴平台 over TCP frames: ``contracts/cnnontax/v1``."""

from gateway.adapters.nontax.cnnontax.adapter import CnNonTax, CnNonTaxSettings

__all__ = ["CnNonTax", "CnNonTaxSettings"]

"""A non-tax revenue platform 非税收入收缴平台 over TCP frames: ``contracts/cnnontax/v1``."""

from gateway.adapters.nontax.cnnontax.adapter import CnNonTax
from gateway.adapters.nontax.cnnontax.settings import CnNonTaxSettings

__all__ = ["CnNonTax", "CnNonTaxSettings"]

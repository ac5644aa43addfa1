"""A non-tax revenue platform 非税收入收缴平台 over SOAP: ``contracts/nontax/v1``."""

from gateway.adapters.nontax.soap.adapter import SoapNonTax, SoapNonTaxSettings

__all__ = ["SoapNonTax", "SoapNonTaxSettings"]

"""The folder of a city's credit platform 市公共信用信息平台: workbooks in, receipts out."""

from gateway.adapters.credit.folder.adapter import CreditFolder

__all__ = ["CreditFolder"]

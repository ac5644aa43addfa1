"""国家企业信用信息公示系统 GSXT for market regulators: ``contracts/gsxt/v1``."""

from gateway.adapters.credit.gsxt.adapter import EntityPublicity

__all__ = ["EntityPublicity"]

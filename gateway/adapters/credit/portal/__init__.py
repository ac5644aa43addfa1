"""A government disclosure portal 行政执法信息公示平台: ``contracts/portal/v1``."""

from gateway.adapters.credit.portal.adapter import DisclosurePortal

__all__ = ["DisclosurePortal"]

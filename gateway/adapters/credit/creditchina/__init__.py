"""Credit China 信用中国 through a city credit platform: ``contracts/credit/v1``."""

from gateway.adapters.credit.creditchina.adapter import CreditChina

__all__ = ["CreditChina"]

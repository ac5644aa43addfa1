"""An electronic seal service 电子签章: ``contracts/seal/v1``."""

from gateway.adapters.seal.rest.adapter import RestSealService

__all__ = ["RestSealService"]

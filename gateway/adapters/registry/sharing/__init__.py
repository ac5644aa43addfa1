"""The registration authority over a provincial sharing platform: ``contracts/registry/v1``."""

from gateway.adapters.registry.sharing.adapter import SharingRegistry

__all__ = ["SharingRegistry"]

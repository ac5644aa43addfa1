"""A messenger of the administration 政务即时通信: ``contracts/notice/v1``."""

from gateway.adapters.notice.rest.adapter import RestMessenger

__all__ = ["RestMessenger"]

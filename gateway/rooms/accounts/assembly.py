"""Opens the room of accounts."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Keeps, Opened, Services


def open_room(base: Foundation, rooms: Services) -> Opened:  # noqa: ARG001
    """Who there is belongs to the foundation; here is said how long it is kept what they did."""
    why = "records of important acts are kept at least six months (网络安全法 art. 23(3)); these are few, and stay"
    return Opened(keeps=(Keeps("what operators did", None, why),))

"""Portals of two other cities: the portal, spoken as ``contracts/portal/v1/profiles/<city>.json`` has it."""

from __future__ import annotations

import json

import contracts
from simulators.frame import System
from simulators.portal.platform import SYSTEM as PORTAL
from simulators.profile import system_of


def _city(name: str, title: str) -> System:
    profile = json.loads(contracts.read_text(f"portal/v1/profiles/{name}.json"))
    return system_of({"name": f"portal-{name}", "title": title, "profile": profile}, PORTAL)


LINDU = _city("lindu", "临渡市行政执法公示平台")
SHUOYANG = _city("shuoyang", "朔阳市政务公开网")

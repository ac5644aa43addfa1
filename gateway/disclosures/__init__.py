"""Disclosures 公示: one decision's publication at one target, on the law's clocks, read back before it is claimed."""

from gateway.disclosures.publication import Organ
from gateway.disclosures.rules import Rules, TargetProfile
from gateway.disclosures.service import Disclosures
from gateway.disclosures.states import Status

__all__ = ["Disclosures", "Organ", "Rules", "Status", "TargetProfile"]

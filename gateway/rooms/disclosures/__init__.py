"""Disclosures 公示: one decision's publication at one target, on the law's clocks, read back before it is claimed."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.disclosures.organs import Organs
    from gateway.rooms.disclosures.publication import Organ
    from gateway.rooms.disclosures.records import Disclosure, DisclosureFilter
    from gateway.rooms.disclosures.rules import Rules, TargetProfile
    from gateway.rooms.disclosures.service import Disclosures
    from gateway.rooms.disclosures.states import Status
else:
    __getattr__ = late(
        __name__,
        {
            "organs": "Organs",
            "publication": "Organ",
            "records": "Disclosure DisclosureFilter",
            "rules": "Rules TargetProfile",
            "service": "Disclosures",
            "states": "Status",
        },
    )

__all__ = ["Disclosure", "DisclosureFilter", "Disclosures", "Organ", "Organs", "Rules", "Status", "TargetProfile"]

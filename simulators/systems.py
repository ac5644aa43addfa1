"""Which systems there are, and where each is found."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Collection

from simulators.frame import System, World

SYSTEMS: dict[str, str] = {
    "nontax": "simulators.nontax.platform:NonTax",
    "credit": "simulators.credit.platform:Credit",
    "portal": "simulators.portal.platform:Portal",
    "registry": "simulators.registry.platform:Registry",
    "seal": "simulators.seal.platform:Seal",
    "cnnontax": "simulators.cnnontax.platform:CnNonTax",
}


def load(world: World, only: Collection[str] = ()) -> None:
    """Bring the systems in, all or those named. ValueError for an unknown name.

    One that cannot be loaded is reported on stderr and left out, unless it was asked for by name.
    """
    if unknown := set(only) - set(SYSTEMS):
        raise ValueError(f"no system {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    for name in only or SYSTEMS:
        module, _, attribute = SYSTEMS[name].partition(":")
        try:
            system: type[System] = getattr(importlib.import_module(module), attribute)
            world.add(system(world))
        except Exception:
            if name in only:
                raise
            print(f"simulators: {name} is left out:\n{traceback.format_exc(limit=-2)}", file=sys.stderr)

"""Benches of the conformance kit: the built-in adapters against the simulators, over sockets."""

from __future__ import annotations

from typing import Any

from gateway.adapters.credit.creditchina import CreditChina
from gateway.adapters.credit.folder import CreditFolder
from gateway.adapters.credit.gsxt import EntityPublicity
from gateway.adapters.credit.portal import DisclosurePortal
from gateway.adapters.nontax.cnnontax import CnNonTax
from gateway.adapters.nontax.soap import SoapNonTax
from gateway.adapters.notice.rest import RestMessenger
from gateway.adapters.registry.sharing import SharingRegistry
from gateway.adapters.seal.rest import RestSealService
from gateway.testing import simulated
from gateway.testing.simulated import SimulatorBench
from simulators.testing import Simulation

__all__ = ["SimulatorBench"]


class SoapNonTaxBench(simulated.SoapNonTaxBench):
    """With SoapNonTax unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = SoapNonTax, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class CnNonTaxBench(simulated.CnNonTaxBench):
    """With CnNonTax unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = CnNonTax, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class SharingRegistryBench(simulated.SharingRegistryBench):
    """With SharingRegistry unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = SharingRegistry, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class CreditChinaBench(simulated.CreditChinaBench):
    """With CreditChina unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = CreditChina, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class PortalBench(simulated.PortalBench):
    """With DisclosurePortal unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = DisclosurePortal, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class LinduBench(simulated.CityPortalBench):
    """DisclosurePortal with the profile of one city."""

    city = "lindu"

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = DisclosurePortal, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class ShuoyangBench(LinduBench):
    """DisclosurePortal with the profile of another."""

    city = "shuoyang"


class GsxtBench(simulated.GsxtBench):
    """With EntityPublicity unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = EntityPublicity, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class CreditFolderBench(simulated.CreditFolderBench):
    """With CreditFolder unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = CreditFolder) -> None:
        super().__init__(simulators, adapter_class)


class RestSealBench(simulated.RestSealBench):
    """With RestSealService unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = RestSealService, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)


class RestMessengerBench(simulated.RestMessengerBench):
    """With RestMessenger unless another adapter is given."""

    def __init__(self, simulators: Simulation, adapter_class: type[Any] = RestMessenger, **settings: Any) -> None:
        super().__init__(simulators, adapter_class, **settings)

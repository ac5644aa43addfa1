"""All simulated systems of one process, and what may be asked of them from outside."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from simulators import scenario
from simulators.foundation import Foundation
from simulators.naming import mistakes, unknown, words_of
from simulators.service import Service
from simulators.state import Document
from simulators.system import System

STREAM = "/stream"
"""What the name of a port without HTTP ends in, among the addresses of a foundation."""
LOOKS_EVERY = 0.5
"""Seconds of real time between two looks at the clock, for systems that keep hours."""


class World:
    """The services over one foundation.

    ``opening``: the scenario with which its first day begins, and each day after a reset.
    """

    def __init__(self, base: Foundation, opening: Document | None = None) -> None:
        self.base = base
        self.opening = opening
        self.services: dict[str, Service] = {}
        self._hours: asyncio.Task[None] | None = None

    def add(self, system: System) -> None:
        """Take a system in and give it the data that every fresh state has."""
        service = system.build(self.base, system)
        self._set_up(service)
        self.base.faults.admit(system)
        self.base.callbacks.admit(service)
        self.services[system.name] = service

    def service(self, name: str) -> Service:
        """What serves the system of that name. ValueError when it is not served here."""
        if name not in self.services:
            raise ValueError(unknown("system", name, self.services))
        return self.services[name]

    def seed(self, name: str, data: Any) -> None:
        """Give a system data, checked as a whole before any is taken. ValueError names each place that is wrong."""
        try:
            service = self.service(name)
            if service.system.seed is None:
                raise ValueError(f"{name} takes no seed")
            if wrong := mistakes({"type": "object", **service.system.seed}, data):
                raise ValueError("\n".join(wrong))
            with self.base.state.transaction() as tx:
                service.seed(tx, data)
        except (ValueError, KeyError, TypeError) as refusal:
            raise ValueError("\n".join(f"{name}: {line}" for line in words_of(refusal).splitlines())) from None

    def change_settings(self, name: str, change: Document) -> Document:
        """Change settings of a system; all of them as they are then. ValueError names what cannot be."""
        service = self.service(name)
        if not service.system.settings.defaults:
            raise ValueError(f"{name} has no settings")
        with self.base.state.transaction() as tx:
            return service.settings(tx, change)

    def direct_callbacks(self, name: str, url: str | None, again_after: float | None = None) -> None:
        """Say where a system's callbacks go, as ``Callbacks.direct`` does. ValueError for what is no address."""
        taken = self.service(name).wire.addresses
        if url is not None and not url.startswith(taken):
            raise ValueError(f"{url!r} is not an address such as http://127.0.0.1:8080/callbacks/{name}")
        self.base.callbacks.direct(name, url, again_after)

    def clock_moved(self) -> None:
        """Let happen what the new time makes due."""
        self.base.callbacks.hasten()
        for service in self.services.values():
            service.clock_moved()

    async def start(self) -> None:
        """Begin what goes on by itself: callbacks, and what systems do at their hours."""
        await self.base.callbacks.start()
        self._hours = asyncio.create_task(self.keep_hours())

    async def stop(self) -> None:
        """End what goes on by itself."""
        if self._hours is not None:
            self._hours.cancel()
        await self.base.callbacks.stop()

    async def keep_hours(self) -> None:
        """Let happen what becomes due while the clock goes on by itself; without end."""
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            for service in self.services.values():
                if service.keeps_hours:
                    try:
                        service.clock_moved()
                    except OSError as trouble:  # its folder is gone, or full: it does what it owes once that is mended
                        print(f"simulators: {service.name}: {trouble}", file=sys.stderr)

    def begin(self) -> None:
        """Apply the opening scenario, unless this state has had it. ValueError names what is wrong with it."""
        if self.opening is None:
            return
        mark: Document = {"opening": json.dumps(self.opening, sort_keys=True)}
        with self.base.state.transaction() as tx:
            if tx.get("", "set_up", "opening") != mark:
                try:
                    scenario.apply(self, self.opening)
                except ValueError as refusal:
                    raise ValueError("\n  ".join(["the scenario cannot be:", *str(refusal).splitlines()])) from None
                tx.put("", "set_up", "opening", mark)

    def reset(self) -> None:
        """Everything as on the first day: no documents, faults, journal or callbacks; the clock is real time."""
        self.base.reset()
        for service in self.services.values():
            service.forget()
            self._set_up(service)
        self.begin()

    def _set_up(self, service: Service) -> None:
        with self.base.state.transaction() as tx:
            if tx.get("", "set_up", service.name) is None:
                service.set_up(tx)
                tx.put("", "set_up", service.name, {})

"""Drives a Firefox by the protocol that is built into it: a length and JSON over TCP, commands named as in WebDriver.

So the suite needs no driver beside the browser, and no package. What it may be asked:
https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""How WebDriver marks an element in JSON."""

PREFERENCES: Mapping[str, Any] = {
    "marionette.port": 0,  # one that is free; it is written into the profile
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "network.proxy.type": 0,
    "intl.accept_languages": "zh-CN",
    "browser.shell.checkDefaultBrowser": False,
    "toolkit.telemetry.enabled": False,
    "extensions.update.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
}
"""A browser that asks nothing of the web."""


class Firefox:
    """One Firefox without a head, ``width`` by ``height`` pixels, with a profile of its own in ``folder``."""

    def __init__(self, executable: Path, folder: Path, *, width: int = 1366, height: int = 768) -> None:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
        flags = ("--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(folder))
        size = ("--width", str(width), "--height", str(height))
        libraries = executable.parents[1] / "x86_64-linux-gnu"
        environment = os.environ | {
            "LD_LIBRARY_PATH": str(libraries),
            "HOME": str(folder),
            "MOZ_DISABLE_CONTENT_SANDBOX": "1",
        }
        with (folder / "said").open("wb") as said:
            self._process = subprocess.Popen([executable, *flags, *size], env=environment, stdout=said, stderr=said)
        self._sent = 0
        self._socket = self._connect(folder / "MarionetteActivePort")
        self._told()
        self.version = str(self.ask("WebDriver:NewSession", capabilities={})["capabilities"]["browserVersion"])

    def _connect(self, port: Path) -> socket.socket:
        until = time.monotonic() + 60
        while not (port.exists() and port.read_text()):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Firefox did not start: {(port.parent / 'said').read_text()[-2000:]}")
            time.sleep(0.1)
        return socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=120)

    def ask(self, command: str, /, **given: Any) -> Any:
        """What a command answers; RuntimeError with the browser's words where it refuses."""
        self._sent += 1
        message = json.dumps([0, self._sent, command, given]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._told()
        if error is not None:
            raise RuntimeError(f"{command} {given}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def _told(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._read(1)
        return json.loads(self._read(int(length[:-1])))

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self._socket.recv(count - len(found))
            if not more:
                raise RuntimeError("Firefox has ended")
            found += more
        return found

    def run(self, script: str, *given: Any) -> Any:
        """What a function body returns in the page."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(given))

    def find(self, where: str) -> str:
        """The element that a selector of CSS finds first, by the browser's name for it."""
        return str(self.ask("WebDriver:FindElement", using="css selector", value=where)[ELEMENT])

    def click(self, where: str) -> None:
        """Press it as a mouse does, and wait for the page that comes."""
        self.ask("WebDriver:ElementClick", id=self.find(where))

    def type(self, where: str, text: str) -> None:
        """Type into it by keys; for a file, its path."""
        self.ask("WebDriver:ElementSendKeys", id=self.find(where), text=text)

    def complaints(self) -> list[str]:
        """What its console holds against the policy of pages."""
        self.ask("Marionette:SetContext", value="chrome")
        said = self.run("return Services.console.getMessageArray().map(one => one.message)")
        self.ask("Marionette:SetContext", value="content")
        return [one for one in said if "Content-Security-Policy: " in one]

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)

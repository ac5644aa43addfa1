"""PKCS#11 tokens for tests: SoftHSM 2, where it is installed. It is a test tool, no part of the gateway."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.foundation.crypto import rings
from gateway.settings import KeysSettings

PIN = "428571"
LABELS = ("ours", "theirs", "shut")
VARIABLE = "GATEWAY_TEST_SOFTHSM"
_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory) -> str:
    """The library, with the tokens of ``LABELS``. The library reads once in a process where its tokens are."""
    named = os.environ.get(VARIABLE)
    found = next((one for one in ((named,) if named else _PLACES) if Path(one).exists()), None)
    tool = shutil.which("softhsm2-util")
    if found is None or tool is None:
        pytest.skip(
            "SoftHSM 2 is not installed, so keys in a hardware module cannot be tried here (Debian and Ubuntu: "
            f"apt-get install softhsm2; a library at another place is named in {VARIABLE})"
        )
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    for label in LABELS:
        made = [tool, "--module", found, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN]
        subprocess.run(made, check=True, capture_output=True)
    return found


def forget(library: str) -> None:
    """Let go of every session and login of this process, as when it ends."""
    import pkcs11

    rings._token.cache_clear()
    pkcs11.lib(library).reinitialize()


@pytest.fixture
def token(softhsm, tmp_path) -> Iterator[KeysSettings]:
    """Settings of the token ``ours``, which is empty before and after."""
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    forget(softhsm)
    yield KeysSettings(directory=tmp_path / "keys", provider="pkcs11", library=softhsm, token="ours", pin=f"file:{pin}")
    for label in ("ours", "theirs"):
        forget(softhsm)
        block = KeysSettings(provider="pkcs11", library=softhsm, token=label, pin=f"file:{pin}")
        rings.token_of(block).ask(lambda session: [one.destroy() for one in list(session.get_objects())])

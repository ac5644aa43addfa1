"""Proves Containerfile and compose.yaml where nothing is but Debian: ``make container`` after ``make bundle``, as root.

mmdebstrap makes a bare root, buildah builds the Containerfile on it (its base image comes from a registry otherwise),
and the services of compose.yaml run in what was built, as their user and with their environment, in a network namespace
of their own: the place is made, the doctor looks, a fine is paid. Two things stand in: PostgreSQL of this machine for
its image, and one namespace with a file of hosts for the network that compose makes.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NEEDED = ("mmdebstrap", "buildah", "unshare", "chroot", "mount")
BARE, IMAGE = "localhost/bare:bookworm", "localhost/enforcement-gateway"
SUITE = "bookworm"


def run(*words: str | Path, **options: Any) -> str:
    """What a command says. CalledProcessError where it fails."""
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.strip()


class Builder:
    """buildah with a store of its own, without a container runtime, which a sandbox may refuse."""

    def __init__(self, folder: Path) -> None:
        self._words = ("buildah", "--root", str(folder / "images"), "--runroot", str(folder / "run"))
        self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *words: str | Path) -> str:
        return run(*self._words, *words, env=self._environment)


def build(builder: Builder, folder: Path, context: Path) -> tuple[Path, dict[str, Any]]:
    """The root of a container of the image, and what the image says of how it runs."""
    bare = folder / "bare.tar"
    run("mmdebstrap", "--quiet", "--variant=minbase", SUITE, bare)
    empty = builder("from", "scratch")
    builder("add", "--quiet", empty, bare, "/")
    builder("commit", "--quiet", "--rm", empty, BARE)
    bare.unlink()
    base = ("--pull-never", "--build-arg", f"BASE={BARE}")
    said = builder("build", *base, "--file", HERE / "Containerfile", "--tag", IMAGE, context)
    print(said, file=sys.stderr)
    made = builder("from", "--pull-never", IMAGE)
    told = json.loads(builder("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
    return Path(builder("mount", made)), told


class Services:
    """The services of compose.yaml in one root."""

    def __init__(self, root: Path, image: dict[str, Any]) -> None:
        self._root, self._image = root, image
        self._told = yaml.safe_load((HERE / "compose.yaml").read_text(encoding="utf-8"))["services"]
        self.database = self._told["database"]["environment"]
        with (root / "etc/hosts").open("a", encoding="utf-8") as hosts:
            hosts.write("127.0.0.1 localhost " + " ".join(self._told) + "\n")
        run("mount", "-t", "proc", "proc", root / "proc")
        run("mount", "--bind", "/dev", root / "dev")

    def words(self, service: str, command: list[str] | None = None) -> list[str]:
        """How a command, else the service's own, is begun in the root."""
        told = self._told[service]
        environment = [*self._image["Env"], *(f"{name}={value}" for name, value in told.get("environment", {}).items())]
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', self._image["WorkingDir"], *(command or told["command"])]
        return ["chroot", f"--userspec={self._image['User']}:", str(self._root), "env", "-i", *environment, *inside]

    def health(self, service: str) -> list[str]:
        """The command by which compose knows that a service is well."""
        return list(self._told[service]["healthcheck"]["test"][1:])

    def start(self, service: str) -> subprocess.Popen[str]:
        """Begin it, and wait for its first line."""
        process = subprocess.Popen(self.words(service), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"{service} did not start")
        return process


def postgresql(folder: Path, account: dict[str, str]) -> list[str | Path]:
    """Start this machine's PostgreSQL as compose would start its image; the command that stops it."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))  # apt-get install postgresql
    data, user = folder / "postgresql", {"user": "nobody", "cwd": "/"}
    data.mkdir()
    shutil.chown(data, "nobody")
    folder.chmod(0o755)
    (secret := folder / "password").write_text(account["POSTGRES_PASSWORD"], encoding="utf-8")
    name = account["POSTGRES_USER"]
    run(programs / "initdb", "-D", data, "-U", name, "-A", "scram-sha-256", "--pwfile", secret, **user)
    control: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w"]
    run(*control, "-l", data / "log", "-o", f"-c unix_socket_directories={data}", "start", **user)
    known = {**os.environ, "PGPASSWORD": account["POSTGRES_PASSWORD"]}
    run(programs / "createdb", "-h", "127.0.0.1", "-U", name, account["POSTGRES_DB"], env=known)
    return [*control, "-m", "fast", "stop"]


def pay(folder: Path, root: Path, image: dict[str, Any]) -> None:
    """Run the services and have a fine paid. Inside namespaces of its own."""
    with socket.socket() as any_socket:  # nothing but loopback, which has to be put up
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))
    services = Services(root, image)
    stop = postgresql(folder, services.database)
    try:
        simulators = services.start("simulators")
        made = run(*services.words("place"))
        key = next(word for word in made.split() if word.startswith("gwk_"))
        print(run(*services.words("gateway", ["gateway", "doctor"])))
        gateway = services.start("gateway")
        run(*services.words("gateway", services.health("gateway")))
        own = ["env", "GATEWAY=http://127.0.0.1:8080", "SIMULATORS=http://127.0.0.1:9000", f"KEY={key}"]
        print(run(*services.words("gateway", [*own, "gateway", "trigger", "payment.paid"])))
        for process in (gateway, simulators):
            process.send_signal(signal.SIGTERM)
            if process.wait(timeout=120) != 0:
                raise SystemExit(f"a service ended with {process.returncode}")
    finally:
        run(*stop, user="nobody", cwd="/")
    print("the image was built, and a fine was paid in it")


def main() -> None:
    """Build, then run what was built where there is no network."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--context", type=Path, default=ROOT / "dist", help="where the offline bundle is")
    asked = arguments.parse_args()
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        raise SystemExit(f"as root, with {', '.join(missing or NEEDED)}; Debian 12: apt-get install mmdebstrap buildah")
    with tempfile.TemporaryDirectory(prefix="gateway-container-") as made:
        folder = Path(made)
        builder = Builder(folder)
        try:
            root, image = build(builder, folder, asked.context)
            inside = (str(folder), str(root), json.dumps(image))
            alone = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
            subprocess.run((*alone, sys.executable, __file__, "--inside", *inside), check=True)
        finally:
            builder("rm", "--all")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        pay(Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4]))
    else:
        main()

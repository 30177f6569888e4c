"""A real mosquitto for tests: a container where a Docker engine answers, else the local binary.

Never skipped: where there is neither, the test fails with what to install.
"""

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

OPEN_CONF = "allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n"
_BINARIES = ("mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
_IMAGE = "eclipse-mosquitto:2.0.22"  # as in docker-compose.yml
_DOCKER_SOCKET = Path("/var/run/docker.sock")
_READY_TIMEOUT_S = 10.0
INSTALL = (
    "mosquitto is not installed and no Docker engine answers; "
    "run: apt-get install mosquitto mosquitto-clients"
)


def binary() -> str | None:
    """Return the path of the local mosquitto, None if there is none."""
    return next((path for name in _BINARIES if (path := shutil.which(name)) is not None), None)


@functools.cache
def docker_answers() -> bool:
    """Whether containers can be run here."""
    # Asked first: docker's client leaks its socket when nobody listens there.
    if "DOCKER_HOST" not in os.environ and not _DOCKER_SOCKET.exists():
        return False
    try:
        with contextlib.closing(docker.from_env()) as engine:
            return bool(engine.ping())
    except DockerException:
        return False


def free_port() -> int:
    """Return a port of the loopback interface that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Runner(Protocol):
    """Runs one mosquitto with a configuration file."""

    def start(self) -> None: ...
    def is_gone(self) -> bool: ...
    def stop(self, number: signal.Signals) -> None: ...


class Local:
    """The binary of this machine."""

    def __init__(self, path: str, file: Path, log: Path) -> None:
        self._command = [path, "-v", "-c", str(file)]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            folder = self._log.parent
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=folder)

    def is_gone(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=_READY_TIMEOUT_S)


class Container:
    """The image of docker-compose.yml, on the host's network, with our folder and our user."""

    def __init__(self, file: Path, log: Path) -> None:
        folder = str(file.parent)
        self._log = log
        self._container = (
            DockerContainer(_IMAGE)
            .with_command(f"mosquitto -v -c {file}")
            .with_volume_mapping(folder, folder, "rw")
            .with_kwargs(
                network_mode="host", user=f"{os.getuid()}:{os.getgid()}", working_dir=folder
            )
        )

    def start(self) -> None:
        self._container.start()

    def is_gone(self) -> bool:
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status == "exited")

    def stop(self, number: signal.Signals) -> None:
        wrapped = self._container.get_wrapped_container()
        wrapped.kill(signal=number.name)
        wrapped.wait(timeout=_READY_TIMEOUT_S)
        self._log.write_bytes(wrapped.logs())
        self._container.stop()


class Mosquitto:
    """One broker, which can be stopped, killed and started again.

    It listens on 127.0.0.1, unless ``conf`` names its own listener, at ``port``.
    """

    def __init__(self, folder: Path, conf: str = OPEN_CONF, port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._conf = conf
        self._runner: Runner | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the broker and wait until it listens."""
        has_listener = re.search(r"(?m)^listener ", self._conf)
        conf = self._conf if has_listener else f"listener {self.port} 127.0.0.1\n{self._conf}"
        file, log = self._folder / "mosquitto.conf", self._folder / "mosquitto.log"
        # Our own user: as root, mosquitto would change to another one and lose the folder.
        file.write_text(f"user {_user_name()}\n{conf}", encoding="utf-8")
        log.touch()
        self._runner = _runner(file, log)
        self._runner.start()
        self._wait(self._runner, time.monotonic() + _READY_TIMEOUT_S)

    def _wait(self, runner: Runner, deadline: float) -> None:
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if runner.is_gone():
                raise RuntimeError(f"mosquitto ended at once:\n{self.log}")
            time.sleep(0.01)  # a poll of the fact, bounded by the deadline
        raise RuntimeError(f"mosquitto does not listen:\n{self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the broker and wait for its end."""
        if self._runner is not None:
            self._runner.stop(number)
            self._runner = None


def _runner(file: Path, log: Path) -> Runner:
    if docker_answers():
        return Container(file, log)
    if (path := binary()) is not None:
        return Local(path, file, log)
    raise RuntimeError(INSTALL)


def _user_name() -> str:
    import pwd  # noqa: PLC0415  not on every system, and needed for the local binary only

    return pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def running(folder: Path, conf: str = OPEN_CONF, port: int | None = None) -> Iterator[Mosquitto]:
    """Run a broker for the length of the block."""
    broker = Mosquitto(folder, conf, port)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()

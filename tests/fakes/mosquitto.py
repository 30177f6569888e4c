"""A real mosquitto for tests: the local binary, else a container where a Docker engine answers.

Never skipped: where there is neither, the test fails with what to install.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

OPEN_CONF = "allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n"
_BINARIES = ("mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
_IMAGE = "eclipse-mosquitto:2.0.22"  # as in docker-compose.yml
_READY_TIMEOUT_S = 10.0
_PULL_TIMEOUT_S = 120.0
INSTALL = (
    "mosquitto is not installed and no Docker engine answers; "
    "run: apt-get install mosquitto mosquitto-clients"
)


def binary() -> str | None:
    """Return the path of the local mosquitto, None if there is none."""
    return next((path for name in _BINARIES if (path := shutil.which(name)) is not None), None)


def docker_answers() -> bool:
    """Whether containers can be run here."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "info", "-f", "{{.ID}}"], capture_output=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() != b""


def free_port() -> int:
    """Return a port of the loopback interface that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """One broker process on 127.0.0.1, which can be stopped, killed and started again."""

    def __init__(self, folder: Path, conf: str = OPEN_CONF, port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._conf = conf
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the broker and wait until it listens."""
        self._start(f"listener {self.port} 127.0.0.1\n{self._conf}")

    def start_without_listener(self) -> None:
        """Start with a configuration that names its own listener, at ``port``."""
        self._start(self._conf)

    def _start(self, conf: str) -> None:
        file = self._folder / "mosquitto.conf"
        # Our own user: as root, mosquitto would change to another one and lose the folder.
        file.write_text(f"user {_user_name()}\n{conf}", encoding="utf-8")
        command = self._command(file)
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        timeout_s = _PULL_TIMEOUT_S if command[0] == "docker" else _READY_TIMEOUT_S
        self._wait(self._process, time.monotonic() + timeout_s)

    def _command(self, file: Path) -> list[str]:
        if (local := binary()) is not None:
            return [local, "-v", "-c", str(file)]
        if not docker_answers():
            raise RuntimeError(INSTALL)
        folder, user = str(self._folder), f"{os.getuid()}:{os.getgid()}"
        options = ["--rm", "--name", self._container, "--network", "host", "--user", user]
        options += ["--volume", f"{folder}:{folder}", "--workdir", folder]
        return ["docker", "run", *options, _IMAGE, "mosquitto", "-v", "-c", str(file)]

    @property
    def _container(self) -> str:
        return f"planner-test-mosquitto-{self.port}"

    def _wait(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if process.poll() is not None:
                raise RuntimeError(f"mosquitto ended at once:\n{self.log}")
            time.sleep(0.01)  # a poll of the fact, bounded by the deadline
        raise RuntimeError(f"mosquitto does not listen:\n{self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process and wait for its end."""
        if self._process is not None:
            if number is signal.SIGKILL and binary() is None:  # it would only reach the client
                subprocess.run(["docker", "kill", self._container], check=True)
            self._process.send_signal(number)
            self._process.wait(timeout=_READY_TIMEOUT_S)
            self._process = None


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

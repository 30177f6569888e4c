"""A real mosquitto for tests: from a container where a Docker engine answers, else the binary.

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
_READY_TIMEOUT_S = 10.0
INSTALL = "mosquitto is not installed; run: apt-get install mosquitto mosquitto-clients"


def binary() -> str:
    """Return the path of the mosquitto binary, or fail with what to install."""
    for name in _BINARIES:
        if (path := shutil.which(name)) is not None:
            return path
    raise RuntimeError(INSTALL)


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
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "-v", "-c", str(file)], stdout=log, stderr=log, cwd=self._folder
            )
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"mosquitto ended at once:\n{self.log}")
            time.sleep(0.01)  # a poll of the fact, bounded by the deadline
        raise RuntimeError(f"mosquitto does not listen:\n{self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process and wait for its end."""
        if self._process is not None:
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

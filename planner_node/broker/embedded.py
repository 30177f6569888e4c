"""Starts and stops the broker process that the house brings along."""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType
from typing import Final, Self

from planner_node.errors import BrokerRefused

logger = logging.getLogger(__name__)

_START_TIMEOUT_S: Final = 15.0
_STOP_TIMEOUT_S: Final = 3.0


class EmbeddedBroker:
    """``async with EmbeddedBroker(port) as broker``: a broker at ``broker.url`` for the block.

    The client ``node_id`` hears the retain flag as it was published.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", node_id: str | None = None) -> None:
        self._host = host
        self._port = port
        self._node_id = node_id
        self._process: Process | None = None

    @property
    def port(self) -> int:
        """The port; with 0 asked for, known once the broker is up."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"mqtt://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start the process and wait until it listens.

        Raises:
            BrokerRefused: not a loopback address, the port is in use, or the process ended.
        """
        _refuse_network(self._host)
        # Its standard input is our life line: it ends when we do, even by SIGKILL.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "planner_node.broker"),
            *("--host", self._host, "--port", str(self._port)),
            *(() if self._node_id is None else (f"--node-id={self._node_id}",)),
            stdin=PIPE,
            stdout=PIPE,
        )
        try:
            self._port = await self._ready_port(self._process)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def ended(self) -> int:
        """Wait for the end of the process; without ``stop`` before it, that is a fault."""
        return -1 if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """Stop the process, and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _ready_port(self, process: Process) -> int:
        line = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT_S):
                line = await process.stdout.readline() if process.stdout is not None else b""
        match line.decode(errors="replace").split(maxsplit=2):
            case ["READY", port]:
                return int(port)
            case ["REFUSED", number, _] if int(number) == errno.EADDRINUSE:
                raise BrokerRefused(self._in_use(), port=self._port)
            case ["REFUSED", _, reason]:
                reason = reason.strip()
                raise BrokerRefused(f"The embedded broker cannot listen at {self.url}: {reason}")
            case _:
                raise BrokerRefused(
                    "The embedded broker did not start; run `python -m planner_node.broker` to "
                    "see why, or set PLANNER__MQTT__URL to a broker of your own."
                )

    def _in_use(self) -> str:
        return (
            f"Port {self._port} on {self._host} is in use, perhaps by another broker. To use that "
            f"one, set PLANNER__MQTT__URL={self.url}; for an embedded broker on another port, set "
            "PLANNER__MQTT__PORT (0 takes a free one)."
        )


def _refuse_network(host: str) -> None:
    """It asks nobody for a password, so nobody else may reach it."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    raise BrokerRefused(
        f"The embedded broker has no passwords, so it listens on loopback only, not on {host!r}. "
        "For a network, run mosquitto with config/mosquitto.conf and set PLANNER__MQTT__URL."
    )

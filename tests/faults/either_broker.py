"""A node at a real mosquitto, or at the broker that it brings along."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.mosquitto import free_port, running
from tests.faults.nodes import NodeProcess


@asynccontextmanager
async def node_at(
    broker: str, folder: Path, ready_s: float = 20.0
) -> AsyncIterator[tuple[NodeProcess, int]]:
    """Run a node with ``mosquitto`` or ``embedded``, and yield it with the broker's port.

    At the end it must be ready, and stop in good order.
    """
    port = free_port()
    url = "" if broker == "embedded" else f"mqtt://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        if url:
            stack.enter_context(running(folder, port=port))
        async with NodeProcess(folder, url, settings={"MQTT__PORT": str(port)}) as node:
            await node.until_readyz(200, ready_s)
            yield node, port
            await node.until_readyz(200, ready_s)
            if (code := await node.stop()) != 0:
                raise RuntimeError(f"exit code {code}:\n{node.log[-2_000:]}")

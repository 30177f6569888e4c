"""A node at a real mosquitto, or at the broker that it brings along."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.mosquitto import free_port, running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess


@asynccontextmanager
async def node_at(
    broker: str, folder: Path, ready_s: float = 20.0
) -> AsyncIterator[tuple[NodeProcess, int]]:
    """Run a node with ``mosquitto`` or ``embedded``, and yield it with the broker's port.

    At the end it must be ready, stop in good order, and have kept all invariants to a fleet that
    heard everything.
    """
    port = free_port()
    url = "" if broker == "embedded" else f"mqtt://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        if url:
            stack.enter_context(running(folder, port=port))
        async with NodeProcess(folder, url, settings={"MQTT__PORT": str(port)}) as node:
            await node.until_readyz(200, ready_s)
            history = History(folder / "history.jsonl")
            async with Fleet(port, history, is_v5=not node.brings_broker) as fleet:
                yield node, port
                await node.until_readyz(200, ready_s)
                await fleet.until_all_ended()
                await end_well(fleet, node)

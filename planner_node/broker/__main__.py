"""The child process: serve until the parent closes our standard input, however it ends."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import warnings

from planner_node.broker.serving import serve


def main() -> int:
    """Serve, and say on standard output where, or why not."""
    parser = argparse.ArgumentParser(prog="python -m planner_node.broker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=1883, help="0 takes a free one")
    parser.add_argument("--node-id", help="this client hears the retain flag as it was published")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)
    warnings.simplefilter("ignore")
    # Ctrl-C, timeout and systemd signal the whole group; the parent still has its last words to
    # say over us, and stops us when it no longer needs us.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        asyncio.run(_serve(arguments.host, arguments.port, arguments.node_id))
    except OSError as error:
        sys.stdout.write(f"REFUSED {error.errno} {error.strerror}\n")
        return 1
    return 0


async def _serve(host: str, port: int, node_id: str | None) -> None:
    ending = asyncio.Event()
    watching = asyncio.create_task(_parent_is_gone(ending), name="broker.parent")
    async with serve(host, port, node_id) as bound_port:
        sys.stdout.write(f"READY {bound_port}\n")
        sys.stdout.flush()
        await ending.wait()
    watching.cancel()


async def _parent_is_gone(ending: asyncio.Event) -> None:
    """Standard input ends when the parent does, however it dies; that works on every system."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    with contextlib.suppress(OSError, ValueError):
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        await reader.read()
    ending.set()


if __name__ == "__main__":
    sys.exit(main())

"""A line from the person at the terminal."""

import asyncio
import os
import sys
from typing import Final

_MAX_BYTES: Final = 65_536  # a terminal hands over one line at a time, and no longer one


async def typed_line() -> str:
    """Wait for a line; it is empty where the input has ended, else it has its line break.

    No thread waits: a thread in ``input`` can be called off only by Enter, and the process would
    not end before that.
    """
    loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        loop.remove_reader(terminal)
        try:
            line.set_result(os.read(terminal, _MAX_BYTES).decode(errors="replace"))
        except OSError:  # the terminal was closed
            line.set_result("")

    loop.add_reader(terminal, read)
    try:
        return await line
    finally:
        loop.remove_reader(terminal)

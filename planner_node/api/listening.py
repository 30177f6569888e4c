"""The address that HTTP listens on."""

import errno
import socket
from typing import Final

from planner_node.errors import SettingsRefused
from planner_node.settings import HttpSettings

_BACKLOG: Final = 2_048
_PORTS_FAULT: Final = (errno.EADDRINUSE, errno.EACCES)
_OTHER_PORT: Final = (
    "Choose another port: PLANNER__HTTP__PORT=8001. 請改用其他連接埠：PLANNER__HTTP__PORT=8001。"
)
_OTHER_HOST: Final = (
    "Name an address of this machine: PLANNER__HTTP__HOST=127.0.0.1. "
    "請指定本機的位址：PLANNER__HTTP__HOST=127.0.0.1。"
)


def listen(settings: HttpSettings) -> socket.socket:
    """Take the address before uvicorn would: its failure ends the process without a word of ours.

    Raises:
        SettingsRefused: the port is not to be had, or the host is not ours; ``errno`` says which.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's delay on: 40 ms for each answer of a kept connection.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsRefused(
            f"HTTP cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
            hint=_OTHER_PORT if error.errno in _PORTS_FAULT else _OTHER_HOST,
            host=settings.host,
            port=settings.port,
            errno=error.errno,
        ) from error
    listener.settimeout(0)
    return listener

"""The HTTP server inside the node's own loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn

from planner_node.errors import SettingsRefused
from planner_node.node.patience import PatientHttp
from planner_node.settings import HttpSettings

_BACKLOG: Final = 2_048
_GRACE_S: Final = 5


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the node owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def http_server(settings: HttpSettings, app: Callable[..., Any]) -> AsyncIterator[str]:
    """Serve the application while the block runs; yield its address.

    Raises:
        SettingsRefused: the port is taken or the host is not ours.
    """
    listener = _listen(settings)
    server = _Server(_config(settings, app))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http.server")
    try:
        yield f"http://{_authority(listener)}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _config(settings: HttpSettings, app: Callable[..., Any]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PatientHttp,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        lifespan="off",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _listen(settings: HttpSettings) -> socket.socket:
    """Bind before uvicorn does: its own failure would end the process without a word of ours."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsRefused(
            f"HTTP cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another port: PLANNER__HTTP__PORT=8001.",
            host=settings.host,
            port=settings.port,
        ) from error
    listener.settimeout(0)
    return listener


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

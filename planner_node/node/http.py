"""The HTTP server inside the node's own loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn

from planner_node.api.listening import listen
from planner_node.node.patience import PatientHttp
from planner_node.settings import HttpSettings

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
        SettingsRefused: the port is not to be had, or the host is not ours.
    """
    listener = listen(settings)
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


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Brokers for the MQTT door's tests: a real mosquitto, the embedded one, and options for both."""

import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.mqtt.packets import ConnectOptions
from planner_node.mqtt.sockets import BufferedSocket
from tests.fakes.mosquitto import Mosquitto, running

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def shared_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One open broker for all tests that only talk to it."""
    with running(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(params=["mosquitto", "embedded"])
async def any_port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """The port of each broker that the node must work with."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("shared_mosquitto").port
        return
    async with EmbeddedBroker(0) as broker:
        yield broker.port


@pytest.fixture
def pair() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    """A line in paho's hands, and its other end."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield BufferedSocket(ours), theirs


Make = Callable[..., ConnectOptions]  # a port, and what is not plain


@pytest.fixture
def options() -> Make:
    """Make connect options; every test has a client id of its own."""

    def make(port: int, **fields: object) -> ConnectOptions:
        plain: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": port,
            "client_id": f"test-{next(_NUMBERS)}",
            "username": None,
            "password": None,
            "tls": False,
            "ca_file": None,
            "certificate_file": None,
            "key_file": None,
            "keepalive_s": 15,
            "session_expiry_s": 60,
            "receive_maximum": 32,
            "connect_timeout_s": 5.0,
            "publish_window": 20,
            "will": None,
        }
        return ConnectOptions(**{**plain, **fields})

    return make

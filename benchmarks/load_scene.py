"""What every load of ``benchmarks.load`` is made with."""

import argparse
import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.bars import Bar
from benchmarks.in_flight import InFlight
from benchmarks.robots import Robots
from tests.fakes.mosquitto import OPEN_CONF, Mosquitto, free_port, running
from tests.faults.nodes import REPOSITORY, NodeProcess
from tests.faults.proxy import Proxy

Figures = dict[str, object]
WAIT_S: Final = 900.0
# A full queue refuses, which is another measurement: in a minute of ``accept`` come 60,000 tasks.
# Some loads send for one robot, which may have all of it. And a task that has left the history
# cannot be told from a lost one.
SETTINGS: Final = {
    "QUEUE__CAPACITY": "100000",
    "QUEUE__ROBOT_CAPACITY": "100000",
    "JOURNAL__HISTORY_MAX_TASKS": "1000000",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: everybody who takes part."""

    arguments: argparse.Namespace
    broker: Mosquitto
    line: Proxy  # between node and broker, where the load is watched there
    wire: InFlight
    node: NodeProcess
    robots: Robots


def open_conf(_arguments: argparse.Namespace) -> str:
    """Return a broker's configuration without limits and passwords."""
    return OPEN_CONF


@dataclass(frozen=True, slots=True)
class Load:
    """One mode; ``settings`` are the node's, ``conf`` the broker's, ``bars`` for the report."""

    what: str
    measure: Callable[[Scene], Awaitable[Figures]]
    defaults: Mapping[str, object] = field(default_factory=dict)
    settings: Callable[[argparse.Namespace], dict[str, str]] = lambda _: {}
    conf: Callable[[argparse.Namespace], str] = open_conf
    is_watched: bool = False  # whether the node speaks to the broker through ``Scene.line``
    bars: tuple[Bar, ...] = ()


def our_conf(arguments: argparse.Namespace) -> str:
    """Return config/mosquitto.conf without its passwords, with ``--broker-keeps`` if given."""
    conf = (REPOSITORY / "config" / "mosquitto.conf").read_text(encoding="utf-8")
    names = "password_file|acl_file|allow_anonymous|use_username_as_clientid"
    conf = re.sub(rf"(?m)^({names}) .*$", "", conf)
    if arguments.broker_keeps is not None:
        keeps = f"max_queued_messages {arguments.broker_keeps}"
        conf = re.sub(r"(?m)^max_queued_messages .*$", keeps, conf)
    return f"allow_anonymous true\n{conf}"


@contextmanager
def broker_of(folder: Path, conf: str) -> Iterator[Mosquitto]:
    """Run a mosquitto for the length of the block; if its conf names a listener, then ours."""
    port = free_port()
    conf = re.sub(r"(?m)^listener 1883$", f"listener {port} 127.0.0.1", conf)
    with running(folder, conf.replace("/mosquitto/data", str(folder)), port) as broker:
        yield broker


@asynccontextmanager
async def robots_of(broker: Mosquitto) -> AsyncIterator[Robots]:
    """Connect a fleet for the length of the block."""
    robots = await Robots.connected(broker.port)
    try:
        yield robots
    finally:
        robots.close()


async def paced(
    robots: Robots, rate: float, names: Iterator[tuple[str, str]], instruction: str = ""
) -> None:
    """Send tasks (robot, id) at a steady rate, whatever comes back."""
    began_s = time.monotonic()
    for number, (robot, task_id) in enumerate(names):
        ahead_s = began_s + number / rate - time.monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
        robots.send(robot, task_id, instruction)


async def at_once(robots: Robots, names: Iterator[tuple[str, str]]) -> None:
    """Send tasks (robot, id) as fast as they can be written."""
    for number, (robot, task_id) in enumerate(names):
        robots.send(robot, task_id)
        if number % 500 == 0:
            await asyncio.sleep(0)


def waits_s(robots: Robots, came_s: dict[str, float], prefix: str = "") -> list[float]:
    """Return how long each task of this prefix has waited."""
    return [
        at_s - robots.sent_s[task_id]
        for task_id, at_s in came_s.items()
        if task_id.startswith(prefix)
    ]

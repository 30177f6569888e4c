"""How much the whole node takes: a real mosquitto, a node process, a scripted model.

python -m benchmarks.load accept --rate 1000 --seconds 60     L1: sent → QUEUED heard
python -m benchmarks.load roundtrip --seconds 20              L2: one task at a time, → PLANNED
python -m benchmarks.load burst --tasks 20000                 L3: all at once, our mosquitto.conf
python -m benchmarks.load steady --robots 1000 --seconds 1800 L5: one task a robot each 10 s
python -m benchmarks.load fairness --seconds 20               L11: one robot sends nine in ten

The model writes a plan in 12 pieces, ``--chunk-ms`` apart. ``--keep NAME`` writes the report to
``benchmarks/results/NAME.json``. Robots, broker and node share this machine.
"""

import argparse
import asyncio
import json
import re
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.machine import describe
from benchmarks.results import FOLDER, command_of, keep
from benchmarks.robots import Robots
from benchmarks.series import Series
from benchmarks.usage import Usage, fdatasync_ms, in_ms
from planner_node.settings import MqttSettings
from tests.fakes.mosquitto import OPEN_CONF, Mosquitto, free_port, running
from tests.fakes.waiting import until
from tests.faults.nodes import REPOSITORY, NodeProcess

Figures = dict[str, object]
WAIT_S: Final = 900.0
_VERSIONS: Final = {
    "sqlite": sqlite3.sqlite_version,
    "paho_mqtt": version("paho-mqtt"),
    "pydantic": version("pydantic"),
}
# A full queue refuses, which is another measurement: in a minute of ``accept`` come 60,000 tasks.
# And a task that has left the history cannot be told from a lost one.
SETTINGS: Final = {"QUEUE__CAPACITY": "100000", "JOURNAL__HISTORY_MAX_TASKS": "1000000"}


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        disk = fdatasync_ms(Path(folder))
        figures = asyncio.run(_measure(Path(folder), arguments))
    report = {
        "command": command_of("benchmarks.load"),
        "machine": {**describe(), **_VERSIONS},
        "fdatasync_ms": disk,
        **figures,
    }
    print(json.dumps(report, indent=2))
    if arguments.keep:
        keep(arguments.keep, report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("load", choices=sorted(LOADS))
    parser.add_argument("--rate", type=float, default=1_000.0, help="tasks a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--robots", type=int, default=100)
    parser.add_argument("--chunk-ms", type=float, default=0.0)
    parser.add_argument("--receive-maximum", type=int, default=MqttSettings().receive_maximum)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--keep", default="", help="name of the kept report")
    return parser.parse_args()


async def _measure(folder: Path, arguments: argparse.Namespace) -> Figures:
    with _broker(folder, is_ours=arguments.load == "burst") as broker:
        script = {"CHUNK_S": str(arguments.chunk_ms / 1_000)}
        settings = {**SETTINGS, "MQTT__RECEIVE_MAXIMUM": str(arguments.receive_maximum)}
        node = NodeProcess(folder, broker.url, settings=settings, script=script)
        async with node, _robots(broker) as robots:
            await node.until_readyz(200)  # it has subscribed: before that, nobody keeps a task
            with Usage() as usage:
                figures = await LOADS[arguments.load](robots, node, arguments)
            node.kill()
            kept = _tasks_in(node.journal)
    return {
        "processors_used": usage.processors,
        **figures,
        "lost_after_kill": len(robots.sent_s) - kept,
    }


def _tasks_in(file: Path) -> int:
    with sqlite3.connect(file) as journal:
        (kept,) = journal.execute("SELECT count(*) FROM tasks").fetchone()
    return int(kept)


@contextmanager
def _broker(folder: Path, *, is_ours: bool) -> Iterator[Mosquitto]:
    """Run an open mosquitto, or one with our limits and without our passwords."""
    if not is_ours:
        with running(folder, OPEN_CONF) as broker:
            yield broker
        return
    conf = (REPOSITORY / "config" / "mosquitto.conf").read_text(encoding="utf-8")
    conf = re.sub(r"(?m)^(password_file|acl_file|allow_anonymous) .*$", "", conf)
    conf = conf.replace("/mosquitto/data", str(folder))
    port = free_port()
    conf = re.sub(r"(?m)^listener 1883$", f"listener {port} 127.0.0.1", conf)
    with running(folder, f"allow_anonymous true\n{conf}", port) as broker:
        yield broker


@asynccontextmanager
async def _robots(broker: Mosquitto) -> AsyncIterator[Robots]:
    robots = await Robots.connected(broker.port)
    try:
        yield robots
    finally:
        robots.close()


async def _paced(robots: Robots, rate: float, names: Iterator[tuple[str, str]]) -> None:
    """Send at a steady rate, whatever comes back."""
    began_s = time.monotonic()
    for number, (robot, task_id) in enumerate(names):
        ahead_s = began_s + number / rate - time.monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
        robots.send(robot, task_id)


def _waits_s(robots: Robots, came_s: dict[str, float], prefix: str = "") -> list[float]:
    return [
        at_s - robots.sent_s[task_id]
        for task_id, at_s in came_s.items()
        if task_id.startswith(prefix)
    ]


async def _accept(robots: Robots, _node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    number = int(arguments.rate * arguments.seconds)
    names = ((f"robot-{index % arguments.robots}", f"t-{index}") for index in range(number))
    await _paced(robots, arguments.rate, names)
    spent_s = time.monotonic() - min(robots.sent_s.values())
    heard = len(robots.queued_s)
    await until(lambda: len(robots.queued_s) == number, WAIT_S)
    return {
        "tasks": number,
        "offered_per_s": round(number / spent_s, 1),
        "accepted_per_s": round(heard / spent_s, 1),
        "accept_ms": in_ms(_waits_s(robots, robots.queued_s)),
        "planned_beside": len(robots.ended_s),
        "without_queued": number - len(robots.queued_s),
    }


async def _roundtrip(robots: Robots, _node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    until_s, number = time.monotonic() + arguments.seconds, 0
    while time.monotonic() < until_s:
        robots.send("robot", f"t-{number}")
        await robots.end_of(f"t-{number}")
        number += 1
    return {
        "tasks": number,
        "queued_ms": in_ms(_waits_s(robots, robots.queued_s)),
        "planned_ms": in_ms(_waits_s(robots, robots.ended_s)),
    }


async def _burst(robots: Robots, node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    for index in range(arguments.tasks):
        robots.send(f"robot-{index % arguments.robots}", f"t-{index}")
        if index % 500 == 0:
            await asyncio.sleep(0)
    sent_s = time.monotonic() - min(robots.sent_s.values())
    await until(lambda: robots.taken_by_broker == arguments.tasks, WAIT_S)
    taken_s = time.monotonic() - min(robots.sent_s.values())
    await until(lambda: len(robots.ended_s) == arguments.tasks, WAIT_S)
    return {
        "tasks": arguments.tasks,
        "handed_over_in_s": round(sent_s, 2),
        "taken_by_broker_in_s": round(taken_s, 2),
        "queued_in_s": round(max(robots.queued_s.values()) - min(robots.sent_s.values()), 1),
        "planned_in_s": round(max(robots.ended_s.values()) - min(robots.sent_s.values()), 1),
        "lost": arguments.tasks - len(robots.ended_s),
        "ends": Counter(robots.ends.values()),
        "rss_mib": round(node.rss_bytes / 2**20, 1),
    }


async def _steady(robots: Robots, node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    rate = arguments.robots / 10
    number = int(rate * arguments.seconds)
    names = ((f"robot-{index % arguments.robots}", f"t-{index}") for index in range(number))
    series = Series(node)
    watching = asyncio.create_task(series.watch())
    await _paced(robots, rate, names)
    await until(lambda: len(robots.ended_s) == number, WAIT_S)
    watching.cancel()
    if arguments.keep:
        series.draw(FOLDER / f"{arguments.keep}.svg")
    return {
        "tasks": number,
        "robots": arguments.robots,
        "planned_ms": in_ms(_waits_s(robots, robots.ended_s)),
        "ends": Counter(robots.ends.values()),
        **series.figures(),
    }


async def _fairness(robots: Robots, _node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    """Nine quiet robots at a steady pace, alone; then beside one that sends nine times as much."""
    quiet = int(arguments.rate / 10 * arguments.seconds)
    alone = ((f"quiet-{index % 9}", f"alone-{index}") for index in range(quiet))
    await _paced(robots, arguments.rate / 10, alone)
    await until(lambda: len(robots.ended_s) == quiet, WAIT_S)
    beside = (
        ("greedy", f"greedy-{index}")
        if index % 10
        else (f"quiet-{index // 10 % 9}", f"beside-{index}")
        for index in range(10 * quiet)
    )
    await _paced(robots, arguments.rate, beside)
    mine = [f"beside-{index}" for index in range(0, 10 * quiet, 10)]
    await until(lambda: all(task_id in robots.ended_s for task_id in mine), WAIT_S)
    meanwhile = sum(one.startswith("greedy-") for one in robots.ended_s)
    await until(lambda: len(robots.queued_s) == 11 * quiet, WAIT_S)
    before = in_ms(_waits_s(robots, robots.ended_s, "alone-"))
    after = in_ms(_waits_s(robots, robots.ended_s, "beside-"))
    return {
        "quiet_tasks": quiet,
        "greedy_tasks": 9 * quiet,
        "greedy_ended_meanwhile": meanwhile,
        "quiet_alone_ms": before,
        "quiet_beside_greedy_ms": after,
        "times": {name: round(after[name] / before[name], 2) for name in before},
        "ends": Counter(robots.ends.values()),
    }


Load = Callable[[Robots, NodeProcess, argparse.Namespace], Awaitable[Figures]]
LOADS: Final[dict[str, Load]] = {
    "accept": _accept,
    "burst": _burst,
    "fairness": _fairness,
    "roundtrip": _roundtrip,
    "steady": _steady,
}

if __name__ == "__main__":
    main()

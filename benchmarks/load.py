"""How much the whole node takes: a real mosquitto, a node process, a scripted model.

python -m benchmarks.load accept --rate 1000 --seconds 60     L1: sent → QUEUED heard
python -m benchmarks.load busy --rate 100 --seconds 60        F19: as accept, beside a busy thread
python -m benchmarks.load roundtrip --seconds 20              L2: one task at a time, → PLANNED
python -m benchmarks.load burst --tasks 20000                 L3: all at once, our mosquitto.conf
python -m benchmarks.load stream --robots 20 --seconds 20     L4: a subtask a robot each 100 ms
python -m benchmarks.load steady --robots 1000 --seconds 1800 L5: one task a robot each 10 s
python -m benchmarks.load slow --robots 99 --seconds 15       L6: one robot acknowledges 1/s
python -m benchmarks.load offline --tasks 5000                L7: planned for one who is away
python -m benchmarks.load drain --rows 10000                  L8: an outage, then the outbox
python -m benchmarks.load fairness --seconds 20               L11: one robot asks for too much

Loads with a bar end with 1 where it is missed by far (``benchmarks.bars``), and each where an
accepted task is lost; ``offline`` has no other bar. The model writes a plan in 12 pieces,
``--chunk-ms`` apart. ``--keep NAME`` writes the report to ``benchmarks/results/NAME.json``. Robots,
broker and node share this machine.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import load_arrivals, load_outages, load_shapes
from benchmarks.bars import Bar, judge, missed_by_far
from benchmarks.in_flight import InFlight
from benchmarks.load_scene import SETTINGS, Figures, Load, Scene, broker_of, robots_of
from benchmarks.machine import describe
from benchmarks.results import command_of, keep
from benchmarks.usage import Usage, fdatasync_ms
from planner_node.settings import MqttSettings
from tests.fakes.waiting import until
from tests.faults.nodes import NodeProcess
from tests.faults.proxy import Proxy

_VERSIONS: Final = {
    "sqlite": sqlite3.sqlite_version,
    "paho_mqtt": version("paho-mqtt"),
    "pydantic": version("pydantic"),
}
_OF_EVERY_LOAD: Final = (Bar("lost_after_kill", at_most=0),)
LOADS: Final[dict[str, Load]] = {
    **load_arrivals.LOADS,
    **load_shapes.LOADS,
    **load_outages.LOADS,
}


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        disk = fdatasync_ms(Path(folder))
        figures = asyncio.run(_measure(Path(folder), arguments))
    bars = judge((*LOADS[arguments.load].bars, *_OF_EVERY_LOAD), figures)
    report = {
        "command": command_of("benchmarks.load"),
        "machine": {**describe(), **_VERSIONS},
        "fdatasync_ms": disk,
        **figures,
        "bars": bars,
    }
    print(json.dumps(report, indent=2))
    if arguments.keep:
        keep(arguments.keep, report)
    sys.exit(bool(missed_by_far(bars)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parsers = parser.add_subparsers(dest="load", required=True)
    for name, load in sorted(LOADS.items()):
        one = parsers.add_parser(
            name,
            help=load.what,
            description=load.what,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        _add_arguments(one)
        one.set_defaults(**load.defaults)
    return parser.parse_args()


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=1_000.0, help="tasks a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of one phase")
    parser.add_argument("--tasks", type=int, default=20_000, help="in all")
    parser.add_argument("--robots", type=int, default=100)
    parser.add_argument("--places", type=int, default=1, help="fairness: plans at a time")
    parser.add_argument(
        "--busy-threads", type=int, default=0, help="of the node, which compute all the time"
    )
    parser.add_argument("--rows", type=int, default=10_000, help="drain: when the broker returns")
    parser.add_argument("--chunk-ms", type=float, default=0.0, help="between pieces of a plan")
    parser.add_argument(
        "--broker-keeps", type=int, default=None, help="offline: another max_queued_messages"
    )
    parser.add_argument(
        "--broker-in-flight", type=int, default=20, help="drain: its Receive Maximum"
    )
    receive_maximum = MqttSettings().receive_maximum
    parser.add_argument("--receive-maximum", type=int, default=receive_maximum, help="the node's")
    parser.add_argument("--folder", type=Path, default=None, help="on which disk")
    parser.add_argument("--keep", default="", help="name of the kept report")


async def _measure(folder: Path, arguments: argparse.Namespace) -> Figures:
    load: Load = LOADS[arguments.load]
    settings = {
        **SETTINGS,
        **load.settings(arguments),
        "MQTT__RECEIVE_MAXIMUM": str(arguments.receive_maximum),
    }
    wire = InFlight()
    with broker_of(folder, load.conf(arguments)) as broker:
        async with Proxy(broker.port, wire) as line:
            url = line.url if load.is_watched else broker.url
            script = {
                "CHUNK_S": str(arguments.chunk_ms / 1_000),
                "BUSY_THREADS": str(arguments.busy_threads),
            }
            node = NodeProcess(folder, url, settings=settings, script=script)
            async with node, robots_of(broker) as robots:
                await node.until_readyz(200)  # it has subscribed: before that, nobody keeps a task
                scene = Scene(arguments, broker, line, wire, node, robots)
                with Usage() as usage:
                    figures = await load.measure(scene)
                node.kill()
            await until(lambda: line.is_idle)
    return {
        "processors_used": usage.processors,
        **figures,
        "lost_after_kill": len(robots.sent_s) - _tasks_in(node.journal),
    }


def _tasks_in(file: Path) -> int:
    with sqlite3.connect(file) as journal:
        (kept,) = journal.execute("SELECT count(*) FROM tasks").fetchone()
    return int(kept)


if __name__ == "__main__":
    main()

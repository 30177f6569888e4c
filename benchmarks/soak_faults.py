"""A node under load with a random fault every now and then; I1 to I7 are checked at the end.

Ends with status 1 if one of them does not hold.

Run: python -m benchmarks.soak_faults --faults 15 --every-s 120    all faults, one every two minutes
     python -m benchmarks.soak_faults --only kill --faults 200 --every-s 1
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.results import command_of, keep
from benchmarks.soak import START_S, begin, end_in_good_order
from tests.fakes.mosquitto import OPEN_CONF, Mosquitto, running
from tests.faults.checker import check
from tests.faults.evidence import fresh
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess, set_clock
from tests.faults.packets import NOT_AUTHORIZED, Meddler
from tests.faults.proxy import Proxy

ROBOTS = 20
DOWN_S = 60.0
SLOW_S = 20.0  # how long a line is slow, a clock wrong
HOUR_S = 3_600
SETTINGS = {
    "MQTT__KEEPALIVE_S": "4",
    "MQTT__CONNECT_TIMEOUT_S": "2",
    "MQTT__RECONNECT_MAX_S": "2",
    "PLANNER__DRAIN_S": "3",
    "PLANNER__MAX_ATTEMPTS": "1000",  # the node is killed on purpose, the tasks are not at fault
}


@dataclass
class Scene:
    """What can be broken, and what was sent."""

    broker: Mosquitto
    proxy: Proxy
    node: NodeProcess
    fleet: Fleet
    clock: Path
    sent: list[str] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    folder = fresh(arguments.folder or Path(tempfile.mkdtemp(prefix="planner-soak-")))
    report = asyncio.run(_soak(folder, arguments))
    print(json.dumps(report, ensure_ascii=False, indent=2))
    if arguments.keep:
        keep("soak-faults", report)
    sys.exit(report["invariants"] != "hold")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--every-s", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=5.0, help="tasks a second")
    parser.add_argument("--only", choices=sorted(FAULTS), help="this fault and no other")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="a new one for the history and journal")
    parser.add_argument("--keep", action="store_true", help="keep the report in benchmarks/results")
    return parser.parse_args()


async def _soak(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    began_s, counted = time.monotonic(), Counter[str]()
    history, clock = History(folder / "history.jsonl"), folder / "clock"
    set_clock(clock, 0)
    with running(folder, f"{OPEN_CONF}persistence true\n") as broker:
        async with Proxy(broker.port, Meddler()) as proxy, Fleet(broker.port, history) as fleet:
            node = NodeProcess(folder, proxy.url, settings=SETTINGS, script={"CLOCK": str(clock)})
            scene = Scene(broker, proxy, node, fleet, clock)
            try:
                ended = await _live(scene, arguments, counted)
            finally:
                node.kill()
    return {
        "command": command_of("benchmarks.soak_faults"),
        "load": os.getloadavg()[0],
        "seconds": round(time.monotonic() - began_s, 1),
        "faults": counted,
        "tasks": len(scene.sent),
        "ends": Counter(fleet.states[task_id] for task_id in scene.sent),
        "lives": node.lives,
        **ended,
        "ready_again_s": _recoveries(history),
        "grown_mib": [round(grown / 2**20, 1) for grown in node.grown_bytes],
        "invariants": _verdict(history, node),
    }


async def _live(
    scene: Scene, arguments: argparse.Namespace, counted: Counter[str]
) -> dict[str, object]:
    """Send and break; then let everything that was sent come to its end."""
    await begin(scene.node)
    sending = asyncio.create_task(_send(scene, arguments.rate))
    await _break(scene, arguments, counted)
    sending.cancel()
    return await end_in_good_order(scene.node, scene.fleet, scene.sent)


def _verdict(history: History, node: NodeProcess) -> str:
    try:
        check(history, [node], in_order=True)
    except AssertionError as error:
        return str(error)
    return "hold"


def _recoveries(history: History) -> dict[str, float]:
    """Return how long it took from the end of a fault to READY: the median and the longest."""
    waits_s = [
        ready.at_s - mended.at_s
        for mended, ready in zip(history.of("mended"), history.of("ready"), strict=True)
    ]
    if not waits_s:
        return {}
    return {"p50": round(sorted(waits_s)[len(waits_s) // 2], 2), "max": round(max(waits_s), 2)}


async def _break(scene: Scene, arguments: argparse.Namespace, counted: Counter[str]) -> None:
    chance, began_s = random.Random(arguments.seed), time.monotonic()
    waiting: list[str] = []
    for _ in range(arguments.faults):
        if not waiting:  # each of them once before any comes again
            waiting = [arguments.only] if arguments.only else chance.sample([*FAULTS], len(FAULTS))
        name = waiting.pop()
        await asyncio.sleep(arguments.every_s * chance.uniform(0.5, 1.5))
        scene.fleet.history.fault(name)
        counted[name] += 1
        print(f"{time.monotonic() - began_s:7.1f} s  {name}", file=sys.stderr, flush=True)
        await FAULTS[name](scene)


async def _send(scene: Scene, rate: float) -> None:
    for number in itertools.count():
        task_id = f"soak-{number}"
        scene.fleet.task(f"robot-{number % ROBOTS}", task_id, f"bring book {task_id} to the table")
        scene.sent.append(task_id)
        await asyncio.sleep(1 / rate)


async def _kill(scene: Scene) -> None:
    scene.node.kill()
    scene.node.start()
    await scene.node.until_ready(START_S)


async def _stop(scene: Scene) -> None:
    if (code := await scene.node.stop()) != 0:
        raise RuntimeError(f"exit code {code}:\n{scene.node.log[-2_000:]}")
    scene.node.start()
    await scene.node.until_ready(START_S)


async def _restart_broker(scene: Scene) -> None:
    scene.broker.stop(signal.SIGTERM)
    await scene.node.until_readyz(503, deadline_s=DOWN_S)
    scene.broker.start()
    await scene.node.until_back(scene.fleet.history)


async def _cut(scene: Scene) -> None:
    scene.proxy.cut()


async def _cut_packets(scene: Scene) -> None:
    """End three connections in the middle of a packet."""
    seen = scene.proxy.connections
    scene.proxy.cut_after_bytes = 2_222
    scene.proxy.cut()
    await scene.fleet.until_true(lambda: scene.proxy.has_more_than(seen + 3), DOWN_S)
    scene.proxy.cut_after_bytes = None
    scene.proxy.cut()
    await scene.node.until_back(scene.fleet.history)


async def _black_hole(scene: Scene) -> None:
    scene.proxy.is_black_hole = True
    await scene.node.until_readyz(503, deadline_s=DOWN_S)
    scene.proxy.is_black_hole = False
    await scene.node.until_back(scene.fleet.history)


async def _slow_line(scene: Scene) -> None:
    scene.proxy.delay_s, scene.proxy.jitter_s = 0.2, 0.1
    await asyncio.sleep(SLOW_S)
    scene.proxy.delay_s = scene.proxy.jitter_s = 0.0


async def _lost_puback(scene: Scene) -> None:
    scene.proxy.drop_puback_every = 10
    lost = scene.proxy.dropped_pubacks
    await scene.fleet.until_true(lambda: scene.proxy.dropped_pubacks > lost, DOWN_S)
    scene.proxy.drop_puback_every = None


async def _refused_subscription(scene: Scene) -> None:
    meddler = scene.proxy.meddler or Meddler()
    meddler.suback_code = NOT_AUTHORIZED
    scene.proxy.cut()
    await scene.node.until_said("refuses us", DOWN_S)
    meddler.suback_code = None
    await scene.node.until_back(scene.fleet.history)


async def _full_disk(scene: Scene) -> None:
    with scene.node.full_disk():
        await scene.node.until_readyz(503, deadline_s=DOWN_S)
    await scene.node.until_back(scene.fleet.history)


async def _wrong_clock(scene: Scene) -> None:
    set_clock(scene.clock, random.choice([HOUR_S, -HOUR_S]))
    await asyncio.sleep(SLOW_S)
    set_clock(scene.clock, 0)


FAULTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "black_hole": _black_hole,
    "cut": _cut,
    "cut_packets": _cut_packets,
    "full_disk": _full_disk,
    "kill": _kill,
    "lost_puback": _lost_puback,
    "refused_subscription": _refused_subscription,
    "restart_broker": _restart_broker,
    "slow_line": _slow_line,
    "stop": _stop,
    "wrong_clock": _wrong_clock,
}

if __name__ == "__main__":
    main()

"""How much the whole node takes: a real mosquitto, a node process, a scripted model of 0 ms.

Run: python -m benchmarks.load accept --rate 500 --seconds 20      L1: sent → QUEUED heard
     python -m benchmarks.load roundtrip --seconds 10              L2: one task at a time, → PLANNED
     python -m benchmarks.load burst --tasks 20000                 L3: all at once, none lost
     python -m benchmarks.load steady --robots 1000 --seconds 600  L5: one task a robot each 10 s
     python -m benchmarks.load fairness --tasks 400                L11: one robot sends nine in ten
"""

import argparse
import asyncio
import json
import os
import platform
import shlex
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.fakes.mosquitto import OPEN_CONF, running
from tests.fakes.waiting import until
from tests.faults.fleet import ROOT, TERMINAL
from tests.faults.nodes import NodeProcess

Figures = dict[str, object]
WAIT_S = 900.0


class Robots:
    """Sends tasks and remembers when each was sent, queued and ended; nothing else."""

    def __init__(self, port: int) -> None:
        self.sent: dict[str, float] = {}
        self.queued: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.ends: dict[str, str] = {}
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="load")
        self._client.max_inflight_messages_set(1_000)
        self._client.max_queued_messages_set(0)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port, keepalive=60)
        self._client.subscribe(f"{ROOT}/robots/+/status", 1)
        self._client.loop_start()
        self._ready.wait(10)

    def send(self, robot: str, task_id: str) -> None:
        payload = json.dumps({"task_id": task_id, "instruction": f"bring book {task_id}"})
        self.sent[task_id] = time.monotonic()
        self._client.publish(f"{ROOT}/robots/{robot}/task", payload, 1)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        now_s, status = time.monotonic(), json.loads(message.payload)
        task_id, state = status["task_id"], status["status"]
        if state == "QUEUED":
            self.queued.setdefault(task_id, now_s)
        elif state in TERMINAL:
            self.ended.setdefault(task_id, now_s)
            self.ends[task_id] = state


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        figures = asyncio.run(_measure(Path(folder), arguments))
    report = {
        "command": shlex.join(["python", "-m", "benchmarks.load", *sys.argv[1:]]),
        "machine": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
        **figures,
    }
    print(json.dumps(report, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("load", choices=sorted(LOADS))
    parser.add_argument("--rate", type=float, default=500.0, help="tasks a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--robots", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, default=None)
    return parser.parse_args()


async def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    with running(folder, OPEN_CONF) as broker:
        node = NodeProcess(folder, broker.url, script={"CHUNK_S": "0"})
        async with node:
            robots = Robots(broker.port)
            try:
                return await LOADS[arguments.load](robots, node, arguments)
            finally:
                robots.stop()
                await node.stop()


def _in_ms(waits_s: list[float]) -> dict[str, float]:
    if len(waits_s) < 2:
        return {}
    hundredths = quantiles(waits_s, n=100)
    figures = {"p50": median(waits_s), "p99": hundredths[98], "max": max(waits_s)}
    return {name: round(value * 1_000, 2) for name, value in figures.items()}


async def _paced(robots: Robots, rate: float, number: int, over: int) -> None:
    began_s = time.monotonic()
    for index in range(number):
        robots.send(f"robot-{index % over}", f"t-{index}")
        ahead_s = began_s + index / rate - time.monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)


async def _accept(robots: Robots, _node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    number = int(arguments.rate * arguments.seconds)
    await _paced(robots, arguments.rate, number, over=100)
    await until(lambda: len(robots.queued) == number, WAIT_S)
    waits_s = [robots.queued[task_id] - at_s for task_id, at_s in robots.sent.items()]
    spent_s = max(robots.queued.values()) - min(robots.sent.values())
    await until(lambda: len(robots.ended) == number, WAIT_S)
    planned_s = max(robots.ended.values()) - min(robots.sent.values())
    return {
        "tasks": number,
        "offered_per_s": arguments.rate,
        "accepted_per_s": round(number / spent_s),
        "accept_ms": _in_ms(waits_s),
        "planned_per_s": round(number / planned_s),
        "lost": number - len(robots.ended),
    }


async def _roundtrip(robots: Robots, _node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    until_s, number = time.monotonic() + arguments.seconds, 0
    while time.monotonic() < until_s:
        task_id = f"t-{number}"
        robots.send("robot", task_id)
        await until(lambda wanted=task_id: wanted in robots.ended, WAIT_S)
        number += 1
    waits_s = [robots.ended[task_id] - at_s for task_id, at_s in robots.sent.items()]
    return {"tasks": number, "planned_ms": _in_ms(waits_s)}


async def _burst(robots: Robots, node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    for index in range(arguments.tasks):
        robots.send(f"robot-{index % 100}", f"t-{index}")
    sent_s = time.monotonic() - min(robots.sent.values())
    await until(lambda: len(robots.ended) == arguments.tasks, WAIT_S)
    spent_s = max(robots.ended.values()) - min(robots.sent.values())
    return {
        "tasks": arguments.tasks,
        "handed_over_in_s": round(sent_s, 2),
        "planned_in_s": round(spent_s, 1),
        "lost": arguments.tasks - len(robots.ended),
        "ends": Counter(robots.ends.values()),
        "rss_mib": round(node.rss_bytes / 2**20, 1),
    }


async def _steady(robots: Robots, node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    rate = arguments.robots / 10
    number, memory, descriptors = int(rate * arguments.seconds), [], []
    began_s = time.monotonic()
    for index in range(number):
        robots.send(f"robot-{index % arguments.robots}", f"t-{index}")
        if index % max(1, number // 10) == 0:
            memory.append(round(node.rss_bytes / 2**20, 1))
            descriptors.append(node.descriptors)
        await asyncio.sleep(max(0.0, began_s + index / rate - time.monotonic()))
    await until(lambda: len(robots.ended) == number, WAIT_S)
    waits_s = [robots.ended[task_id] - at_s for task_id, at_s in robots.sent.items()]
    return {
        "tasks": number,
        "robots": arguments.robots,
        "rss_mib": memory,
        "descriptors": descriptors,
        "planned_ms": _in_ms(waits_s),
    }


async def _fairness(robots: Robots, _node: NodeProcess, arguments: argparse.Namespace) -> Figures:
    alone_s = []
    for number in range(10):
        task_id = f"alone-{number}"
        robots.send("quiet", task_id)
        await until(lambda wanted=task_id: wanted in robots.ended, WAIT_S)
        alone_s.append(robots.ended[task_id] - robots.sent[task_id])
    for number in range(arguments.tasks):
        robots.send("greedy" if number % 10 else f"quiet-{number}", f"t-{number}")
        await asyncio.sleep(0.005)
    await until(lambda: len(robots.ended) == arguments.tasks + 10, WAIT_S)
    quiet = [f"t-{number}" for number in range(0, arguments.tasks, 10)]
    waits_s = [robots.ended[task_id] - robots.sent[task_id] for task_id in quiet]
    return {
        "tasks": arguments.tasks,
        "quiet_alone_ms": _in_ms(alone_s),
        "quiet_beside_greedy_ms": _in_ms(waits_s),
    }


Load = Callable[[Robots, NodeProcess, argparse.Namespace], Awaitable[Figures]]
LOADS: dict[str, Load] = {
    "accept": _accept,
    "burst": _burst,
    "fairness": _fairness,
    "roundtrip": _roundtrip,
    "steady": _steady,
}

if __name__ == "__main__":
    main()

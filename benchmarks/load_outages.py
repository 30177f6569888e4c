"""Loads of ``benchmarks.load`` with somebody away: a robot, or the broker."""

import argparse
import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from benchmarks.bars import Bar
from benchmarks.load_scene import WAIT_S, Figures, Load, Scene, at_once, open_conf, our_conf, paced
from benchmarks.outbox import Outbox
from benchmarks.robots import ENDS, Listener, Robots
from planner_node.settings import MqttSettings
from tests.fakes.waiting import until

_AWAY: Final = "away"
_HEARS_AWAY: Final = (f"robots/{_AWAY}/status", f"robots/{_AWAY}/subtasks/#")
_SILENCE_S: Final = 2.0
_LOOK_S: Final = 0.02
_PAGE: Final = 500


@dataclass
class _Told:
    """What a robot knows of one of its tasks."""

    versions: set[int] = field(default_factory=set)
    indexes: set[int] = field(default_factory=set)
    total: int | None = None
    has_ended: bool = False
    has_plan: bool = False

    def hear(self, message: dict[str, Any]) -> None:
        """Take a TaskStatus, a SubtaskEvent or a SubtaskList."""
        if "status_version" in message:
            self.versions.add(message["status_version"])
            self.has_ended |= message["status"].encode() in ENDS
        elif message.get("type") == "SUBTASK_ADDED":
            self.indexes.add(message["seq"])
        elif message.get("type") == "PLAN_COMPLETED":
            self.total = message["total"]
        elif "tasks" in message:
            self.has_plan = True

    @property
    def has_a_hole(self) -> bool:
        """Whether something is missing before what was heard: a version, an index, the plan."""
        versions = self.versions != set(range(1, len(self.versions) + 1))
        total = len(self.indexes) if self.total is None else self.total
        indexes = self.indexes != set(range(total))
        return versions or indexes or (self.has_ended and not self.has_plan)

    @property
    def is_whole(self) -> bool:
        return self.has_ended and not self.has_a_hole


def _told(heard: Iterable[tuple[float, bytes]]) -> dict[str, _Told]:
    tasks: defaultdict[str, _Told] = defaultdict(_Told)
    for _, payload in heard:
        message = json.loads(payload)
        tasks[message["task_id"]].hear(message)
    return dict(tasks)


async def _offline(scene: Scene) -> Figures:
    """Plan for a robot that is away, let it come back, and see what it lacks and can ask for."""
    leaving = await Listener.connected(scene.broker.port, _AWAY, _HEARS_AWAY, keeps_session=True)
    leaving.close()
    robots, number = scene.robots, scene.arguments.tasks
    with Outbox(scene.node.journal) as outbox:
        watching = asyncio.create_task(outbox.watch())
        names = ((_AWAY, f"t-{index}") for index in range(number))
        await paced(robots, scene.arguments.rate, names)
        await until(lambda: len(robots.ended_s) == number, WAIT_S)
        spent_s = time.monotonic() - min(robots.sent_s.values())
        await until(lambda: outbox.is_empty, WAIT_S)
        watching.cancel()
        messages, payload_bytes = outbox.published_for(_AWAY)
        away = {
            "tasks": number,
            "planned_in_s": round(spent_s, 1),
            "outbox_rows_at_most": outbox.rows_at_most,
            "messages_for_it": messages,
            "payload_mib": round(payload_bytes / 2**20, 1),
            "node_rss_mib": round(scene.node.rss_bytes / 2**20, 1),
        }
    return {**away, **await _back(scene, messages)}


async def _back(scene: Scene, messages: int) -> Figures:
    began_s = time.monotonic()
    robot = await Listener.connected(scene.broker.port, _AWAY, _HEARS_AWAY, keeps_session=True)
    await robot.until_silence(_SILENCE_S)
    tasks = _told(robot.heard)
    whole = {task_id for task_id, told in tasks.items() if told.is_whole}
    holes = sum(told.has_a_hole for told in tasks.values())
    kept = len(robot.heard)
    last_s = max((at_s for at_s, _ in robot.heard), default=began_s)
    figures: Figures = {
        "kept_by_broker": kept,
        "dropped_by_broker": messages - kept,
        "heard_in_s": round(last_s - began_s, 2),
        "tasks_heard_whole": len(whole),
        "tasks_with_a_hole": holes,
        "tasks_without_an_end": len(tasks) - len(whole) - holes,
        "tasks_unheard_of": scene.arguments.tasks - len(tasks),
    }
    asked = await _asked(scene, robot, whole)
    robot.close()
    return {**figures, "asked_again": asked}


async def _asked(scene: Scene, robot: Listener, whole: Collection[str]) -> Figures:
    """Ask for what is missing: its list over HTTP, then each task over both doors."""
    async with httpx.AsyncClient(base_url=scene.node.http, timeout=30) as client:
        listed = await _listed(client)
        missing = sorted(listed - set(whole))
        plans = 0
        for task_id in missing:
            plans += (await client.get(f"/tasks/{task_id}")).json()["plan"] is not None
    robot.heard.clear()
    for task_id in missing:
        word = {"op": "GET", "task_id": task_id}
        robot.publish(f"robots/{_AWAY}/control", json.dumps(word))
    await robot.until_silence(_SILENCE_S)
    answers = _told(robot.heard)
    return {
        "listed_over_http": len(listed),
        "missing": len(missing),
        "plans_by_http": plans,
        "ends_by_control_get": sum(told.has_ended for told in answers.values()),
        "plans_by_control_get": sum(told.has_plan for told in answers.values()),
    }


async def _listed(client: httpx.AsyncClient) -> set[str]:
    """Return the ids of the robot's tasks, page by page."""
    wanted: dict[str, str | int] = {"robot_id": _AWAY, "limit": _PAGE}
    listed: set[str] = set()
    while True:
        page = (await client.get("/tasks", params=wanted)).json()
        listed |= {one["task_id"] for one in page["tasks"]}
        if page["next_cursor"] is None:
            return listed
        wanted["cursor"] = page["next_cursor"]


async def _drain(scene: Scene) -> Figures:
    """Let the outbox fill while the broker is away; then see how it empties."""
    robots, arguments = scene.robots, scene.arguments
    names = ((f"robot-{one % arguments.robots}", f"t-{one}") for one in range(arguments.tasks))
    await at_once(robots, names)
    await until(lambda: len(robots.queued_s) == arguments.tasks, WAIT_S)
    with Outbox(scene.node.journal) as outbox:
        planned_before = outbox.tasks_in("PLANNED")
        scene.broker.stop()
        scene.line.hang_up()
        gone_s = time.monotonic()
        await _until_filled(outbox, arguments)
        away_s, rows_on_return = time.monotonic() - gone_s, outbox.rows
        back, back_s = await _returned(scene)
        figures = await _emptied(scene, outbox, planned_before)
        with contextlib.suppress(TimeoutError):  # the broker took some with it, or all are heard
            await until(lambda: len(_ended(robots, back)) == arguments.tasks, _SILENCE_S)
        back.close()
    return {
        "tasks": arguments.tasks,
        "planned_before_the_outage": planned_before,
        "outage_s": round(away_s, 1),
        "rows_when_the_broker_returned": rows_on_return,
        "reconnected_after_s": round(scene.wire.accepted_s - back_s, 2),
        **figures,
        "ends_heard": len(_ended(robots, back)),
    }


def _ended(before: Robots, after: Robots) -> set[str]:
    return before.ended_s.keys() | after.ended_s.keys()


async def _until_filled(outbox: Outbox, arguments: argparse.Namespace) -> None:
    while outbox.rows < arguments.rows:
        if outbox.tasks_in("PLANNED") == arguments.tasks:
            raise RuntimeError(
                f"everything is planned, and the outbox holds {outbox.rows} rows only; "
                "give more --tasks or fewer --rows"
            )
        await asyncio.sleep(_LOOK_S)


async def _returned(scene: Scene) -> tuple[Robots, float]:
    """Start the broker; the robots are there before the node is. Return them and the moment."""
    scene.wire.accepted_s = 0.0
    scene.broker.start()
    back = await Robots.connected(scene.broker.port)
    back_s = time.monotonic()
    await scene.line.listen()
    await until(lambda: scene.wire.accepted_s, WAIT_S)
    return back, back_s


async def _emptied(scene: Scene, outbox: Outbox, planned_before: int) -> Figures:
    wire, rows, last_id = scene.wire, outbox.rows, outbox.last_event_id
    planned = outbox.tasks_in("PLANNED")
    await until(lambda: outbox.is_rid_of(last_id), WAIT_S)
    backlog_s = time.monotonic() - wire.accepted_s
    await until(lambda: outbox.is_empty, WAIT_S)
    empty_s, younger = time.monotonic() - wire.accepted_s, outbox.rows_after(last_id)
    return {
        "planned_in_the_outage": planned - planned_before,
        "planned_while_it_emptied": outbox.tasks_in("PLANNED") - planned,
        "rows_at_reconnect": rows,
        "these_gone_after_s": round(backlog_s, 2),
        "these_rows_per_s": round(rows / backlog_s, 1),
        "rows_added_meanwhile": younger,
        "empty_after_s": round(empty_s, 2),
        "rows_per_s": round((rows + younger) / empty_s, 1),
        "publications_per_s": round(wire.publications / empty_s, 1),
        "in_flight_at_most": wire.at_most,
        "over_the_window": max(0, wire.at_most - _window(wire.receive_maximum)),
        "receive_maximum_of_broker": wire.receive_maximum,
        "publish_window_of_node": MqttSettings().publish_window,
    }


def _window(receive_maximum: int) -> int:
    return min(receive_maximum, MqttSettings().publish_window)


def _unlimited_rate(arguments: argparse.Namespace) -> dict[str, str]:
    """Let one robot be sent tasks at any --rate; by default 2,000 at once and 6,000 a minute."""
    return {"QUEUE__ROBOT_BURST": str(max(2_000, arguments.tasks))}


def _narrow_conf(arguments: argparse.Namespace) -> str:
    return f"{open_conf(arguments)}max_inflight_messages {arguments.broker_in_flight}\n"


LOADS: Final = {
    "drain": Load(
        "L8: the broker is away until the outbox holds --rows; then how it empties",
        _drain,
        defaults={"tasks": 3_000},
        conf=_narrow_conf,
        is_watched=True,
        bars=(Bar("rows_per_s", at_least=1_000.0), Bar("over_the_window", at_most=0)),
    ),
    "offline": Load(
        "L7: --tasks are planned for a robot that is away; then it comes back",
        _offline,
        defaults={"tasks": 1_000, "rate": 90.0},
        settings=_unlimited_rate,
        conf=our_conf,
    ),
}

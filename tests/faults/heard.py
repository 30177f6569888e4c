"""What the fleet heard, task by task; what contradicts itself or its schema is a fault at once."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from messages.topics import TOPICS, Direction
from tests.faults.fleet import ROOT, TERMINAL
from tests.faults.history import History

# What the answer to a word may say otherwise than the change that it follows.
_OF_AN_ANSWER: Final = {"message_id", "timestamp", "problem", "warnings", "queue", "progress"}


@dataclass
class Task:
    """What the fleet heard of one task; repeats (same bytes) are heard once."""

    robot: str | None = None
    states: dict[int, str] = field(default_factory=dict)  # by status_version
    said: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # the same, whole
    ends: set[tuple[str, int]] = field(default_factory=set)
    rejections: int = 0
    stream: dict[tuple[int, int, str], str] = field(default_factory=dict)
    plans: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    order: list[str] = field(default_factory=list)  # first hearings, in order


def _may_follow(payload: str, said: str) -> bool:
    """Whether a status repeats another one's bytes, or answers a word about the task as it stands.

    Such an answer has a problem or a warning of its own, and nothing else that would be news.
    """
    if payload == said:
        return True
    answer, status = json.loads(payload), json.loads(said)
    own = {name for name in answer.keys() | status.keys() if answer.get(name) != status.get(name)}
    return own <= _OF_AN_ANSWER and bool(own & {"problem", "warnings"})


class Heard:
    """Reads a history; ``faults`` collects what is wrong.

    ``is_complete`` is False where the broker may lose what it sent us: then lines are missing, and
    some are heard for the first time when the robot asks again.
    """

    def __init__(self, history: History, *, is_complete: bool = True) -> None:
        self.faults: list[str] = []
        self._is_complete = is_complete
        self.tasks: defaultdict[str, Task] = defaultdict(Task)
        self.forgotten: list[tuple[str, Task]] = []  # left the history; the id is free again
        self._history = history
        for line in history.of("received"):
            self._hear(line.fields["topic"], line.fields["payload"], retain=line.fields["retain"])

    def _fault(self, invariant: str, subject: str, text: str) -> None:
        self.faults.append(f"{invariant} {subject}: {text}")

    def _hear(self, topic: str, payload: str, *, retain: bool) -> None:
        if payload:
            self._check_shape(topic, payload)
        match topic.split("/"):
            case _ if retain:
                return  # the past, told to a late subscriber
            case ["tasks", task_id, "status"] if not payload and task_id in self.tasks:
                self.forgotten.append((task_id, self.tasks.pop(task_id)))
            case ["robots", robot, "status"]:
                self._hear_status(robot, json.loads(payload), payload)
            case ["robots", _, "subtasks", "stream"]:
                self._hear_subtask(json.loads(payload), payload)
            case ["robots", _, "subtasks"]:
                self._hear_plan(json.loads(payload), payload)

    def _check_shape(self, topic: str, payload: str) -> None:
        rows = [
            row
            for row in TOPICS.values()
            if row.direction is Direction.OUT and row.parts(f"{ROOT}/{topic}", ROOT) is not None
        ]
        if not rows:
            return
        try:
            rows[0].message.model_validate_json(payload)
        except ValidationError as error:
            self._fault("shape", topic, str(error))

    def _hear_status(self, robot: str, status: dict[str, Any], payload: str) -> None:
        if status["task_id"] is None:
            return
        task = self.tasks[status["task_id"]]
        version, state = status["status_version"], status["status"]
        if state == "REJECTED":
            task.rejections += 1
            return
        task.robot = robot
        known = task.states.get(version)
        if known is None:
            task.states[version] = state
            task.order.append(state)
        elif known != state:
            self._fault("I1", status["task_id"], f"version {version} is {known} and {state}")
        elif not any(_may_follow(payload, said) for said in task.said[version]):
            self._fault("I1", status["task_id"], f"version {version} came in other bytes too")
        task.said[version].add(payload)
        if state in TERMINAL:
            task.ends.add((state, version))

    def _hear_subtask(self, event: dict[str, Any], payload: str) -> None:
        task = self.tasks[event["task_id"]]
        name = event["type"] if event["seq"] is None else str(event["seq"])
        key = (event["revision"], event["attempt"], name)
        known = task.stream.get(key)
        if known is None:
            self._check_place(event["task_id"], task, key)
            task.stream[key] = payload
            task.order.append(f"{event['revision']}.{event['attempt']}.{name}")
        elif known != payload:
            self._fault("I3", event["task_id"], f"{key} is {known} and {payload}")

    def _check_place(self, task_id: str, task: Task, key: tuple[int, int, str]) -> None:
        """A new line of the stream must follow the one before it."""
        if not self._is_complete:
            return
        revision, attempt, name = key
        if task.ends and name.isdigit():
            self._fault("I3", task_id, f"subtask {key} after the end {task.ends}")
        if any(other > (revision, attempt) for other in {(r, a) for r, a, _ in task.stream}):
            self._fault("I3", task_id, f"{key} after a younger attempt")
        if name.isdigit() and name != "0":
            before = (revision, attempt, str(int(name) - 1))
            if before not in task.stream:
                self._fault("I3", task_id, f"{key} without the one before")

    def _hear_plan(self, plan: dict[str, Any], payload: str) -> None:
        task = self.tasks[plan["task_id"]]
        if payload not in task.plans[plan["revision"]]:
            task.plans[plan["revision"]].add(payload)
            task.order.append("PLAN")

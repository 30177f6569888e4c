"""Publishes one task and shows its subtasks as they arrive."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.markup import escape

from messages.decode import Refused, decode_task
from messages.plan import SubtaskEvent, SubtaskEventType, SubtaskList
from messages.problem import problem
from messages.status import TaskState, TaskStatus
from messages.topics import (
    ROBOT_CONTROL,
    ROBOT_STATUS,
    ROBOT_STREAM,
    ROBOT_SUBTASKS,
    ROBOT_TASK,
    Topic,
)
from messages.wire import new_id
from planner_node.cli.heard import heard
from planner_node.cli.keyboard import typed_line
from planner_node.cli.problems import problem_lines
from planner_node.cli.session import Visit, visit
from planner_node.mqtt.packets import Delivery
from planner_node.settings import Settings
from planner_node.tasks.lifecycle import TERMINAL

_OK, _FAILED, _TIMED_OUT = 0, 1, 124
ANSWER_S: Final = 5.0  # a node that is there says QUEUED within a moment
_FOLLOWED: Final = (ROBOT_STATUS, ROBOT_STREAM, ROBOT_SUBTASKS)


async def send_task(
    settings: Settings, robot_id: str, command: dict[str, object], timeout_s: float
) -> int:
    """Publish the command, follow it to its end, and return the exit code.

    What the node could not read is refused here: its answer would not say whose task it was.

    Raises:
        BrokerRefused: no broker, or it does not take the message.
    """
    command = {"task_id": new_id(), **command}
    payload = json.dumps(command, ensure_ascii=False).encode("utf-8", "surrogateescape")
    if (refusal := _refusal(payload)) is not None:
        return refusal
    root = settings.mqtt.root
    topics = {topic.name(root, robot_id=robot_id): topic for topic in _FOLLOWED}
    control_topic = ROBOT_CONTROL.name(root, robot_id=robot_id)
    async with visit(settings, [*topics]) as visitor:
        story = _Story(visitor, topics, control_topic, str(command["task_id"]))
        await visitor.publish(ROBOT_TASK.name(root, robot_id=robot_id), payload)
        waiting = asyncio.get_running_loop().call_later(ANSWER_S, story.nobody_answers, root)
        try:
            async with asyncio.timeout(timeout_s):
                return await story.follow()
        except TimeoutError:
            story.console.print(
                f"\n[bold red]✗[/] No end of the task within {timeout_s:g} s. "
                f"任務在 {timeout_s:g} 秒內沒有結束。"
            )
            return _TIMED_OUT
        finally:
            waiting.cancel()


def _refusal(payload: bytes) -> int | None:
    """Read the command as the node would; say what it would refuse, and return the exit code."""
    try:
        decode_task(payload)
    except Refused as refused:
        for line in problem_lines(problem(refused.code, refused.references)):
            Console(highlight=False).print(line, soft_wrap=True)
        return _FAILED
    return None


@dataclass(slots=True)
class _Story:
    """What is shown of one task."""

    visitor: Visit
    topics: Mapping[str, Topic]  # by their names: what is followed
    control_topic: str  # where an answer goes
    task_id: str
    console: Console = field(default_factory=lambda: Console(highlight=False))
    began_s: float = field(default_factory=time.monotonic)
    is_answered: bool = False

    def nobody_answers(self, root: str) -> None:
        """Say, where nothing came, that nothing may come."""
        if not self.is_answered:
            self._line(
                f"[yellow]! Published; no node has answered on {escape(root)} yet.[/] Does one run "
                "with this broker and this mqtt.root? See its /readyz, or `planner-node doctor`."
            )
            self._line(
                f"[yellow]! 已發布；主題 {escape(root)} 下尚無節點回應。[/]請確認有節點使用"
                "此 broker 與此 mqtt.root；請看節點的 /readyz，或執行 `planner-node doctor`。"
            )

    async def follow(self) -> int:
        async for delivery in self.visitor.deliveries():
            if (code := await self._tell(delivery)) is not None:
                return code
        return _FAILED

    async def _tell(self, delivery: Delivery) -> int | None:
        match heard(self.topics[delivery.topic].message, delivery):
            case SubtaskEvent(task_id=self.task_id) as event:
                self._subtask(event)
            case SubtaskList(task_id=self.task_id) as plan:
                self._plan(plan)
            case TaskStatus(task_id=self.task_id) as status:
                return await self._status(status)
        return None

    def _subtask(self, event: SubtaskEvent) -> None:
        if event.type is SubtaskEventType.SUBTASK_ADDED and event.subtask is not None:
            number, subtask = event.subtask.seq + 1, event.subtask
            words = escape(subtask.task), escape(subtask.description)
            self._line(f"[bold]{number:3}. {words[0]}[/]  [dim]{words[1]}[/]")

    def _plan(self, plan: SubtaskList) -> None:
        made = plan.generation
        passes = f" in {made.forward_passes} forward passes" if made.forward_passes else ""
        self._line(
            f"[green]✓[/] {len(plan.tasks)} subtasks · {made.completion_tokens} tokens{passes} · "
            f"{made.latency_ms:.0f} ms · {escape(made.model)}"
        )

    async def _status(self, status: TaskStatus) -> int | None:
        self.is_answered = True
        self._line(f"[cyan]{status.status}[/]")
        for warning in status.warnings:
            self._line(f"[yellow]! {escape(warning)}[/]")
        if status.problem is not None:
            for line in problem_lines(status.problem):
                self._line(line)
        if status.status is TaskState.INPUT_REQUIRED and status.question is not None:
            return await self._answer(status)
        if status.status in TERMINAL:
            return _OK if status.status is TaskState.PLANNED else _FAILED
        return None

    async def _answer(self, status: TaskStatus) -> int | None:
        if status.question is None:
            return _FAILED
        options = " / ".join(status.question.options)
        self._line(f"[bold]? {escape(status.question.text)}[/]  {escape(options)}")
        if not sys.stdin.isatty():
            return _FAILED
        answer = ""
        while not answer:
            self.console.print("           → ", end="")
            typed = await typed_line()
            if not typed:
                return _FAILED
            answer = typed.strip()
        control = {"op": "ANSWER", "task_id": self.task_id, "answer": answer}
        await self.visitor.publish(
            self.control_topic, json.dumps(control, ensure_ascii=False).encode()
        )
        return None

    def _line(self, text: str) -> None:
        elapsed_ms = (time.monotonic() - self.began_s) * 1_000
        self.console.print(f"[dim]{elapsed_ms:6.0f} ms[/]  {text}", soft_wrap=True)

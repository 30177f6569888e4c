"""The checker sees what it is for: a good story has no fault, and each way to spoil it has one."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.faults import checker, evidence
from tests.faults.checker import MAY_GROW_BYTES, READY_WITHIN_S, check
from tests.faults.history import History, Line
from tests.faults.nodes import NodeProcess

Message = dict[str, Any]
SAMPLES = files("messages") / "samples"
STEPS = 2
LATE, NODE = "tasks/task-1/status", "nodes/planner-1/status"


def message(name: str, **fields: object) -> Message:
    loaded: Message = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return {**loaded, **fields} | ({"task_id": "task-1"} if "task_id" in loaded else {})


def status(state: str, version: int, **fields: object) -> Message:
    own = {"status_version": version, "status": state, "message_id": f"m{version}"}
    return message("TaskStatus", problem=None, **own | fields)


def step(seq: int, **fields: object) -> Message:
    return message("SubtaskEvent", seq=seq, subtask=message("SubtaskList")["tasks"][seq], **fields)


class Story:
    """All that a fleet heard of one task, and what its node left behind; to be spoiled."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder / "history.jsonl")
        self.node = NodeProcess(folder, "mqtt://127.0.0.1:1")
        self.node.lives = 1
        self.runs: list[Message] = [{"pid": 1, "task_id": "task-1", "said": "a"}]
        self.states = [status("QUEUED", 1), status("PLANNING", 2)]
        self.stream = [step(seq) for seq in range(STEPS)]
        self.closing = message(
            "SubtaskEvent", type="PLAN_COMPLETED", seq=None, subtask=None, total=STEPS
        )
        self.plans = [message("SubtaskList", tasks=message("SubtaskList")["tasks"][:STEPS])]
        self.ends = [status("PLANNED", 3)]
        self.retained = {LATE: self.ends[0], NODE: message("NodeStatus", state="OFFLINE")}
        self.journal = {"PLANNED": ["QUEUED", "PLANNING", "PLANNED"]}
        self.pending = 0
        self.waits_s = 1.0

    def tell(self) -> None:
        """Write all of it."""
        self.history.write("acked", task_id="task-1")
        for name, heard in (
            ("status", self.states),
            ("subtasks/stream", [*self.stream, self.closing]),
            ("subtasks", self.plans),
            ("status", self.ends),
        ):
            for one in heard:
                self.hear(f"robots/robot-1/{name}", one)
        self.history.lines += [
            Line(0.0, "mended", {"node": "planner-1"}),
            Line(self.waits_s, "ready", {"node": "planner-1"}),
        ]
        retained = {topic: json.dumps(one) for topic, one in self.retained.items()}
        self.history.write("looked", retained=retained)
        lines = "".join(json.dumps(run) + "\n" for run in self.runs)
        self.node.runs.write_text(lines, encoding="utf-8")
        self._write_journal()

    def hear(self, topic: str, heard: Message) -> None:
        self.history.write("received", topic=topic, payload=json.dumps(heard), retain=False)

    def _write_journal(self) -> None:
        with closing(sqlite3.connect(self.node.journal)) as file, file:
            file.execute("CREATE TABLE tasks (task_id, state, finished_ms)")
            file.execute("CREATE TABLE events (task_id, kind, payload, replay_of, pending)")
            for state, said in self.journal.items():
                finished_ms = 1 if state == "PLANNED" else None
                file.execute("INSERT INTO tasks VALUES ('task-1', ?, ?)", (state, finished_ms))
                for one in said:
                    row = (json.dumps({"status": one}), self.pending)
                    file.execute("INSERT INTO events VALUES ('task-1', 'STATUS', ?, NULL, ?)", row)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    kept = tmp_path / "kept"
    monkeypatch.setattr(checker, "keep", lambda *what: evidence.keep(*what, kept))
    scene = tmp_path / "scene"
    scene.mkdir()
    return Story(scene)


def test_a_good_story_has_no_fault(story: Story) -> None:
    story.states.append(story.states[-1])  # repeated, with the same bytes
    story.stream.append(story.stream[-1])
    story.plans *= 2
    story.tell()
    check(story.history, [story.node], in_order=True)


def test_an_answer_to_a_word_is_no_other_change(story: Story) -> None:
    story.ends.append({**story.ends[0], "message_id": "mine", "warnings": ["not so"]})
    story.tell()
    check(story.history, [story.node])


SPOILT: dict[str, tuple[str, Callable[[Story], object]]] = {
    "two ends": ("I1 task-1: has the ends", lambda on: on.ends.append(status("FAILED", 4))),
    "no end": ("I1 task-1: never ended", lambda on: on.ends.clear()),
    "a way that is none": (
        "I1 task-1: goes from QUEUED to PLANNED",
        lambda on: on.states.__setitem__(1, status("PLANNED", 2)),
    ),
    "a version in two states": (
        "I1 task-1: version 2 is PLANNING and CANCELED",
        lambda on: on.states.append(status("CANCELED", 2)),
    ),
    "a status again, and not the same": (
        "I1 task-1: version 2 came in other bytes too",
        lambda on: on.states.append(status("PLANNING", 2, message_id="new")),
    ),
    "an answer that changes more than it may": (
        "I1 task-1: version 2 came in other bytes too",
        lambda on: on.states.append(status("PLANNING", 2, warnings=["w"], requester="else")),
    ),
    "no end in the journal": (
        "I1 task-1: is QUEUED in the journal",
        lambda on: on.journal.update(QUEUED=[]),
    ),
    "two ends in the journal": (
        "I1 task-1: has 2 terminal events in the journal",
        lambda on: on.journal["PLANNED"].append("FAILED"),
    ),
    "two plans": (
        "I2 task-1: revision 0 has 2 plans",
        lambda on: on.plans.append({**on.plans[0], "message_id": "second"}),
    ),
    "planned twice in a life": (
        "I2 task-1: generated 2 times in one life",
        lambda on: on.runs.append({**on.runs[0], "said": "again"}),
    ),
    "planned in a life that was none": (
        "I2 task-1: generated in 2 of 1 lives",
        lambda on: on.runs.append({**on.runs[0], "pid": 2}),
    ),
    "a subtask again, and not the same": (
        "I3 task-1: (0, 1, '1') is",
        lambda on: on.stream.append({**on.stream[1], "timestamp": "2026-03-02T01:15:09.000Z"}),
    ),
    "a subtask that is missing": (
        "I3 task-1: (0, 1, '1') without the one before",
        lambda on: on.stream.pop(0),
    ),
    "a subtask after the end": (
        "I3 task-1: subtask (0, 1, '0') after the end",
        lambda on: on.states.insert(0, on.ends[0]),
    ),
    "an older attempt": (
        "I3 task-1: (0, 1, '0') after a younger attempt",
        lambda on: on.stream.insert(0, step(0, attempt=2)),
    ),
    "a stream that is not the plan": (
        "I3 task-1: the stream of the last attempt is not the plan",
        lambda on: on.plans[0]["tasks"].pop(),
    ),
    "no stream": ("I3 task-1: the stream of the last attempt", lambda on: on.stream.clear()),
    "a wrong total": (
        "I3 task-1: no PLAN_COMPLETED with 2",
        lambda on: on.closing.update(total=STEPS + 1),
    ),
    "states in another order": (
        "I3 task-1: versions came out of order",
        lambda on: on.states.reverse(),
    ),
    "a lost task": (
        "I4 lost: acknowledged, and never ended",
        lambda on: on.history.write("acked", task_id="lost"),
    ),
    "no plan": ("I4 task-1: is PLANNED, and its plan was never", lambda on: on.plans.clear()),
    "something unpublished": (
        "I4 planner-1: 3 events were never published",
        lambda on: setattr(on, "pending", 1),
    ),
    "ready too late": (
        "I5 planner-1: was ready [11.0] s after the fault's end",
        lambda on: setattr(on, "waits_s", READY_WITHIN_S + 1),
    ),
    "never ready": (
        "I5 planner-2: was ready [] s after the fault's end",
        lambda on: on.history.mended("planner-2"),
    ),
    "a leak": (
        "I6 planner-1: has grown by 51 MiB",
        lambda on: on.node.grown_bytes.append(MAY_GROW_BYTES + 2**20),
    ),
    "an orphan online": (
        "I7 planner-1: is gone, and a newcomer finds",
        lambda on: on.retained[NODE].update(state="READY"),
    ),
    "OFFLINE that nobody retained": (
        "I7 planner-1: is gone, and a newcomer finds {}",
        lambda on: on.retained.pop(NODE),
    ),
    "an old status for late joiners": (
        "I7 task-1: ended as [('PLANNED', 3)], a newcomer finds",
        lambda on: on.retained.update({LATE: on.states[0]}),
    ),
    "no status for late joiners": (
        "I7 task-1: is told to no newcomer",
        lambda on: on.retained.pop(LATE),
    ),
    "a message that fits no schema": (
        "shape robots/robot-1/status",
        lambda on: on.states.append({**on.states[1], "status": "DREAMING"}),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_the_checker_sees_what_is_wrong(story: Story, name: str) -> None:
    fault, spoil = SPOILT[name]
    spoil(story)
    story.tell()
    with pytest.raises(AssertionError, match=re.escape(fault)):
        check(story.history, [story.node])


def test_the_checker_sees_a_robot_whose_tasks_changed_places(story: Story) -> None:
    for task_id, state in (("a", "QUEUED"), ("b", "QUEUED"), ("b", "PLANNED"), ("a", "PLANNED")):
        story.hear("robots/robot-1/status", status(state, 1) | {"task_id": task_id})
    story.tell()
    with pytest.raises(AssertionError, match=re.escape("I3 robot-1: came ['a', 'b'")):
        check(story.history, [story.node], in_order=True)


def test_the_checker_sees_that_nobody_looked(story: Story) -> None:
    story.tell()
    story.history.lines = [line for line in story.history.lines if line.what != "looked"]
    with pytest.raises(AssertionError, match="I7 tasks: nobody looked at what is retained"):
        check(story.history, [story.node])


def test_an_id_that_left_the_history_is_another_task(story: Story) -> None:
    for line in (status("QUEUED", 1), status("FAILED", 2)):
        story.hear("robots/robot-1/status", line)
    story.history.write("received", topic=LATE, payload="", retain=False)
    story.tell()
    check(story.history, [story.node])

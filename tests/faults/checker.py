"""The invariants, checked after every scenario over what the fleet heard and the journals hold.

I1  every accepted task reaches exactly one terminal state
I2  a task is generated at most once in a life of the node, and once more for each death of its
    engine in that life
I3  the subtasks of an attempt come in order, the plan after them, and nothing after the end
I4  no task that the broker acknowledged is lost
I5  the node is ready again within 10 s of the end of a fault
I6  the memory grows by less than 50 MiB, from READY to the orderly stop
I7  no orphan says that it is online: a newcomer finds a stopped node's status, and it is an end;
    and of each task the very status that its robot was told last
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from tests.faults.evidence import keep
from tests.faults.fleet import TERMINAL
from tests.faults.heard import Heard, Task
from tests.faults.history import History
from tests.faults.journals import rows_of
from tests.faults.nodes import NodeProcess

# The contract's picture, written down a second time: a mistake in the code's table shows here.
_NEXT: Final = {
    None: {"QUEUED"},
    "QUEUED": {"QUEUED", "PLANNING", "CANCELED", "EXPIRED", "FAILED"},
    "PLANNING": {
        "QUEUED", "PLANNED", "INPUT_REQUIRED", "DECLINED", "FAILED", "CANCELED", "EXPIRED",
    },
    "INPUT_REQUIRED": {"QUEUED", "CANCELED", "EXPIRED"},
}  # fmt: skip


READY_WITHIN_S: Final = 10.0
MAY_GROW_BYTES: Final = 50 * 2**20


class Checker(Heard):
    """Collects what is wrong; nothing is wrong when ``faults`` is empty."""

    def check_wire(self) -> None:
        """I1, I3 and I4."""
        for task_id, task in [*self.forgotten, *self.tasks.items()]:
            self._check_states(task_id, task)
            self._check_plan(task_id, task)
        if self._is_complete:
            for line in self._history.of("acked"):
                task_id = line.fields["task_id"]
                task = self.tasks.get(task_id) or dict(self.forgotten).get(task_id, Task())
                if not task.ends and not task.rejections:
                    self._fault("I4", task_id, "acknowledged, and never ended")

    def check_order(self) -> None:
        """I3 across tasks of one robot and one priority: they end in the order they came in."""
        queued: defaultdict[str, list[str]] = defaultdict(list)
        planned: defaultdict[str, list[str]] = defaultdict(list)
        seen: set[tuple[str, str]] = set()
        for line in self._history.of("received"):
            topic = line.fields["topic"].split("/")
            if topic[0] != "robots" or topic[-1] != "status":
                continue
            status = json.loads(line.fields["payload"])
            key = (status["task_id"], status["status"])
            if key not in seen and status["status"] in {"QUEUED", "PLANNED"}:
                seen.add(key)
                (queued if key[1] == "QUEUED" else planned)[topic[1]].append(key[0])
        for robot, ended in planned.items():
            came = [task_id for task_id in queued[robot] if task_id in set(ended)]
            if came != ended:
                self._fault("I3", robot, f"came {came[:20]}, ended {ended[:20]}")

    def check_journal(self, node: NodeProcess) -> None:
        """I1 in the journal of a stopped node: all ended, once, and all was published."""
        with rows_of(node) as ask:
            for task_id, state in ask("SELECT task_id, state FROM tasks WHERE finished_ms IS NULL"):
                self._fault("I1", task_id, f"is {state} in the journal")
            ends: Counter[str] = Counter()
            for task_id, payload in ask(
                "SELECT task_id, payload FROM events WHERE kind = 'STATUS' AND replay_of IS NULL"
            ):
                ends[task_id] += json.loads(payload)["status"] in TERMINAL
            [(left,)] = ask("SELECT count(*) FROM events WHERE pending")
        for task_id, number in ends.items():
            if number != 1:
                self._fault("I1", task_id, f"has {number} terminal events in the journal")
        if left:
            self._fault("I4", node.node_id, f"{left} events were never published")

    def check_runs(self, node: NodeProcess) -> None:
        """I2."""
        in_a_life: Counter[tuple[int, str]] = Counter()
        deaths: Counter[tuple[int, str]] = Counter()
        for run in node.generations():
            key = (run["pid"], run["task_id"])
            (deaths if run.get("died") else in_a_life)[key] += 1
        lives = Counter(task_id for _, task_id in in_a_life)
        for (pid, task_id), number in in_a_life.items():
            if number > 1 + deaths[pid, task_id]:
                self._fault("I2", task_id, f"generated {number} times in one life ({pid})")
        for task_id, number in lives.items():
            if number > node.lives:
                self._fault("I2", task_id, f"generated in {number} of {node.lives} lives")

    def check_recovery(self) -> None:
        """I5, where the scenario told when it mended what."""
        ready = self._history.of("ready")
        for mended in self._history.of("mended"):
            node_id = mended.fields["node"]
            waits_s = [
                line.at_s - mended.at_s
                for line in ready
                if line.fields["node"] == node_id and line.at_s >= mended.at_s
            ]
            if not waits_s or waits_s[0] > READY_WITHIN_S:
                self._fault("I5", node_id, f"was ready {waits_s[:1]} s after the fault's end")

    def check_memory(self, node: NodeProcess) -> None:
        """I6."""
        for grown_bytes in node.grown_bytes:
            if grown_bytes > MAY_GROW_BYTES:
                self._fault("I6", node.node_id, f"has grown by {grown_bytes >> 20} MiB")

    def check_presence(self, *node_ids: str) -> None:
        """I7, for nodes that are stopped or dead."""
        for node_id in node_ids:
            status = json.loads(self._retained.get(f"nodes/{node_id}/status") or "{}")
            if status.get("state") not in {"OFFLINE", "CONNECTION_BROKEN"}:
                self._fault("I7", node_id, f"is gone, and a newcomer finds {status}")

    def check_retained(self) -> None:
        """I7, for tasks: once all is said, late joiners find what the robot was told last."""
        if not self._history.of("looked"):
            self._fault("I7", "tasks", "nobody looked at what is retained")
            return
        for task_id, task in self.tasks.items():
            found = self._retained.get(f"tasks/{task_id}/status")
            if task.states and (found or self._is_complete):
                self._check_copy(task_id, task, found)
        for task_id, _ in self.forgotten:
            if task_id not in self.tasks and f"tasks/{task_id}/status" in self._retained:
                self._fault("I7", task_id, "left the history, and a newcomer finds it")

    def _check_copy(self, task_id: str, task: Task, found: str | None) -> None:
        if found is None:
            self._fault("I7", task_id, "is told to no newcomer")
        elif self._is_complete and found not in task.said[max(task.states)]:
            self._fault("I7", task_id, f"ended as {sorted(task.ends)}, a newcomer finds {found}")
        elif json.loads(found)["status"] not in TERMINAL:
            self._fault("I7", task_id, f"has ended, and a newcomer finds {found}")

    @property
    def _retained(self) -> dict[str, str]:
        """Return what the last newcomer found."""
        looked = self._history.of("looked")
        retained: dict[str, str] = looked[-1].fields["retained"] if looked else {}
        return retained

    def verdict(self) -> None:
        """Fail with all that is wrong, and keep what the scenario left behind.

        Raises:
            AssertionError: an invariant does not hold.
        """
        if not self.faults:
            return
        kept = keep(self._history.file.parent, self.faults)
        shown = "\n".join(self.faults[:40])
        raise AssertionError(f"{len(self.faults)} faults, all of it is kept in {kept}:\n{shown}")

    def _check_states(self, task_id: str, task: Task) -> None:
        if len(task.ends) > 1:
            self._fault("I1", task_id, f"has the ends {sorted(task.ends)}")
        if self._is_complete and task.states and not task.ends:
            self._fault("I1", task_id, f"never ended: {task.states}")
        if not self._is_complete:
            return
        before: str | None = None
        for version in sorted(task.states):
            state = task.states[version]
            if state not in _NEXT.get(before, set()):
                self._fault("I1", task_id, f"goes from {before} to {state}: {task.states}")
            before = state
        if sorted(task.states) != list(range(1, len(task.states) + 1)):
            self._fault("I1", task_id, f"has gaps in its versions: {task.states}")
        if task.states and list(task.states) != sorted(task.states):
            self._fault("I3", task_id, f"versions came out of order: {task.states}")

    def _check_plan(self, task_id: str, task: Task) -> None:
        for revision, plans in task.plans.items():
            if len(plans) > 1:
                self._fault("I2", task_id, f"revision {revision} has {len(plans)} plans")
        is_planned = any(state == "PLANNED" for state, _ in task.ends)
        if not self._is_complete or not is_planned:
            return
        if not task.plans.get(0):
            self._fault("I4", task_id, "is PLANNED, and its plan was never heard")
            return
        told = json.loads(next(iter(task.plans[0])))["tasks"]
        attempt = max((attempt for _, attempt, _ in task.stream), default=0)
        streamed = [
            json.loads(payload)["subtask"]
            for (_, number, name), payload in task.stream.items()
            if number == attempt and name.isdigit()
        ]
        if streamed != told:
            self._fault("I3", task_id, "the stream of the last attempt is not the plan")
            return
        closing = json.loads(task.stream.get((0, attempt, "PLAN_COMPLETED"), "{}"))
        if closing.get("total") != len(told):
            self._fault("I3", task_id, f"no PLAN_COMPLETED with {len(told)}")
        if task.order.index(f"0.{attempt}.0") > task.order.index("PLAN"):
            self._fault("I3", task_id, "the plan came before its stream")


def check(
    history: History,
    nodes: Iterable[NodeProcess] = (),
    *,
    is_complete: bool = True,
    in_order: bool = False,
) -> None:
    """Check everything, after the nodes have stopped and a newcomer has looked.

    Raises:
        AssertionError: an invariant does not hold.
    """
    checker = Checker(history, is_complete=is_complete)
    checker.check_wire()
    checker.check_retained()
    checker.check_recovery()
    if in_order:
        checker.check_order()
    for node in nodes:
        checker.check_memory(node)
        checker.check_journal(node)
        checker.check_runs(node)
        if not node.brings_broker:
            checker.check_presence(node.node_id)
    checker.verdict()

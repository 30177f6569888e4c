"""Who is planned next: one lane a robot, so that no robot can keep the others waiting.

How it works: a lane holds its robot's tasks by priority, deadline and arrival. A lane is *open*
when it has a task and none of its robot's tasks is running. ``take`` serves the open lane whose
first task is the most urgent; among equals, the lane that was served longest ago. A lane that was
passed over ``patience`` times goes first whatever its priority. All lists are kept sorted, so every
operation is a few binary searches.
"""

import sys
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from planner_node.errors import QueueFull
from planner_node.tasks.rounds import Rounds, Urgency

# A robot whose task has stood first while this many others were taken has waited enough.
PATIENCE_TAKES: Final = 64
# Robots come and go; when the longest idle ones were served last matters to nobody.
_MAX_REMEMBERED_ROBOTS: Final = 10_000
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

_TaskKey: TypeAlias = tuple[int, datetime, int, str]
_LaneKey: TypeAlias = tuple[int, datetime, int, int, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the queue needs to know of a task; ``arrival`` is unique and grows."""

    task_id: str
    robot_id: str
    priority: int
    deadline: datetime | None
    arrival: int

    @property
    def urgency(self) -> Urgency:
        return _urgency(self.priority, self.deadline)

    @property
    def key(self) -> _TaskKey:
        return (*self.urgency, self.arrival, self.task_id)


def _urgency(priority: int, deadline: datetime | None) -> Urgency:
    return (-priority, deadline or _NEVER)


@dataclass(frozen=True, slots=True)
class _OpenLane:
    key: _LaneKey
    since_takes: int


class ReadyQueue:
    """The bounded waiting room; one loop owns it, nothing here waits."""

    def __init__(
        self,
        capacity: int,
        patience_takes: int = PATIENCE_TAKES,
        robot_capacity: int | None = None,
    ) -> None:
        self._capacity = capacity
        self._robot_capacity = capacity if robot_capacity is None else robot_capacity
        self._patience_takes = patience_takes
        self._reserved: dict[str, list[Urgency]] = {}  # by robot, sorted
        self._reserved_in_all = 0
        self._takes = 0
        self._tasks: dict[str, Waiting] = {}
        self._order: list[_TaskKey] = []  # every waiting task, for positions
        self._rounds = Rounds()  # likewise
        self._lanes: dict[str, list[_TaskKey]] = {}
        self._open: OrderedDict[str, _OpenLane] = OrderedDict()  # the longest open first
        self._open_order: list[_LaneKey] = []
        self._served: OrderedDict[str, int] = OrderedDict()  # robot → the take that served it last
        self._running: set[str] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks

    @property
    def depth(self) -> int:
        """How many tasks wait, those included that are being admitted."""
        return len(self._tasks) + self._reserved_in_all

    def reserve(self, robot_id: str, priority: int, deadline: datetime | None) -> None:
        """Hold a place for a task that is being admitted; ``unreserve`` it when that is done.

        Raises:
            QueueFull: every place is taken or promised, or every one that the robot may have; then
                the references name the robot.
        """
        if self.depth >= self._capacity:
            raise QueueFull(capacity=self._capacity, depth=self.depth)
        reserved = self._reserved.get(robot_id, [])
        depth = len(self._lanes.get(robot_id, ())) + len(reserved)
        if depth >= self._robot_capacity:
            limit = self._robot_capacity
            raise QueueFull(robot_id=robot_id, robot_capacity=limit, depth=depth)
        insort(reserved, _urgency(priority, deadline))
        self._reserved[robot_id] = reserved
        self._reserved_in_all += 1

    def unreserve(self, robot_id: str, priority: int, deadline: datetime | None) -> None:
        """Give a reserved place back."""
        self._reserved_in_all -= 1
        self._reserved[robot_id].remove(_urgency(priority, deadline))
        if not self._reserved[robot_id]:
            del self._reserved[robot_id]

    def put(self, task: Waiting) -> None:
        """Add a task that was accepted; never refused, since its promise was given before.

        Another node may have had it meanwhile: it waits once, as it is given now.
        """
        self.remove(task.task_id)
        self._tasks[task.task_id] = task
        insort(self._order, task.key)
        lane = self._lanes.setdefault(task.robot_id, [])
        insort(lane, task.key)
        self._rounds.add(task.urgency, _count(lane, task.urgency))
        self._place_lane(task.robot_id)

    def take(self) -> Waiting | None:
        """Remove and return the next task, and mark its robot as running; None if none is ready."""
        robot_id = self._next_robot()
        if robot_id is None:
            return None
        task = self._tasks[self._lanes[robot_id][0][-1]]
        self._takes += 1
        self._remember_served(robot_id)
        self._running.add(robot_id)
        self.remove(task.task_id)
        return task

    def release(self, robot_id: str) -> None:
        """Say that the robot's task is no longer running."""
        self._running.discard(robot_id)
        self._place_lane(robot_id)

    def remove(self, task_id: str) -> bool:
        """Take a task out of the queue; False if it is not there."""
        task = self._tasks.pop(task_id, None)
        if task is None:
            return False
        lane = self._lanes[task.robot_id]
        self._rounds.drop(task.urgency, _count(lane, task.urgency))
        for keys in (self._order, lane):
            del keys[bisect_left(keys, task.key)]
        if not lane:
            del self._lanes[task.robot_id]
        self._place_lane(task.robot_id)
        return True

    def reprioritize(self, task_id: str, priority: int) -> bool:
        """Move a task to where its new priority belongs; False if it is not there."""
        task = self._tasks.get(task_id)
        if task is None:
            return False
        self.remove(task_id)
        self.put(replace(task, priority=priority))
        return True

    def position(self, task_id: str) -> int | None:
        """Return how many waiting tasks go before this one, as things stand.

        Lanes that take turns, and those whose robot is busy, make it a good guess and no promise.
        None: the task is not there.
        """
        task = self._tasks.get(task_id)
        if task is None:
            return None
        lane = self._lanes[task.robot_id]
        nth = bisect_left(lane, task.key) - bisect_left(lane, task.urgency) + 1
        others = self._rounds.within(task.urgency, nth) - 1
        return self._before(task.urgency, task.robot_id, nth, others)

    def place(self, robot_id: str, priority: int, deadline: datetime | None) -> int:
        """Return the position that a task of this robot would get, if it came now.

        Of the tasks that are being admitted only the robot's own count.
        """
        urgency = _urgency(priority, deadline)
        reserved = self._reserved.get(robot_id, [])
        ahead = bisect_right(reserved, urgency)
        as_urgent = ahead - bisect_left(reserved, urgency)
        nth = _count(self._lanes.get(robot_id, []), urgency) + as_urgent + 1
        others = self._rounds.within(urgency, nth)
        return ahead + self._before(urgency, robot_id, nth, others)

    def _before(self, urgency: Urgency, robot_id: str, nth: int, others: int) -> int:
        """Count the more urgent, the rounds before the n-th, and whose turn in it comes first."""
        lane = self._lanes.get(robot_id, [])
        is_first = not _count(lane, urgency)
        arrival = sys.maxsize if is_first else lane[bisect_left(lane, urgency)][2]
        turn = (*urgency, self._served.get(robot_id, 0), arrival, robot_id)
        ahead = bisect_left(self._open_order, turn) - bisect_left(self._open_order, urgency)
        more_urgent = bisect_left(self._order, urgency)
        return more_urgent + self._rounds.before(urgency, nth) + min(ahead, others)

    def _next_robot(self) -> str | None:
        if not self._open:
            return None
        robot_id, lane = next(iter(self._open.items()))
        if self._takes - lane.since_takes >= self._patience_takes:
            return robot_id
        return self._open_order[0][-1]

    def _place_lane(self, robot_id: str) -> None:
        """Put the lane where its first task belongs, or take it out while it is not open."""
        before = self._open.get(robot_id)
        if before is not None:
            del self._open_order[bisect_left(self._open_order, before.key)]
        if robot_id in self._running or robot_id not in self._lanes:
            self._open.pop(robot_id, None)
            return
        priority, deadline, arrival, _ = self._lanes[robot_id][0]
        key = (priority, deadline, self._served.get(robot_id, 0), arrival, robot_id)
        insort(self._open_order, key)
        self._open[robot_id] = _OpenLane(key, before.since_takes if before else self._takes)

    def _remember_served(self, robot_id: str) -> None:
        self._served[robot_id] = self._takes
        self._served.move_to_end(robot_id)
        if len(self._served) > _MAX_REMEMBERED_ROBOTS:
            self._served.popitem(last=False)


def _count(lane: Sequence[_TaskKey], urgency: Urgency) -> int:
    """Return how many tasks of a lane are of this urgency."""
    return bisect_left(lane, (*urgency, sys.maxsize, "")) - bisect_left(lane, urgency)

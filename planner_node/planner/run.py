"""One task planned: PLANNING, subtask after subtask, and exactly one way out."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from messages.plan import Subtask
from messages.problem import Problem, ProblemCode, problem
from messages.status import Question, TaskState
from messages.wire import new_id
from planner_node.errors import (
    DeadlinePassed,
    EngineDied,
    ModelNotReached,
    ModelNotReady,
    PlanInvalid,
    PlannerError,
    QueueFull,
    RowUnreadable,
    TaskMoved,
    TaskNotFound,
)
from planner_node.planner.conversation import completion_request
from planner_node.planner.desk import Desk, with_problem
from planner_node.planner.generation import Fields, Generated, Generation, report
from planner_node.planner.handlers import Asked, Declined, Planned
from planner_node.planner.leash import Leash, Pull, Pulled
from planner_node.planner.ledger import insist
from planner_node.planner.speech import fields_in, limits_in, prepare_script
from planner_node.planner.telling import Telling
from planner_node.prompt.chinese import in_script
from planner_node.tasks.lifecycle import IllegalTransition, TaskEvent
from planner_node.tasks.plan import PlanDraft
from planner_node.tasks.record import Event, TaskRecord

log = logging.getLogger(__name__)
_UNDECIDED = frozenset({TaskState.QUEUED, TaskState.PLANNING})  # QUEUED: it has not begun yet


class _Superseded(Exception):
    """The task was canceled or expired, or another run has it: nothing of ours counts any more."""


_OVERTAKEN = (_Superseded, IllegalTransition, TaskMoved, TaskNotFound, RowUnreadable)


class Run:
    """One attempt at one task."""

    def __init__(self, desk: Desk, task_id: str, leash: Leash) -> None:
        self._desk = desk
        self._task_id = task_id
        self._leash = leash
        self._attempt = 0
        self._losses = 0
        self._draft = PlanDraft()
        self._language = ""
        self._telling: Telling | None = None
        self.lost_model = False  # the model is not there; others need not try at once

    async def plan(self) -> None:
        """Plan the task to one of its ends, or hand it back to the queue; never raises."""
        try:
            await self._plan()
        except _OVERTAKEN:
            return  # whoever ended the task has told everything
        except Exception:
            log.exception("! %s broke the planner", self._task_id)
            await self._give_up()
        finally:
            if self._telling is not None:
                self._telling.close()

    async def _plan(self) -> None:
        record = await self._start()
        self._language = record.language
        await prepare_script(record)
        limits = limits_in(record.command.constraints, record.language)
        self._draft = PlanDraft(limits, record.revision)
        self._telling = Telling(self._publish, lambda: self._leash.pull(Pull.ENDED))
        try:
            generated = await self._generate(record, self._telling)
            await self._settle(generated, self._telling)
        except Pulled as pulled:
            await self._telling.settled()
            if pulled.why is Pull.DRAIN:
                await self._hand_back()
        except (QueueFull, ModelNotReached):  # nothing was begun, and this task was promised a plan
            self.lost_model = True
            await self._hand_back(next_attempt=False)
        except (EngineDied, ModelNotReady) as error:
            self.lost_model = True
            await self._try_again(error)
        except DeadlinePassed:
            why = self._desk.too_late(record)
            await self._leave(TaskEvent.DEADLINE_PASSED, lambda one: with_problem(one, why))
        except PlannerError as error:
            await self._fail(error.problem)

    async def _start(self) -> TaskRecord:
        async def start() -> TaskRecord:
            async with self._desk.ledger.hold(self._task_id):
                record = await self._desk.ledger.get(self._task_id)
                self._attempt, self._losses = record.attempt, record.losses
                if self._desk.is_due(record):
                    await self._desk.end(record, TaskEvent.DEADLINE_PASSED)
                    raise _Superseded
                fresh = replace(record, subtasks_done=0, subtasks_total=None, streamed=True)
                return await self._desk.ledger.move(fresh, TaskEvent.STARTED)

        return await insist(start, self._desk.parts.backoff)

    async def _generate(self, record: TaskRecord, telling: Telling) -> Generated:
        parts = self._desk.parts
        request = completion_request(record, parts, self._desk.deadline_s(record))
        asked_s = parts.clock.monotonic_s()

        def hand_on(fields: Fields) -> None:
            if not self._draft.subtasks:
                self._desk.first_subtasks.note(parts.clock.monotonic_s() - asked_s)
            telling.tell(self._add(fields))

        generation = Generation(request, parts.clock, parts.handlers.streams, hand_on)
        return await generation.read(parts.completer, self._leash)

    def _add(self, fields: Fields) -> Subtask:
        return self._draft.add(fields_in(fields, self._language))

    async def _publish(self, subtasks: Sequence[Subtask]) -> None:
        async def publish() -> None:
            async with self._desk.ledger.hold(self._task_id):
                done = subtasks[-1].seq + 1
                record = replace(await self._current(), subtasks_done=done)
                added = [self._desk.reporter.subtask_added(record, one) for one in subtasks]
                await self._desk.ledger.add(record, added)

        await insist(publish, self._desk.parts.backoff)

    async def _settle(self, generated: Generated, telling: Telling) -> None:
        handlers = self._desk.parts.handlers
        outcome = await self._leash.wait(lambda: handlers.dispatch(generated.call))
        match outcome:
            case Planned(items):
                await self._planned(items, generated, telling)
            case Asked():
                await self._asked(outcome)
            case Declined(code, reason):
                declined = problem(code, {"reason": in_script(reason, self._language)})
                await self._leave(TaskEvent.TASK_DECLINED, lambda one: with_problem(one, declined))
            case _:
                assert_never(outcome)

    async def _planned(
        self, items: Sequence[Fields], generated: Generated, telling: Telling
    ) -> None:
        handed_on = len(self._draft.subtasks)
        late = [self._add(fields) for fields in items[handed_on:]]
        late = [*telling.withdraw(), *late]  # one commit less
        total = len(self._draft.subtasks)
        if total == 0:
            raise PlanInvalid("The plan is empty.")

        def told(record: TaskRecord) -> list[Event]:
            return self._whole_plan(record, late, generated)

        await self._leave(
            TaskEvent.PLAN_FINISHED,
            lambda one: replace(one, subtasks_done=total, subtasks_total=total, streamed=False),
            told,
        )

    def _whole_plan(
        self, record: TaskRecord, late: Sequence[Subtask], generated: Generated
    ) -> list[Event]:
        reporter = self._desk.reporter
        generation = report(generated, record, self._desk.parts.completer.info)
        return [
            *(reporter.subtask_added(record, subtask) for subtask in late),
            reporter.plan_completed(record),
            reporter.plan(record, self._draft.subtasks, generation),
        ]

    async def _asked(self, asked: Asked) -> None:
        text, *options = (
            in_script(one, self._language) for one in (asked.question, *asked.options)
        )
        question = Question(question_id=new_id(), text=text, options=options)
        ambiguous = problem(ProblemCode.AMBIGUOUS)
        record = await self._leave(
            TaskEvent.QUESTION_ASKED,
            lambda one: replace(one, question=question, problem=ambiguous),
        )
        self._desk.watch_deadline(record)

    async def _try_again(self, error: PlannerError) -> None:
        tries = self._losses + 1
        if tries >= self._desk.parts.planner.max_attempts:
            await self._fail(problem(error.code, {**error.references, "attempts": tries}))
        else:
            await self._hand_back(losses=tries)

    async def _hand_back(self, *, next_attempt: bool = True, losses: int | None = None) -> None:
        """Put the task back in the queue; where a subtask was told, as the next attempt.

        Only what counts as a loss brings the task nearer to its failure; an orderly stop does not.
        """
        losses = self._losses if losses is None else losses

        def again(one: TaskRecord) -> TaskRecord:
            attempt = one.attempt + next_attempt
            return replace(one, attempt=attempt, losses=losses, subtasks_done=0)

        record = await self._leave(TaskEvent.INTERRUPTED, again)
        self._desk.enqueue(record)

    async def _fail(self, why: Problem) -> None:
        await self._leave(TaskEvent.PLANNING_FAILED, lambda one: with_problem(one, why))

    async def _give_up(self) -> None:
        """Fail the task, as often as it takes.

        Until then the run keeps its robot's place. A task that is in no queue and has no end would
        wait for the node's next start, and the robot's younger tasks would be planned before it.
        """
        if self._telling is not None:  # it may be what broke
            self._telling.close()
            self._telling = None
        failures = 0
        while True:
            try:
                await self._fail(problem(ProblemCode.INTERNAL))
            except _OVERTAKEN:
                return
            except Exception:
                failures += 1
                log.exception("! %s cannot be failed now", self._task_id)
                await asyncio.sleep(self._desk.parts.backoff.delay_s(failures))
            else:
                return

    async def _leave(
        self,
        event: TaskEvent,
        change: Callable[[TaskRecord], TaskRecord],
        told: Callable[[TaskRecord], Sequence[Event]] | None = None,
    ) -> TaskRecord:
        """Leave PLANNING by ``event``, as often as the disk needs to be asked."""

        async def leave() -> TaskRecord:
            async with self._desk.ledger.hold(self._task_id):
                record = change(await self._current())
                queue = self._desk.place(record) if event is TaskEvent.INTERRUPTED else None
                before = told or self._desk.closing
                return await self._desk.ledger.move(record, event, before=before, queue=queue)

        if self._telling is not None:
            await self._telling.settled()
        record = await insist(leave, self._desk.parts.backoff)
        if record.finished is not None:
            self._desk.deadlines.watch(record.task_id, ())
        return record

    async def _current(self) -> TaskRecord:
        record = await self._desk.ledger.get(self._task_id)
        if record.state not in _UNDECIDED or record.attempt != self._attempt:
            raise _Superseded
        return record

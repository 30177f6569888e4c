"""Judges one answer: success or the reasons against it, and the diagnostic PQ."""

from dataclasses import dataclass, field
from typing import Final

from planner_node.training.scoring import excess, goals, rules
from planner_node.training.scoring.answers import Answer, Subtask
from planner_node.training.scoring.parsing import ParsedStep, parse_step
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.terms import (
    GROUNDED,
    AnswerKind,
    Language,
    Reason,
    Verb,
)
from planner_node.training.scoring.text import speaks
from planner_node.training.scoring.world import World, new_world

_WEIGHTS: Final = {"goals": 0.40, "executable": 0.20, "order": 0.10, "cover": 0.20, "short": 0.10}
MOST_ACTIONS: Final = 3  # "go there, find it and pick it up" is the longest step that is still one


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one answer; shares are between 0 and 1."""

    record: Record
    answer: Answer
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()  # what exactly failed, for people
    quality: float = 0.0
    pure: bool = True  # every text in the instruction's language
    copied: int = 0  # required names that the plan spells exactly
    names: int = 0  # required names

    @property
    def success(self) -> bool:
        return not self.reasons


@dataclass(slots=True)
class _Findings:
    reasons: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, reason: Reason, notes: list[str] | tuple[str, ...] = ()) -> None:
        self.reasons.append(reason)
        self.notes += [f"{reason}: {note}" for note in notes]

    def add_each(self, reason: Reason, notes: list[str]) -> None:
        """Add the reason if there is anything to note."""
        if notes:
            self.add(reason, notes)


def judge(record: Record, answer: Answer) -> Verdict:
    """Judge one answer to one record."""
    pure = _is_pure(record, answer)
    if answer.kind is AnswerKind.INVALID:
        return _failed(record, answer, Reason.FORMAT, pure=pure)
    if answer.kind is not record.kind:
        return _failed(record, answer, Reason.WRONG_KIND, pure=pure)
    if record.kind is not AnswerKind.PLAN:
        return _judge_talk(record, answer, pure=pure)
    if not answer.tasks:
        return _failed(record, answer, Reason.EMPTY, pure=pure)
    return _judge_plan(record, answer, pure=pure)


def _failed(record: Record, answer: Answer, reason: Reason, *, pure: bool) -> Verdict:
    names = len(_required(record)) if answer.kind is record.kind else 0
    return Verdict(record, answer, (reason,), (answer.kind.value,), pure=pure, names=names)


def _judge_talk(record: Record, answer: Answer, *, pure: bool) -> Verdict:
    findings = _Findings()
    if not answer.text.strip():
        findings.add(Reason.EMPTY)
    if record.codes and answer.code not in record.codes:
        findings.add(Reason.WRONG_CODE, [answer.code])
    if not pure:
        findings.add(Reason.LANGUAGE)
    quality = float(not findings.reasons)
    return Verdict(record, answer, tuple(findings.reasons), tuple(findings.notes), quality, pure)


def _is_pure(record: Record, answer: Answer) -> bool:
    chinese = record.language is Language.ZH
    return all(speaks(t, record.instruction, chinese=chinese) for t in answer.texts)


def _judge_plan(record: Record, answer: Answer, *, pure: bool) -> Verdict:
    steps = [parse_step(t.task, t.description, record) for t in answer.tasks]
    world = run(record, steps)
    findings = _Findings()
    if not all(t.task.strip() and t.description.strip() for t in answer.tasks):
        findings.add(Reason.FORMAT)
    if not pure:
        findings.add(Reason.LANGUAGE, _foreign(record, answer.tasks))
    _find_reading_faults(findings, answer.tasks, steps)
    _find_world_faults(findings, record, world, steps)
    _find_excess(findings, record, world, steps)
    left_out = _left_out(record, steps)
    findings.add_each(Reason.COVERAGE, left_out)
    required = _required(record)
    return Verdict(
        record,
        answer,
        tuple(dict.fromkeys(findings.reasons)),
        tuple(findings.notes),
        _quality(record, answer, world, steps),
        pure,
        copied=len(required) - len(left_out),
        names=len(required),
    )


def run(record: Record, steps: list[ParsedStep]) -> World:
    """Run the steps in a fresh world and return it."""
    world = new_world(record)
    for index, step in enumerate(steps):
        for action in step.actions:
            rules.do(world, action, index)
    goals.deliver_at_the_end(world)
    return world


def _required(record: Record) -> list[str]:
    return [e.entity_id for e in record.entities if e.required and not e.tool]


def _left_out(record: Record, steps: list[ParsedStep]) -> list[str]:
    said = frozenset[str]().union(*(step.mentioned for step in steps))
    return [name for name in _required(record) if name not in said]


def _foreign(record: Record, tasks: tuple[Subtask, ...]) -> list[str]:
    chinese = record.language is Language.ZH
    texts = [text for task in tasks for text in (task.task, task.description)]
    return [t for t in texts if not speaks(t, record.instruction, chinese=chinese)]


def _find_reading_faults(
    findings: _Findings, tasks: tuple[Subtask, ...], steps: list[ParsedStep]
) -> None:
    pairs = list(zip(tasks, steps, strict=True))
    findings.add_each(Reason.UNDIVIDED, [t.task for t, s in pairs if _is_undivided(s)])
    findings.add_each(
        Reason.UNPARSED,
        [t.task for t, s in pairs if not s.actions and not s.unknown and not s.conditional],
    )
    findings.add_each(Reason.UNKNOWN, [f"{t.task} ({s.unknown[0]})" for t, s in pairs if s.unknown])


def _is_undivided(step: ParsedStep) -> bool:
    """Whether a step leads to two places, or does so much that nothing was decomposed."""
    patrolled = {o for a in step.actions if a.verb is Verb.PATROL for o in a.objects}
    places = {a.destination for a in step.actions if a.destination and a.verb in GROUNDED}
    return len(places | patrolled) > 1 or len(step.actions) > MOST_ACTIONS


def _find_world_faults(
    findings: _Findings, record: Record, world: World, steps: list[ParsedStep]
) -> None:
    findings.add_each(Reason.VIOLATION, [f"step {v.step + 1}: {v.why}" for v in world.violations])
    missed = [g for g in record.goals if not goals.reached(g, world, steps)]
    findings.add_each(
        Reason.GOAL, [f"{g.verb or g.kind} {g.subject} {g.target}".strip() for g in missed]
    )
    findings.add_each(Reason.QUANTITY, goals.lost_quantities(record, world, steps))
    kept, pairs = goals.kept_order(record, world)
    if kept < pairs:
        findings.add(Reason.ORDER, [f"{kept} of {pairs} pairs kept"])
    findings.add_each(Reason.HANDS_FULL, world.held)


def _find_excess(
    findings: _Findings, record: Record, world: World, steps: list[ParsedStep]
) -> None:
    findings.add_each(Reason.FORBIDDEN, excess.forbidden(record, world))
    findings.add_each(Reason.UNREQUESTED, excess.unrequested(record, world))
    others = [
        f"step {number}: {name}"
        for number, step in enumerate(steps, start=1)
        for name in excess.described_besides(record, step)
    ]
    findings.add_each(Reason.DESCRIPTION, others)
    findings.add_each(Reason.REPEATED, excess.repeated(record, world, steps))
    longest = 3 * goals.shortest_length(record) + 2
    if len(steps) > longest:
        findings.add(Reason.TOO_LONG, [f"{len(steps)} steps, at most {longest}"])


def _quality(record: Record, answer: Answer, world: World, steps: list[ParsedStep]) -> float:
    """Return PQ, the diagnostic between 0 and 1: what part of everything was right."""
    kept, pairs = goals.kept_order(record, world)
    shares = {
        "goals": _share([goals.reached(g, world, steps) for g in record.goals]),
        "executable": 1 - len({v.step for v in world.violations}) / len(steps),
        "order": kept / pairs if pairs else 1.0,
        "cover": _cover(record, steps),
        "short": min(1.0, 2 * goals.shortest_length(record) / len(steps)),
    }
    chinese = record.language is Language.ZH
    pure = [
        all(speaks(x, record.instruction, chinese=chinese) for x in (t.task, t.description))
        for t in answer.tasks
    ]
    return _share(pure) * sum(_WEIGHTS[name] * share for name, share in shares.items())


def _cover(record: Record, steps: list[ParsedStep]) -> float:
    required = _required(record)
    recall = 1 - len(_left_out(record, steps)) / len(required) if required else 1.0
    known = sum(len(step.mentioned) for step in steps)
    unknown = sum(len(step.unknown) for step in steps)
    precision = known / (known + unknown) if known + unknown else 0.0
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _share(facts: list[bool]) -> float:
    return sum(facts) / len(facts) if facts else 1.0

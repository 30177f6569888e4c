"""One report of a run: shares by language and kind, and the failures by reason."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from planner_node.training.scoring import VERSION
from planner_node.training.scoring.judging import Verdict, judge
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import BASELINES
from planner_node.training.scoring.statistics import Share, share
from planner_node.training.scoring.terms import AnswerKind, Language, Reason

_SHOWN_FAILURES: Final = 400


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the report."""

    name: str
    share: Share


def headline(verdicts: Sequence[Verdict]) -> list[Measure]:
    """Return the measures that the bars of the model are set on."""
    measures = [Measure("all checks hold", share(v.success for v in verdicts))]
    measures += [
        Measure(f"all checks hold, {lang}", share(v.success for v in _speaking(verdicts, lang)))
        for lang in Language
    ]
    plans = [v for v in verdicts if v.record.kind is AnswerKind.PLAN]
    right = [v for v in plans if v.answer.kind is AnswerKind.PLAN]
    good = [v for v in verdicts if v.record.kind is not AnswerKind.DECLINE]
    copied, names = sum(v.copied for v in right), sum(v.names for v in right)
    return [
        *measures,
        Measure("right one of three answers", share(_right_kind(v) for v in verdicts)),
        Measure("good tasks declined", share(v.answer.kind is AnswerKind.DECLINE for v in good)),
        Measure("good tasks asked about", share(v.answer.kind is AnswerKind.ASK for v in plans)),
        Measure("a call that can be read", share(_read(v) for v in verdicts)),
        Measure("language purity", share(v.pure for v in verdicts if v.answer.texts)),
        Measure("names copied exactly", Share(copied, names)),
        Measure("unseen names copied", _unseen(right)),
    ]


def _speaking(verdicts: Iterable[Verdict], language: Language) -> list[Verdict]:
    return [v for v in verdicts if v.record.language is language]


def _right_kind(verdict: Verdict) -> bool:
    return verdict.answer.kind is verdict.record.kind


def _read(verdict: Verdict) -> bool:
    return verdict.answer.kind is not AnswerKind.INVALID


def _unseen(verdicts: list[Verdict]) -> Share:
    unseen = [v for v in verdicts if v.record.category == "unseen"]
    return Share(sum(v.copied for v in unseen), sum(v.names for v in unseen))


def by_category(verdicts: Sequence[Verdict]) -> list[tuple[str, list[Share]]]:
    """Return for each kind of task its share in all, in zh-TW and in English."""
    categories = dict.fromkeys(v.record.category for v in verdicts)
    table: list[tuple[str, list[Share]]] = []
    for category in categories:
        own = [v for v in verdicts if v.record.category == category]
        groups = [own, *(_speaking(own, language) for language in Language)]
        table.append((category, [share(v.success for v in group) for group in groups]))
    return sorted(table, key=lambda row: row[1][0].value)


def by_reason(verdicts: Iterable[Verdict]) -> Counter[Reason]:
    """Count the reasons; one answer may have several."""
    return Counter(reason for verdict in verdicts for reason in verdict.reasons)


def baseline_measures(records: Sequence[Record]) -> list[Measure]:
    """Score the answers that need no model, on the same records."""
    return [
        Measure(name, share(judge(record, make(record)).success for record in records))
        for name, make in BASELINES.items()
    ]


def render(verdicts: Sequence[Verdict], more: Sequence[Measure] = ()) -> str:
    """Return the whole report as text for a terminal, ``more`` lines below its headline."""
    quality = sum(v.quality for v in verdicts) / max(1, len(verdicts))
    measured = [*headline(verdicts), *more]
    width = max(len(m.name) for m in measured)
    lines = [f"{VERSION}, {len(verdicts)} records: share [95 % interval] count", ""]
    lines += [f"{m.name:<{width}}  {m.share}" for m in measured]
    lines += [f"{'PQ (diagnostic)':<{width}}  {100 * quality:5.1f}", "", "Baselines"]
    measures = baseline_measures([v.record for v in verdicts])
    lines += [f"{m.name:<{width}}  {m.share}" for m in measures]
    lines += ["", f"{'Kind':<12}{'all':<38}{'zh-TW':<38}en"]
    for category, shares in by_category(verdicts):
        lines.append(f"{category:<12}" + "".join(f"{s!s:<38}" for s in shares).rstrip())
    return "\n".join([*lines, *_failure_lines(verdicts)])


def _failure_lines(verdicts: Sequence[Verdict]) -> list[str]:
    lines = ["", "Failures by reason"]
    for reason, count in by_reason(verdicts).most_common():
        lines.append(f"{count:4d}  {reason}")
    failed = [v for v in verdicts if not v.success][:_SHOWN_FAILURES]
    for reason in Reason:
        group = [v for v in failed if v.reasons[0] is reason]
        lines += ["", f"-- {reason}"] if group else []
        for verdict in group:
            lines += _one_failure(verdict)
    return lines


def _one_failure(verdict: Verdict) -> list[str]:
    answer = verdict.answer
    said = " | ".join(task.task for task in answer.tasks) or answer.text or answer.raw[:200]
    told = "; ".join(verdict.notes) or ", ".join(verdict.reasons)
    return [
        f"{verdict.record.record_id}: {verdict.record.instruction}",
        f"    {answer.kind}{' ' + answer.code if answer.code else ''}: {said}",
        f"    {told}",
    ]


def as_json(verdicts: Sequence[Verdict], more: Sequence[Measure] = ()) -> dict[str, object]:
    """Return the report for other programs; ``failures`` holds every failed answer."""
    return {
        "version": VERSION,
        "records": len(verdicts),
        "headline": {m.name: _numbers(m.share) for m in [*headline(verdicts), *more]},
        "pq": sum(v.quality for v in verdicts) / max(1, len(verdicts)),
        "baselines": {
            m.name: _numbers(m.share) for m in baseline_measures([v.record for v in verdicts])
        },
        "categories": {
            category: dict(
                zip(("all", *map(str, Language)), [_numbers(s) for s in shares], strict=True)
            )
            for category, shares in by_category(verdicts)
        },
        "reasons": {str(reason): count for reason, count in by_reason(verdicts).items()},
        "failures": [_failure(v) for v in verdicts if not v.success],
    }


def _numbers(part: Share) -> dict[str, float]:
    low, high = part.bounds
    return {
        "hits": part.hits,
        "total": part.total,
        "share": part.value,
        "low": low,
        "high": high,
    }


def _failure(verdict: Verdict) -> dict[str, object]:
    return {
        "id": verdict.record.record_id,
        "instruction": verdict.record.instruction,
        "reasons": [str(reason) for reason in verdict.reasons],
        "notes": list(verdict.notes),
        "answer": verdict.answer.raw or [task.task for task in verdict.answer.tasks],
    }

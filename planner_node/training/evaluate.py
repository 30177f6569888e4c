"""Scores a planner on the hand-written test set, without a judge model.

    python -m planner_node.training.evaluate --model planner_node/models/embedded

Every answer is read, run in a symbolic world and asked whether the goal was reached in the right
order, with every name of the instruction, nothing invented and in the right language.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from planner_node.training.familiar import by_form
from planner_node.training.scoring.answers import Answer
from planner_node.training.scoring.engines import (
    CheckpointEngine,
    Engine,
    EngineRefusedError,
    NodeEngine,
)
from planner_node.training.scoring.judging import Verdict, judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.report import as_json, baseline_measures, render
from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.testset import FOLDER, load_test_set

# The generator may offer records of worlds that it never trains on, in the test set's notation:
# held_out_records(count: int, seed: int) -> Iterable[dict], each with ``category`` and ``lang``.
HELD_OUT: Final = ("planner_node.training.heldout", "held_out_records")
_BAR_WIDTH: Final = 30
_CHOICES: Final = {
    "limit": 0,
    "test_set": FOLDER,
    "plan_bias": 0.0,
    "batch_size": 64,
    "device": "cpu",
    "json": None,
}
# What an argument makes of no effect.
_WITHOUT: Final = {
    "held_out": {"limit", "test_set"},
    "url": {"plan_bias", "batch_size", "device"},
    "baselines": {"plan_bias", "batch_size", "device", "json"},
}

_EXAMPLES: Final = """
examples:
  python -m planner_node.training.evaluate --model planner_node/models/embedded
      score the embedded model on all records; grammar off, so valid JSON is the model's own work
  python -m planner_node.training.evaluate --model planner_node/models/embedded --limit 40
      a quick look: 40 records, spread evenly over languages and kinds
  python -m planner_node.training.evaluate --model … --test-set planner_node/training/devset
      the development set: for tuning, so that the test set stays unseen
  python -m planner_node.training.evaluate --url http://127.0.0.1:8000 --json node.json
      score a running node, grammar on, and keep every failed answer in node.json
  python -m planner_node.training.evaluate --baselines
      what an empty, copied, constant and rule-written plan score: no model is loaded

what --url asks:
  POST /generate_with_function, which leaves the choice of the tool to the model alone: the node's
  planner.plan_bias_logits, which robots get, is not in it. --model with --plan-bias scores that.
  The node must ask for no API key.

how to read it:
  "all checks hold" is the headline: a plan counts only if everything about it is right.
  Each share stands with its 95 % interval; two runs whose intervals overlap did not differ.
  "good tasks declined" is of all that must not be declined, plans and questions;
  "good tasks asked about" is of plans only.
  "forms of the generator" are instructions that some pattern of the training data could say,
  names aside; "other forms" are those that none can.
  A failure names its first reason, the steps, and what exactly went wrong in which step.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the score could be made, 2 for wrong arguments."""
    parser = _parser()
    options = parser.parse_args(argv)
    if unused := _unused(options):
        parser.error(unused)
    try:
        return _evaluate(options)
    except EngineRefusedError as exc:
        parser.error(str(exc))


def _evaluate(options: argparse.Namespace) -> int:
    records = _records(options)
    if options.baselines:
        for measure in baseline_measures(records):
            print(f"{measure.name:<26}{measure.share}")  # noqa: T201
        return 0
    verdicts = list(score(_engine(options), records, quiet=options.quiet))
    forms = by_form(verdicts)
    print(render(verdicts, forms))  # noqa: T201
    if options.json is not None:
        text = json.dumps(as_json(verdicts, forms), ensure_ascii=False, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _unused(options: argparse.Namespace) -> str:
    """Say which argument would change nothing beside the others; empty where none is."""
    chosen = {name for name, default in _CHOICES.items() if getattr(options, name) != default}
    for source, without in _WITHOUT.items():
        if getattr(options, source) and (ignored := sorted(chosen & without)):
            names = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
            return f"{names} would change nothing with --{source.replace('_', '-')}: leave it out"
    if options.seed and not options.held_out:
        return "--seed is for --held-out: leave it out"
    return ""


def score(engine: Engine, records: Sequence[Record], *, quiet: bool) -> Iterator[Verdict]:
    """Yield one verdict a record, with a progress bar on the error stream."""
    answers = engine.answers(records)
    for record, answer in zip(records, _watched(answers, len(records), quiet=quiet), strict=True):
        yield judge(record, answer)


def spread(records: Sequence[Record], limit: int) -> list[Record]:
    """Return that many records, evenly over the whole list."""
    if not 0 < limit < len(records):
        return list(records)
    return [records[index * len(records) // limit] for index in range(limit)]


def _records(options: argparse.Namespace) -> list[Record]:
    if options.held_out:
        return list(held_out(options.held_out, options.seed))
    return spread(load_test_set(options.test_set), options.limit)


def held_out(count: int, seed: int) -> Iterable[Record]:
    """Yield records of worlds that training never shows; SystemExit where none can be made."""
    try:
        make = getattr(importlib.import_module(HELD_OUT[0]), HELD_OUT[1])
    except (ImportError, AttributeError):
        raise SystemExit("this installation has no generator of held-out worlds") from None
    for row in make(count, seed):
        fields = {k: v for k, v in row.items() if k not in {"category", "lang"}}
        yield read_record(fields, str(row["category"]), Language(row["lang"]))


def _engine(options: argparse.Namespace) -> Engine:
    if options.url:
        return NodeEngine(options.url, options.max_new_tokens)
    return CheckpointEngine(
        options.model,
        options.max_new_tokens,
        options.batch_size,
        options.device,
        options.plan_bias,
    )


def _watched(items: Iterator[Answer], total: int, *, quiet: bool) -> Iterator[Answer]:
    for done, item in enumerate(items, start=1):
        if not quiet:
            filled = "█" * (_BAR_WIDTH * done // total)
            end = "\n" if done == total else ""
            sys.stderr.write(f"\r{filled:<{_BAR_WIDTH}} {done}/{total}{end}")
            sys.stderr.flush()
        yield item


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m planner_node.training.evaluate",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--model", help="checkpoint folder or hub id, run here in the node's own engine"
    )
    source.add_argument("--url", help="a running node, asked over HTTP (see below)")
    source.add_argument("--baselines", action="store_true", help="no engine: the four baselines")
    parser.add_argument("--limit", type=int, default=0, help="score only so many, spread evenly")
    parser.add_argument("--json", type=Path, help="write the report and all failed answers here")
    parser.add_argument(
        "--held-out", type=int, default=0, help="score so many generated held-out worlds instead"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the held-out worlds")
    parser.add_argument(
        "--device", default=_CHOICES["device"], help="cpu, cuda, cuda:1 … (default cpu)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=_CHOICES["batch_size"], help="prompts decoded at once"
    )
    parser.add_argument(
        "--plan-bias", type=float, default=0.0, help="logits in favour of a plan, as the node adds"
    )
    parser.add_argument("--max-new-tokens", type=int, default=768, help="longest answer")
    parser.add_argument("--test-set", type=Path, default=FOLDER, help="folder of record files")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())

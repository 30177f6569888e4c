"""How many forward passes a plan costs, with the official Llama 3.1 tokenizer; counts, no clock.

    python -m benchmarks.engine_counts [--keep engine_counts]

The engine runs as it is, over a forward that wants to write a given plan: what is counted is what
a real model of that vocabulary would cost that writes this plan. ``forced`` is the grammar alone,
``drafts`` adds guesses, after other plans of the same kind were seen.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
import json
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from benchmarks.plan_requests import instructions
from benchmarks.results import keep
from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.request import Request
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.tool import ToolUse
from planner_node.grammar.vocabulary import TextDecoder
from planner_node.stream.subtasks import CallReader, SubtaskClosed
from tests.fakes.grammar import DECOMPOSE, llama_31_vocabulary

LIMITS: Final = EngineLimits(rows=1, context_tokens=512, prefill_tokens=512)
_STEPS: Final = {
    "en": (
        ("Find the {0}", "Locate the {0}."),
        ("Pick up the {0}", "Lift the {0}."),
        ("Go to the {1}", "Approach the {1}."),
        ("Put the {0} on the {1}", "Gently place the {0} on the {1}."),
    ),
    "zh-TW": (
        ("找到{0}", "定位{0}的位置。"),
        ("拿起{0}", "將{0}提起來。"),
        ("走到{1}", "接近{1}。"),
        ("將{0}放在{1}上", "輕輕地將{0}放在{1}上。"),
    ),
}
_NAMES: Final = {
    "en": [("book", "side table"), ("red cup", "kitchen counter"), ("towel", "shelf")],
    "zh-TW": [("書本", "側桌"), ("紅色杯子", "廚房流理台"), ("毛巾", "書架")],
}


class WantedText:
    """A ``Forward`` whose best next token is always the one of a given text, by its position."""

    def __init__(self, vocabulary_tokens: int) -> None:
        self.slots = KvSlots(LIMITS.rows, LIMITS.context_tokens)
        self.vocabulary_tokens = vocabulary_tokens
        self.device = torch.device("cpu")
        self.wanted: list[int] = []

    def hidden(self, chunks: list[Chunk]) -> Tensor:
        """Return the wanted id after each output position."""
        places = [p for c in chunks for p in range(c.stop - c.num_outputs, c.stop)]
        return torch.tensor([self.wanted[min(p + 1, len(self.wanted) - 1)] for p in places])

    def scores(self, hidden: Tensor) -> Tensor:
        return torch.zeros(len(hidden), self.vocabulary_tokens).scatter_(1, hidden[:, None], 1.0)


class Counter:
    """Plans one after the other through one engine, counting."""

    def __init__(self, draft_tokens: int) -> None:
        self._vocabulary = llama_31_vocabulary()
        self._grammars = GrammarLibrary(self._vocabulary)
        self._forward = WantedText(self._vocabulary.size)
        self._engine = Engine(self._forward, replace(LIMITS, draft_tokens=draft_tokens))

    def count(self, language: str, names: tuple[str, str]) -> dict[str, float]:
        """Return tokens, forwards and forwards until the first subtask closes."""
        text = plan_of(language, names)
        asked = f"{instructions()[0]} {' '.join(names)}"
        prompt = tuple(self._vocabulary.tokens.tokenize_str(asked))
        self._forward.wanted = [*prompt, *self._vocabulary.tokens.tokenize_str(text)]
        constraint = self._grammars.matcher((DECOMPOSE,), ToolUse.REQUIRED, language)
        self._engine.add(Request("plan", prompt, 0, 400, constraint=constraint))
        decoder, reader, written = TextDecoder(self._vocabulary), CallReader(), ""
        tokens = forwards = first = 0
        while not self._engine.idle:
            events = self._engine.step()
            forwards += 1
            for event in events:
                tokens += len(event.token_ids)
                piece = decoder.feed(event.token_ids)
                written += piece
                if any(isinstance(each, SubtaskClosed) for each in reader.feed(piece)):
                    first = first or forwards
        if written != text:
            raise AssertionError(f"the engine wrote {written} and not {text}")
        return {"tokens": tokens, "forwards": forwards, "first_subtask": first}


def plan_of(language: str, names: tuple[str, str]) -> str:
    """Return a plan of four steps as the model writes it."""
    tasks = [
        {"task": task.format(*names), "description": description.format(*names)}
        for task, description in _STEPS[language]
    ]
    call = {"name": DECOMPOSE.name, "parameters": {"tasks": tasks}}
    return json.dumps(call, ensure_ascii=False)


def counts() -> list[dict[str, object]]:
    """Return one row for each language and way: the last of its plans, the first ones seen."""
    found: list[dict[str, object]] = []
    for way, draft_tokens in (("forced", 0), ("drafts", LIMITS.draft_tokens)):
        for language, plans in _NAMES.items():
            counter = Counter(draft_tokens)
            figures = [counter.count(language, names) for names in plans][-1]
            share = round(figures["forwards"] / figures["tokens"], 3)
            found.append({"way": way, "language": language, **figures, "per_token": share})
    return found


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--keep", help="write the report to benchmarks/results/KEEP.json")
    options = asked.parse_args()
    report = {"command": "python -m benchmarks.engine_counts", "counts": counts()}
    for line in report["counts"]:
        print(line)
    if options.keep:
        print(keep(options.keep, report))


if __name__ == "__main__":
    main()

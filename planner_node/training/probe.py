"""Measures a model on generated conversations it was not trained on, by family and language.

    python -m planner_node.training.probe planner_node/models/embedded --samples 400

Greedy and without any grammar. An answer is right when it equals the reference, and a name
counts as copied when every name of the reference plan stands in the answer. ``--seen`` draws
listed names of the training share; the default draws the tenth that training never shows.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from planner_node.training.corpus.samples import Sample, sample
from planner_node.training.tokenizer import EOT, PAD, render

PROBE_SEED = 990_001


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer beside what was wanted."""

    made: Sample
    answer: str

    @property
    def exact(self) -> bool:
        return self.answer == self.made.answer

    @property
    def copied(self) -> bool:
        return all(name in self.answer for name in self.wanted_names)

    @property
    def wanted_names(self) -> set[str]:
        found = (
            name.text for step in self.made.steps for name in (*step.things, step.place) if name
        )
        return {name for name in found if name in self.made.answer}


@torch.inference_mode()
def answers(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: list[list[int]],
    limit: int = 512,
) -> list[str]:
    """Greedy answers to a batch of prompts of token ids."""
    width = max(map(len, prompts))
    pad, stop = tokenizer.convert_tokens_to_ids([PAD, EOT])
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts])
    out = model.generate(
        input_ids=ids,
        attention_mask=(ids != pad).long(),
        max_new_tokens=limit,
        do_sample=False,
        eos_token_id=stop,
        pad_token_id=pad,
    )
    texts = (row[width:].tolist() for row in out)
    return [tokenizer.decode([t for t in row if t not in (pad, stop)]) for row in texts]


def outcomes(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    samples: Sequence[Sample],
    rows: int = 25,
) -> Iterator[Outcome]:
    """Answer every sample; similar lengths share a batch."""
    ready = sorted(
        ((render(tokenizer, made)[0], made) for made in samples), key=lambda row: len(row[0])
    )
    for start in range(0, len(ready), rows):
        part = ready[start : start + rows]
        found = answers(model, tokenizer, [ids for ids, _ in part])
        yield from (Outcome(made, text) for (_, made), text in zip(part, found, strict=True))


def table(found: Sequence[Outcome]) -> str:
    """Shares of exact answers by family and language, and of copied names."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in found:
        groups[f"{outcome.made.lang} {outcome.made.family}"].append(outcome)
        groups[f"{outcome.made.lang} ALL"].append(outcome)
        groups["ALL"].append(outcome)
    lines = [f"{'group':32} {'n':>5} {'exact':>6} {'names':>6}"]
    for key in sorted(groups):
        rows = groups[key]
        exact = sum(row.exact for row in rows) / len(rows)
        copied = sum(row.copied for row in rows) / len(rows)
        lines.append(f"{key:32} {len(rows):5} {exact:6.1%} {copied:6.1%}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="folder of an exported model")
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--seen", action="store_true", help="names that training shows, too")
    parser.add_argument("--failures", type=int, default=0, help="print that many wrong answers")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    drawn = [sample(PROBE_SEED, i, unseen=not args.seen) for i in range(args.samples)]
    found = list(outcomes(model, tokenizer, drawn))
    for outcome in [o for o in found if not o.exact][: args.failures]:
        said = " / ".join(turn.content for turn in outcome.made.turns if turn.role == "user")
        want = outcome.made
        print(f"[{want.family}] {said}\n  got  {outcome.answer}\n  want {want.answer}")  # noqa: T201
    print(table(found))  # noqa: T201  a command line speaks


if __name__ == "__main__":
    main()

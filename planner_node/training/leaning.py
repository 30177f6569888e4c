"""How far the node should lean towards a plan: right answers of each kind against the bias.

    python -m planner_node.training.leaning        # generated requests with held-out names

The model chooses among planning, asking and declining by the first token of the tool's name;
``planner.plan_bias_logits`` is added to the planning one.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from planner_node.training.corpus.samples import Sample, sample

TOOLS: Final = ("decompose_task", "ask_clarification", "decline_task")
KINDS: Final = ("plan", "ask", "decline")
BIASES: Final = (0.0, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0)
SEED: Final = 99_123
_CONFIG: Final = Path(__file__).resolve().parents[2] / "config"
_LANGUAGES: Final = {"zh": "zh-TW", "en": "en"}


def kind_of(made: Sample) -> str:
    """The kind of answer that a generated request wants."""
    return next((kind for kind in KINDS[1:] if made.family.startswith(kind)), KINDS[0])


def drawn(count: int) -> Iterator[Sample]:
    """Requests of one turn, with names that the training never draws."""
    made = (sample(SEED, index, unseen=True) for index in range(count))
    return (one for one in made if all(turn.role != "assistant" for turn in one.turns))


class Chooser:
    """A model at the point where it chooses the tool."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder)
        self._ids = self._tokenizer.convert_tokens_to_ids(list(TOOLS))
        files = (_CONFIG / "tools" / f"{name}.json" for name in TOOLS)
        self._tools = [{"type": "function", "function": json.loads(f.read_text())} for f in files]

    @torch.inference_mode()
    def scores(self, made: Sample) -> list[float]:
        """Logits of planning, asking and declining."""
        file = _CONFIG / "prompts" / f"system.{_LANGUAGES[made.lang]}.txt"
        user = next(turn.content for turn in reversed(made.turns) if turn.role == "user")
        turns = [{"role": "system", "content": file.read_text().strip()}]
        text = self._tokenizer.apply_chat_template(
            [*turns, {"role": "user", "content": user}],
            tools=self._tools,
            add_generation_prompt=True,
            tokenize=False,
        )
        ids = self._tokenizer(text + '{"name": "', add_special_tokens=False, return_tensors="pt")
        scores: list[float] = self._model(**ids).logits[0, -1, self._ids].tolist()
        return scores


def share_right(scored: list[tuple[str, list[float]]], bias_logits: float) -> dict[str, float]:
    """Share of each kind that is answered in kind."""
    asked = Counter(kind for kind, _ in scored)
    right: Counter[str] = Counter()
    for kind, (plan, *others) in scored:
        leaning = [plan + bias_logits, *others]
        right[kind] += KINDS[leaning.index(max(leaning))] == kind
    return {kind: right[kind] / asked[kind] for kind in KINDS}


def main() -> int:
    """Print one line a bias."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path("planner_node/models/embedded"))
    parser.add_argument("--samples", type=int, default=1_500, help="generated requests")
    arguments = parser.parse_args()
    chooser = Chooser(arguments.model)
    made = list(drawn(arguments.samples))
    scored = [(kind_of(one), chooser.scores(one)) for one in tqdm(made, unit="request")]
    for bias_logits in BIASES:
        shares = share_right(scored, bias_logits)
        line = "  ".join(f"{kind} {share:6.1%}" for kind, share in shares.items())
        sys.stdout.write(f"bias {bias_logits:3.1f}  {line}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

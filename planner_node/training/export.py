"""Writes the folder that the service loads: weights, tokenizer, chat template, configuration.

python -m planner_node.training.export --out var/training --to planner_node/models/embedded
"""

import argparse
import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Final

import torch
from transformers import GenerationConfig, LlamaForCausalLM

from planner_node.training.run import Run, checkpoint_of, stored_recipe
from planner_node.training.tokenizer import BOS, EOT, PAD

STOPS: Final = (EOT, "<|eom_id|>", "<|end_of_text|>")
_READABLE: Final = 0o644  # a service of another user loads it


def export(run: Run, folder: Path) -> None:
    """Write ``run``'s network and tokenizer to ``folder`` in the Hugging Face layout."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = run.tokenizer.convert_tokens_to_ids
    stops = [ids(stop) for stop in STOPS]
    model = deepcopy(run.model)
    model.config.use_cache = True
    model.generation_config = GenerationConfig(
        bos_token_id=ids(BOS),
        eos_token_id=stops,
        pad_token_id=ids(PAD),
        do_sample=False,
    )
    write_weights(model, folder)
    run.tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(_READABLE)


def write_weights(model: LlamaForCausalLM, folder: Path) -> None:
    """Write a network and its configuration; in bfloat16, half the size of what computes it."""
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    _say_precision(folder / "config.json", "float32")


def _say_precision(file: Path, dtype: str) -> None:
    """Name what to compute in: not every CPU has products in the precision of the file."""
    config = json.loads(file.read_text(encoding="utf-8"))
    text = json.dumps({**config, "dtype": dtype}, indent=2, sort_keys=True)
    file.write_text(f"{text}\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("var/training"), help="folder of the run")
    parser.add_argument("--to", type=Path, default=Path("planner_node/models/embedded"))
    args = parser.parse_args(argv)
    if not checkpoint_of(args.out).exists():
        raise SystemExit(f"no checkpoint in {args.out}: run planner_node.training.train first")
    run = Run(args.out, stored_recipe(args.out), "cpu")
    run.load()
    export(run, args.to)
    print(f"{run.progress.tokens:,} tokens, {run.progress.seconds / 60:.0f} minutes -> {args.to}")  # noqa: T201


if __name__ == "__main__":
    main()

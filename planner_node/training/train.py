"""Trains the embedded planner from scratch, or goes on from its last checkpoint.

    python -m planner_node.training.train                 # the recipe, in var/training
    python -m planner_node.training.export                # then: the folder that the service loads
    python -m planner_node.training.train --tokens 2e6 --out var/training/try   # a short try

The same command runs on a CPU and, when one is there, on a CUDA device; products run in bfloat16
where the processor multiplies it in hardware. Stop it with Ctrl-C; the next start goes on from the
last checkpoint and ends with the same weights. Until the rate begins to fall, --tokens may change.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch
from tqdm import tqdm

from planner_node.training.batches import Batch
from planner_node.training.feeding import feeding
from planner_node.training.network import Shape
from planner_node.training.run import OtherRunError, Recipe, Run

_SMOOTH: Final = 0.03


class Pace:
    """The clock of a run: when to save and when to stop."""

    def __init__(self, run: Run, checkpoint_every_s: float, stop_after_s: float) -> None:
        self._run = run
        self._earlier_s = run.progress.seconds
        self._every_s, self._stop_s = checkpoint_every_s, stop_after_s
        self._began = self._saved = time.monotonic()

    def goes_on(self) -> bool:
        """Note the time, save when due; False when the time is up."""
        now = time.monotonic()
        self._run.progress.seconds = self._earlier_s + now - self._began
        if now - self._saved > self._every_s:
            self._run.save()
            self._saved = now
        return now - self._began <= self._stop_s


def train(run: Run, source: Iterator[Batch], pace: Pace) -> None:
    """Train until the recipe's tokens are done or the time is up."""
    smooth = 0.0
    progress = run.progress
    with tqdm(
        total=int(run.recipe.tokens),
        initial=progress.tokens,
        unit="tok",
        unit_scale=True,
        mininterval=5,
    ) as bar:
        while progress.tokens < run.recipe.tokens and pace.goes_on():
            batch = next(source)
            loss = run.step(batch)
            smooth += (loss - smooth) * (_SMOOTH if smooth else 1)
            bar.update(batch.tokens)
            rate = run.recipe.rate(progress.tokens)
            bar.set_postfix(loss=f"{smooth:.4f}", lr=f"{rate:.1e}", refresh=False)
    run.save()


def device_name(asked: str) -> str:
    """The device to train on: what was asked for, else CUDA when present."""
    if asked != "auto":
        return asked
    return "cuda" if torch.cuda.is_available() else "cpu"


def parser() -> argparse.ArgumentParser:
    """The command line, with the recipe as defaults."""
    recipe = Recipe()
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--out", type=Path, default=Path("var/training"), help="folder of the run")
    made.add_argument(
        "--seed", type=int, default=recipe.seed, help="of data, vocabulary and weights"
    )
    made.add_argument(
        "--tokens", type=float, default=recipe.tokens, help="tokens to train on, padding included"
    )
    made.add_argument(
        "--batch-tokens", type=int, default=recipe.batch_tokens, help="tokens per update"
    )
    made.add_argument("--lr", type=float, default=recipe.lr, help="highest learning rate")
    made.add_argument(
        "--warmup-tokens", type=float, default=recipe.warmup_tokens, help="until the rate is full"
    )
    made.add_argument(
        "--decay-share",
        type=float,
        default=recipe.decay_share,
        help="last share of the run, rate falls to zero",
    )
    made.add_argument("--hidden", type=int, default=recipe.shape.hidden)
    made.add_argument("--layers", type=int, default=recipe.shape.layers)
    made.add_argument("--heads", type=int, default=recipe.shape.heads)
    made.add_argument("--feed-forward", type=int, default=recipe.shape.feed_forward)
    made.add_argument("--threads", type=int, default=0, help="CPU cores to train on; 0: all")
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    made.add_argument("--checkpoint-every-s", type=float, default=120.0)
    made.add_argument(
        "--stop-after-s", type=float, default=float("inf"), help="stop early, resumable"
    )
    made.add_argument(
        "--begin-from",
        default=recipe.begin_from,
        metavar="FOLDER",
        help="exported weights to go on from, instead of random ones",
    )
    made.add_argument("--fresh", action="store_true", help="ignore the last checkpoint")
    return made


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that a command line asks for."""
    shape = Shape(args.hidden, args.layers, args.heads, feed_forward=args.feed_forward)
    return Recipe(
        args.seed,
        args.tokens,
        args.batch_tokens,
        args.lr,
        args.warmup_tokens,
        args.decay_share,
        shape,
        args.begin_from,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    device = device_name(args.device)
    workers = (args.threads or torch.get_num_threads()) if device == "cpu" else 1
    torch.set_num_threads(1)  # one a worker; threads that wait for each other would keep cores busy
    if args.fresh:  # a vocabulary of another corpus or seed would stay otherwise
        shutil.rmtree(args.out / "tokenizer", ignore_errors=True)
    run = Run(args.out, recipe_of(args), device, workers)
    try:
        resumed = not args.fresh and run.resume()
    except OtherRunError as error:
        raise SystemExit(str(error)) from None
    if not resumed:
        run.begin()
    began = f"resuming at {run.progress.tokens:,} tokens" if resumed else "from the first token"
    size = sum(weight.numel() for weight in run.model.parameters())
    _say(f"{run.recipe}\n{size:,} parameters, {run.precision} on {run.device}, {began}")
    _say(f"torch {torch.__version__}, {workers} at once, data {run.data}")
    begin = run.progress.position
    with feeding(args.out / "tokenizer", args.seed, begin, args.batch_tokens) as source:
        _say(f"data made by process {source.process_id}")
        train(run, source, Pace(run, args.checkpoint_every_s, args.stop_after_s))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()

"""Trains the embedded planner from scratch, or goes on from its last checkpoint.

    python -m planner_node.training.train                 # the recipe, in var/training
    python -m planner_node.training.export                # then: the folder that the service loads
    python -m planner_node.training.train --tokens 2e6 --out var/training/try   # a short try

The same command runs on a CPU and, when one is there, on a CUDA device; products run in bfloat16
where the processor multiplies it in hardware. Stop it with Ctrl-C; the next start goes on from the
last checkpoint and ends, on a CPU, with the same weights; with CUDA not to the last bit. Until the
rate begins to fall, --tokens may change.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

import torch
from tqdm import tqdm
from transformers import LlamaConfig

from planner_node.training.batches import Batch
from planner_node.training.feeding import Source, feeding
from planner_node.training.growth import GrowthError
from planner_node.training.network import Shape
from planner_node.training.run import RECIPES, OtherRunError, Recipe, Run

_SMOOTH: Final = 0.03
_SHOW_EVERY_S: Final = 1.0


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


class Shown:
    """The smoothed loss beside the bar, read now and then: nothing waits for a GPU each time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._smooth: torch.Tensor | None = None
        self._put = 0.0

    def note(self, loss: torch.Tensor) -> None:
        self._smooth = loss if self._smooth is None else self._smooth.lerp(loss, _SMOOTH)

    def put(self, bar: "tqdm[NoReturn]") -> None:
        if self._smooth is None or time.monotonic() - self._put < _SHOW_EVERY_S:
            return
        self._put = time.monotonic()
        rate = self._run.recipe.rate(self._run.progress.tokens)
        shown = {"loss": f"{self._smooth.item():.4f}", "lr": f"{rate:.1e}"}
        if self._run.recipe.focus:
            shown["learnt"] = f"{self._run.learnt_share:.0%}"
        bar.set_postfix(shown, refresh=False)


def train(run: Run, source: Iterator[Batch], pace: Pace) -> None:
    """Train until the recipe's tokens are done or the time is up."""
    shown = Shown(run)
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
            shown.note(run.step(batch))
            bar.update(batch.tokens)
            shown.put(bar)
    run.save()


def device_name(asked: str) -> str:
    """The device to train on: what was asked for, else CUDA when present."""
    if asked != "auto":
        return asked
    return "cuda" if torch.cuda.is_available() else "cpu"


_OF_RECIPE: Final = {
    "seed": (int, "of data, vocabulary and weights"),
    "tokens": (float, "tokens to train on, padding included"),
    "lr": (float, "highest learning rate"),
    "warmup_tokens": (float, "until the rate is full"),
    "decay_share": (float, "last share of the run, rate falls to zero"),
    "focus": (
        float,
        "learn from answers with this loss in nats or more, and one in ten others; 0: from all",
    ),
}
_OF_SIZE: Final = {
    "batch_tokens": (int, "tokens per update"),
    "part_tokens": (int, "tokens per forward and backward pass"),
}
_OF_SHAPE: Final = {
    "hidden": (int, "width of the network"),
    "layers": (int, "depth of the network"),
    "heads": (int, "query heads"),
    "kv_heads": (int, "key-value heads, each shared by as many query heads"),
    "feed_forward": (int, "width inside a layer"),
}


def parser() -> argparse.ArgumentParser:
    """The command line; what is not asked for comes from the device's recipe."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--out", type=Path, default=Path("var/training"), help="folder of the run")
    for name, (kind, text) in (_OF_RECIPE | _OF_SIZE | _OF_SHAPE).items():
        made.add_argument(f"--{name.replace('_', '-')}", type=kind, help=f"{text} ({_usual(name)})")
    made.add_argument("--threads", type=int, default=0, help="CPU cores to train on; 0: all")
    made.add_argument(
        "--data-processes", type=int, default=0, help="that make the data; 0: 1, or all with CUDA"
    )
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    made.add_argument("--checkpoint-every-s", type=float, default=120.0)
    made.add_argument(
        "--stop-after-s", type=float, default=float("inf"), help="stop early, resumable"
    )
    made.add_argument(
        "--begin-from",
        default="",
        metavar="FOLDER",
        help="exported weights to go on from, instead of random ones; their shape if none is given",
    )
    made.add_argument("--fresh", action="store_true", help="ignore the last checkpoint")
    return made


def _usual(name: str) -> str:
    """What the recipes say: one value, or that of a CPU and that of CUDA."""
    values = []
    for recipe in RECIPES.values():
        holder = next(part for part in (recipe, recipe.size, recipe.shape) if hasattr(part, name))
        values.append(f"{getattr(holder, name):g}")
    return " / ".join(dict.fromkeys(values))


def recipe_of(args: argparse.Namespace, device: str) -> Recipe:
    """The recipe that a command line asks for."""
    usual = RECIPES[device.partition(":")[0]]
    begun = LlamaConfig.from_pretrained(args.begin_from) if args.begin_from else None
    shape = usual.shape if begun is None else Shape.of(begun)
    return replace(
        usual,
        size=replace(usual.size, **_asked(args, _OF_SIZE)),
        shape=replace(shape, **_asked(args, _OF_SHAPE)),
        begin_from=args.begin_from,
        **_asked(args, _OF_RECIPE),
    )


def _asked(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def makers_of(args: argparse.Namespace, device: str) -> int:
    """How many processes make data: a GPU waits for all that the machine can spare."""
    if args.data_processes or device == "cpu":
        return args.data_processes or 1
    return max(1, (os.cpu_count() or 2) - 1)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    device = device_name(args.device)
    workers = (args.threads or torch.get_num_threads()) if device == "cpu" else 1
    torch.set_num_threads(1)  # one a worker; threads that wait for each other would keep cores busy
    if args.fresh:  # a vocabulary of another corpus or seed would stay otherwise
        shutil.rmtree(args.out / "tokenizer", ignore_errors=True)
    run = Run(args.out, recipe_of(args, device), device, workers)
    try:
        resumed = not args.fresh and run.resume()
        if not resumed:
            run.begin()
    except (OtherRunError, GrowthError) as error:
        raise SystemExit(str(error)) from None
    began = f"resuming at {run.progress.tokens:,} tokens" if resumed else "from the first token"
    size = sum(weight.numel() for weight in run.model.parameters())
    _say(f"{run.recipe}\n{size:,} parameters, {run.precision} on {run.device}, {began}")
    _say(f"torch {torch.__version__}, {workers} at once, data {run.data}")
    source = Source(args.out / "tokenizer", run.recipe.seed, run.recipe.size)
    with feeding(source, run.progress.position, makers_of(args, device)) as feed:
        _say(f"data made by processes {', '.join(map(str, feed.process_ids))}")
        train(run, feed, Pace(run, args.checkpoint_every_s, args.stop_after_s))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()

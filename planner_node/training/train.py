"""Trains the embedded planner from scratch, or goes on from its last checkpoint.

    python -m planner_node.training.train                 # the recipe, in var/training
    python -m planner_node.training.export                # then: the folder that the service loads
    python -m planner_node.training.train --tokens 2e6 --out var/training/try   # a short try

The same command runs on a CPU and, when one is there, on a CUDA device. Stop it with Ctrl-C;
the next start goes on from the last checkpoint.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import torch
from tqdm import tqdm
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from planner_node.training.batches import Batch, batches
from planner_node.training.network import Shape, create, loss_of, optimizers
from planner_node.training.tokenizer import load_or_build

WARMUP_SHARE: Final = 0.01
CLIP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the result of a run."""

    seed: int = 20_26
    tokens: float = 20.5e6
    batch_tokens: int = 4096
    lr: float = 2e-3
    decay_share: float = 0.38
    shape: Shape = field(default_factory=Shape)


@dataclass(slots=True)
class Progress:
    """How far a run has come."""

    step: int = 0
    tokens: int = 0
    next_index: int = 0
    seconds: float = 0.0


class Run:
    """One training run in a folder: tokenizer, network, optimizers, checkpoint."""

    def __init__(self, folder: Path, recipe: Recipe, device: str) -> None:
        self.folder = folder
        self.recipe = recipe
        self.device = device
        self.progress = Progress()
        self.tokenizer: PreTrainedTokenizerFast = load_or_build(folder / "tokenizer", recipe.seed)
        self.model: LlamaForCausalLM = create(recipe.shape, self.tokenizer, recipe.seed)
        self.model.to(device)
        self.optimizers = optimizers(self.model, recipe.lr)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def resume(self) -> bool:
        """Load the last checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return False
        saved = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.progress = Progress(**saved["progress"])
        return True

    def save(self) -> None:
        """Write the checkpoint; a crash while writing leaves the old one."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
        }
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def learning_rate(self) -> float:
        """Short warm-up, constant, then linear to zero over the last ``decay_share``."""
        done = self.progress.tokens / self.recipe.tokens
        warm = min(1.0, (done + 1e-4) / WARMUP_SHARE)
        cool = min(1.0, max(0.0, 1 - done) / self.recipe.decay_share)
        return self.recipe.lr * min(warm, cool)

    def step(self, batch: Batch) -> float:
        """One update; returns the loss."""
        rate = self.learning_rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        loss = loss_of(
            self.model, Batch(batch.ids.to(self.device), batch.labels.to(self.device), 0)
        )
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += batch.tokens
        self.progress.next_index = batch.next_index
        return float(loss.item())

    def train(self, checkpoint_every_s: float, stop_after_s: float) -> None:
        """Train until the recipe's tokens are done or ``stop_after_s`` has passed."""
        source = batches(
            self.tokenizer, self.recipe.seed, self.progress.next_index, self.recipe.batch_tokens
        )
        began = saved = time.monotonic()
        earlier = self.progress.seconds
        smooth = 0.0
        with tqdm(
            total=int(self.recipe.tokens),
            initial=self.progress.tokens,
            unit="tok",
            unit_scale=True,
            mininterval=5,
        ) as bar:
            while self.progress.tokens < self.recipe.tokens:
                batch = next(source)
                loss = self.step(batch)
                smooth = 0.97 * smooth + 0.03 * loss if smooth else loss
                bar.update(batch.tokens)
                bar.set_postfix(
                    loss=f"{smooth:.4f}", lr=f"{self.learning_rate():.1e}", refresh=False
                )
                now = time.monotonic()
                self.progress.seconds = earlier + now - began
                if now - saved > checkpoint_every_s:
                    self.save()
                    saved = now
                if now - began > stop_after_s:
                    break
        self.save()


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
        "--decay-share",
        type=float,
        default=recipe.decay_share,
        help="last share of the run, rate falls to zero",
    )
    made.add_argument("--hidden", type=int, default=recipe.shape.hidden)
    made.add_argument("--layers", type=int, default=recipe.shape.layers)
    made.add_argument(
        "--threads", type=int, default=0, help="CPU threads; 0 leaves the choice to torch"
    )
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    made.add_argument("--checkpoint-every-s", type=float, default=120.0)
    made.add_argument(
        "--stop-after-s", type=float, default=float("inf"), help="stop early, resumable"
    )
    made.add_argument("--fresh", action="store_true", help="ignore the last checkpoint")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    shape = Shape(hidden=args.hidden, layers=args.layers)
    recipe = Recipe(args.seed, args.tokens, args.batch_tokens, args.lr, args.decay_share, shape)
    run = Run(args.out, recipe, device_name(args.device))
    if not args.fresh and run.resume():
        print(f"resuming at {run.progress.tokens:,} tokens")  # noqa: T201  a command line speaks
    run.train(args.checkpoint_every_s, args.stop_after_s)


if __name__ == "__main__":
    main()

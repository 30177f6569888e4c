"""One training run in a folder: recipe, tokenizer, network, optimizers, checkpoint.

A resumed run is the uninterrupted one: the checkpoint holds the optimizers' state and the exact
place in the data, and the rate depends on tokens only. Until it begins to fall the total may still
be changed, and a fresh run with the final total gives the same weights. (On CUDA the data and the
updates are the same, the sums of a GPU's threads not to the last bit.)
"""

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from planner_node.training.batches import Batch, Position, Size
from planner_node.training.corpus import lexicon
from planner_node.training.corpus.samples import dump, sample
from planner_node.training.focus import Focus
from planner_node.training.forward import precision_for
from planner_node.training.gradients import Each, Gradients, side_by_side
from planner_node.training.growth import grown
from planner_node.training.network import Shape, create, optimizers
from planner_node.training.tokenizer import load_or_build, pieces_of

CLIP: Final = 1.0
_PROBED_SAMPLES: Final = 300


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the result of a run."""

    seed: int = 20_26
    tokens: float = 45e6
    size: Size = field(default_factory=Size)
    lr: float = 2e-3
    warmup_tokens: float = 300e3
    decay_share: float = 0.5
    shape: Shape = field(default_factory=Shape)
    focus: float = 0.0  # nats of an answer from which on it is always learnt from; 0: every row is
    begin_from: str = ""  # folder of exported weights to go on from; empty: random weights

    @property
    def decay_from_tokens(self) -> float:
        """Where the rate begins to fall."""
        return self.tokens * (1 - self.decay_share)

    def rate(self, tokens: int) -> float:
        """The learning rate after ``tokens``: warm-up, constant, then linear to zero."""
        warm = min(1.0, (tokens + self.size.batch_tokens) / self.warmup_tokens)
        cool = min(1.0, max(0.0, 1 - tokens / self.tokens) / self.decay_share)
        return self.lr * min(warm, cool)


RECIPES: Final = {
    "cpu": Recipe(),
    "cuda": Recipe(
        tokens=350e6,
        size=Size(batch_tokens=65_536, part_tokens=32_768, pool_samples=6_144),
        lr=4e-3,
        warmup_tokens=3e6,
        decay_share=0.6,
        shape=Shape(hidden=384, layers=8, heads=12, kv_heads=4, feed_forward=1024),
    ),
}
"""By kind of device: what two CPU cores make in about an hour and a half, computed from its speed,
and a GPU in nine minutes."""


@dataclass(slots=True)
class Progress:
    """How far a run has come; ``seconds`` are those spent in training."""

    step: int = 0
    tokens: int = 0
    position: Position = field(default_factory=Position)
    seconds: float = 0.0


class OtherRunError(ValueError):
    """The folder holds a run of another recipe or of other data."""


def fingerprint(seed: int, tokenizer: PreTrainedTokenizerFast) -> str:
    """A short checksum of the lists, the seed's first samples with their tools, the vocabulary."""
    made = [sample(seed, number) for number in range(_PROBED_SAMPLES)]
    tools = json.dumps([one.tools for one in made], ensure_ascii=False)
    vocabulary = tokenizer.backend_tokenizer.to_str()
    text = "\n".join([dump(made), tools, lexicon.whole("zh"), lexicon.whole("en"), vocabulary])
    return sha256(text.encode()).hexdigest()[:16]


class Run:
    """A run in ``folder``, with random weights until ``begin`` or ``resume``."""

    def __init__(self, folder: Path, recipe: Recipe, device: str, workers: int = 1) -> None:
        self.folder = folder
        self.recipe = recipe
        self.device = device
        self.precision = precision_for(device)
        self.progress = Progress()
        self.tokenizer = _vocabulary(folder / "tokenizer", recipe)
        self.data = fingerprint(recipe.seed, self.tokenizer)
        self.model: LlamaForCausalLM = create(recipe.shape, self.tokenizer, recipe.seed)
        self.model.to(device)
        each: Each = side_by_side(workers) if device == "cpu" else map
        self.optimizers = optimizers(self.model, recipe.lr, self.precision, each)
        self._gradients = Gradients(self.model, self.precision, each)
        self._focus = Focus(self.model, self.precision, each, recipe.focus, recipe.size.part_tokens)
        self.learnt_share = 1.0

    @property
    def checkpoint(self) -> Path:
        return checkpoint_of(self.folder)

    def begin(self) -> None:
        """Take over the weights that the recipe begins from, if it names any.

        The vocabulary may be another: an entry begins as the mean of those that spelled it before.
        The network may be larger: it begins as one that computes the same.
        """
        folder = self.recipe.begin_from
        if not folder:
            return
        earlier = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
        spelled = pieces_of(self.tokenizer, PreTrainedTokenizerFast.from_pretrained(folder))
        before = earlier.get_input_embeddings().weight.detach()
        rows = before.mean(0).repeat(self.model.config.vocab_size, 1)
        for number, pieces in spelled.items():
            rows[number] = before[pieces].mean(0)
        self.model.load_state_dict(grown(earlier, rows, self.model))

    def resume(self) -> bool:
        """Load the last checkpoint, if there is one; OtherRunError where it cannot go on."""
        if not self.checkpoint.exists():
            return False
        saved = self._saved()
        self._refuse_another(saved)
        self._take(saved)
        return True

    def load(self) -> None:
        """Load the last checkpoint whatever the generator makes by now: for its weights."""
        self._take(self._saved())

    def _saved(self) -> dict[str, Any]:
        saved: dict[str, Any] = torch.load(
            self.checkpoint, map_location=self.device, weights_only=True
        )
        return saved

    def _take(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.progress = Progress(**saved["progress"])
        self.progress.position = Position(**saved["progress"]["position"])

    def _refuse_another(self, saved: dict[str, Any]) -> None:
        before, tokens = _recipe(saved), saved["progress"]["tokens"]
        begun = tokens > min(before.decay_from_tokens, self.recipe.decay_from_tokens)
        wanted = self.recipe
        if not begun:
            wanted = replace(wanted, tokens=before.tokens, decay_share=before.decay_share)
        if wanted != before:
            message = f"{self.folder} holds a run of {before}, at {tokens:,} tokens"
            raise OtherRunError(f"{message}: ask for the same recipe, or start anew with --fresh")
        if saved["data"] != self.data:
            raise OtherRunError(f"the generator changed since {self.folder} began: use --fresh")

    def save(self) -> None:
        """Write the checkpoint; a crash while writing leaves the old one."""
        state = {
            "recipe": asdict(self.recipe),
            "data": self.data,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
        }
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def step(self, batch: Batch) -> torch.Tensor:
        """One update; returns the mean loss of an answer's token, not waited for."""
        rate = self.recipe.rate(self.progress.tokens)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        learnt = self._focus.chosen(batch)
        self.learnt_share = learnt.tokens / batch.tokens
        loss = self._gradients.put(learnt)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for optimizer in self.optimizers:
            optimizer.step()
        self.progress.step += 1
        self.progress.tokens += batch.tokens
        self.progress.position = batch.after
        return loss


def _vocabulary(folder: Path, recipe: Recipe) -> PreTrainedTokenizerFast:
    """The vocabulary in ``folder``; where there is none, that of the weights a run begins from."""
    if recipe.begin_from and not folder.exists():
        PreTrainedTokenizerFast.from_pretrained(recipe.begin_from).save_pretrained(folder)
    return load_or_build(folder, recipe.seed)


def checkpoint_of(folder: Path) -> Path:
    """Where the run of ``folder`` keeps its state."""
    return folder / "checkpoint.pt"


def stored_recipe(folder: Path) -> Recipe:
    """The recipe of the run in ``folder``; FileNotFoundError where there is none."""
    return _recipe(torch.load(checkpoint_of(folder), map_location="cpu", weights_only=True))


def _recipe(saved: dict[str, Any]) -> Recipe:
    fields = dict(saved["recipe"])
    parts = {"shape": Shape(**fields["shape"]), "size": Size(**fields["size"])}
    return Recipe(**{**fields, **parts})

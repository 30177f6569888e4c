"""What a focused run learns from: the answers it finds hard, and one in ten of the others."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from planner_node.training.batches import IGNORED, Batch, Part, Position, Size, batches
from planner_node.training.focus import KNOWN_EVERY, Focus
from planner_node.training.forward import loss_of, losses_of
from planner_node.training.network import Shape
from planner_node.training.run import Recipe, Run

SIZE = Size(batch_tokens=12_288, part_tokens=4_096, pool_samples=96)
TINY = Recipe(seed=3, tokens=60_000, size=SIZE, lr=4e-3, shape=Shape(64, 2, 4, 2, 128))
NEVER = 1e9


@pytest.fixture
def run(folder: Path) -> Run:
    return Run(folder, TINY, "cpu")


@pytest.fixture
def batch(run: Run) -> Batch:
    return next(batches(run.tokenizer, TINY.seed, Position(), SIZE))


def chosen(run: Run, batch: Batch, least_loss: float) -> Batch:
    return Focus(run.model, torch.float32, map, least_loss, SIZE.part_tokens).chosen(batch)


def rows_of(batch: Batch) -> list[tuple[list[int], list[int]]]:
    """Ids and labels of all rows, without padding, in an order of their own."""
    rows = []
    for part in batch.parts:
        for ids, labels in zip(part.ids.tolist(), part.labels.tolist(), strict=True):
            end = max(place for place, label in enumerate(labels) if label != IGNORED) + 1
            rows.append((ids[:end], labels[:end]))
    return sorted(rows)


def losses(run: Run, batch: Batch) -> torch.Tensor:
    return torch.cat([losses_of(run.model, part, torch.float32) for part in batch.parts])


def test_losses_of_rows_are_those_of_each_row_alone(run: Run, batch: Batch) -> None:
    part = batch.parts[0]
    alone = [
        loss_of(run.model, Part(part.ids[row : row + 1], part.labels[row : row + 1]), torch.float32)
        for row in range(len(part.ids))
    ]
    torch.testing.assert_close(
        losses_of(run.model, part, torch.float32), torch.stack(alone), rtol=1e-4, atol=1e-3
    )


def test_without_a_least_loss_a_batch_stays_as_it_is(run: Run, batch: Batch) -> None:
    assert chosen(run, batch, 0.0) is batch


def test_all_hard_rows_are_learnt_from_letter_by_letter(run: Run, batch: Batch) -> None:
    assert rows_of(chosen(run, batch, least_loss=1e-6)) == rows_of(batch)


def test_one_in_ten_known_rows_is_learnt_from(run: Run, batch: Batch) -> None:
    kept = rows_of(chosen(run, batch, NEVER))
    assert len(kept) == -(-len(rows_of(batch)) // KNOWN_EVERY)
    assert all(row in rows_of(batch) for row in kept)


def test_hard_rows_are_those_with_the_least_loss_and_more(run: Run, batch: Batch) -> None:
    found = losses(run, batch)
    middle = float(found.median())
    hard = int((found >= middle).sum())
    known = len(found) - hard
    assert known > KNOWN_EVERY
    learnt = chosen(run, batch, middle)
    again = losses(run, learnt)
    assert int((again >= middle - 1e-3).sum()) >= hard
    assert len(again) == hard + -(-known // KNOWN_EVERY)


def test_parts_of_what_is_learnt_fit_like_those_of_a_batch(run: Run, batch: Batch) -> None:
    for part in chosen(run, batch, least_loss=1e-6).parts:
        assert part.ids.shape == part.labels.shape
        assert part.ids.numel() <= SIZE.part_tokens


def test_a_focused_step_counts_what_it_has_seen_and_says_what_it_learnt(
    folder: Path, batch: Batch
) -> None:
    focused = Run(folder, replace(TINY, focus=NEVER), "cpu")
    before = [weight.clone() for weight in focused.model.parameters()]
    focused.step(batch)
    assert focused.progress.tokens == batch.tokens
    assert focused.learnt_share < 0.5
    assert any(
        not torch.equal(weight, earlier)
        for weight, earlier in zip(focused.model.parameters(), before, strict=True)
    )


def test_two_cores_choose_and_train_like_one(folder: Path, batch: Batch) -> None:
    recipe = replace(TINY, focus=50.0)
    alone, together = Run(folder, recipe, "cpu"), Run(folder, recipe, "cpu", workers=2)
    assert alone.step(batch) == together.step(batch)
    pairs = zip(alone.model.parameters(), together.model.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)

"""A tiny run: the loss falls, a stopped run goes on, the exported folder loads."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from planner_node.training.batches import IGNORED, Batch, batches
from planner_node.training.export import export
from planner_node.training.muon import orthogonal
from planner_node.training.network import Shape
from planner_node.training.tokenizer import build, wrapped
from planner_node.training.train import Recipe, Run, parser

TINY = Recipe(seed=3, tokens=30_000, batch_tokens=1024, lr=4e-3, shape=Shape(64, 2, 4, 2, 128))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    wrapped(build(3, samples=200, characters=100, words=60)).save_pretrained(made / "tokenizer")
    return made


def first_batches(run: Run, count: int) -> list[Batch]:
    source = batches(run.tokenizer, run.recipe.seed, 0, run.recipe.batch_tokens)
    return [next(source) for _ in range(count)]


def test_loss_falls_within_a_few_steps(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    losses = [run.step(batch) for batch in first_batches(run, 12)]
    assert losses[-1] < losses[0] - 0.5


def test_labels_hide_the_prompt_and_end_with_the_end_mark(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    (batch,) = first_batches(run, 1)
    end = run.tokenizer.eos_token_id
    for labels in batch.labels:
        shown = labels[labels != IGNORED]
        assert labels[0] == IGNORED
        assert shown[-1] == end


def test_stopped_run_goes_on_where_it_was(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    for batch in first_batches(run, 2):
        run.step(batch)
    run.save()
    again = Run(folder, TINY, "cpu")
    assert again.resume()
    assert again.progress == run.progress
    assert torch.equal(again.model.lm_head.weight, run.model.lm_head.weight)


def test_exported_folder_loads_with_its_template(folder: Path, tmp_path: Path) -> None:
    export(Run(folder, TINY, "cpu"), tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.chat_template
    assert model.config.vocab_size >= len(tokenizer)
    assert model.generation_config.eos_token_id[0] == tokenizer.convert_tokens_to_ids("<|eot_id|>")


def test_orthogonal_update_has_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, 24, 64)))
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_help_teaches_how_to_resume() -> None:
    assert "last checkpoint" in parser().format_help()

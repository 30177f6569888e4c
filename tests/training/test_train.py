"""A tiny run: the loss falls, a stopped run goes on, the exported folder loads."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from planner_node.training.batches import IGNORED, Batch, Position, Size, batches
from planner_node.training.corpus import lexicon
from planner_node.training.export import export
from planner_node.training.forward import loss_of, precision_for
from planner_node.training.muon import orthogonal
from planner_node.training.network import Shape
from planner_node.training.run import OtherRunError, Recipe, Run, stored_recipe
from planner_node.training.tokenizer import build, wrapped
from planner_node.training.train import Pace, main, parser, recipe_of, train

SHAPE = Shape(64, 3, 4, 2, 128)
SMALL_POOLS = Size(pool_samples=96)
TINY = Recipe(seed=3, tokens=30_000, size=SMALL_POOLS, lr=4e-3, warmup_tokens=8_000, shape=SHAPE)


def data(run: Run, start: Position | None = None) -> Iterator[Batch]:
    return batches(run.tokenizer, run.recipe.seed, start or Position(), run.recipe.size)


def without_limit(run: Run) -> Pace:
    return Pace(run, checkpoint_every_s=float("inf"), stop_after_s=float("inf"))


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in run.model.state_dict().items()}


def test_loss_falls_within_a_few_steps(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    losses = [run.step(batch) for batch in islice(data(run), 8)]
    assert losses[-1] < losses[0] - 0.5


def test_labels_hide_the_prompt_and_end_with_the_end_mark(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    end = run.tokenizer.eos_token_id
    for part in next(data(run)).parts:
        for labels in part.labels:
            shown = labels[labels != IGNORED]
            assert labels[0] == IGNORED
            assert shown[-1] == end


def test_loss_and_gradients_are_those_of_transformers(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    part = next(data(run)).parts[0]
    hidden = run.model.model(input_ids=part.ids, use_cache=False).last_hidden_state
    logits = run.model.lm_head(hidden).flatten(0, 1)
    theirs = functional.cross_entropy(logits, part.labels.flatten(), reduction="sum")
    torch.autograd.backward(theirs)
    expected = [weight.grad for weight in run.model.parameters()]
    run.model.zero_grad()
    ours = loss_of(run.model, part, torch.float32)
    torch.autograd.backward(ours)
    torch.testing.assert_close(ours, theirs)
    for weight, wanted in zip(run.model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, wanted, rtol=1e-3, atol=2e-3)


def test_two_cores_train_the_weights_of_one(folder: Path) -> None:
    alone, together = Run(folder, TINY, "cpu"), Run(folder, TINY, "cpu", workers=2)
    for batch in islice(data(alone), 3):
        assert len(batch.parts) == 2
        assert alone.step(batch) == together.step(batch)
    for name, weight in weights(together).items():
        assert torch.equal(weight, weights(alone)[name]), name


@pytest.mark.parametrize("stopped_after", [1, 3])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    folder: Path, tmp_path: Path, stopped_after: int
) -> None:
    whole = Run(folder, TINY, "cpu")
    train(whole, data(whole), without_limit(whole))
    shutil.copytree(folder / "tokenizer", tmp_path / "tokenizer")
    first = Run(tmp_path, TINY, "cpu")
    for batch in islice(data(first), stopped_after):
        first.step(batch)
    first.save()
    second = Run(tmp_path, TINY, "cpu")
    assert second.resume()
    train(second, data(second, second.progress.position), without_limit(second))
    assert second.progress.step == whole.progress.step > stopped_after
    for name, weight in weights(second).items():
        assert torch.equal(weight, weights(whole)[name]), name


def test_a_position_skips_exactly_what_is_behind_it(folder: Path) -> None:
    run = Run(folder, TINY, "cpu")
    taken = list(islice(data(run), 3))
    again = next(data(run, taken[1].after))
    for part, wanted in zip(again.parts, taken[2].parts, strict=True):
        assert torch.equal(part.ids, wanted.ids)
    assert again.after == taken[2].after


def test_the_rate_warms_up_stays_and_falls_to_zero() -> None:
    recipe = Recipe(tokens=20e6, warmup_tokens=300e3, decay_share=0.4, lr=2e-3)
    assert recipe.rate(0) < recipe.rate(100_000) < recipe.rate(300_000) == 2e-3
    assert recipe.rate(12_000_000) == pytest.approx(2e-3)
    assert recipe.rate(16_000_000) == pytest.approx(1e-3)
    assert recipe.rate(20_000_000) == 0.0


def test_the_length_does_not_matter_before_the_rate_falls() -> None:
    short, long = Recipe(tokens=20e6), Recipe(tokens=40e6)
    constant = range(0, int(short.decay_from_tokens), 100_000)
    assert all(short.rate(at) == long.rate(at) for at in constant)


@pytest.mark.parametrize(("total", "goes_on"), [(60_000, True), (4_000, False)])
def test_the_length_may_change_until_the_rate_falls(
    folder: Path, tmp_path: Path, total: float, *, goes_on: bool
) -> None:
    shutil.copytree(folder / "tokenizer", tmp_path / "tokenizer")
    run = Run(tmp_path, TINY, "cpu")
    run.step(next(data(run)))
    run.save()
    other = Run(tmp_path, replace(TINY, tokens=total), "cpu")
    if goes_on:
        assert other.resume()
    else:
        with pytest.raises(OtherRunError, match="--fresh"):
            other.resume()


def test_another_recipe_does_not_go_on_with_these_weights(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "tokenizer", tmp_path / "tokenizer")
    Run(tmp_path, TINY, "cpu").save()
    assert stored_recipe(tmp_path) == TINY
    with pytest.raises(OtherRunError, match="same recipe"):
        Run(tmp_path, replace(TINY, lr=1e-3), "cpu").resume()


def test_a_changed_list_of_words_is_other_data(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder / "tokenizer", tmp_path / "tokenizer")
    run = Run(tmp_path, TINY, "cpu")
    run.step(next(data(run)))
    run.save()
    whole = lexicon.whole
    monkeypatch.setattr(lexicon, "whole", lambda lang: f"{whole(lang)} {lang}")
    other = Run(tmp_path, TINY, "cpu")
    with pytest.raises(OtherRunError, match="generator changed"):
        other.resume()
    other.load()  # what was learned is there all the same, to be exported
    assert other.progress.step == 1
    for name, weight in weights(other).items():
        assert torch.equal(weight, weights(run)[name]), name


def test_a_fresh_run_learns_its_vocabulary_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokenizer").mkdir()
    seen = []

    def stop(folder: Path, *_: object) -> None:
        seen.append((folder / "tokenizer").exists())
        raise OtherRunError("far enough")

    monkeypatch.setattr("planner_node.training.train.Run", stop)
    for flags in ([], ["--fresh"]):
        with pytest.raises(OtherRunError):
            main(["--out", str(tmp_path), "--device", "cpu", *flags])
    assert seen == [True, False]


def test_products_run_in_what_the_processor_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert precision_for("cpu") is torch.float32
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert precision_for("cpu") is torch.bfloat16


def test_exported_folder_loads_with_its_template(folder: Path, tmp_path: Path) -> None:
    export(Run(folder, TINY, "cpu"), tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert model.dtype is torch.float32
    whole = 4 * sum(weight.numel() for weight in model.parameters())
    assert (tmp_path / "model.safetensors").stat().st_size < 0.6 * whole
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.chat_template
    assert model.config.vocab_size >= len(tokenizer)
    assert model.generation_config.eos_token_id[0] == tokenizer.convert_tokens_to_ids("<|eot_id|>")


def test_a_run_may_begin_from_exported_weights_and_another_vocabulary(
    folder: Path, tmp_path: Path
) -> None:
    earlier = Run(folder, TINY, "cpu")
    earlier.step(next(data(earlier)))
    export(earlier, tmp_path / "earlier")
    other = build(3, samples=200, characters=60, words=120)
    wrapped(other).save_pretrained(tmp_path / "later" / "tokenizer")
    onward = replace(TINY, begin_from=str(tmp_path / "earlier"))
    later = Run(tmp_path / "later", onward, "cpu")
    later.begin()
    before = {name: weight.bfloat16().float() for name, weight in weights(earlier).items()}
    after = weights(later)
    rows, old_rows = (w.pop("model.embed_tokens.weight") for w in (after, before))
    known, number = earlier.tokenizer.get_vocab(), later.tokenizer.get_vocab()
    assert set(number) - set(known)
    for text, pieces in spelled_before(earlier, later).items():
        torch.testing.assert_close(rows[number[text]], old_rows[pieces].mean(0))
    for name in before.keys() - {"lm_head.weight"}:
        assert torch.equal(after[name], before[name]), name
    later.save()
    assert stored_recipe(tmp_path / "later") == onward
    with pytest.raises(OtherRunError):
        Run(tmp_path / "later", TINY, "cpu").resume()


def test_a_run_takes_shape_and_vocabulary_of_what_it_begins_from_and_refuses_a_smaller_one(
    folder: Path, tmp_path: Path
) -> None:
    export(Run(folder, TINY, "cpu"), tmp_path / "earlier")
    begun = ["--begin-from", str(tmp_path / "earlier"), "--device", "cpu"]
    recipe = recipe_of(parser().parse_args(begun), "cpu")
    assert recipe.shape == TINY.shape
    onward, earlier = Run(tmp_path / "onward", recipe, "cpu"), Run(folder, TINY, "cpu")
    assert onward.tokenizer.get_vocab() == earlier.tokenizer.get_vocab()
    with pytest.raises(SystemExit, match="at least as large"):
        main([*begun, "--out", str(tmp_path / "onward"), "--layers", "2"])


def spelled_before(earlier: Run, later: Run) -> dict[str, list[int]]:
    """How the earlier vocabulary writes the whole words of the later one."""
    known = earlier.tokenizer.get_vocab()
    words = [text for text in later.tokenizer.get_vocab() if text.isascii() and text.isalpha()]
    return {
        text: [known[text]]
        if text in known
        else earlier.tokenizer.encode(text, add_special_tokens=False)
        for text in words
    }


def test_orthogonal_update_has_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, 24, 64)))
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_help_teaches_how_to_resume() -> None:
    assert "last checkpoint" in parser().format_help()

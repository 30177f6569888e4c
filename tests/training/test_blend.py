"""Weights between two models are neither's, and only of models that belong together."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planner_node.training.blend import main


def model(folder: Path, value: float, *, layers: int = 1, vocabulary: str = "{}") -> Path:
    """A small exported network whose every weight is ``value``."""
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=layers,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    made = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in made.parameters():
            weight.fill_(value)
    made.to(torch.bfloat16).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(vocabulary)
    return folder


def test_a_share_of_the_later_weights_is_taken_and_the_rest_of_the_earlier(tmp_path: Path) -> None:
    earlier, later = model(tmp_path / "a", 1.0), model(tmp_path / "b", 5.0, vocabulary="{}")
    main([str(earlier), str(later), "--share", "0.25", "--to", str(tmp_path / "c")])
    mixed = LlamaForCausalLM.from_pretrained(tmp_path / "c", dtype="auto")
    assert mixed.dtype is torch.float32
    assert {weight.min().item() for weight in mixed.parameters()} == {2.0}
    assert {weight.max().item() for weight in mixed.parameters()} == {2.0}
    halves = (tmp_path / "c" / "model.safetensors").stat().st_size
    assert halves == (later / "model.safetensors").stat().st_size
    assert (tmp_path / "c" / "tokenizer.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("other", "said"),
    [({"layers": 2}, "different shapes"), ({"vocabulary": "[]"}, "different vocabularies")],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, other: dict[str, object], said: str) -> None:
    earlier, later = model(tmp_path / "a", 1.0), model(tmp_path / "b", 5.0, **other)  # type: ignore[arg-type]  # by name
    with pytest.raises(SystemExit, match=said):
        main([str(earlier), str(later), "--to", str(tmp_path / "c")])
    assert not (tmp_path / "c").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere"):
        main([str(tmp_path / "nowhere"), str(tmp_path), "--to", str(tmp_path / "c")])

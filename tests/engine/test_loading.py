"""Checkpoint folders in the real layout, through the real loader, in every precision."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from planner_node.engine.assembly import assemble
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import LoadedModel, ModelSpec, load
from planner_node.engine.request import Request
from planner_node.errors import ModelNotLoaded
from tests.fakes.engine import TINY_CONTEXT_TOKENS, run_together, tiny_llama, write_tiny_llama

RENAMED = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")  # peft 0.21 asks so
LIMITS = EngineLimits(rows=2, context_tokens=128)
PROMPT = (0, 10, 20, 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny Llama 3.1 as a checkpoint folder."""
    path = tmp_path_factory.mktemp("tiny-llama")
    write_tiny_llama(path)
    return path


@pytest.fixture
def spec(folder: Path) -> ModelSpec:
    return ModelSpec(str(folder))


def greedy(loaded: LoadedModel) -> tuple[int, ...]:
    engine = assemble(loaded, LIMITS)
    return run_together(engine, [Request("a", PROMPT, max_new_tokens=8)])["a"].token_ids


def logits(loaded: LoadedModel) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = loaded.model(torch.tensor([PROMPT])).logits[0, -1].float()
    return found


def test_checkpoint_is_described(spec: ModelSpec) -> None:
    loaded = load(spec)
    assert (loaded.dtype, loaded.quantization, loaded.device) == ("float32", "none", "cpu")
    assert loaded.vocabulary_tokens == 300
    assert loaded.context_tokens == TINY_CONTEXT_TOKENS
    assert loaded.eos_token_ids == {1, 2}
    assert loaded.memory_bytes > 4 * 300 * 64


def test_tokenizer_comes_with_the_model(spec: ModelSpec) -> None:
    tokenizer = load(spec).tokenizer
    assert tokenizer.decode(tokenizer("將書本放在側桌上")["input_ids"]) == "將書本放在側桌上"


def test_float32_gives_the_tokens_that_were_saved(spec: ModelSpec) -> None:
    generated = tiny_llama().generate(
        torch.tensor([PROMPT]), max_new_tokens=8, do_sample=False, eos_token_id=None
    )
    assert greedy(load(spec)) == tuple(generated[0, len(PROMPT) :].tolist())


def test_bfloat16_halves_the_memory(spec: ModelSpec) -> None:
    half = load(replace(spec, dtype="bfloat16"))
    assert half.dtype == "bfloat16"
    assert half.memory_bytes < 0.6 * load(spec).memory_bytes
    assert len(greedy(half)) == 8


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_quantized_weights_are_smaller_close_and_run(
    spec: ModelSpec, quantization: str, dtype: str
) -> None:
    whole = load(spec)
    small = load(replace(spec, quantization=quantization, dtype=dtype))
    assert small.quantization == quantization
    assert small.memory_bytes < whole.memory_bytes
    similarity = torch.cosine_similarity(logits(small), logits(whole), dim=0)
    assert similarity > 0.9
    assert len(greedy(small)) == 8


@RENAMED
def test_adapter_changes_the_weights_at_no_cost(spec: ModelSpec, tmp_path: Path) -> None:
    adapted = get_peft_model(tiny_llama(), LoraConfig(r=2, init_lora_weights=False))
    adapted.save_pretrained(str(tmp_path))
    loaded = load(replace(spec, adapter=tmp_path))
    with torch.inference_mode():
        expected = adapted(torch.tensor([PROMPT])).logits[0, -1]
    torch.testing.assert_close(logits(loaded), expected, rtol=1e-3, atol=1e-3)
    assert loaded.memory_bytes == load(spec).memory_bytes


@RENAMED
def test_adapter_over_quantized_weights_runs(spec: ModelSpec, tmp_path: Path) -> None:
    get_peft_model(tiny_llama(), LoraConfig(r=2)).save_pretrained(str(tmp_path))
    assert len(greedy(load(replace(spec, adapter=tmp_path, quantization="nf4")))) == 8


def test_context_is_the_smaller_of_model_and_limits(spec: ModelSpec) -> None:
    engine = assemble(load(spec), replace(LIMITS, context_tokens=9999))
    outcome = run_together(engine, [Request("a", PROMPT, max_new_tokens=9999)])["a"]
    assert outcome.usage.completion_tokens == TINY_CONTEXT_TOKENS - len(PROMPT)


def test_threads_are_set(spec: ModelSpec) -> None:
    before = torch.get_num_threads()
    load(replace(spec, threads=before + 1))
    threads = torch.get_num_threads()
    torch.set_num_threads(before)
    assert threads == before + 1


def test_small_model_runs_on_one_thread(spec: ModelSpec) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    load(spec)
    threads = torch.get_num_threads()
    torch.set_num_threads(before)
    assert threads == 1


def test_cuda_allocator_grows_in_segments() -> None:
    assert "expandable_segments" in os.environ["PYTORCH_CUDA_ALLOC_CONF"]


def test_threads_do_not_spin_while_they_wait() -> None:
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotLoaded, match=r"no folder .*nowhere"):
        load(ModelSpec(str(tmp_path / "nowhere")))


def test_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotLoaded, match=r"no config\.json"):
        load(ModelSpec(str(tmp_path)))


def test_folder_without_weights_says_so(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelNotLoaded) as caught:
        load(ModelSpec(str(tmp_path)))
    assert caught.value.references["cause"] == "MISSING"


def test_broken_weights_say_so(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-999])
    with pytest.raises(ModelNotLoaded, match="cannot be loaded"):
        load(ModelSpec(str(tmp_path)))


def test_unknown_architecture_says_so(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "abacus"}')
    with pytest.raises(ModelNotLoaded) as caught:
        load(ModelSpec(str(tmp_path)))
    assert caught.value.references["cause"] == "UNSUPPORTED"


@pytest.mark.parametrize(
    ("model_id", "is_folder"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", False),
        ("gpt2", False),
        ("./models/mine", True),
        ("~/models/mine", True),
        ("/srv/models/mine", True),
        ("srv/models/mine", True),
    ],
)
def test_id_is_a_folder_or_a_hub_id(model_id: str, is_folder: bool) -> None:  # noqa: FBT001  a table
    assert (ModelSpec(model_id).folder is not None) is is_folder

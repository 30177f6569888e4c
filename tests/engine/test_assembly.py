"""Models of other families: the same tokens as generate, or a refusal at the start."""

from dataclasses import replace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma3TextConfig,
    GPT2Config,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from planner_node.engine.assembly import MOST_ENGINES, assemble, assemble_all
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import is_llama_shaped
from planner_node.engine.loading import ONE_THREAD_BYTES, LoadedModel
from planner_node.engine.request import Request
from planner_node.errors import ModelNotLoaded
from tests.fakes.engine import byte_tokenizer, outcomes_of, run_together, tiny_llama

LIMITS = EngineLimits(rows=3, prefill_tokens=24, context_tokens=128)
SHAPE = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
ROWS_OF_GPT = {"vocab_size": 300, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}

CONFIGS = [
    GPT2Config(**ROWS_OF_GPT, bos_token_id=0, eos_token_id=1),
    Qwen2Config(**SHAPE),
    Qwen3Config(**SHAPE, head_dim=16),
    MistralConfig(**SHAPE, sliding_window=None),
    MistralConfig(**SHAPE, sliding_window=128),
    MixtralConfig(**SHAPE, num_local_experts=4),
    Gemma3TextConfig(**SHAPE, head_dim=16, sliding_window=128),
]


def loaded_from(config: PreTrainedConfig) -> LoadedModel:
    """Return a random model of the family, as the loader would describe it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0.0, 0.15)
    return LoadedModel(
        id=config.model_type,
        model=model,
        tokenizer=byte_tokenizer(),
        vocabulary_tokens=300,
        eos_token_ids=frozenset({1}),
        context_tokens=128,
        dtype="float32",
        quantization="none",
        device="cpu",
        memory_bytes=0,
    )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_any_family_gives_the_tokens_of_generate(config: PreTrainedConfig) -> None:
    loaded = loaded_from(config)
    prompts = [tuple(range(start, start + 9 * start)) for start in (3, 4, 5)]
    outcomes = run_together(
        assemble(loaded, LIMITS),
        [Request(str(len(prompt)), prompt, max_new_tokens=8) for prompt in prompts],
    )
    expected = {
        str(len(prompt)): tuple(
            loaded.model.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt)),
                max_new_tokens=8,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )[0, len(prompt) :].tolist()
        )
        for prompt in prompts
    }
    assert {name: outcome.token_ids for name, outcome in outcomes.items()} == expected


@pytest.mark.parametrize(
    "config",
    [
        BloomConfig(vocab_size=300, hidden_size=64, n_layer=2, n_head=4),
        MambaConfig(vocab_size=300, hidden_size=64, num_hidden_layers=2),
    ],
    ids=lambda config: config.model_type,
)
def test_family_without_plain_keys_and_values_is_refused(config: PreTrainedConfig) -> None:
    with pytest.raises(ModelNotLoaded, match=config.model_type):
        assemble(loaded_from(config), LIMITS)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"attention_bias": True, "mlp_bias": True}, True),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}, True),
        ({"tie_word_embeddings": False}, True),
        ({"num_key_value_heads": 4}, True),
        ({"hidden_act": "gelu"}, False),
        ({"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, False),
    ],
)
def test_own_forward_takes_what_it_computes_rightly(
    changes: dict[str, object],
    fits: bool,  # noqa: FBT001  a table
) -> None:
    model = tiny_llama(**changes)
    assert is_llama_shaped(model) is fits
    assemble(replace(loaded_from(CONFIGS[0]), model=model), LIMITS)  # refuses other scores


def compilable(**changes: object) -> LoadedModel:
    return replace(loaded_from(CONFIGS[0]), model=tiny_llama(head_dim=16, **changes))


@pytest.mark.parametrize(
    ("cores", "threads", "rows", "number"),
    [(1, 0, 8, 1), (2, 0, 8, 2), (64, 0, 8, MOST_ENGINES), (64, 3, 8, 3), (64, 0, 2, 2)],
)
def test_threads_and_rows_bound_the_engines(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, rows: int, number: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    engines = assemble_all(compilable(), replace(LIMITS, rows=rows), threads)
    assert len(engines) == number


def test_engines_that_share_weights_write_what_one_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    loaded = compilable()
    requests = [Request(str(n), tuple(range(n, n + 9)), max_new_tokens=20) for n in range(3)]
    alone = run_together(assemble(loaded, LIMITS), requests)
    engines = assemble_all(loaded, LIMITS)
    for engine, request in zip(engines, requests, strict=True):
        engine.add(request)
    news = [event for _ in range(99) for engine in engines for event in engine.step()]
    assert {name: outcome.token_ids for name, outcome in outcomes_of(news).items()} == {
        name: outcome.token_ids for name, outcome in alone.items()
    }


@pytest.mark.parametrize("kind", ["another family", "not compiled", "large"])
def test_what_holds_up_the_interpreter_has_one_engine_with_all_rows(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    loaded = {
        "another family": loaded_from(CONFIGS[0]),
        "not compiled": replace(compilable(), model=tiny_llama(head_dim=6)),
        "large": replace(compilable(), memory_bytes=ONE_THREAD_BYTES),
    }[kind]
    (engine,) = assemble_all(loaded, LIMITS)
    requests = [Request(str(n), (5, 6, 7), max_new_tokens=50) for n in range(LIMITS.rows)]
    for request in requests:
        engine.add(request)
    engine.step()
    assert engine.stats().rows == LIMITS.rows

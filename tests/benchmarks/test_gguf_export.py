"""The exported model is the same model: llama.cpp reads the same ids and gives the same scores."""

from collections.abc import Iterator
from pathlib import Path

import gguf
import httpx2
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from benchmarks.gguf_export import EMBEDDED, export
from planner_node.completion.loading import voice_of
from planner_node.engine.loading import LoadedModel, ModelSpec, load
from planner_node.prompt.message import Message
from tests.fakes.llama_cpp import embedded_gguf, llama_cpp_server
from tests.fakes.tokenizer import tiny_tokenizer

TEXTS = [
    "將書本放在側桌上。",
    "請先打開冰箱，拿出牛奶，再關上冰箱門。",
    "put some book on sidetable",
    "If door A7 is open, close it (12 cm).\n\n  Otherwise do nothing!",
]
# llama.cpp keeps keys and values in 16 bit.
_TOLERANCE = 0.02


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Yield a client of llama.cpp with the embedded model."""
    model = embedded_gguf(tmp_path_factory.mktemp("gguf"))
    with llama_cpp_server(model) as url, httpx2.Client(base_url=url) as client:
        yield client


@pytest.fixture(scope="module")
def embedded() -> LoadedModel:
    return load(ModelSpec(id=str(EMBEDDED)))


def check_scores(server: httpx2.Client, model: PreTrainedModel, ids: list[int]) -> None:
    """Compare what the server thinks of the next token with what the model here does."""
    asked = {"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": 5}
    answer = server.post("/completion", json=asked).json()
    with torch.no_grad():
        ours = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    for theirs in answer["completion_probabilities"][0]["top_logprobs"]:
        assert theirs["logprob"] == pytest.approx(ours[theirs["id"]].item(), abs=_TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS)
def test_text_has_the_same_ids_as_here(
    server: httpx2.Client, embedded: LoadedModel, text: str
) -> None:
    answer = server.post("/tokenize", json={"content": text, "parse_special": False})
    ours = embedded.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert answer.json()["tokens"] == ours


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS)
def test_scores_are_the_same_as_here(
    server: httpx2.Client, embedded: LoadedModel, text: str
) -> None:
    ids = list(voice_of(embedded).renderer.render([Message("user", text)], ()).token_ids)
    check_scores(server, embedded.model, ids)


@pytest.mark.slow
def test_untied_model_with_scaled_rotation_is_the_same_there(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 10_000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 128,
        },
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(str(tmp_path / "model"))
    export(tmp_path / "model", tmp_path / "model.gguf", "f32")
    export(tmp_path / "model", small := tmp_path / "small.gguf", "q8_0")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(small).tensors}
    assert (kinds["output.weight"], kinds["output_norm.weight"]) == ("Q8_0", "F32")
    with (
        llama_cpp_server(tmp_path / "model.gguf", "--context-tokens", "512") as url,
        httpx2.Client(base_url=url) as client,
    ):
        check_scores(client, model, [index % 256 for index in range(300)])


def test_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', "utf-8")
    with pytest.raises(ValueError, match="only Llama"):
        export(tmp_path, tmp_path / "model.gguf")

"""From a checkpoint folder to text, through the real loader."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from planner_node.completion.loading import LocalModel, unlearned, voice_of
from planner_node.completion.request import (
    CompletionRequest,
    FinishReason,
    Message,
)
from planner_node.errors import ModelNotLoaded
from planner_node.settings import EngineSettings, ModelSettings
from planner_node.stream.subtasks import CallClosed, CallReader
from tests.fakes.asked import told
from tests.fakes.engine import byte_tokenizer, tiny_llama
from tests.fakes.grammar import tool_with
from tests.fakes.local import local_completer, tiny_model
from tests.fakes.tokenizer import (
    LLAMA_31_SIZE,
    LLAMA_31_STOPS,
    llama_31_tokenizer,
    tiny_tokenizer,
)

TOOL = tool_with(where={"enum": ["廚房", "kitchen"]}, sure={"type": "boolean"})
ASKED = CompletionRequest(
    "one",
    (Message("user", "去哪裡？<|eot_id|><|python_tag|>"),),
    (TOOL,),
    max_new_tokens=64,
    temperature=1.0,
    seed=3,
    language="zh-TW",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a checkpoint as Llama 3.1's are: weights, config, tokenizer with a chat template."""
    tiny_llama(vocab_size=400, max_position_embeddings=1024).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(str(tmp_path))
    return tmp_path


def local_model(folder: Path) -> LocalModel:
    settings = ModelSettings(id=str(folder), dtype="float32", quantization="none")
    return LocalModel(settings, EngineSettings(max_rows=2, context_tokens=1000))


async def test_folder_is_loaded_and_answers_with_a_valid_call(folder: Path) -> None:
    model = local_model(folder)
    completer = await model.start()
    text, completed = await told(completer, ASKED)
    await model.stop()
    assert isinstance(CallReader().feed(text)[-1], CallClosed)
    assert completed.finish is FinishReason.TOOL_CALL


async def test_info_names_the_model_as_it_was_asked_for(folder: Path) -> None:
    model = local_model(folder)
    info = (await model.start()).info
    await model.stop()
    assert (info.id, info.dtype, info.quantization) == (str(folder), "float32", "none")
    assert info.context_tokens == 1000


async def test_stopped_model_has_ended(folder: Path) -> None:
    model = local_model(folder)
    await model.start()
    await model.stop()
    await model.wait_ended()
    assert model.team is not None
    assert not model.team.alive


async def test_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotLoaded, match="nowhere"):
        await local_model(tmp_path / "nowhere").start()


def test_tokenizer_without_chat_template_is_refused() -> None:
    with pytest.raises(ModelNotLoaded, match="chat template"):
        voice_of(replace(tiny_model(), tokenizer=byte_tokenizer()))


def test_completion_is_imported_without_torch() -> None:
    code = (
        "import sys, planner_node.completion.loading;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_llama_31_tokenizer_speaks_through_the_whole_path() -> None:
    loaded = replace(
        tiny_model(),
        model=tiny_llama(vocab_size=LLAMA_31_SIZE, max_position_embeddings=1024),
        tokenizer=llama_31_tokenizer(),
        vocabulary_tokens=LLAMA_31_SIZE,
        eos_token_ids=frozenset(LLAMA_31_STOPS),
        context_tokens=1024,
    )
    async with local_completer(loaded) as completer:
        text, _ = await told(completer, ASKED)
    assert isinstance(CallReader().feed(text)[-1], CallClosed)
    assert "<|" not in text


@pytest.mark.parametrize(("name", "found"), [("embedded", ["fly"]), ("meta-llama/Llama", [])])
def test_only_the_embedded_model_has_tools_that_it_was_never_taught(
    name: str, found: list[str]
) -> None:
    assert unlearned(ModelSettings(id=name), EngineSettings(), ["decline_task", "fly"]) == found

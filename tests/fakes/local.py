"""A real completer over a tiny model of random weights, with its engine's thread."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from planner_node.completion.loading import completer_over
from planner_node.completion.local import LocalCompleter
from planner_node.engine.assembly import assemble
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import LoadedModel
from planner_node.engine.worker import EngineWorker
from tests.fakes.engine import tiny_llama
from tests.fakes.tokenizer import stop_tokens, tiny_tokenizer

CONTEXT_TOKENS = 4096


def tiny_model(context_tokens: int = CONTEXT_TOKENS) -> LoadedModel:
    """Return a random two-layer Llama behind the tiny tokenizer."""
    tokenizer = tiny_tokenizer()
    size = 400
    return LoadedModel(
        id="tiny",
        model=tiny_llama(vocab_size=size, max_position_embeddings=context_tokens),
        tokenizer=tokenizer,
        vocabulary_tokens=size,
        eos_token_ids=frozenset(stop_tokens(tokenizer)),
        context_tokens=context_tokens,
        dtype="float32",
        quantization="none",
        device="cpu",
        memory_bytes=0,
    )


@asynccontextmanager
async def local_completer(
    model: LoadedModel | None = None, rows: int = 4
) -> AsyncIterator[LocalCompleter]:
    """Start an engine over the model and yield what speaks with it."""
    loaded = model or tiny_model()
    limits = EngineLimits(rows=rows, context_tokens=loaded.context_tokens)
    async with EngineWorker(lambda: assemble(loaded, limits)) as worker:
        yield completer_over(loaded, worker)

"""Small stand-ins for the engine room: random tiny models and an engine that plays a script."""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from planner_node.clock import monotonic_s
from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Event, Finish, Request, Usage
from planner_node.errors import ConstraintBroken, EngineDied, QueueFull

TINY_VOCABULARY_TOKENS = 300
TINY_CONTEXT_TOKENS = 256


def tiny_llama_config(**changes: object) -> LlamaConfig:
    """Return the shape of a two-layer Llama 3.1: grouped-query heads, llama3 rope scaling."""
    shape: dict[str, object] = {
        "vocab_size": TINY_VOCABULARY_TOKENS,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": TINY_CONTEXT_TOKENS,
        "bos_token_id": 0,
        "eos_token_id": [1, 2],
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
        "tie_word_embeddings": True,
    }
    return LlamaConfig(**{**shape, **changes})


def tiny_llama(seed: int = 0, **changes: object) -> LlamaForCausalLM:
    """Return a random float32 Llama in evaluation mode; the same seed gives the same weights.

    The weights are spread wider than a fresh initialisation, so that greedy choices are never
    near-ties which rounding could turn.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(tiny_llama_config(**changes)).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.dim() > 1 or name.endswith("bias"):
                    parameter.normal_(0.0, 0.15)
    return model


def write_tiny_llama(folder: Path, seed: int = 0, **changes: object) -> LlamaForCausalLM:
    """Write a tiny Llama as a real checkpoint folder (weights, config, tokenizer); return it."""
    model = tiny_llama(seed, **changes)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return model


class MortalForward(LlamaForward):
    """A forward that dies on demand."""

    dies = False

    def hidden(self, chunks: list[Chunk]) -> torch.Tensor:
        if self.dies:
            raise ZeroDivisionError("the test killed it")
        return super().hidden(chunks)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer without merges; ids 0 to 2 are special."""
    specials = ["<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>"]
    words = specials + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({word: n for n, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=specials[0], eos_token=specials[2]
    )


Step = frozenset[int] | tuple[int, ...]  # ids to choose from | ids that must follow


class ListedConstraint:
    """A constraint that is a list: choose one of a set, then follow a run, and so on.

    With ``forces`` off the runs are masks of one id each: same output, more forwards.
    """

    def __init__(self, *steps: Step, forces: bool = True, breaks_at: int | None = None) -> None:
        self._sets: list[tuple[frozenset[int], bool]] = []
        for step in steps:
            if isinstance(step, frozenset):
                self._sets.append((step, False))
            else:
                self._sets += [(frozenset({token_id}), forces) for token_id in step]
        self._next = 0
        self._breaks_at = breaks_at

    @property
    def done(self) -> bool:
        return self._next == len(self._sets)

    def forced(self) -> list[int]:
        run: list[int] = []
        while not self.done and self._sets[self._next][1]:
            run += self._sets[self._next][0]
            self._next += 1
        return run

    def fill(self, mask: memoryview) -> None:
        if self._next == self._breaks_at:
            raise ConstraintBroken("broken by the test")
        words = [0] * len(mask)
        for token_id in self._sets[self._next][0]:
            words[token_id // 32] |= 1 << token_id % 32
        for index, word in enumerate(words):
            mask[index] = word - (1 << 32) if word >> 31 else word

    def legal(self, token_id: int) -> bool:
        if self._next == self._breaks_at:
            raise ConstraintBroken("broken by the test")
        return token_id in self._sets[self._next][0]

    def rollback(self, num_tokens: int) -> None:
        self._next -= num_tokens

    def accept(self, token_id: int) -> None:
        if token_id not in self._sets[self._next][0]:
            raise ConstraintBroken(f"{token_id} is not allowed")
        self._next += 1


def prompt_of(seed: int, num_tokens: int) -> tuple[int, ...]:
    rng = random.Random(seed)
    return tuple(rng.randrange(3, TINY_VOCABULARY_TOKENS) for _ in range(num_tokens))


def constraint_of(seed: int, *, forces: bool = True) -> ListedConstraint:
    """Return choices among a few ids, with forced runs of different length between them."""
    rng = random.Random(seed)
    steps: list[Step] = [prompt_of(seed, 3)]
    for _ in range(4):
        steps.append(frozenset(rng.sample(range(3, TINY_VOCABULARY_TOKENS), 20)))
        steps.append(prompt_of(rng.randrange(1000), rng.randrange(9)))
    return ListedConstraint(*steps, forces=forces)


@dataclass(frozen=True)
class Outcome:
    """Everything that one request brought."""

    token_ids: tuple[int, ...]
    finished: Finish
    usage: Usage
    error: str


def outcomes_of(events: Iterable[Event]) -> dict[str, Outcome]:
    """Sum up the events; fail where a request ends twice, goes on after its end or never ends."""
    token_ids: dict[str, list[int]] = {}
    outcomes: dict[str, Outcome] = {}
    for event in events:
        assert event.request_id not in outcomes, "news after the end"
        ids = token_ids.setdefault(event.request_id, [])
        ids += event.token_ids
        if event.finished is not None:
            usage = event.usage or Usage()
            outcomes[event.request_id] = Outcome(tuple(ids), event.finished, usage, event.error)
    assert outcomes.keys() == token_ids.keys(), "a request without an end"
    return outcomes


def steps_of(engine: Engine) -> Iterator[list[Event]]:
    """Step until the engine is idle; fail when it never is."""
    for _ in range(2000):
        if engine.idle:
            return
        yield engine.step()
    raise AssertionError("the engine does not come to an end")


def run_together(engine: Engine, requests: Iterable[Request]) -> dict[str, Outcome]:
    """Add all requests, run to the end and sum up."""
    for request in requests:
        engine.add(request)
    return outcomes_of(event for events in steps_of(engine) for event in events)


def tokens_of(outcomes: dict[str, Outcome]) -> dict[str, tuple[int, ...]]:
    return {request_id: outcome.token_ids for request_id, outcome in outcomes.items()}


class ScriptedEngine:
    """A ``TokenEngine`` that plays given ids, in chunks, whatever the model would have said.

    A script is found by request id, or else by ``default``. While ``gate`` is clear every stream
    waits before its next chunk. A request's constraint is ignored: the script is what it allows.
    """

    def __init__(
        self,
        scripts: dict[str, Sequence[int]] | None = None,
        *,
        default: Sequence[int] = (),
        chunk_tokens: int = 2,
        finish: Finish = Finish.STOPPED,
        max_streams: int = 1000,
    ) -> None:
        self.scripts = dict(scripts or {})
        self.default = tuple(default)
        self.chunk_tokens = chunk_tokens
        self.finish = finish
        self.max_streams = max_streams
        self.gate = asyncio.Event()
        self.gate.set()
        self.requests: list[Request] = []
        self.running: set[str] = set()
        self.canceled: list[str] = []
        self._dead = asyncio.Event()

    def die(self) -> None:
        """End every stream with ``DIED`` and take no more requests."""
        self._dead.set()

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        self._admit(request)
        self.running.add(request.request_id)
        try:
            async for event in self._play(request):
                yield event
        except (GeneratorExit, asyncio.CancelledError):
            self.canceled.append(request.request_id)
            raise
        finally:
            self.running.discard(request.request_id)

    def _admit(self, request: Request) -> None:
        if self._dead.is_set():
            raise EngineDied("the engine has ended")
        if request.request_id in self.running:
            raise ValueError(f"request id {request.request_id} is in use")
        if len(self.running) >= self.max_streams:
            raise QueueFull("no room")
        self.requests.append(request)

    async def _play(self, request: Request) -> AsyncGenerator[Event, None]:
        script = self.scripts.get(request.request_id, self.default)
        ids, finish = tuple(script[: request.max_new_tokens]), self.finish
        if len(ids) < len(script):
            finish = Finish.LENGTH
        for start in range(0, len(ids), self.chunk_tokens):
            if (end := await self._interruption(request)) is not None:
                yield self._last(request, start, end)
                return
            yield Event(request.request_id, ids[start : start + self.chunk_tokens])
        yield self._last(request, len(ids), await self._interruption(request) or finish)

    async def _interruption(self, request: Request) -> Finish | None:
        """Wait for the gate, the deadline or death; return what ends the stream, if anything."""
        late = None
        if request.deadline_s is not None:
            late = max(0.0, request.deadline_s - monotonic_s())
        waits = [asyncio.ensure_future(event.wait()) for event in (self.gate, self._dead)]
        await asyncio.wait(waits, timeout=late, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._dead.is_set():
            return Finish.DIED
        return None if self.gate.is_set() and late != 0.0 else Finish.DEADLINE

    def _last(self, request: Request, num_tokens: int, finish: Finish) -> Event:
        usage = Usage(len(request.prompt), num_tokens, num_tokens, 0, 0)
        return Event(request.request_id, (), finish, usage)

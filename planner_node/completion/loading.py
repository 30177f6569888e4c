"""Brings a model into memory and gives it a voice; the room's only meeting with transformers.

Everything heavy is imported inside functions: who only needs the Protocols does not wait for torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from planner_node.clock import Clock, SystemClock
from planner_node.completion.local import LocalCompleter, Voice
from planner_node.completion.request import ModelInfo
from planner_node.engine.request import TokenEngine
from planner_node.errors import ModelNotLoaded
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.vocabulary import Vocabulary
from planner_node.prompt.render import Renderer
from planner_node.prompt.tokenizer import ChatTokenizer
from planner_node.settings import EngineSettings, ModelSettings

if TYPE_CHECKING:
    from planner_node.engine.core import Engine
    from planner_node.engine.loading import LoadedModel
    from planner_node.engine.team import EngineTeam

EMBEDDED: Final = "embedded"
EMBEDDED_FOLDER: Final = Path(__file__).resolve().parents[1] / "models" / "embedded"
_LEARNED: Final = frozenset({"decompose_task", "ask_clarification", "decline_task"})


@dataclass(frozen=True, slots=True)
class _Built:
    """What the engine's thread leaves behind for the loop."""

    loaded: "LoadedModel"
    voice: Voice


class LocalModel:
    """A model of this process: ``start`` loads it, ``completer`` speaks with it, ``stop`` ends it.

    Loading and building happen in the engine's thread, so the loop goes on meanwhile.
    """

    def __init__(
        self, model: ModelSettings, engine: EngineSettings, clock: Clock | None = None
    ) -> None:
        self._model = model
        self._engine = engine
        self._clock = clock or SystemClock()
        self._team: EngineTeam | None = None
        self._built: _Built | None = None

    async def start(self) -> LocalCompleter:
        """Load the model and return what speaks with it; raise ModelNotLoaded with what to do."""
        from planner_node.engine.team import EngineTeam  # noqa: PLC0415  imports torch

        self._team = EngineTeam(self._build)
        await self._team.start()
        if self._built is None:
            raise ModelNotLoaded("the engine started without a model", model=self._model.id)
        context_tokens = min(self._built.loaded.context_tokens, self._engine.context_tokens)
        info = model_info(self._built.loaded, self._model.id, context_tokens)
        return LocalCompleter(info, self._built.voice, self._team, self._clock)

    async def stop(self) -> None:
        """End the engines' threads; what still runs ends as canceled."""
        if self._team is not None:
            await self._team.stop()

    async def wait_ended(self) -> None:
        """Return when the engines were stopped; raise EngineDied when one died."""
        if self._team is not None:
            await self._team.wait_ended()

    @property
    def trouble(self) -> str:
        """Why it cannot answer just now: never, for a model of this process ends with it."""
        return ""

    @property
    def team(self) -> "EngineTeam | None":
        """The engines, for their counters; None before ``start``."""
        return self._team

    def _build(self) -> "list[Engine]":
        """Load in the first engine's thread."""
        from planner_node.engine.assembly import assemble_all  # noqa: PLC0415  imports torch
        from planner_node.engine.limits import EngineLimits  # noqa: PLC0415
        from planner_node.engine.loading import ModelSpec, load  # noqa: PLC0415  imports torch

        model, engine = self._model, self._engine
        loaded = load(
            ModelSpec(
                id=weights_of(model.id),
                dtype=model.dtype,
                quantization=model.quantization,
                device_map=model.device_map,
                max_memory=model.max_memory,
                adapter=model.adapter,
                revision=model.revision,
                threads=engine.threads,
            )
        )
        self._built = _Built(loaded, voice_of(loaded))
        limits = EngineLimits(
            rows=engine.max_rows,
            waiting=engine.max_waiting,
            context_tokens=engine.context_tokens,
            prefill_tokens=engine.prefill_chunk_tokens,
            prefixes=engine.prefix_cache_entries,
            draft_tokens=engine.draft_tokens,
        )
        return assemble_all(loaded, limits, engine.threads)


def unlearned(model: ModelSettings, engine: EngineSettings, tools: Iterable[str]) -> list[str]:
    """Return the tools that the embedded model was never taught, where it is the one that plans.

    The grammar makes it fill in any tool's arguments, with text that means nothing.
    """
    is_embedded = engine.kind == "local" and model.id == EMBEDDED and model.adapter is None
    return sorted(set(tools) - _LEARNED) if is_embedded else []


def weights_of(name: str) -> str:
    """Return where a model is: the folder of the embedded one, else what it is called."""
    return str(EMBEDDED_FOLDER) if name == EMBEDDED else name


def voice_of(loaded: "LoadedModel") -> Voice:
    """Build the prompts, grammars and text of a model; takes seconds for a large vocabulary.

    Raises ModelNotLoaded when the tokenizer has no chat template.
    """
    _refuse_without_template(loaded.id, loaded.tokenizer)
    tokenizer = ChatTokenizer(loaded.tokenizer)
    vocabulary = Vocabulary(tokenizer.json, loaded.vocabulary_tokens, loaded.eos_token_ids)
    grammars = GrammarLibrary(vocabulary)
    grammars.prepare()
    return Voice(Renderer(tokenizer), grammars, vocabulary)


def tokens_of(model: ModelSettings) -> tuple[ChatTokenizer, Vocabulary]:
    """Read only the tokenizer of a model that others run; raises ModelNotLoaded."""
    from planner_node.engine.loading import ModelSpec, load_tokenizer  # noqa: PLC0415  heavy

    read = load_tokenizer(ModelSpec(id=weights_of(model.id), revision=model.revision))
    _refuse_without_template(model.id, read)
    tokenizer = ChatTokenizer(read)
    ends = {read.eos_token_id} if read.eos_token_id is not None else set()
    return tokenizer, Vocabulary(tokenizer.json, len(read), ends)


def _refuse_without_template(name: str, tokenizer: object) -> None:
    if not getattr(tokenizer, "chat_template", None):
        raise ModelNotLoaded(
            f"the tokenizer of {name} has no chat template: take an instruct model",
            cause="NO_CHAT_TEMPLATE",
            model=name,
        )


def completer_over(
    loaded: "LoadedModel", engine: TokenEngine, clock: Clock | None = None
) -> LocalCompleter:
    """Return a completer over a model and an engine that already run."""
    info = model_info(loaded, loaded.id, loaded.context_tokens)
    return LocalCompleter(info, voice_of(loaded), engine, clock or SystemClock())


def model_info(loaded: "LoadedModel", name: str, context_tokens: int) -> ModelInfo:
    """Describe a loaded model under the name that people gave it."""
    return ModelInfo(
        id=name,
        quantization=loaded.quantization,
        dtype=loaded.dtype,
        context_tokens=context_tokens,
        device=loaded.device,
    )

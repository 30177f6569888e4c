"""What the benchmarks of the engine ask: spoken-style tasks in both languages, as the node does.

The prompts, tools, grammar and stop tokens are the node's own; only the sentences are made here.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import random
from dataclasses import dataclass, field
from typing import Final

from benchmarks.peers.instructions import varied
from messages.task import TaskCommand
from planner_node.completion.loading import EMBEDDED_FOLDER, voice_of
from planner_node.completion.local import Voice
from planner_node.engine.loading import LoadedModel, ModelSpec, load
from planner_node.engine.request import Request, Sampling
from planner_node.grammar.tool import Tool, ToolUse
from planner_node.prompt.catalog import Catalog
from planner_node.prompt.conversation import task_conversation
from tests.fakes.catalog import shipped_catalog

DECOMPOSE: Final = ("decompose_task",)
VARIED: Final = 1_024
_PATTERNS: Final = {
    "en": ("put the {thing} on the {place}", "please bring the {thing} to the {place}"),
    "zh": ("請將{thing}放到{place}上。", "把{thing}拿到{place}。"),
}
_THINGS: Final = {
    "en": ("book", "red cup", "apple", "towel", "tray", "toy car", "newspaper", "water bottle"),
    "zh": ("書本", "紅色杯子", "蘋果", "毛巾", "托盤", "玩具車", "報紙", "水瓶"),
}
_PLACES: Final = {
    "en": ("side table", "kitchen counter", "shelf", "sofa", "desk", "bed", "bench", "cabinet"),
    "zh": ("側桌", "廚房流理台", "書架", "沙發", "書桌", "床", "長椅", "櫃子"),
}


def instructions() -> list[str]:
    """Return 256 sentences, no two alike, in an order that is mixed and always the same."""
    texts = [
        pattern.format(thing=thing, place=place)
        for language, patterns in _PATTERNS.items()
        for pattern in patterns
        for thing in _THINGS[language]
        for place in _PLACES[language]
    ]
    random.Random(0).shuffle(texts)
    return texts


@dataclass(frozen=True, slots=True)
class Workload:
    """A model with its voice, and requests for it.

    ``max_subtasks``, ``max_chars`` bound a plan of a model that never comes to an end by itself,
    as random weights do not.
    """

    loaded: LoadedModel
    max_subtasks: int | None = None
    max_chars: int | None = None
    max_new_tokens: int = 512
    answers: tuple[str, ...] = DECOMPOSE
    texts: tuple[str, ...] = ()  # the instructions, those of two patterns a language if none
    voice: Voice = field(init=False)
    catalog: Catalog = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "voice", voice_of(self.loaded))
        object.__setattr__(self, "catalog", shipped_catalog())

    def request(self, number: int, sampling: Sampling | None = None) -> Request:
        """Return the request for a sentence, with a fresh constraint; numbers go on for ever."""
        texts = self.texts or instructions()
        command = TaskCommand(task_id=str(number), instruction=texts[number % len(texts)])
        asked = task_conversation(command, self.catalog, self.answers)
        prompt = self.voice.renderer.render(asked.messages, asked.tools)
        tools = tuple(self._bounded(tool) for tool in asked.tools)
        return Request(
            request_id=str(number),
            prompt=prompt.token_ids,
            prefix_tokens=prompt.prefix_tokens,
            max_new_tokens=self.max_new_tokens,
            stop_tokens=self.voice.vocabulary.stop_tokens,
            sampling=sampling or Sampling(),
            milestone_tokens=self.voice.vocabulary.closing,
            constraint=self.voice.grammars.matcher(tools, ToolUse.REQUIRED, asked.language),
        )

    def _bounded(self, tool: Tool) -> Tool:
        """Return the tool with the workload's bounds in its schema; the prompt keeps the old."""
        if self.max_subtasks is None or tool.name not in DECOMPOSE:
            return tool
        item = {
            name: {"type": "string", "minLength": 8, "maxLength": self.max_chars}
            for name in ("task", "description")
        }
        tasks = {
            "type": "array",
            "minItems": self.max_subtasks,
            "maxItems": self.max_subtasks,
            "items": {"type": "object", "properties": item, "required": list(item)},
        }
        schema = {"type": "object", "properties": {"tasks": tasks}, "required": ["tasks"]}
        return Tool(tool.name, tool.description, schema, shown=tool.shown or tool.parameters)


def workload_of(name: str, *, is_varied: bool = False) -> Workload:
    """Return the workload of "embedded", or of a checkpoint folder with random weights.

    ``is_varied``: instructions hardly two of which are alike, for "embedded".
    """
    if name == "embedded":
        texts = [said for _, said in varied(VARIED, seed=0)] if is_varied else []
        return Workload(load(ModelSpec(str(EMBEDDED_FOLDER))), texts=tuple(texts))
    return Workload(load(ModelSpec(name)), max_subtasks=4, max_chars=24)

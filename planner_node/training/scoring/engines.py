"""Asks an engine for its answers: a checkpoint in the node's own, or a node over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from planner_node.training.scoring.answers import Answer, read_call, read_text
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.terms import AnswerKind, Language

if TYPE_CHECKING:
    from planner_node.engine.loading import LoadedModel
    from planner_node.engine.request import Request

CONFIG: Final = Path(__file__).parents[3] / "config"
TOOL_NAMES: Final = ("decompose_task", "ask_clarification", "decline_task")
_TURN_END: Final = "<|eot_id|>"
_LOCKED: Final = frozenset({401, 403})
_OPENING: Final = '{"name": "'


class EngineRefusedError(Exception):
    """The node lets nobody ask without an API key: no answer of it can be scored."""


class Engine(Protocol):
    """Whatever answers instructions."""

    def answers(self, records: Sequence[Record]) -> Iterator[Answer]:
        """Yield one answer a record, in the records' order."""
        ...


def read_tools(folder: Path = CONFIG / "tools") -> list[dict[str, object]]:
    """Read the three tools that the planner is offered."""
    return [
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in TOOL_NAMES
    ]


def messages_for(record: Record, folder: Path = CONFIG / "prompts") -> list[dict[str, str]]:
    """Return the conversation: the system text of the instruction's language, and the user."""
    name = "system.zh-TW.txt" if record.language is Language.ZH else "system.en.txt"
    system = (folder / name).read_text(encoding="utf-8").strip()
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": record.instruction},
    ]


@dataclass(slots=True)
class NodeEngine:
    """A running node, asked through ``POST /generate_with_function``."""

    url: str
    max_new_tokens: int
    timeout_s: float = 120.0

    def answers(self, records: Sequence[Record]) -> Iterator[Answer]:
        tools = read_tools()
        for record in records:
            body = {
                "messages": messages_for(record),
                "tools": tools,
                "max_new_tokens": self.max_new_tokens,
            }
            yield self._ask(json.dumps(body, ensure_ascii=False).encode())

    def _ask(self, body: bytes) -> Answer:
        request = urllib.request.Request(  # noqa: S310  the user names the node to score
            f"{self.url.rstrip('/')}/generate_with_function",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:  # noqa: S310
                return read_reply(json.load(reply))
        except urllib.error.HTTPError as exc:
            if exc.code in _LOCKED:
                raise EngineRefusedError(
                    f"{self.url} answers {exc.code}: it wants an API key, and evaluate sends none. "
                    "Score a node that is started without API keys."
                ) from exc
            return Answer(AnswerKind.INVALID, raw=exc.read().decode(errors="replace"))


def read_reply(reply: dict[str, Any]) -> Answer:
    """Read the reply of ``/generate_with_function``: its first tool call."""
    calls = reply.get("tool_calls") or [reply.get("tool_call") or {}]
    call = calls[0]
    call = call.get("function", call)
    name = str(call.get("name", ""))
    return read_call(name, call.get("arguments", reply.get("content")), str(reply.get("content")))


@dataclass(slots=True)
class CheckpointEngine:
    """A checkpoint folder or hub id in the node's own engine, greedy, with no grammar.

    ``plan_bias_logits`` are added to the planning tool's name, as ``planner.plan_bias_logits`` of
    a node; the names of the three tools must differ in their first token.
    """

    model_id: str
    max_new_tokens: int
    batch_size: int
    device: str
    plan_bias_logits: float = 0.0

    def answers(self, records: Sequence[Record]) -> Iterator[Answer]:
        from planner_node.engine.assembly import assemble  # noqa: PLC0415  scoring needs no torch
        from planner_node.engine.limits import EngineLimits  # noqa: PLC0415
        from planner_node.engine.loading import ModelSpec, load  # noqa: PLC0415

        on_cpu = self.device == "cpu"
        dtype: Literal["auto", "bfloat16"] = "auto" if on_cpu else "bfloat16"
        loaded = load(ModelSpec(self.model_id, dtype, "none", device_map=self.device))
        limits = EngineLimits(self.batch_size, len(records), loaded.context_tokens)
        engine = assemble(loaded, limits)
        for request in self._requests(records, loaded):
            engine.add(request)
        written: dict[str, list[int]] = {str(number): [] for number in range(len(records))}
        running, told = set(written), 0
        while told < len(records):
            for event in engine.step():
                written[event.request_id] += event.token_ids
                if event.finished is not None:
                    running.discard(event.request_id)
            while told < len(records) and str(told) not in running:
                token_ids = written[str(told)]
                yield read_text(loaded.tokenizer.decode(token_ids, skip_special_tokens=True))
                told += 1

    def _requests(self, records: Sequence[Record], loaded: "LoadedModel") -> Iterator["Request"]:
        from planner_node.engine.request import Request  # noqa: PLC0415

        tokenizer = loaded.tokenizer
        tools: list[dict[str, object]] = [
            {"type": "function", "function": tool} for tool in read_tools()
        ]
        prompts = [_prompt(record, tokenizer, tools) for record in records]
        asked = list(zip(records, prompts, strict=True))
        shared = {
            language: _common_tokens([p for r, p in asked if r.language is language])
            for language in Language
        }
        ends = {tokenizer.convert_tokens_to_ids(_TURN_END), *loaded.eos_token_ids} - {None}
        biases = _biases(tokenizer, self.plan_bias_logits)
        for number, (record, prompt) in enumerate(asked):
            yield Request(
                str(number),  # records of several sets may have one id
                tuple(prompt),
                min(shared[record.language], len(prompt) - 1),
                max_new_tokens=self.max_new_tokens,
                stop_tokens=frozenset(ends),
                biases=biases,
            )


def _prompt(
    record: Record,
    tokenizer: Any,  # noqa: ANN401  untyped
    tools: list[dict[str, object]],
) -> list[int]:
    text = tokenizer.apply_chat_template(
        messages_for(record), tools=tools, add_generation_prompt=True, tokenize=False
    )
    token_ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return token_ids


def _common_tokens(prompts: list[list[int]]) -> int:
    """Return how many leading ids all prompts have in common."""
    alike = takewhile(lambda ids: len(set(ids)) == 1, zip(*prompts, strict=False))
    return sum(1 for _ in alike)


def _biases(tokenizer: Any, logits: float) -> tuple[tuple[int, float], ...]:  # noqa: ANN401  untyped
    """Return what leans the choice of a tool towards the first, none without ``logits``."""
    if not logits:
        return ()
    opening = len(tokenizer.encode(_OPENING, add_special_tokens=False))
    firsts = [
        tokenizer.encode(_OPENING + name, add_special_tokens=False)[opening] for name in TOOL_NAMES
    ]
    return tuple((first, logits if n == 0 else 0.0) for n, first in enumerate(firsts))

"""Asks an engine for its answers: a checkpoint through transformers, or a node over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from planner_node.training.scoring.answers import Answer, read_call, read_text
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.terms import AnswerKind, Language

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

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
    """A checkpoint folder or hub id, decoded greedily in batches with no grammar.

    ``plan_bias_logits`` are added to the planning tool's name, as ``planner.plan_bias_logits`` of
    a node; the names of the three tools must differ in their first token.
    """

    model_id: str
    max_new_tokens: int
    batch_size: int
    device: str
    plan_bias_logits: float = 0.0

    def answers(self, records: Sequence[Record]) -> Iterator[Answer]:
        model, tokenizer = _load(self.model_id, self.device)
        tools = [{"type": "function", "function": tool} for tool in read_tools()]
        for start in range(0, len(records), self.batch_size):
            batch = records[start : start + self.batch_size]
            prompts = [
                tokenizer.apply_chat_template(
                    messages_for(record), tools=tools, add_generation_prompt=True, tokenize=False
                )
                for record in batch
            ]
            for text in self._generate(model, tokenizer, prompts):
                yield read_text(text)

    def _generate(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        prompts: list[str],
    ) -> list[str]:
        import torch  # noqa: PLC0415  the scorer itself starts without torch

        encoded = tokenizer(
            prompts, return_tensors="pt", padding=True, add_special_tokens=False
        ).to(model.device)
        ends = {tokenizer.convert_tokens_to_ids(_TURN_END), tokenizer.eos_token_id} - {None}
        with torch.inference_mode():
            output = model.generate(
                input_ids=encoded["input_ids"],
                attention_mask=encoded["attention_mask"],
                max_new_tokens=self.max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(ends),
                pad_token_id=tokenizer.pad_token_id,
                logits_processor=[self._leaning(tokenizer)] if self.plan_bias_logits else None,
            )
        fresh = output[:, encoded["input_ids"].shape[1] :]
        return list(tokenizer.batch_decode(fresh, skip_special_tokens=True))

    def _leaning(
        self, tokenizer: "PreTrainedTokenizerBase"
    ) -> Callable[["Tensor", "Tensor"], "Tensor"]:
        """Adds the bias where an answer has just been opened and its tool is to be named."""
        opening = tokenizer.encode(_OPENING, add_special_tokens=False)
        named = tokenizer.encode(_OPENING + TOOL_NAMES[0], add_special_tokens=False)
        plan = named[len(opening)]

        def lean(ids: "Tensor", scores: "Tensor") -> "Tensor":
            opened = (ids[:, -len(opening) :] == ids.new_tensor(opening)).all(dim=1)
            scores[opened, plan] += self.plan_bias_logits
            return scores

        return lean


def _load(model_id: str, device: str) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    import torch  # noqa: PLC0415  the scorer itself starts without torch
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(model_id, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or _TURN_END
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    model = AutoModelForCausalLM.from_pretrained(model_id, dtype=dtype)
    return model.to(device).eval(), tokenizer

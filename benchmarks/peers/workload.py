"""Writes what is asked: prompts as token ids, one schema, and the same language in each notation.

    python -m benchmarks.peers.workload A     # the embedded model, its own tool, short limits
    python -m benchmarks.peers.workload B     # a random Llama of 90 M: 4 subtasks, short

Model A closes its strings itself, so that its schema is the node's own tool with shorter limits.
Random weights close nothing by choice: model B's schema fixes the number of subtasks, takes their
names from a list and keeps descriptions within a spoken length, so that every engine writes about
equally much. The shortest description is long enough for most tokens to be the model's own choice.
"""

import argparse
import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks import model_b
from benchmarks.peers.gbnf import call_gbnf
from benchmarks.peers.instructions import instructions, varied
from benchmarks.peers.protocol import Job, Workload
from planner_node.completion.loading import EMBEDDED_FOLDER
from planner_node.grammar.document import call_grammar
from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.tool import Tool
from planner_node.grammar.vocabulary import Vocabulary
from planner_node.prompt.catalog import Catalog
from planner_node.prompt.message import Message
from planner_node.prompt.render import Renderer
from planner_node.prompt.tokenizer import ChatTokenizer
from tests.fakes.catalog import shipped_catalog

FOLDER: Final = Path("var/peers")
TOOL: Final = "decompose_task"
SKILLS: Final = ("navigate", "find", "pick_up", "place", "open", "close", "report")
JOBS: Final = 4_000
SEED: Final = 2026


def tool_a(tool: Tool) -> Tool:
    """Return the node's own tool with 1 to 8 subtasks and texts of a spoken length."""
    text = {"type": "string", "minLength": 1}
    return _tool(tool, {**text, "maxLength": 40}, {**text, "maxLength": 80}, (1, 8))


def tool_b(tool: Tool) -> Tool:
    """Return a tool whose calls are equally long whatever the weights say."""
    skill = {"type": "string", "enum": list(SKILLS)}
    description = {"type": "string", "minLength": 16, "maxLength": 20}
    return _tool(tool, skill, description, (4, 4))


def _tool(
    tool: Tool, task: dict[str, Any], description: dict[str, Any], items: tuple[int, int]
) -> Tool:
    item = {
        "type": "object",
        "properties": {"task": task, "description": description},
        "required": ["task", "description"],
        "additionalProperties": False,
    }
    tasks = {"type": "array", "minItems": items[0], "maxItems": items[1], "items": item}
    parameters = {
        "type": "object",
        "properties": {"tasks": tasks},
        "required": ["tasks"],
        "additionalProperties": False,
    }
    return Tool(tool.name, tool.description, parameters)


def build(name: str, jobs: int = JOBS, *, is_varied: bool = False) -> Workload:
    """Return the workload of model ``A`` or ``B``; model B is written first where it is missing."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig  # noqa: PLC0415  slow

    catalog = shipped_catalog()
    said = varied if is_varied else instructions
    folder = EMBEDDED_FOLDER if name == "A" else model_b.write(FOLDER / "model-b")
    tool = (tool_a if name == "A" else tool_b)(catalog.tool(TOOL))
    grammar = call_grammar([tool], SchemaLimits(), or_text=False)
    tokenizer = ChatTokenizer(AutoTokenizer.from_pretrained(str(folder)))
    stops = GenerationConfig.from_pretrained(str(folder)).eos_token_id
    size = AutoConfig.from_pretrained(str(folder)).vocab_size
    vocabulary = Vocabulary(tokenizer.json, size, stops)
    return Workload(
        model=str(folder.resolve()),
        tool={**asdict(tool)},
        schema=json.loads(grammar)["grammars"][0]["json_schema"],
        can_force=vocabulary.can_force,
        gbnf=call_gbnf(tool.name, tool.parameters),
        stop_token_ids=stops,
        max_new_tokens=512,
        free_tokens=0 if name == "A" else 144,
        token_texts=[base64.b64encode(text).decode() for text in vocabulary.bytes_of],
        jobs=_jobs(Renderer(tokenizer), catalog, tool, said(jobs, SEED)),
    )


def _jobs(
    renderer: Renderer, catalog: Catalog, tool: Tool, said: list[tuple[str, str]]
) -> list[Job]:
    jobs = []
    for place, (language, instruction) in enumerate(said):
        system = catalog.system_text(language)
        messages = (Message("system", system), Message("user", instruction))
        prompt = renderer.render(messages, (tool,))
        jobs.append(Job(place, instruction, system, list(prompt.token_ids)))
    return jobs


def write(name: str, *, is_varied: bool = False) -> Path:
    """Write the workload of a model and return its file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"workload-{name.lower()}.json"
    text = json.dumps(asdict(build(name, is_varied=is_varied)), ensure_ascii=False)
    file.write_text(text, encoding="utf-8")
    return file


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("model", choices=["A", "B"])
    print(write(asked.parse_args().model))


if __name__ == "__main__":
    main()

"""The configured tools and system texts, read once from their folders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from planner_node.errors import SettingsRefused, UnknownTool, UnsupportedSchema
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.tool import Tool, ToolUse
from planner_node.grammar.vocabulary import Vocabulary
from planner_node.prompt.language import ENGLISH, TRADITIONAL_CHINESE, is_chinese

_SYSTEM_TEXT: Final = "system.{}.txt"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Tools by name, and the system text of each language that has one."""

    tools: Mapping[str, Tool]
    system_texts: Mapping[str, str]

    def tool(self, name: str) -> Tool:
        """Return the tool of that name; raise UnknownTool."""
        try:
            return self.tools[name]
        except KeyError:
            known = ", ".join(sorted(self.tools))
            reason = f'no tool "{name}"; known are {known}'
            raise UnknownTool(reason, tool=name, tools=known) from None

    def answers(self, names: Sequence[str]) -> tuple[Tool, ...]:
        """Return the tools that the settings name as answers to a task.

        Raises:
            SettingsRefused: there are none, one of them is no tool here, or no grammar can promise
                all their schemas together.
        """
        if not names:
            raise SettingsRefused(
                "planner.answers is empty: name the tools that may answer a task.",
                key="planner.answers",
            )
        try:
            answers = tuple(self.tool(name) for name in names)
            check_schemas(answers)
        except (UnknownTool, UnsupportedSchema) as error:
            raise SettingsRefused(f"planner.answers: {error}", key="planner.answers") from error
        return answers

    def system_text(self, language: str) -> str:
        """Return the system text for a BCP 47 tag: Chinese has its own, all others English."""
        own = self.system_texts.get(language)
        nearest = TRADITIONAL_CHINESE if is_chinese(language) else ENGLISH
        return own if own is not None else self.system_texts[nearest]


def check_schemas(tools: Sequence[Tool]) -> None:
    """Raise UnsupportedSchema where no model could keep to the tools' schemas.

    Whether a schema can be promised lies in the schema; the model's tokens are not needed to know.
    """
    GrammarLibrary(Vocabulary.of_bytes()).matcher(tools, ToolUse.REQUIRED)


def load_catalog(tools_dir: Path, prompts_dir: Path) -> Catalog:
    """Read ``*.json`` and ``system.*.txt``; raise SettingsRefused naming the file that is wrong."""
    tools: dict[str, Tool] = {}
    for file in sorted(tools_dir.glob("*.json")):
        tool = _read_tool(file)
        if tool.name in tools:
            raise SettingsRefused(f'{file}: the tool "{tool.name}" is defined twice', file=file)
        tools[tool.name] = tool
    if not tools:
        raise SettingsRefused(f"{tools_dir} holds no tool (*.json)", file=tools_dir)
    return Catalog(tools, _read_system_texts(prompts_dir))


def _read_system_texts(folder: Path) -> dict[str, str]:
    texts = {
        file.name.removeprefix("system.").removesuffix(".txt"): _read(file).strip()
        for file in sorted(folder.glob(_SYSTEM_TEXT.format("*")))
    }
    for language in (ENGLISH, TRADITIONAL_CHINESE):
        if not texts.get(language):
            missing = folder / _SYSTEM_TEXT.format(language)
            raise SettingsRefused(f"{missing} is missing or empty", file=missing)
    return texts


def _read_tool(file: Path) -> Tool:
    """Read one tool, in the seed's flat form or in OpenAI's."""
    try:
        value: JsonValue = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise SettingsRefused(f"{file} is not JSON: {error}", file=file) from error
    inner = value.get("function") if isinstance(value, dict) else None
    match inner or value:
        case {"name": str() as name, "parameters": dict() as parameters, **others} if name:
            return _kept(Tool(name, str(others.get("description") or ""), parameters), file)
    raise SettingsRefused(f'{file} needs "name", "description" and "parameters"', file=file)


def _kept(tool: Tool, file: Path) -> Tool:
    """Refuse at the start what would refuse every task that names the tool."""
    try:
        check_schemas([tool])
    except UnsupportedSchema as error:
        raise SettingsRefused(f"{file}: {error}", file=file) from error
    return tool


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{file} cannot be read: {error}", file=file) from error

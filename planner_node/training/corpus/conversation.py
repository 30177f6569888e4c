"""The frame around an instruction: system texts, offered tools, context lines, written answers."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from planner_node.training.corpus import skills as skill_words
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.plans.world import Step, Verb


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; ``content`` of an assistant turn is the raw answer."""

    role: str
    content: str

    def message(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Offer:
    """Which tools a request offers and what its subtask items look like."""

    plans: bool
    others: bool = False
    keys: tuple[str, ...] = ("task", "description")
    skills: dict[Verb, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    arguments: tuple[str, str] = ("", "")
    """How the robot calls what a skill handles and where."""
    complete: bool = False
    """Whether both must be written of every step, empty where it has none."""
    order: tuple[int, ...] = (0, 1, 2)
    """Of planning, asking and declining, where all three are offered."""

    def tools(self) -> tuple[dict[str, object], ...]:
        """The offered tools in OpenAI's form."""
        if not self.plans:
            return ()
        properties = {key: self._schema(key) for key in self.keys}
        items = {"type": "object", "properties": properties, "required": list(self.keys)}
        plan = _tool("decompose_task", {"tasks": {"type": "array", "items": items}})
        every = (plan, ASK_TOOL, DECLINE_TOOL)
        return tuple(every[place] for place in self.order) if self.others else (plan,)

    def _schema(self, key: str) -> dict[str, object]:
        if key == "arguments":
            inner = {name: {"type": "string"} for name in self.arguments}
            required = {"required": list(inner)} if self.complete else {}
            return {"type": "object", "properties": inner, **required}
        return (
            {"type": "string", "enum": list(self.shown)} if key == "skill" else {"type": "string"}
        )


def _tool(name: str, properties: dict[str, object]) -> dict[str, object]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "type": "function",
        "function": {"name": name, "description": "", "parameters": parameters},
    }


SHUFFLED_SHARE: Final = 0.15
_WITH_SKILLS: Final = (
    *(("task", "description", "skill"),) * 3,
    ("skill", "task", "description"),
    ("task", "skill"),
    *(("task", "skill", "arguments"),) * 2,
    ("task", "description", "skill", "arguments"),
)
ASK_TOOL = _tool(
    "ask_clarification",
    {"question": {"type": "string"}, "options": {"type": "array", "items": {"type": "string"}}},
)
DECLINE_TOOL = _tool(
    "decline_task",
    {
        "reason_code": {"type": "string", "enum": ["NOT_A_TASK", "UNSAFE", "IMPOSSIBLE"]},
        "reason": {"type": "string"},
    },
)


def draw_offer(rng: random.Random, steps: Sequence[Step]) -> Offer:
    """No tools, the planning tool alone, or all three, with one of the item shapes."""
    share = rng.random()
    if share < 0.14:
        return Offer(plans=False)
    return _shaped(rng, steps, others=share > 0.36)


def everything(rng: random.Random, steps: Sequence[Step]) -> Offer:
    """All three tools."""
    return _shaped(rng, steps, others=True)


def _shaped(rng: random.Random, steps: Sequence[Step], *, others: bool) -> Offer:
    order = tuple(rng.sample(range(3), 3)) if rng.random() < SHUFFLED_SHARE else (0, 1, 2)
    return replace(_items(rng, steps), others=others, order=order)


def _items(rng: random.Random, steps: Sequence[Step]) -> Offer:
    """The planning tool alone; a description costs as many tokens as a task, and teaches less."""
    share = rng.random()
    if share < 0.36:
        return Offer(plans=True)
    if share < 0.82:
        return Offer(plans=True, keys=("task",))
    chosen, shown = skill_words.enumeration(tuple(steps), rng)
    keys = rng.choice(_WITH_SKILLS)
    arguments = skill_words.argument_names(rng)
    return Offer(
        plans=True,
        keys=keys,
        skills=chosen,
        shown=tuple(shown),
        arguments=arguments,
        complete="arguments" in keys and rng.random() < 0.5,
    )


def system(rng: random.Random) -> tuple[Turn, ...]:
    """The system turn, if any: the seed's, the node's, another, in either language."""
    lang = rng.choice(("zh", "en"))
    kind = rng.choices(("none", "seed", "node", "other"), (22, 16, 40, 22))[0]
    if kind == "none":
        return ()
    return (Turn("system", rng.choice(sections(lang, "systems")[kind])),)


def line(key: str, values: Sequence[str]) -> str:
    """A context line as the service writes it below the instruction."""
    return f"{key}: {', '.join(values)}"


def call(name: str, parameters: dict[str, object]) -> str:
    """A tool call in Llama 3.1's custom form."""
    return json.dumps({"name": name, "parameters": parameters}, ensure_ascii=False)


def assistant(answer: str) -> Turn:
    return Turn("assistant", answer)


def numbered(titles: Sequence[str], lang: str) -> str:
    """The seed's step list: ``1. 找到刀子。2. 拿起刀子。`` or ``1. Find the knife. 2. …``."""
    end, joint = (". ", " ") if lang == "en" else ("。", "")
    rows = [f"{number}. {title}{end.strip()}" for number, title in enumerate(titles, 1)]
    return joint.join(rows)

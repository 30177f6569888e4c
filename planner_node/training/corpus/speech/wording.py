"""Writes a step as a subtask: a title and a description, in one plain style per language."""

from typing import Final

from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.plans.world import Name, Rel, Step, Verb
from planner_node.training.corpus.speech.patterns import fill
from planner_node.training.corpus.speech.surface import unmarked

_ZH_RELS: Final = {
    Rel.ON: "上",
    Rel.IN: "裡",
    Rel.AT: "",
    Rel.BESIDE: "旁",
    Rel.UNDER: "下",
    Rel.FRONT: "前",
    Rel.BEHIND: "後",
}
_EN_RELS: Final = {
    Rel.ON: "on",
    Rel.IN: "in",
    Rel.AT: "at",
    Rel.BESIDE: "next to",
    Rel.UNDER: "under",
    Rel.FRONT: "in front of",
    Rel.BEHIND: "behind",
}
_ZH_ENDINGS: Final = ("上", "裡", "旁", "下", "前", "後", "內", "中", "邊", "面")


def subtask(step: Step, lang: str) -> tuple[str, str]:
    """Return the title and the description of ``step`` in ``lang`` (``zh`` or ``en``)."""
    title, description = _patterns(step, lang)
    slots = {
        "o": listed([noun(name, lang) for name in step.things], lang),
        "d": placed(step.place, step.rel, lang) if step.place else "",
        "D": noun(step.place, lang) if step.place else "",
        "n": step.note,
    }
    return _tidy(fill(title, slots)), _when(step, _tidy(fill(description, slots)), lang)


def _when(step: Step, description: str, lang: str) -> str:
    """The description under the step's condition, if it has one."""
    if not step.when:
        return description
    if step.when == "else":
        return f"否則，{description}" if lang == "zh" else f"Otherwise: {description}"
    return f"若{step.when}，{description}" if lang == "zh" else f"If {step.when}: {description}"


def noun(name: Name, lang: str, *, bare: bool = False) -> str:
    """The name as plans write it, ``the book`` or ``所有杯子``; without its article where bare."""
    if lang == "zh":
        return f"{name.lead}所有{name.text}" if name.group else name.lead + name.text
    if name.group:
        return f"all {name.text}" if bare else f"all the {name.text}"
    return name.text if name.proper or bare else f"the {name.text}"


def placed(place: Name, rel: Rel, lang: str) -> str:
    """The place with its relation: ``on the table``, ``桌子上``."""
    if lang == "en":
        return f"{_EN_RELS[rel]} {noun(place, lang)}"
    if place.text.endswith(_ZH_ENDINGS):
        return noun(place, lang)
    return noun(place, lang) + _ZH_RELS[rel]


def listed(names: list[str], lang: str) -> str:
    """``a``, ``a and b``, ``a, b and c`` in the language's own way."""
    joint, comma = (" and ", ", ") if lang == "en" else ("和", "、")
    return joint.join((*([comma.join(names[:-1])] if names[:-1] else ()), *names[-1:]))


def _patterns(step: Step, lang: str) -> tuple[str, str]:
    if step.verb is Verb.ACT:
        title, description = step.note.split("\t")
        return title, description
    table = sections(lang, "steps")
    key = step.form or step.verb.value
    if step.note == "battery":
        key = "CHECK.battery"
    elif step.verb is Verb.CHECK and step.things:
        key = "CHECK.in"
    elif step.note == "else":
        key = "PICK.else"
    elif step.note == "if" or (step.verb is Verb.CHARGE and step.note):
        key = f"{key}.if"
    title, description = table[key]
    return title, description


def _tidy(text: str) -> str:
    text = unmarked(text)
    return text.strip().replace("  ", " ")

"""How a name looks inside an instruction: articles, prepositions, quantifiers, joined lists.

Names are wrapped in two private marks until the sentence is finished, so that typing noise
can spare them.
"""

import random
from dataclasses import dataclass
from typing import Final

from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.plans.world import Name, Rel
from planner_node.training.corpus.speech.patterns import fill

OPEN: Final = "\ue000"
SHUT: Final = "\ue001"

EN_TO: Final = {
    Rel.ON: ("on", "on", "on", "onto", "on top of", "upon"),
    Rel.IN: ("in", "in", "into", "inside", "in"),
    Rel.AT: ("at", "at", "in", "by", "over at"),
    Rel.BESIDE: ("next to", "beside", "near", "by", "close to"),
    Rel.UNDER: ("under", "beneath", "underneath", "below"),
    Rel.FRONT: ("in front of",),
    Rel.BEHIND: ("behind",),
}
EN_AT: Final = {Rel.ON: ("on", "on", "on top of"), Rel.IN: ("in", "in", "inside")}
EN_FROM: Final = {
    Rel.ON: ("from", "from", "off", "off of", "from the top of"),
    Rel.IN: ("from", "from", "out of", "from inside"),
    Rel.AT: ("from", "from", "at", "in"),
}
ZH_REL: Final = {
    Rel.ON: ("上", "上", "上", "上面"),
    Rel.IN: ("裡", "裡", "裡面", "內", "中"),
    Rel.AT: ("",),
    Rel.BESIDE: ("旁", "旁邊", "旁邊"),
    Rel.UNDER: ("下", "下面", "底下"),
    Rel.FRONT: ("前", "前面"),
    Rel.BEHIND: ("後面", "後"),
}
_ZH_ENDINGS: Final = ("上", "裡", "旁", "下", "前", "後", "內", "中", "邊", "面")
_SPEAKER: Final = {"使用者": "我", "user": "me"}
_EN_DEFINITE: Final = ("the",) * 12 + ("this", "that", "my", "your", "our", "")
_EN_ARTICLES: Final = (
    ("the",) * 9 + ("a",) * 6 + ("some", "my", "my", "this", "that", "one", "", "")
)
_ZH_DETERMINERS: Final = (
    *("",) * 28,
    *("那個", "那個", "這個", "這個", "一個", "一個", "我的", "我的", "那些", "一些"),
    *(
        "一杯",
        "一瓶",
        "一本",
        "一支",
        "一箱",
        "一張",
        "一包",
        "一盒",
        "一份",
        "一條",
        "一把",
        "一顆",
    ),
    *(
        "那堆",
        "那袋",
        "那盒",
        "那疊",
        "這盒",
        "這袋",
        "整盒",
        "整箱",
        "那包",
        "那雙",
        "那件",
        "那張",
    ),
    *("這本", "那本", "那瓶", "那支", "這箱", "那把", "我"),
)


@dataclass(slots=True)
class Surface:
    """Writes names of one language the way people say them."""

    rng: random.Random
    lang: str

    def thing(self, name: Name) -> str:
        if self.lang == "zh":
            if name.group:
                return self._one_of("所有", "所有的", "全部的", "全部", "每一個", "每個") + marked(
                    name
                )
            if name.plural:  # counted already: 六本書
                return marked(name)
            return self._one_of(*_ZH_DETERMINERS) + marked(name)
        if name.group:
            return (
                f"{self._one_of('all the', 'all', 'all of the', 'all', 'all the')} {marked(name)}"
            )
        return self._with_article(name, _EN_ARTICLES)

    def place(self, name: Name) -> str:
        """The bare place or person: ``the table``, ``桌子``, ``me``."""
        if name.text in _SPEAKER:
            return _SPEAKER[name.text]
        if self.lang == "zh":
            return marked(name)
        return self._with_article(name, _EN_DEFINITE)

    def to(self, name: Name, rel: Rel) -> str:
        """Where something goes: ``on the table``, ``桌子上``."""
        if self.lang == "zh":
            return self._zh_at(name, rel)
        return f"{self.rng.choice(EN_TO[rel])} {self.place(name)}"

    def at(self, name: Name, rel: Rel) -> str:
        """Where something is: ``on the table``, never ``onto the table``."""
        if self.lang == "zh":
            return self._zh_at(name, rel)
        return f"{self.rng.choice(EN_AT.get(rel, EN_TO[rel]))} {self.place(name)}"

    def source(self, name: Name, rel: Rel) -> dict[str, str]:
        """The slots about where something comes from."""
        if self.lang == "zh":
            at = self._zh_at(name, rel)
            return {"s": at, "S": marked(name), "g": at}
        bare = self.place(name)
        at = f"{self.rng.choice(EN_TO[rel][:2])} {bare}"
        located = self._one_of(at, at, f"that is {at}", f"which is {at}", f"lying {at}")
        return {
            "s": bare,
            "S": self.place(name),
            "f": f"{self.rng.choice(EN_FROM.get(rel, ('from',)))} {bare}",
            "l": located,
            "g": at,
        }

    def listed(self, parts: list[str], section: str = "and") -> str:
        """Join phrases in one of the ways of the lexicon's section."""
        if len(parts) == 1:
            return parts[0]
        tables = sections(self.lang, "wrappers")
        head = parts[0]
        for part in parts[1:-1]:
            head = fill(tables["comma"][0], {"a": head, "b": part})
        pattern = self.rng.choice(tables[section])
        if "both" in pattern and len(parts) > 2:
            pattern = "{a} and {b}"
        joined = fill(pattern, {"a": head, "b": parts[-1]})
        if self.lang == "en" and len(parts) > 2 and self.rng.random() < 0.5:
            joined = joined.replace(f"{head} and", f"{head}, and")
        return joined

    def _zh_at(self, name: Name, rel: Rel) -> str:
        if name.text.endswith(_ZH_ENDINGS):
            return marked(name)
        if name.text == "桌子" and rel is Rel.ON and self.rng.random() < 0.6:
            return f"{OPEN}桌上{SHUT}"
        return marked(name) + self.rng.choice(ZH_REL[rel])

    def _with_article(self, name: Name, articles: tuple[str, ...]) -> str:
        if name.lead and self.lang == "en":
            return f"{name.lead} {marked(name)}"
        if name.proper:
            return marked(name)
        article = self.rng.choice(articles)
        if article in {"a", "one", "this", "that"} and (name.plural or name.mass):
            article = "some" if article in {"a", "one"} else "the"
        if article == "some" and not (name.plural or name.mass) and self.rng.random() < 0.6:
            article = "a"
        if article == "a" and name.text[0] in "aeiou":
            article = "an"
        return f"{article} {marked(name)}".strip()

    def _one_of(self, *options: str) -> str:
        return self.rng.choice(options)


def difference(one: Name, other: Name) -> str:
    """The words of the English ``other`` before the ending that both share; empty without one."""
    words, same = other.text.split(), one.text.split()
    while words and same and words[-1] == same[-1]:
        words, same = words[:-1], same[:-1]
    return " ".join(words) if len(words) < len(other.text.split()) else ""


def marked(name: Name) -> str:
    """The name's own text between the two marks."""
    return f"{name.lead if name.lead == ' ' else ''}{OPEN}{name.text}{SHUT}"


def unmarked(text: str) -> str:
    """``text`` without the marks around names."""
    return text.replace(OPEN, "").replace(SHUT, "")

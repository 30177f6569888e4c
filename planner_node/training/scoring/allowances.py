"""What a plan may use although the instruction does not name it: a stove to heat, a sink to wash.

Each entry is `name|other name` and, after `>`, what happens to a thing that is put there.
"""

from typing import Final

from planner_node.training.scoring.records import Entity
from planner_node.training.scoring.terms import Language, Role, Verb

USER: Final = "@user"
USER_NAMES: Final = {
    Language.ZH: ("使用者", "用戶", "主人", "您", "你", "我"),
    Language.EN: ("the user", "user", "me", "you", "requester"),
}

_TOOLS: Final[dict[Language, dict[Verb, str]]] = {
    Language.ZH: {
        Verb.HEAT: "微波爐>HEAT 爐子|瓦斯爐|爐台>HEAT 烤箱>HEAT 電磁爐>HEAT 鍋子",
        Verb.COOL: "冰箱|冷藏室>COOL 冷凍庫>COOL 冰塊",
        Verb.CLEAN: "水槽|洗手台>CLEAN 水龍頭 抹布 拖把 掃把 吸塵器 海綿 清潔劑 刷子 消毒液",
        Verb.SLICE: "刀子|菜刀|水果刀|刀 砧板",
        Verb.FILL: "水龍頭 飲水機 水槽",
        Verb.CHARGE: "充電站|充電座|充電樁|充電處|充電位置",
        Verb.ON: "開關|電源 遙控器",
        Verb.OFF: "開關|電源 遙控器",
        Verb.OPEN: "門把|把手",
        Verb.CLOSE: "門把|把手",
    },
    Language.EN: {
        Verb.HEAT: "microwave>HEAT stove>HEAT oven>HEAT pot",
        Verb.COOL: "fridge|refrigerator>COOL freezer>COOL ice",
        Verb.CLEAN: "sink>CLEAN faucet|tap cloth|rag mop broom vacuum_cleaner|vacuum sponge brush",
        Verb.SLICE: "knife cutting_board",
        Verb.FILL: "faucet|tap water_dispenser sink water",
        Verb.CHARGE: "charging_station|charging_dock|charging_point|charger|dock",
        Verb.ON: "light_switch|power_switch|power_button|switch remote",
        Verb.OFF: "light_switch|power_switch|power_button|switch remote",
        Verb.OPEN: "handle|door_handle",
        Verb.CLOSE: "handle|door_handle",
    },
}


def allowed_tools(verbs: set[Verb], language: Language, taken: set[str]) -> list[Entity]:
    """List the tools that the verbs allow, without the names that the instruction itself uses."""
    entries = [e for verb in sorted(verbs) for e in _TOOLS[language].get(verb, "").split()]
    tools: list[Entity] = []
    for entry in dict.fromkeys(entries):
        tool = _read(entry, taken)
        if tool.names:
            taken |= set(tool.names)
            tools.append(tool)
    return tools


def effect_of(names: tuple[str, ...], verbs: set[Verb], language: Language) -> Verb | None:
    """Return what a place of those names does to a thing, where the goals ask for it."""
    tools = allowed_tools(verbs, language, set())
    return next((t.affords for t in tools if t.affords and set(names) & set(t.names)), None)


def _read(entry: str, taken: set[str]) -> Entity:
    names, _, effect = entry.partition(">")
    spoken = tuple(n for n in names.replace("_", " ").split("|") if n not in taken)
    return Entity(
        entity_id=f"@tool:{names}",
        role=Role.PLACE if effect else Role.OBJECT,
        names=spoken,
        required=False,
        tool=True,
        affords=Verb(effect) if effect else None,
    )


def user(language: Language) -> Entity:
    """Return the person who speaks, who is always within reach."""
    return Entity(USER, Role.PERSON, USER_NAMES[language], required=False, tool=True)

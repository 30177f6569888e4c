"""The settings file as YAML: its keys are names, and each stands once."""

from pathlib import Path
from typing import Any, Final

import yaml

from planner_node.errors import SettingsRefused

_TEXT: Final = "tag:yaml.org,2002:str"
_MERGE: Final = "tag:yaml.org,2002:merge"


def read(path: Path) -> Any:  # noqa: ANN401  not checked yet
    """Return what the file holds; None where that is nothing.

    Raises:
        SettingsRefused: it cannot be read, is not YAML, or has a key twice.
    """
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        loader.name = str(path)  # what a fault is said to be in
        return loader.get_single_data()
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise SettingsRefused(f"{path} cannot be read: {error}", file=path) from error


class _Loader(yaml.SafeLoader):
    """Reads keys as they are written, also ``on``, ``1`` and ``~``, and refuses a second one."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for place, (key, value) in enumerate(node.value):
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                self._note(lines, key)
                name = yaml.ScalarNode(_TEXT, key.value, key.start_mark, key.end_mark)
                node.value[place] = (name, value)
        return node

    def _note(self, lines: dict[str, int], key: yaml.ScalarNode) -> None:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise SettingsRefused(
                f"{self.name}: {key.value} is written twice, in lines {lines[key.value]} "
                f"and {line}: keep one",
                key=key.value,
            )
        lines[key.value] = line

"""Paths of the file, counted from the file's own folder, wherever the node is started.

Paths of the environment are left as they are: who types one counts from where he stands.
"""

from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

from planner_node.settings.endpoints import EndpointSettings
from planner_node.settings.sections import EngineSettings, ModelSettings, PlannerSettings, Settings

_EMBEDDED: Final = "embedded"  # the model that comes with the node, whatever lies beside the file


def anchored(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the file's values with every path made absolute; nothing is checked yet.

    Tools and prompts lie beside the file also where it does not name them.
    """
    values = {key: {} if _is_empty(key, block) else block for key, block in values.items()}
    planner = values.get("planner", {})
    if isinstance(planner, dict):
        fields = PlannerSettings.model_fields
        beside = {key: str(fields[key].default) for key in ("tools_dir", "prompts_dir")}
        values = {**values, "planner": {**beside, **planner}}
    sections = {
        key: _section(field.annotation, values[key], folder)
        for key, field in Settings.model_fields.items()
        if key in values
    }
    return {**values, **sections}


def _is_empty(key: str, block: Any) -> bool:  # noqa: ANN401  not checked yet
    """Whether this is a section with nothing in it: all of its keys are commented out."""
    field = Settings.model_fields.get(key)
    annotation: Any = None if field is None else field.annotation
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return block is None and is_section


def _section(model: Any, block: Any, folder: Path) -> Any:  # noqa: ANN401  not checked yet
    if not isinstance(block, dict) or not issubclass(model, BaseModel):
        return block
    block = {
        key: str(folder / value) if isinstance(value, str) and _is_path(model, key) else value
        for key, value in block.items()
    }
    if model is EngineSettings and isinstance(endpoints := block.get("endpoints"), list):
        block["endpoints"] = [_section(EndpointSettings, one, folder) for one in endpoints]
    if model is ModelSettings and _is_folder(block.get("id"), folder):
        block["id"] = str(folder / block["id"])
    return block


def _is_folder(name: Any, folder: Path) -> bool:  # noqa: ANN401  not checked yet
    """Whether a model's name is a folder; else it is a name of the hub."""
    return isinstance(name, str) and name != _EMBEDDED and (folder / name).is_dir()


def _is_path(model: type[BaseModel], key: str) -> bool:
    field = model.model_fields.get(key)
    return field is not None and Path in {field.annotation, *get_args(field.annotation)}

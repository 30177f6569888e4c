"""Whether a folder can be what it is said to be, told before the libraries are asked."""

from pathlib import Path

from planner_node.errors import ModelNotLoaded


def check_model(folder: Path, model_id: str) -> None:
    """Look for a checkpoint.

    Raises:
        ModelNotLoaded: there is none.
    """
    _check(folder, "config.json", "a checkpoint of transformers", model_id, "model.id")


def check_adapter(folder: Path, model_id: str) -> None:
    """Look for what is to be put on top of a model.

    Raises:
        ModelNotLoaded: there is none.
    """
    _check(folder, "adapter_config.json", "an adapter of PEFT", model_id, "model.adapter")


def _check(folder: Path, needed: str, what: str, model_id: str, key: str) -> None:
    if not folder.is_dir():
        raise ModelNotLoaded(
            f"there is no folder {folder.absolute()}: check {key}", cause="MISSING", model=model_id
        )
    if not (folder / needed).is_file():
        raise ModelNotLoaded(
            f"the folder {folder} has no {needed}, so it is not {what}: check {key}",
            cause="MISSING",
            model=model_id,
        )

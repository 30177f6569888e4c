"""What the doctor finds about the model of this process."""

from collections.abc import Iterator
from pathlib import Path

from planner_node.cli.finding import Finding, Verdict
from planner_node.cli.weights import trouble_with
from planner_node.completion.loading import EMBEDDED, weights_of
from planner_node.engine.folders import check_adapter
from planner_node.errors import ModelNotLoaded
from planner_node.settings import ModelSettings


def look_at_model(model: ModelSettings) -> Iterator[Finding]:
    """Look for the model's files, and for the adapter's."""
    folder = Path(weights_of(model.id)).expanduser()
    yield _folder(folder, model.id) if folder.is_dir() else _elsewhere(model.id)
    if model.adapter is not None:
        yield _adapter(model.adapter, model.id)


def _folder(folder: Path, name: str) -> Finding:
    text = trouble_with(folder)
    if not (folder / "config.json").is_file():
        text = f"{folder} holds no model"
    if text:
        again = "Run `make train`, or check out the repository again."
        advice = again if name == EMBEDDED else "Download the model again, or check model.id."
        return Finding(Verdict.FAULT, "model", text, advice)
    return Finding(Verdict.FINE, "model", f"{name} in {folder}")


def _adapter(folder: Path, model_id: str) -> Finding:
    try:
        check_adapter(folder, model_id)
    except ModelNotLoaded as error:
        return Finding(Verdict.FAULT, "adapter", str(error), "Check PLANNER__MODEL__ADAPTER.")
    return Finding(Verdict.FINE, "adapter", str(folder))


def _elsewhere(name: str) -> Finding:
    from huggingface_hub import get_token, try_to_load_from_cache  # noqa: PLC0415  slow to import
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        text = f"{name} is no folder here, and no model of the hub is called so"
        return Finding(Verdict.FAULT, "model", text, "Check PLANNER__MODEL__ID.")
    if isinstance(cached, str):
        return Finding(Verdict.FINE, "model", f"{name}, in the hub's cache")
    advice = "" if get_token() else "If it is gated: accept its licence, then set HF_TOKEN."
    return Finding(Verdict.NOTE, "model", f"{name} will be downloaded at the first start", advice)

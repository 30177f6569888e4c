"""What the doctor finds about tools, prompts and the functions behind tools."""

from collections.abc import Iterator

from planner_node.cli.finding import Finding, Verdict
from planner_node.completion.loading import unlearned
from planner_node.errors import SettingsRefused
from planner_node.planner.handlers import load_handlers
from planner_node.prompt.catalog import load_catalog
from planner_node.settings import Settings

_NAME = "tools"


def look_at_tools(settings: Settings) -> Iterator[Finding]:
    """Read and import what the node would before it starts."""
    planner = settings.planner
    try:
        catalog = load_catalog(planner.tools_dir, planner.prompts_dir)
        catalog.answers(planner.answers)
        load_handlers(planner.handlers)
    except SettingsRefused as error:
        advice = "Check planner.tools_dir, prompts_dir, answers and handlers in the settings."
        yield Finding(Verdict.FAULT, _NAME, str(error), advice)
        return
    yield Finding(Verdict.FINE, _NAME, ", ".join(sorted(catalog.tools)))
    if names := unlearned(settings.model, settings.engine, catalog.tools):
        text = f"the embedded model was never taught {', '.join(names)}: its plans will be nonsense"
        advice = "Set model.id to a larger model, or engine.kind to remote."
        yield Finding(Verdict.NOTE, _NAME, text, advice)

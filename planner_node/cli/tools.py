"""What the doctor finds about tools, prompts and the functions behind tools."""

from planner_node.cli.finding import Finding, Verdict
from planner_node.errors import SettingsRefused
from planner_node.planner.handlers import load_handlers
from planner_node.prompt.catalog import load_catalog
from planner_node.settings import PlannerSettings

_NAME = "tools"


def look_at_tools(planner: PlannerSettings) -> Finding:
    """Read and import what the node would before it starts."""
    try:
        catalog = load_catalog(planner.tools_dir, planner.prompts_dir)
        catalog.answers(planner.answers)
        load_handlers(planner.handlers)
    except SettingsRefused as error:
        advice = "Check planner.tools_dir, prompts_dir, answers and handlers in the settings."
        return Finding(Verdict.FAULT, _NAME, str(error), advice)
    return Finding(Verdict.FINE, _NAME, ", ".join(sorted(catalog.tools)))

"""The tools and texts that the project ships."""

from functools import cache
from pathlib import Path
from typing import Final

from planner_node.prompt.catalog import Catalog, load_catalog

CONFIG: Final = Path(__file__).resolve().parents[2] / "config"


@cache
def shipped_catalog() -> Catalog:
    """Return what a node finds in ``config/tools`` and ``config/prompts``."""
    return load_catalog(CONFIG / "tools", CONFIG / "prompts")

"""A robot can use the contract without the node and without a model."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORT_ALL = """
import importlib, pkgutil, sys
import messages
for module in pkgutil.iter_modules(messages.__path__):
    importlib.import_module(f"messages.{module.name}")
heavy = {"planner_node", "torch", "transformers", "fastapi", "paho", "sqlite3", "asyncio"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_contract_imports_nothing_of_the_node() -> None:
    child = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == "[]"

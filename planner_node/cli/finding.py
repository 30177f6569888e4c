"""One thing that the doctor looked at."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What a finding means."""

    FINE = "[green]✓[/]"
    NOTE = "[yellow]![/]"  # works, but somebody should know
    FAULT = "[red]✗[/]"  # must be mended


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, and what to do about it."""

    verdict: Verdict
    name: str
    text: str
    advice: str = ""

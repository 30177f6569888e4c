"""What a load is measured against, and when a run that missed it ends with 1."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# A shared machine is not quiet: a run fails where a figure is this many times worse than its bar.
# Nought is exact: of what must not be lost, nothing may be.
FAR: Final = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bound: ``figure`` is the path to the number in the report, its steps joined by dots."""

    figure: str
    at_most: float | None = None
    at_least: float | None = None

    def judged(self, report: Mapping[str, object]) -> dict[str, object]:
        """Return the bound beside what was measured; raises KeyError where nothing was."""
        measured = _measured(report, self.figure)
        bound = {"at_most": self.at_most, "at_least": self.at_least}
        return {
            **{name: value for name, value in bound.items() if value is not None},
            "measured": measured,
            "is_met": self._is_met(measured),
            "is_missed_by_far": not self._is_met(measured, FAR),
        }

    def _is_met(self, measured: float, times: float = 1.0) -> bool:
        high = self.at_most is not None and measured > self.at_most * times
        low = self.at_least is not None and measured < self.at_least / times
        return not (high or low)


def judge(bars: Iterable[Bar], report: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return every bar by the name of its figure."""
    return {bar.figure: bar.judged(report) for bar in bars}


def missed_by_far(judged: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Return the figures for which a run has to fail."""
    return [figure for figure, one in judged.items() if one["is_missed_by_far"]]


def _measured(report: Mapping[str, object], figure: str) -> float:
    value: object = report
    for step in figure.split("."):
        value = value[step] if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KeyError(figure)
    return float(value)

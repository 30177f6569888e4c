"""Two contestants that did the same in turns, compared round by round."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, TypeAlias

Pair: TypeAlias = tuple[Any, Any]  # both rounds of one turn, with the same figures as attributes


def compared(
    figures: Iterable[str], names: tuple[str, str], pairs: Sequence[Pair]
) -> dict[str, dict[str, float]]:
    """Return of each figure both medians, and those of second / first with the least and most."""
    return {figure: _compared(figure, names, pairs) for figure in figures}


def _compared(figure: str, names: tuple[str, str], pairs: Sequence[Pair]) -> dict[str, float]:
    values = [(getattr(first, figure), getattr(second, figure)) for first, second in pairs]
    ratios = [second / first for first, second in values]
    return {
        names[0]: round(median(first for first, _ in values), 3),
        names[1]: round(median(second for _, second in values), 3),
        "ratio": round(median(ratios), 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
    }

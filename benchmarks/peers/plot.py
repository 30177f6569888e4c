"""Draws a comparison: plans per second and time to the first subtask against clients, as SVG.

    python -m benchmarks.peers.plot benchmarks/results/peers-a.json    # → peers-a.svg beside it

Both axes are logarithmic. One colour for each contestant, one dash for each precision; bars reach
from the lowest to the highest round. Where a line of ours lies on the wrong side, it is a loss.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.report import Score, Spread, scores

WIDTH: Final = 980
PANEL_WIDTH: Final = 380
PANEL_HEIGHT: Final = 300
LEFTS: Final = (70, 560)
TOP: Final = 64
BOTTOM: Final = TOP + PANEL_HEIGHT
LEGEND_ROW: Final = 22
LEGEND_COLUMNS: Final = 3
OURS: Final = "#c2410c"
COLORS: Final = {
    "ours": OURS,
    "transformers": "#94a3b8",
    "transformers-cb": "#475569",
    "vllm": "#7c3aed",
    "llama.cpp": "#15803d",
    "openvino": "#1d4ed8",
    "onnxruntime": "#be185d",
}
OTHER: Final = "#000000"
DASHES: Final = {"fp32": "", "bf16": "6 3", "int8": "2 3"}
Point = tuple[int, Spread]


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram: where it lies, what it shows, and the decades it spans."""

    left: int
    title: str
    clients: tuple[int, ...]
    low: float
    high: float

    def across(self, clients: int) -> float:
        first, last = math.log(self.clients[0]), math.log(self.clients[-1])
        return self.left + PANEL_WIDTH * (math.log(clients) - first) / max(last - first, 1e-9)

    def up(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return BOTTOM - PANEL_HEIGHT * share


def draw(results: dict[str, Any]) -> str:
    """Return the picture of one model's comparison."""
    known = sorted(scores(results), key=lambda score: score.key.startswith("ours/"))
    keys = list(dict.fromkeys(score.key for score in known))
    parts = [
        *_panel(LEFTS[0], "plans per second (higher is better)", known, lambda s: s.plans_per_s),
        *_panel(
            LEFTS[1],
            "time to the first subtask, ms (lower is better)",
            known,
            lambda s: s.first_subtask_ms,
        ),
        *_legend(keys, results["titles"]),
    ]
    rows = math.ceil(len(keys) / LEGEND_COLUMNS)
    height = BOTTOM + 62 + LEGEND_ROW * rows
    head = f"Model {results['model']}, {results['machine']['cpu']}" if "machine" in results else ""
    body = "\n".join([_text(LEFTS[0], 24, head, size=14), *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _panel(
    left: int, title: str, known: Sequence[Score], value: Callable[[Score], Spread | None]
) -> Iterator[str]:
    lines: dict[str, list[Point]] = {}
    for score in known:
        spread = value(score)
        if spread is not None:
            lines.setdefault(score.key, []).append((score.clients, spread))
    spreads = [spread for points in lines.values() for _, spread in points]
    clients = tuple(sorted({score.clients for score in known}))
    low = 10 ** math.floor(math.log10(min(spread.low for spread in spreads)))
    high = 10 ** math.ceil(math.log10(max(spread.high for spread in spreads)))
    panel = Panel(left, title, clients, low, max(high, low * 10))
    yield from _frame(panel)
    for key, points in lines.items():
        yield from _line(panel, key, sorted(points, key=lambda point: point[0]))


def _frame(panel: Panel) -> Iterator[str]:
    right = panel.left + PANEL_WIDTH
    yield _text(panel.left, TOP - 14, panel.title)
    yield _text((panel.left + right) / 2, BOTTOM + 38, "clients at once", anchor="middle")
    for decade in range(round(math.log10(panel.low)), round(math.log10(panel.high)) + 1):
        y = panel.up(10.0**decade)
        yield f'<path d="M{panel.left} {y:.1f}H{right}" stroke="#cbd5e1"/>'
        yield _text(panel.left - 8, y + 4, f"{10.0**decade:g}", anchor="end")
        for step in range(2, 10):
            y = panel.up(step * 10.0**decade)
            if y > TOP:
                yield f'<path d="M{panel.left} {y:.1f}H{right}" stroke="#f1f5f9"/>'
    for clients in panel.clients:
        yield _text(panel.across(clients), BOTTOM + 18, str(clients), anchor="middle")


def _line(panel: Panel, key: str, points: Sequence[Point]) -> Iterator[str]:
    color, dash, width = _style(key)
    placed = [(panel.across(clients), panel.up(spread.middle)) for clients, spread in points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
    yield f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="{width}"{dash}/>'
    for (x, y), (_, spread) in zip(placed, points, strict=True):
        low, high = panel.up(spread.low), panel.up(spread.high)
        yield f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{color}" stroke-opacity="0.5"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 1:.1f}" fill="{color}"/>'


def _style(key: str) -> tuple[str, str, float]:
    name, _, precision = key.partition("/")
    dash = f' stroke-dasharray="{DASHES[precision]}"' if DASHES.get(precision) else ""
    return COLORS.get(name, OTHER), dash, 3.2 if name == "ours" else 1.6


def _legend(keys: Iterable[str], titles: dict[str, str]) -> Iterator[str]:
    column = (WIDTH - LEFTS[0]) / LEGEND_COLUMNS
    for place, key in enumerate(keys):
        x = LEFTS[0] + column * (place % LEGEND_COLUMNS)
        y = BOTTOM + 66 + LEGEND_ROW * (place // LEGEND_COLUMNS)
        color, dash, width = _style(key)
        said = f"{titles.get(key, key)}, {key.rpartition('/')[2]}"
        yield f'<path d="M{x:.0f} {y - 4:.0f}h30" stroke="{color}" stroke-width="{width}"{dash}/>'
        yield _text(x + 38, y, said)


def _text(x: float, y: float, said: str, anchor: str = "start", size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="#0f172a">{escape(said)}</text>'


def main() -> None:
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("results", type=Path, nargs="+")
    for file in asked.parse_args().results:
        picture = file.with_suffix(".svg")
        picture.write_text(draw(json.loads(file.read_text("utf-8"))), encoding="utf-8")
        print(picture)


if __name__ == "__main__":
    main()

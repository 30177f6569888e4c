"""Draws quality against training time as one SVG: the loss of a run's logs, scores of checkpoints.

    python -m planner_node.training.curve --logs log.txt --score 7.2:early.json --to curve.svg

A score is a file of ``planner_node.training.evaluate --json``, named by the millions of tokens
that its checkpoint had seen.
"""

import argparse
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r"\| ([\d.]+)([kM])/[\d.]+M \[.*?loss=([\d.]+)")
_UNSETTLED: Final = 0.1  # millions of tokens until the mean of the loss has settled
_UNITS: Final = {"k": 1e-3, "M": 1.0}
_LOSSES: Final = (0.002, 0.01, 0.1, 1.0, 10.0)  # the marks of their axis
_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 696, 48, 318
_MEASURES: Final = {
    "all checks hold, zh-TW": ("#c2410c", "zh-TW: all checks hold"),
    "all checks hold, en": ("#1d4ed8", "English: all checks hold"),
    "unseen names copied": ("#15803d", "unseen names copied"),
}
_LOSS_COLOR: Final = "#64748b"
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axes:
    """Turns millions of tokens, a loss and a share into pixels; the loss axis is logarithmic."""

    most_tokens: float
    least_loss: float
    most_loss: float

    def across(self, tokens: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * tokens / self.most_tokens

    def of_loss(self, loss: float) -> float:
        low, high = math.log10(self.least_loss), math.log10(self.most_loss)
        return _BOTTOM - (_BOTTOM - _TOP) * (math.log10(loss) - low) / (high - low)

    def of_share(self, share: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * share


def losses(texts: Iterable[str], every: float = 0.05) -> list[Point]:
    """Read ``(millions of tokens, loss)`` from progress lines; a later run replaces the earlier.

    A run's own first points are left out where it went on from another: its mean starts anew.
    """
    found: dict[int, Point] = {}
    for text in texts:
        points = [(float(n) * _UNITS[unit], float(loss)) for n, unit, loss in _LINE.findall(text)]
        if points and found:
            points = [point for point in points if point[0] > points[0][0] + _UNSETTLED]
        if points:
            found = {key: point for key, point in found.items() if point[0] < points[0][0]}
        found |= {round(tokens / every): (tokens, loss) for tokens, loss in points}
    return [found[key] for key in sorted(found)]


def scores(files: Iterable[tuple[float, Path]]) -> dict[str, list[Point]]:
    """Read ``{measure: [(millions of tokens, share)]}`` from reports of the scorer."""
    lines: dict[str, list[Point]] = {name: [] for name in _MEASURES}
    for tokens, file in sorted(files):
        report = json.loads(file.read_text(encoding="utf-8"))
        for name, points in lines.items():
            points.append((tokens, float(report["headline"][name]["share"])))
    return lines


def draw(loss: Sequence[Point], shares: dict[str, list[Point]]) -> str:
    """The picture as SVG text."""
    most = max(tokens for tokens, _ in [*loss, *(p for line in shares.values() for p in line)])
    axes = Axes(math.ceil(most), _LOSSES[0], _LOSSES[-1])
    parts = [*_frame(axes), _path([(axes.across(t), axes.of_loss(y)) for t, y in loss])]
    for name, points in shares.items():
        color, _ = _MEASURES[name]
        placed = [(axes.across(t), axes.of_share(share)) for t, share in points]
        parts.append(_path(placed, color, dashed=True))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{color}"/>' for x, y in placed]
    parts += _legend()
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _frame(axes: Axes) -> list[str]:
    every = max(1, round(axes.most_tokens / 8))
    levels = [(step * 20, axes.of_share(step / 5)) for step in range(6)]
    return [
        _text(_WIDTH / 2, _HEIGHT - 10, "tokens of training, millions", "middle"),
        *(f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#e2e8f0"/>' for _, y in levels),
        *(_text(_RIGHT + 8, y + 4, f"{share} %") for share, y in levels),
        *(
            _text(_LEFT - 8, axes.of_loss(loss) + 4, f"{loss:g}", "end", _LOSS_COLOR)
            for loss in _LOSSES
        ),
        *(
            _text(axes.across(tokens), _BOTTOM + 18, str(tokens), "middle")
            for tokens in range(0, int(axes.most_tokens) + 1, every)
        ),
    ]


def _legend() -> list[str]:
    entries = [("loss (left, logarithmic)", _LOSS_COLOR)]
    entries += [(title, color) for color, title in _MEASURES.values()]
    parts = []
    for number, (title, color) in enumerate(entries):
        x = 20 + 185 * number
        parts.append(f'<rect x="{x}" y="18" width="14" height="4" fill="{color}"/>')
        parts.append(_text(x + 20, 24, title))
    return parts


def _path(points: Sequence[Point], color: str = _LOSS_COLOR, *, dashed: bool = False) -> str:
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="M{line}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>'


def _text(x: float, y: float, said: str, anchor: str = "start", color: str = "#0f172a") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{said}</text>'


def _score(text: str) -> tuple[float, Path]:
    tokens, _, file = text.partition(":")
    return float(tokens), Path(file)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=Path, nargs="+", required=True, help="oldest first")
    parser.add_argument(
        "--score", type=_score, action="append", default=[], help="millions of tokens:report.json"
    )
    parser.add_argument("--to", type=Path, default=Path("planner_node/models/embedded/curve.svg"))
    args = parser.parse_args(argv)
    loss = losses(log.read_text(encoding="utf-8") for log in args.logs)
    if not loss:
        raise SystemExit("these logs hold no progress lines of planner_node.training.train")
    args.to.write_text(draw(loss, scores(args.score)), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Memory and descriptors of a node over a long run, and a picture of them."""

import asyncio
import time
from pathlib import Path
from typing import Final

from tests.faults.nodes import NodeProcess

_EACH_S: Final = 10.0
_WARM_S: Final = 300.0  # caches and the history's first pages are filled by then
_WIDTH, _HEIGHT, _MARGIN = 640, 240, 48


class Series:
    """Looks at the node every 10 s."""

    def __init__(self, node: NodeProcess) -> None:
        self._node = node
        self._began_s = time.monotonic()
        self.looks: list[tuple[float, float, int]] = []  # seconds, MiB, descriptors

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            seconds = round(time.monotonic() - self._began_s, 1)
            mebibytes = round(self._node.rss_bytes / 2**20, 1)
            self.looks.append((seconds, mebibytes, self._node.descriptors))
            await asyncio.sleep(_EACH_S)

    def figures(self) -> dict[str, object]:
        """Return everything seen, and the growth since the fifth minute."""
        warm = [look for look in self.looks if look[0] >= _WARM_S] or self.looks
        return {
            "seconds_rss_mib_descriptors": self.looks,
            "warm_from_s": warm[0][0],
            "rss_growth_mib": round(warm[-1][1] - warm[0][1], 1),
            "descriptor_growth": warm[-1][2] - warm[0][2],
            "descriptors_at_most": max(look[2] for look in warm),
        }

    def draw(self, file: Path) -> None:
        """Write the two lines as one SVG."""
        memory = _line([(look[0], look[1]) for look in self.looks], "#1f77b4")
        descriptors = _line([(look[0], float(look[2])) for look in self.looks], "#d62728")
        last = self.looks[-1]
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            ' font-family="sans-serif" font-size="12">'
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>{memory}{descriptors}'
            f'<text x="48" y="20" fill="#1f77b4">RSS, {last[1]:g} MiB at the end</text>'
            f'<text x="320" y="20" fill="#d62728">descriptors, {last[2]} at the end</text>'
            f'<text x="{_MARGIN}" y="{_HEIGHT - 12}">0 to {last[0] / 60:.0f} minutes; both from 0'
            " to twice the last value</text></svg>\n",
            encoding="utf-8",
        )


def _line(points: list[tuple[float, float]], colour: str) -> str:
    until_s, top = max(points[-1][0], 1.0), max(2 * points[-1][1], 1.0)
    placed = " ".join(
        f"{_MARGIN + seconds / until_s * (_WIDTH - 2 * _MARGIN):.1f},"
        f"{_HEIGHT - _MARGIN - value / top * (_HEIGHT - 2 * _MARGIN):.1f}"
        for seconds, value in points
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{placed}"/>'

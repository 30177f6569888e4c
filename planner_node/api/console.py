"""A page for trying the node by hand: one instruction in, its subtasks as they arrive."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

router = APIRouter()

_INLINE: Final = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@router.get("/", include_in_schema=False)
async def console() -> Response:
    """Answer with the page; it needs nothing from anywhere else."""
    page, policy = _page()
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@cache
def _page() -> tuple[str, str]:
    """Return the page, and the policy that lets run exactly what stands in it."""
    page = files("planner_node.api").joinpath("console.html").read_text(encoding="utf-8")
    allowed = [f"{kind}-src '{_digest(text)}'" for kind, text in _INLINE.findall(page)]
    nothing_else = ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"]
    return page, "; ".join([*nothing_else, "base-uri 'none'", "form-action 'none'", *allowed])


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

"""A page for trying the node by hand: one instruction in, its subtasks as they arrive."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from planner_node.api.policy import policy_of

router = APIRouter()


@router.get("/", include_in_schema=False)
async def console() -> Response:
    """Answer with the page; it needs nothing from anywhere else."""
    page, policy = _page()
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@cache
def _page() -> tuple[str, str]:
    page = files("planner_node.api").joinpath("console.html").read_text(encoding="utf-8")
    return page, policy_of(page)

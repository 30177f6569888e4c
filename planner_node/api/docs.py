"""The page of the OpenAPI document: Swagger's, with its script and style from this very node.

FastAPI's own page loads both from the network, which a robot's computer may not have.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from planner_node.api.policy import policy_of

ASSETS: Final = "/docs/assets"

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Answer with the page."""
    page, policy = _page()
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


def mount(app: FastAPI) -> None:
    """Serve the page's script, style and icon."""
    folder = Path(str(files(fastapi_offline))) / "static"
    app.mount(ASSETS, StaticFiles(directory=folder), name="docs-assets")


@cache
def _page() -> tuple[str, str]:
    """Return the page and its policy; addresses are relative, for a node behind a prefix."""
    assets = ASSETS.removeprefix("/")
    made = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Robot task planner node",
        swagger_js_url=f"{assets}/swagger-ui-bundle.js",
        swagger_css_url=f"{assets}/swagger-ui.css",
        swagger_favicon_url=f"{assets}/favicon.png",
    )
    page = bytes(made.body).decode()
    own = "'self'"
    policy = policy_of(
        page, script_src=own, style_src=f"{own} 'unsafe-inline'", img_src=f"{own} data:"
    )
    return page, policy

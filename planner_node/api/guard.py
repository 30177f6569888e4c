"""Who may come in: API keys, and no web page of somebody else.

A node on loopback without keys is still within reach of every page that its owner opens in a
browser. So a request that a browser made for another origin is refused, and, while no keys are
set, one that came by a foreign host name is too (DNS rebinding needs a name; an address is fine).
Only the probes are left out of that.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from messages.problem import ProblemCode, problem
from planner_node.api.ports import Hall
from planner_node.api.refusals import answer

OPEN_PATHS: Final = frozenset(
    {"/", "/healthz", "/readyz", "/docs", "/openapi.json", "/asyncapi.json"}
)
# Asked by machines, by whatever name the node has for them, and worth nothing to a stranger's page.
_PROBES: Final = frozenset({"/healthz", "/readyz"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_SUFFIXES: Final = (".local", ".localhost", ".lan", ".internal", ".home.arpa")
_FOREIGN_PAGE: Final = "a web page of another origin may not do this"
_REBINDING: Final = "this host name is not known here"
# What helps where a key would not.
_HINTS: Final = {
    _FOREIGN_PAGE: (
        "Use the node's own page, or a program that is no web page.",
        "請使用節點自己的網頁，或改用網頁以外的程式。",
    ),
    _REBINDING: (
        "Use the node's address, or set http.api_keys_file.",
        "請使用節點的位址，或設定 http.api_keys_file。",
    ),
}


class Guard:
    """ASGI middleware that answers 401 and 403; what it lets through is allowed."""

    def __init__(self, app: ASGIApp, hall: Hall) -> None:
        self._app = app
        self._hall = hall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := self._refusal(scope)):
            status, reason = refused
            headers = Headers(scope=scope)
            found = problem(ProblemCode.UNAUTHORIZED, {"reason": reason}, _HINTS.get(reason))
            response = answer(found, status, headers.get("accept-language", ""))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        if scope["method"] not in _SAFE_METHODS and _is_cross_origin(headers):
            return HTTPStatus.FORBIDDEN, _FOREIGN_PAGE
        if self._hall.limits.keys:
            return self._without_key(scope["path"], headers)
        if scope["path"] in _PROBES or self._hall.limits.http.trusted_proxies:
            return None
        return None if is_local_name(headers.get("host")) else (HTTPStatus.FORBIDDEN, _REBINDING)

    def _without_key(self, path: str, headers: Headers) -> tuple[HTTPStatus, str] | None:
        if path in OPEN_PATHS or path.startswith(("/schemas", "/docs/")):
            return None
        given = _given_key(headers).encode("latin-1")  # as which the bytes that came were read
        # Every key is compared, so that the time taken says nothing about which one is near.
        if sum(hmac.compare_digest(given, key) for key in self._hall.limits.keys):
            return None
        reason = "send Authorization: Bearer <key>, or X-API-Key: <key>"
        return HTTPStatus.UNAUTHORIZED, reason


def is_local_name(host: str | None) -> bool:
    """Say whether a Host header is an address, a single word, or a name that no stranger owns."""
    if not host:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # half an IPv6 address, say: no browser and no honest client sends it
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_LOCAL_SUFFIXES)
    return True


def _given_key(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip(" \t")  # others may be half a character
    return headers.get("x-api-key", "")


def _is_cross_origin(headers: Mapping[str, str]) -> bool:
    """Follow the browser's own word, and where it is silent compare Origin with Host."""
    if site := headers.get("sec-fetch-site"):
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True

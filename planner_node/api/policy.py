"""Content security: a page may run exactly what stands in it."""

import base64
import hashlib
import re
from typing import Final

NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
_INLINE: Final = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def policy_of(page: str, **sources: str) -> str:
    """Return the policy of an HTML page, whose inline parts are allowed by their digests.

    ``sources`` are further ones by directive, as ``img_src="'self'"``.
    """
    allowed: dict[str, list[str]] = {}
    for kind, text in _INLINE.findall(page):
        allowed.setdefault(f"{kind}-src", []).append(f"'{_digest(text)}'")
    for directive, source in sources.items():
        allowed.setdefault(directive.replace("_", "-"), []).append(source)
    directives = [f"{name} {' '.join(values)}" for name, values in allowed.items()]
    nothing_else = [NOTHING, "connect-src 'self'", "base-uri 'none'", "form-action 'none'"]
    return "; ".join([*nothing_else, *directives])


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

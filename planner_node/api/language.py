"""Which of the node's two languages a client wants to read."""

from collections.abc import Iterator
from math import isfinite
from typing import Final, Literal

Language = Literal["en", "zh-TW"]
_BY_PRIMARY_TAG: Final[dict[str, Language]] = {"en": "en", "zh": "zh-TW", "*": "en"}


def wanted_language(accept_language: str) -> Language:
    """Return the language of an Accept-Language header (RFC 9110 §12.5.4); English if none fits.

    Of several that are wanted as much, the first one counts.
    """
    wishes = [wish for wish in _wishes(accept_language) if wish[0] > 0]
    return max(wishes, key=lambda wish: wish[0], default=(0.0, "en"))[1]


def _wishes(accept_language: str) -> Iterator[tuple[float, Language]]:
    for wish in accept_language.split(","):
        tag, *parameters = (part.strip().lower() for part in wish.split(";"))
        language = _BY_PRIMARY_TAG.get(tag.partition("-")[0])
        if language is not None:
            yield _weight(parameters), language


def _weight(parameters: list[str]) -> float:
    """Return the wish's q, from 0 to 1; what cannot be read is no wish."""
    given = [value for name, _, value in (one.partition("=") for one in parameters) if name == "q"]
    try:
        weight = float(given[0]) if given else 1.0
    except ValueError:
        return 0.0
    return weight if isfinite(weight) else 0.0

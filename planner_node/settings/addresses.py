"""Parts of a URL that have to be right, and the part that is nobody's business."""

from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

# What libpq takes as a secret among a URL's parameters.
_SECRETS: Final = frozenset({"password", "sslpassword", "oauth_client_secret"})


def parts_of(url: str) -> SplitResult:
    """Return the parts of a URL that somebody typed.

    Raises:
        ValueError: its host cannot be read; the URL is not repeated.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ValueError(
            "url's host cannot be read; an IPv6 address stands in brackets, such as [::1]"
        ) from error


def check_port(url: str) -> None:
    """Look at the port before somebody connects to it.

    Raises:
        ValueError: the port is no number from 1 to 65535; the URL is not repeated.
    """
    fault = "url's port must be a number from 1 to 65535"
    try:
        port = urlsplit(url).port
    except ValueError as error:
        raise ValueError(fault) from error
    if port == 0:
        raise ValueError(fault)


def has_password(url: str) -> bool:
    """Whether a secret stands in the URL; one that cannot be read is refused elsewhere."""
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False


def without_user(url: str) -> str:
    """Return the URL for logs and people, without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def asks_with_secret(url: str) -> bool:
    """Whether a secret stands among the URL's parameters, as libpq reads them: names decoded."""
    names = (name for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True))
    return any(name.lower() in _SECRETS for name in names)


def without_query(url: str) -> str:
    """Return the URL for logs and people, without its parameters."""
    return url.partition("?")[0]

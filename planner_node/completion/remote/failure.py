"""What can be wrong with an endpoint, and what that means for the request and for the others."""

from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

_MAX_REASON_CHARS: Final = 300
_TOO_LONG: Final = ("context length", "context size", "context_length", "too many tokens")
_MAX_PAUSE_S: Final = 60.0
_KEY: Final = "engine.api_key_file"
_ADDRESS: Final = "the endpoint's url and model"
_WRONG: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: _KEY,
    HTTPStatus.FORBIDDEN: _KEY,
    HTTPStatus.NOT_FOUND: _ADDRESS,
    HTTPStatus.METHOD_NOT_ALLOWED: _ADDRESS,
}


class Kind(Enum):
    """How far a failure reaches."""

    GONE = auto()  # nobody there, still loading, or it refuses everybody: not asked again for now
    STUMBLED = auto()  # this request broke on the way; a few in a row and it counts as gone
    BUSY = auto()  # it has too much to do: left alone for ``pause_s``
    TOO_LONG = auto()  # the request does not fit its context
    REFUSED = auto()  # it does not take this request, nor would it take it again


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure, told for people; ``pause_s`` only where the endpoint is busy.

    ``reached`` is False where the request did not arrive. A refusal did: it may be the request's
    doing, so it is not asked again for ever.
    """

    kind: Kind
    reason: str
    pause_s: float = 0.0
    reached: bool = True


class EndpointFailed(Exception):
    """A request to one endpoint did not come to its end."""

    def __init__(self, endpoint: str, fault: Fault) -> None:
        super().__init__(f"{endpoint}: {fault.reason}")
        self.endpoint = endpoint
        self.fault = fault


def fault_of(error: httpx2.HTTPError) -> Fault:
    """Return what a broken connection means."""
    said = str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
        return Fault(Kind.GONE, f"cannot be reached ({said})", reached=False)
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout):
        return Fault(Kind.STUMBLED, "was silent for longer than engine.idle_timeout_s")
    return Fault(Kind.STUMBLED, f"broke off ({said})")


def fault_in(response: httpx2.Response, body: bytes) -> Fault:
    """Return what an answer that is no success means."""
    said = _message(body) or response.reason_phrase
    told = f"answered {response.status_code}: {said}"
    code = response.status_code
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return Fault(Kind.BUSY, told, _pause_s(response))
    if code in _WRONG:
        return Fault(Kind.GONE, f"answered {code}: {said} - check {_WRONG[code]}")
    if code == HTTPStatus.SERVICE_UNAVAILABLE:  # as llama.cpp says while it loads the model
        return Fault(Kind.GONE, told)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == HTTPStatus.REQUEST_TIMEOUT:
        return Fault(Kind.STUMBLED, told)
    if code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _is_too_long(said):
        return Fault(Kind.TOO_LONG, told)
    return Fault(Kind.REFUSED, told)


def _is_too_long(said: str) -> bool:
    return any(phrase in said.lower() for phrase in _TOO_LONG)


def _pause_s(response: httpx2.Response) -> float:
    """Return how long a busy server wants to be left alone; dates are read as one second."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), _MAX_PAUSE_S) if asked.isdigit() else 1.0


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: str = ""


class _Refusal(BaseModel):
    """OpenAI's ``{"error": {"message": …}}``, and the flat forms of others."""

    model_config = ConfigDict(extra="ignore")

    error: _Told | str = ""
    message: str = ""
    detail: str = ""


def _message(body: bytes) -> str:
    try:
        refusal = _Refusal.model_validate_json(body)
    except ValidationError:
        return " ".join(body.decode(errors="replace").split())[:_MAX_REASON_CHARS]
    error = refusal.error.message if isinstance(refusal.error, _Told) else refusal.error
    return (error or refusal.message or refusal.detail)[:_MAX_REASON_CHARS]

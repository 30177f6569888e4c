"""A completer that is there before its model is."""

from collections.abc import AsyncGenerator

from planner_node.completion.request import (
    Completer,
    CompletionEvent,
    CompletionRequest,
    ModelInfo,
    Tool,
)
from planner_node.errors import ModelNotReady


class LateCompleter:
    """Says ModelNotReady until it is given the real one."""

    def __init__(self) -> None:
        self._completer: Completer | None = None
        self.reason = "the model is loading"

    def arrive(self, completer: Completer) -> None:
        """Speak with the real one from now on."""
        self._completer = completer
        self.reason = ""

    def lose(self, reason: str) -> None:
        """The model is gone; say why."""
        self._completer = None
        self.reason = reason

    @property
    def ready(self) -> bool:
        """Whether the model is there."""
        return self._completer is not None

    @property
    def real(self) -> Completer:
        """The real completer.

        Raises:
            ModelNotReady: it is still loading, or is gone.
        """
        if self._completer is None:
            raise ModelNotReady(self.reason)
        return self._completer

    @property
    def info(self) -> ModelInfo:
        return self.real.info

    def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        return self.real.stream(request)

    def check(self, tools: tuple[Tool, ...]) -> None:
        self.real.check(tools)

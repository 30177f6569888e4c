"""A completer that is there before its model is."""

from collections.abc import AsyncGenerator, Callable

from planner_node.completion.request import (
    Completer,
    CompletionEvent,
    CompletionRequest,
    ModelInfo,
    Tool,
)
from planner_node.errors import ModelNotReady


class LateCompleter:
    """Says ModelNotReady until it is given the real one.

    ``trouble`` says why it cannot answer just now, and is empty where it can.
    """

    def __init__(self, trouble: Callable[[], str]) -> None:
        self._completer: Completer | None = None
        self._trouble = trouble

    def arrive(self, completer: Completer) -> None:
        """Speak with the real one from now on."""
        self._completer = completer

    @property
    def has_come(self) -> bool:
        """Whether there is somebody to speak with, be it in trouble."""
        return self._completer is not None

    @property
    def ready(self) -> bool:
        """Whether the model is there and can answer."""
        return self.has_come and not self._trouble()

    @property
    def reason(self) -> str:
        """Why it is not ready; empty where it is."""
        return self._trouble() or ("" if self.has_come else "the model is loading")

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

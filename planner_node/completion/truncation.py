"""Why a call is only half there, for whoever cannot use half of one."""

from planner_node.completion.request import Completed, CompletionRequest
from planner_node.errors import ContextTooLong, OutputTruncated, PlannerError


def truncation(completed: Completed, request: CompletionRequest) -> PlannerError:
    """Return what to raise for a call that ``FinishReason.LENGTH`` cut off."""
    usage = completed.usage
    if completed.context_tokens is not None:
        return ContextTooLong(
            f"the prompt's {usage.prompt_tokens} tokens and the answer's {usage.completion_tokens} "
            f"fill the model's context of {completed.context_tokens}",
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            context_tokens=completed.context_tokens,
        )
    return OutputTruncated(
        f"max_new_tokens ({request.max_new_tokens}) was reached inside the tool call",
        finish_reason="length",
        max_new_tokens=request.max_new_tokens,
        completion_tokens=usage.completion_tokens,
    )

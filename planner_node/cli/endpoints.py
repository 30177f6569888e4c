"""What the doctor finds at the servers of a remote engine."""

import asyncio
from collections.abc import AsyncIterator

from planner_node.cli.finding import Finding, Verdict
from planner_node.completion.remote.model import RemoteModel
from planner_node.errors import PlannerError
from planner_node.settings import Settings

_NAME = "endpoint"


async def look_at_endpoints(settings: Settings) -> AsyncIterator[Finding]:
    """Ask every endpoint what a node would ask it before it sends a task there."""
    model = RemoteModel(settings.model, settings.engine)
    try:
        _, looking = await model.prepare()
        await asyncio.gather(*(looking.look(endpoint) for endpoint in model.endpoints))
    except PlannerError as error:
        yield Finding(Verdict.FAULT, "model", str(error))
        return
    finally:
        await model.stop()
    is_any_well = not model.trouble
    for endpoint in model.endpoints:
        served = endpoint.served
        if endpoint.is_well and served is not None:
            context = f", {served.context_tokens} tokens" if served.context_tokens else ""
            text = f"{endpoint.name} has {served.model}{context}; schema in {served.field}"
            yield Finding(Verdict.FINE, _NAME, text)
        else:
            advice = "See docs/remote.md." + (" The others do its work." if is_any_well else "")
            verdict = Verdict.NOTE if is_any_well else Verdict.FAULT
            yield Finding(verdict, _NAME, f"{endpoint.name}: {endpoint.reason}", advice)
